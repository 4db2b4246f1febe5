"""The policy side of the gate: what Codex asks about a tool use, put before the plugins (G4).

Each question becomes one ``pre_tool_use`` or ``post_tool_use`` phase of the run whose turn it
belongs to. Nothing here is remembered from one call to the next: call ids are the model's to
choose, so the same id with another input is another question (F23).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from codex_hooks import HookPhase, ToolCall, ToolKind

from ._payload import Deny, Proceed, Rewrite, Withhold

if TYPE_CHECKING:
    from codex_hooks import Block, HookContext, HookKernel, Run

    from ._payload import Reply, ToolHookEvent

_KINDS: dict[str, ToolKind] = {"Bash": "command", "apply_patch": "file_change"}


class ThreadGate:
    """Answers for one thread and its sub-agents (G9).

    ``thread_id`` is set once the server has named the thread, ``run`` while one is under way.
    """

    def __init__(
        self, kernel: HookKernel, *, approval_policy: str | None, sandbox: str | None
    ) -> None:
        self.thread_id: str | None = None
        self.run: Run | None = None
        self.approval_policy = approval_policy
        self.sandbox = sandbox
        self._kernel = kernel

    async def answer(self, event: ToolHookEvent) -> Reply:
        """Return what is to happen to one tool use, or to what it gave back."""
        if event.session_id != self.thread_id:
            return Deny("This tool use belongs to a thread that this gate does not answer for.")
        run = self.run or self._kernel.run()
        with run.bound_to_log():
            try:
                if event.event == "PreToolUse":
                    return await self._before(run, event)
                return await self._after(run, event)
            finally:
                if run is not self.run:
                    await run.finish()  # a tool of no turn that we started: a run of its own

    async def _before(self, run: Run, event: ToolHookEvent) -> Reply:
        asked = self._context(run, HookPhase.PRE_TOOL_USE, event)
        outcome = await run.pre(asked)
        if outcome.blocked is not None:
            return Deny(_refusal(outcome.blocked))
        if outcome.asked is not None:
            return Deny(
                f"{outcome.asked.message} (plugin {outcome.asked.plugin} wants a person to decide, "
                "and nobody can be asked here). Do not retry it; say so and go on without it."
            )
        judged = _tool(outcome.context)
        return Proceed() if judged.input == _tool(asked).input else Rewrite(judged.input)

    async def _after(self, run: Run, event: ToolHookEvent) -> Reply:
        asked = self._context(run, HookPhase.POST_TOOL_USE, event)
        outcome = await run.post(asked)
        if outcome.withheld is not None:
            return Withhold(_refusal(outcome.withheld))
        output = _tool(outcome.context).output
        return Proceed() if output == _tool(asked).output else Withhold(_as_text(output))

    def _context(self, run: Run, phase: HookPhase, event: ToolHookEvent) -> HookContext:
        of_sub_agent = event.agent_id is not None
        return run.context(
            phase,
            thread_id=event.agent_id or event.session_id,
            parent_thread_id=event.session_id if of_sub_agent else None,
            turn_id=event.turn_id,
            cwd=event.cwd,
            model=event.model,
            approval_policy=self.approval_policy,
            sandbox=self.sandbox,
            status="ok" if phase is HookPhase.POST_TOOL_USE else None,
            tool=ToolCall(
                call_id=event.tool_use_id,
                name=event.tool_name,
                kind=_kind(event.tool_name),
                input=event.tool_input,
                output=event.tool_response,
            ),
        )


def _kind(tool_name: str) -> ToolKind:
    if tool_name.startswith("mcp__"):
        return "mcp"
    return _KINDS.get(tool_name, "other")


def _tool(ctx: HookContext) -> ToolCall:
    if ctx.tool is None:
        raise TypeError(f"a {ctx.phase} context without a tool")
    return ctx.tool


def _refusal(block: Block) -> str:
    return (
        f"{block.message} (blocked by plugin {block.plugin}). "
        "This is a policy, not an error: do not retry it or work around it"
    )


def _as_text(output: Any) -> str:
    return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
