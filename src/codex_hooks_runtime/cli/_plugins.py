"""``codex-hooks plugins``: which policies are active here, in which order, and why others are not.

They are looked at, not started: no log is opened, no lock is taken.
"""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from codex_hooks import HookKernel, PluginError

from ._output import console, headed, printable

if TYPE_CHECKING:
    from codex_hooks import DiscoveredPlugin, Discovery


def list_plugins(*, as_json: bool) -> None:
    """Print every installed plugin in the order of asking, and what was skipped."""
    found = HookKernel.survey_installed()
    if as_json:
        print(json.dumps(_document(found), indent=2, default=str))
        return
    out = console()
    if not found.plugins and not found.skipped:
        out.print("No plugins are installed. To begin one: codex-hooks new org-policy")
        return
    table = Table()
    for name in ("", "plugin", "from", "hooks", "scope", "mode"):
        table.add_column(name, overflow="fold")
    for position, plugin in enumerate((p for p in found.plugins if not p.skipped), start=1):
        table.add_row(
            str(position),
            printable(plugin.name),
            printable(f"{plugin.source.distribution} {plugin.source.version}"),
            "\n".join(plugin.hooks),
            "global",
            Text(plugin.mode, "yellow" if plugin.mode == "observe" else ""),
        )
    if table.row_count:
        out.print(table)
    for skipped in found.skipped:
        out.print(headed("! ", "yellow", f"{skipped.plugin} is not active: {skipped.reason}"))


def show_plugin(name: str, *, as_json: bool) -> None:
    """Print all that is known of one plugin; `PluginError` if none has this name."""
    found = HookKernel.survey_installed()
    plugin = next((item for item in found.plugins if item.name == name), None)
    if plugin is None:
        names = [item.name for item in found.plugins]
        close = get_close_matches(name, names, n=1)
        hint = (
            f"did you mean {close[0]!r}?" if close else f"installed: {', '.join(names) or 'none'}"
        )
        raise PluginError(f"no plugin is named {name!r}; {hint}", plugin=name)
    facts = _facts(plugin, found)
    if as_json:
        print(json.dumps(facts, indent=2, default=str))
        return
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    for key, value in facts.items():
        if key != "options":
            shown = ", ".join(value) if isinstance(value, tuple) else value
            table.add_row(Text(key, "bold"), printable("-" if shown is None else str(shown)))
    for key, value in (facts["options"] or {}).items():
        table.add_row(Text(f"options.{key}", "bold"), printable(json.dumps(value, default=str)))
    console().print(table)


def _document(found: Discovery) -> dict[str, Any]:
    return {
        "plugins": [_facts(plugin, found) for plugin in found.plugins],
        "skipped": [skipped._asdict() for skipped in found.skipped],
    }


def _facts(plugin: DiscoveredPlugin, found: Discovery) -> dict[str, Any]:
    active = [item.name for item in found.plugins if not item.skipped]
    return {
        "name": plugin.name,
        "active": plugin.skipped is None,
        "skipped": plugin.skipped,
        "distribution": plugin.source.distribution,
        "version": plugin.source.version,
        "entry_point": plugin.source.entry_point,
        "path": plugin.source.path,
        "scope": "global",
        "mode": plugin.mode,
        "order": active.index(plugin.name) + 1 if plugin.name in active else None,
        "hooks": plugin.hooks,
        "options": _options(plugin.options),
    }


def _options(options: Any) -> dict[str, Any] | None:
    if options is None:
        return None
    if is_dataclass(options) and not isinstance(options, type):
        return asdict(options)
    document: dict[str, Any] = options.model_dump(mode="json")
    return document
