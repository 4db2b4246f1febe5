"""An async client of the real codex app-server, under the hooks of codex_hooks.

The public names stand in ``__init__.pyi``. Each is loaded on first use: whoever imports the package
for one of them does not wait for all that it takes to run a client.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
