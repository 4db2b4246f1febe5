"""From a hook's context, or a run's report, to the body of a record: plain data to plain data.

Names, ids, paths and statuses stand in clear; what a person, the model or a tool wrote is left to
`Content`.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from codex_hooks import HookPhase

from codex_hooks_audit._content import name

if TYPE_CHECKING:
    from codex_hooks import HookContext, HookReport, ToolCall

    from codex_hooks_audit._content import Content

MAX_LISTED: Final = 500
"""How many decisions, blocks and issues of one run its record lists; the others it counts."""

INTENT: Final = "intent"
OUTCOME: Final = "outcome"

_KINDS: Final = {HookPhase.PRE_TOOL_USE: INTENT, HookPhase.POST_TOOL_USE: OUTCOME}


def of_context(ctx: HookContext, content: Content) -> dict[str, Any]:
    """Return the record of one phase: an intent, an outcome, or the phase's own name."""
    record: dict[str, Any] = {
        "kind": _KINDS.get(ctx.phase, ctx.phase.value),
        "run": name(ctx.correlation_id),
        "thread": name(ctx.thread_id),
        "parent": name(ctx.parent_thread_id),
        "turn": name(ctx.turn_id),
        # Above 1 it is asked again: a later plugin changed what the record before was about (K3).
        "round": ctx.round if ctx.round > 1 else None,
        "cwd": ctx.cwd,
        "model": name(ctx.model),
        "approval_policy": name(ctx.approval_policy),
        "sandbox": name(ctx.sandbox),
        "status": ctx.status,
    }
    if ctx.tool is not None:
        record |= _of_tool(ctx.tool, content)
    elif ctx.phase.is_pre and ctx.prompt:
        record["prompt"] = content.of(ctx.prompt)
    if ctx.attachments and ctx.phase.is_pre:
        record["attachments"] = content.of([asdict(item) for item in ctx.attachments])
    for what in ("result", "error"):
        value = getattr(ctx, what)
        if value is not None:
            record[what] = content.of(value)
    return _without_nothing(record)


def of_report(report: HookReport, content: Content) -> dict[str, Any]:
    """Return the record of a finished run: who decided what, what was blocked, what failed."""
    decided = [call for call in report.calls if call.decision != "nothing"]
    lists: dict[str, list[dict[str, Any]]] = {
        "decisions": [
            {
                "plugin": name(call.plugin),
                "phase": call.phase.value,
                "decision": call.decision,
                "call": name(call.call_id),
                "observed": not call.enforced or None,
            }
            for call in decided
        ],
        "blocks": [
            {
                "plugin": name(block.plugin),
                "phase": block.phase.value if block.phase else None,
                "message": content.of(block.message),
            }
            for block in report.blocks
        ],
        "issues": [
            {
                "plugin": name(issue.plugin),
                "phase": issue.phase.value,
                "kind": issue.kind.value,
                "failed_open": issue.failed_open or None,
                "message": content.of(issue.message),
            }
            for issue in report.issues
        ],
        "skipped": [
            {"plugin": name(item.plugin), "reason": content.of(item.reason)}
            for item in report.skipped
        ],
    }
    record: dict[str, Any] = {
        "kind": "report",
        "run": name(report.correlation_id),
        "clean": report.is_clean,
        "calls": len(report.calls),
        "failed_open": report.failed_open or None,
        "omitted": sum(max(len(items) - MAX_LISTED, 0) for items in lists.values()) or None,
    }
    for what, items in lists.items():
        if items:
            record[what] = [_without_nothing(item) for item in items[:MAX_LISTED]]
    return _without_nothing(record)


def _of_tool(tool: ToolCall, content: Content) -> dict[str, Any]:
    record: dict[str, Any] = {
        "call": name(tool.call_id),
        "tool": name(tool.name),
        "tool_kind": tool.kind,
        "input": content.of(tool.input),
    }
    if tool.output is not None:
        record["output"] = content.of(tool.output)
    if tool.approval is not None:
        asked = {"reason": tool.approval.reason, "grants": tool.approval.grants}
        record["approval"] = {"kind": name(tool.approval.kind), "asked": content.of(asked)}
    return record


def _without_nothing(record: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in record.items() if value is not None}
