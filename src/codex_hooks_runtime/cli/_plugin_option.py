"""``--plugin module:Object``: a policy from a file at hand, without installing it."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from codex_hooks import CodexHooksError, PluginError
from codex_hooks._discovery import make_plugin


def load_plugin(spec: str) -> object:
    """Return the plugin that ``spec`` names; a class or a function is called, as if installed.

    It gets the defaults of its options. Without ``:Object`` the module itself is the plugin.
    Modules are looked for in the current folder too, after all others. Raises `PluginError` with
    what is wrong.
    """
    name, _, attribute = spec.partition(":")
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        raise PluginError(
            f"--plugin {spec!r}: {name!r} is no module; for NoKeys in policy.py say policy:NoKeys",
            plugin=spec,
        )
    here = str(Path.cwd())
    if here not in sys.path:
        # Last, so that what an agent's folder holds takes no installed module's place.
        sys.path.append(here)
    try:
        plugin: object = importlib.import_module(name)
    except (Exception, SystemExit) as error:  # a script that ends itself must not end us unheard
        raise PluginError(
            f"--plugin {spec}: cannot import {name!r}: {type(error).__name__}: {error}", plugin=spec
        ) from error
    for part in filter(None, attribute.split(".")):
        if not hasattr(plugin, part):
            raise PluginError(f"--plugin {spec}: {name!r} has no {attribute!r}", plugin=spec)
        plugin = getattr(plugin, part)
    try:
        made, _ = make_plugin(plugin, {})
    except CodexHooksError as error:
        raise PluginError(f"--plugin {spec}: {error}", plugin=spec) from error
    except (Exception, SystemExit) as error:
        raise PluginError(
            f"--plugin {spec}: {attribute}() raised {type(error).__name__}: {error}", plugin=spec
        ) from error
    return made
