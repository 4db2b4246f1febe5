"""Contexts as a hook would see them, each made with one call.

``fields`` are those of `HookContext`, and those of `tool` where it is about one; what is left out
is what a run in ``/project`` would have.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codex_hooks._context import HookContext, HookPhase, ToolApproval, ToolCall, ToolKind

if TYPE_CHECKING:
    from collections.abc import Mapping

_USUAL: Mapping[str, Any] = {
    "thread_id": "thr_test",
    "cwd": "/project",
    "model": "gpt-test",
    "approval_policy": "never",
    "sandbox": "read-only",
}


def prompt(text: str, phase: str = "pre_turn", **fields: Any) -> HookContext:
    """Return a context about a prompt: ``pre_turn``, or another phase of a run or a turn."""
    return HookContext(**{**_USUAL, "phase": HookPhase(phase), "prompt": text, **fields})


def session(phase: str = "pre_session_start", **fields: Any) -> HookContext:
    """Return a context about the start of a session."""
    return HookContext(**{**_USUAL, "phase": HookPhase(phase), **fields})


def command(text: str, **fields: Any) -> HookContext:
    """Return a ``pre_tool_use`` context about a shell command, as Codex words it."""
    return tool("Bash", {"command": text}, kind="command", **fields)


def patch(text: str, **fields: Any) -> HookContext:
    """Return a ``pre_tool_use`` context about a patch, as Codex words it."""
    return tool("apply_patch", {"command": text}, kind="file_change", **fields)


def tool(
    name: str,
    tool_input: Mapping[str, Any],
    *,
    kind: ToolKind = "other",
    call_id: str = "call_1",
    approval: ToolApproval | None = None,
    **fields: Any,
) -> HookContext:
    """Return a ``pre_tool_use`` context about any tool; with ``approval``, Codex's own question."""
    call = ToolCall(call_id=call_id, name=name, kind=kind, input=tool_input, approval=approval)
    usual = {**_USUAL, "turn_id": "turn_test", "phase": HookPhase.PRE_TOOL_USE}
    return HookContext(**{**usual, "tool": call, **fields})


def tool_output(output: Any, of: HookContext | None = None, **fields: Any) -> HookContext:
    """Return the ``post_tool_use`` context that follows ``of`` (by default a command)."""
    before = of or command("cat file")
    if before.tool is None:
        raise TypeError("tool_output(of=) takes a context about a tool")
    used = before.tool
    after = ToolCall(
        call_id=used.call_id, name=used.name, kind=used.kind, input=used.input, output=output
    )
    changes = {"phase": HookPhase.POST_TOOL_USE, "tool": after, "status": "ok", **fields}
    return before.evolve(**changes)
