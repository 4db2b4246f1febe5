"""Plugins of one function, and the contexts to ask them about."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codex_hooks import HookContext, HookPhase, ToolCall, hookimpl

if TYPE_CHECKING:
    from collections.abc import Callable


class _Hooked:
    """A plugin that is equal to no other: pluggy takes equal ones for the same."""


def hooked(function: Callable[..., object], hook: str = "pre_turn", **options: Any) -> object:
    """Return a plugin that implements ``hook`` with ``function``."""
    plugin = _Hooked()
    setattr(plugin, hook, hookimpl(**options)(function))
    return plugin


def inline(function: Callable[..., object], hook: str = "pre_turn", **options: Any) -> object:
    """Like `hooked`, run on the event loop."""
    return hooked(function, hook, inline=True, **options)


def turn(**fields: Any) -> HookContext:
    """Return the context of a ``pre_turn``."""
    return HookContext(phase=HookPhase.PRE_TURN, **fields)


def tool_use(phase: HookPhase = HookPhase.PRE_TOOL_USE, **fields: Any) -> HookContext:
    """Return the context of a tool use, of ``ls`` where nothing else is given."""
    given = {"call_id": "call_1", "name": "Bash", "kind": "command", "input": {"command": "ls"}}
    tool = ToolCall(**(given | fields.pop("tool", {})))
    return HookContext(phase=phase, tool=tool, **fields)
