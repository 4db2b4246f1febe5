"""The pytest fixture of `codex_hooks.testing`; found by pytest through its entry point.

pytest imports this module in every project that has codex-hooks installed, so it imports nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codex_hooks import HookKernel


@pytest.fixture
def codex_hooks_kernel() -> Iterator[HookKernel]:
    """Give a kernel without any plugin, to register one's own; its plugins stop at the end."""
    from codex_hooks import HookKernel  # noqa: PLC0415  # see above

    kernel = HookKernel()
    yield kernel
    kernel.close()
