"""One thread's requests, as Codex makes them of its client: put before the plugins (G5).

In the native way they are a second question about a use that was judged. In the approvals way they
are the only one, and what nobody objects to is accepted.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from codex_hooks import ToolCall

from ._asked import WRITE_STDIN, read_request
from ._dynamic import told
from ._ledger import digest_of
from ._policy import Place, place_of, place_of_use

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codex_hooks import HookKernel
    from codex_hooks_runtime._messages import ServerRequest
    from codex_hooks_runtime._rpc import JsonObject

    from ._asked import ApprovalAsked
    from ._dynamic import DynamicTool
    from ._ledger import Ledger, ToolUse
    from ._policy import ThreadPolicy
    from ._tripwire import Tripwire


class Requests:
    """Answers what one thread and its sub-agents ask; ``tools`` are our own, by name."""

    def __init__(
        self,
        policy: ThreadPolicy,
        ledger: Ledger,
        tripwire: Tripwire,
        kernel: HookKernel,
        *,
        native: bool,
        tools: Mapping[str, DynamicTool],
    ) -> None:
        self._policy = policy
        self._ledger = ledger
        self._tripwire = tripwire
        self._kernel = kernel
        self._native = native
        self._tools = tools

    async def answer(self, request: ServerRequest) -> JsonObject | None:
        """Return the reply to what Codex asks about this thread, or None to decline."""
        if request.params.get("turnId") in self._policy.stopped:
            return None
        if request.method == "item/tool/call":
            return await self._serve(request.params)
        asked = read_request(request)
        if asked is None:
            return None
        return await (self._second_question(asked) if self._native else self._question(asked))

    async def _second_question(self, asked: ApprovalAsked) -> JsonObject | None:
        """Put an approval request before the plugins, and what they leave open to a person (G5)."""
        use = self._ledger.find(asked.thread_id, asked.turn_id, asked.call_id, asked.fits)
        if use is None:
            return None  # nobody has judged this use: a no
        of_text = asked.name == WRITE_STDIN
        tool = ToolCall(
            call_id=use.call_id,
            name=asked.name if of_text else use.name,
            kind=use.kind,
            input=asked.input if of_text else use.input,
            approval=asked.approval,
        )
        place = place_of_use(use)
        question = asked.approval.reason or f"Codex asks for approval: {asked.approval.kind}"
        ruling = await self._policy.rule(tool, place, "approval", codex_asks=question)
        if ruling.refusal is not None or ruling.rewritten:
            return None  # what was rewritten now can no longer be sent
        if of_text:
            self._policy.let_through(tool, place, tool.input)
        return asked.yes

    async def _question(self, asked: ApprovalAsked) -> JsonObject | None:
        """Put an approval request before the plugins, and accept what nobody objects to."""
        announced = await self._tripwire.announced(asked)
        tool = replace(announced, approval=asked.approval)
        place = Place(thread_id=asked.thread_id, turn_id=asked.turn_id)
        ruling = await self._policy.rule(tool, place, "approval")
        if ruling.refusal is not None or ruling.rewritten:
            return None
        self._policy.let_through(tool, place, tool.input)
        return asked.yes

    async def _serve(self, params: Mapping[str, Any]) -> JsonObject | None:
        """Call one of our own tools, if a policy has judged this very call of it."""
        arguments = params.get("arguments")
        tool = ToolCall(
            call_id=str(params.get("callId")),
            name=str(params.get("tool")),
            kind="dynamic",
            input=arguments if isinstance(arguments, dict) else {},
        )
        place = place_of(params)
        found = self._tools.get(tool.name)
        if found is None:
            return told(f"nobody here serves the tool {tool.name!r}", success=False)
        if self._native:
            digest = digest_of(tool.input)

            def fits(use: ToolUse) -> bool:
                return use.name == tool.name and use.digest == digest

            where = place.thread_id, place.turn_id, tool.call_id
            if self._ledger.claim("served", *where, fits) is None:
                self._policy.unmediated(tool, place, "no policy had judged it")
                return None
            return await found.call(tool.input, self._kernel)
        ruling = await self._policy.rule(tool, place, "dynamic")
        if ruling.refusal is not None:
            return told(ruling.refusal, success=False)
        use = self._policy.let_through(tool, place, tool.input)  # as Codex will show it
        use.stages |= {"served", "finished"}
        reply = await found.call(ruling.input, self._kernel)
        after = ToolCall(
            call_id=tool.call_id,
            name=tool.name,
            kind="dynamic",
            input=ruling.input,
            output=reply["contentItems"][0]["text"],
        )
        instead = await self._policy.tell_after(after, place, "ok")
        return reply if instead is None else told(instead)
