"""One thread behind the gate: its hooks armed, its requests answered, its events watched.

Two ways lead here. ``native``: Codex's own hooks ask the relay before every use, and what the
caller's approval policy asks besides is a second question (G5). ``approvals``: what Codex asks is
the only question there is, as far as it asks (see docs/tool-gate.md for the price).
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks import ToolCall
from codex_hooks_runtime._errors import TurnInterrupted, UnmediatedToolUse

from ._arming import confirm_armed, went_unheard
from ._asked import WRITE_STDIN, read_request, write_stdin_input
from ._dynamic import told
from ._items import seen_use
from ._ledger import digest_of
from ._policy import Place

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from codex_hooks import PreOutcome, Run
    from codex_hooks_runtime._messages import ServerRequest
    from codex_hooks_runtime._rpc import JsonObject

    from ._admission import Admission
    from ._arming import Request
    from ._asked import ApprovalAsked
    from ._dynamic import DynamicTool
    from ._items import SeenUse
    from ._ledger import ToolUse, ToolUseRecord
    from ._policy import ThreadPolicy
    from ._tool_gate import Profile, ToolGate

# Codex tells of a file change right before it asks about it; the two are read by two tasks.
_ITEM_S = 2.0


class ThreadGate:
    """Made by `ToolGate.thread`. ``config`` goes into the opening of the thread.

    ``admission`` is there in the native way alone. ``stopped_by`` holds why a turn was stopped.
    """

    def __init__(
        self,
        owner: ToolGate,
        policy: ThreadPolicy,
        *,
        admission: Admission | None,
        config: JsonObject,
        tools: Mapping[str, DynamicTool],
        web_search: bool,
    ) -> None:
        self.policy = policy
        self.config = config
        self.turn_id: str | None = None
        self.stopped_by: dict[str, ToolUseRecord] = {}
        self._owner = owner
        self._ledger = owner.ledger
        self._admission = admission
        self._tools = tools
        self._web_search = web_search
        self._changes: dict[tuple[str, str], Mapping[str, Any]] = {}
        self._news = anyio.Event()

    def sent(self, profile: Profile) -> Profile:
        """Return what to tell Codex of a profile: the same, unless Codex is to ask us (G1)."""
        if self._admission is None and profile.approval_policy == "never":
            asking: Profile = profile.replace(approval_policy="untrusted")
            return asking
        return profile

    async def opened(self, request: Request, *, thread_id: str, cwd: str) -> None:
        """Answer for the thread from now on: what it asks, and what it does.

        Raises `GateNotArmed` where its hooks are not in force (G6).
        """
        self.policy.thread_id = thread_id
        self._owner.add(thread_id, self)
        if self._admission is not None:
            await confirm_armed(request, thread_id=thread_id, cwd=cwd, config=self.config)

    def close(self) -> None:
        """Let nothing through any more, and forget what was."""
        if self._admission is not None:
            self._admission.close()
        for thread_id in (self.policy.thread_id, *self.policy.sub_agents):
            if thread_id is not None:
                self._ledger.close_thread(thread_id)
                self._owner.remove(thread_id)

    @asynccontextmanager
    async def turn(
        self, run: Run, *, approval_policy: str, sandbox: str, writable: Sequence[Path]
    ) -> AsyncIterator[Callable[[str], None]]:
        """Let what the thread does be a part of ``run``; what is yielded takes the turn's id.

        ``writable`` is where the turn's commands may write. All tool uses of the turn are settled
        at the end. Raises `GateNotArmed` as `ToolGate.check_apart` does, and `UnmediatedToolUse`
        for a turn that the tripwire stopped, in the place of what the turn itself ended with.
        """
        self._owner.check_apart(writable)
        policy = self.policy
        policy.run, policy.approval_policy, policy.sandbox = run, approval_policy, sandbox
        interrupted: TurnInterrupted | None = None
        try:
            yield self._begin
        except TurnInterrupted as error:
            interrupted = error
        finally:
            with anyio.CancelScope(shield=True):
                if self.turn_id is not None:
                    await self._owner.turn_over(self.turn_id)
            found = self.stopped_by.pop(self.turn_id or "", None)
            self.turn_id = policy.run = None
        if found is not None:
            raise UnmediatedToolUse(
                f"the turn was stopped: {found.name} was used in it and {found.reason}",
                correlation_id=run.correlation_id,
            ) from interrupted
        if interrupted is not None:
            raise interrupted

    def _begin(self, turn_id: str) -> None:
        self.turn_id = turn_id

    async def server_request(self, request: ServerRequest) -> JsonObject | None:
        """Return the reply to what Codex asks about this thread, or None to decline."""
        if request.params.get("turnId") in self.policy.stopped:
            return None
        if request.method == "item/tool/call":
            return await self._serve(request.params)
        asked = read_request(request)
        if asked is None:
            return None
        return await (self._second_question(asked) if self._admission else self._question(asked))

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

        def ask(outcome: PreOutcome) -> str | None:
            if outcome.asked is not None:
                return outcome.asked.message
            said = asked.approval.reason or f"Codex asks for approval: {asked.approval.kind}"
            return None if outcome.allowed else said

        place = Place(thread_id=asked.thread_id, turn_id=asked.turn_id)
        ruling = await self.policy.rule(tool, place, "approval", ask=ask)
        if ruling.refusal is not None or ruling.rewritten:
            return None  # what was rewritten now can no longer be sent
        if of_text:
            self.policy.let_through(tool, place, tool.input)
        return asked.yes

    async def _question(self, asked: ApprovalAsked) -> JsonObject | None:
        """Put an approval request before the plugins, and accept what nobody objects to."""
        tool_input = asked.input
        if asked.kind == "file_change":
            tool_input = await self._changes_of(asked.thread_id, str(asked.call_id))
        tool = ToolCall(
            call_id=asked.call_id or "",
            name=asked.name,
            kind=asked.kind,
            input=tool_input,
            approval=asked.approval,
        )
        place = Place(thread_id=asked.thread_id, turn_id=asked.turn_id)
        ruling = await self.policy.rule(tool, place, "approval")
        if ruling.refusal is not None or ruling.rewritten:
            return None
        self.policy.let_through(tool, place, tool.input)
        return asked.yes

    async def _changes_of(self, thread_id: str, call_id: str) -> Mapping[str, Any]:
        with anyio.fail_after(_ITEM_S):
            while (thread_id, call_id) not in self._changes:
                await self._news.wait()
        return self._changes[thread_id, call_id]

    async def _serve(self, params: Mapping[str, Any]) -> JsonObject | None:
        """Call one of our own tools, if a policy has judged this very call of it."""
        arguments = params.get("arguments")
        tool = ToolCall(
            call_id=str(params.get("callId")),
            name=str(params.get("tool")),
            kind="dynamic",
            input=arguments if isinstance(arguments, dict) else {},
        )
        place = _place(params)
        found = self._tools.get(tool.name)
        if found is None:
            return told(f"nobody here serves the tool {tool.name!r}", success=False)
        if self._admission is not None:
            digest = digest_of(tool.input)

            def fits(use: ToolUse) -> bool:
                return use.name == tool.name and use.digest == digest

            where = place.thread_id, place.turn_id, tool.call_id
            if self._ledger.claim("served", *where, fits) is None:
                self.policy.unmediated(tool, place, "no policy had judged it")
                return None
            return await found.call(tool.input, self._owner.kernel)
        ruling = await self.policy.rule(tool, place, "dynamic")
        if ruling.refusal is not None:
            return told(ruling.refusal, success=False)
        self.policy.let_through(tool, place, ruling.input)
        reply = await found.call(ruling.input, self._owner.kernel)
        after = ToolCall(
            call_id=tool.call_id,
            name=tool.name,
            kind="dynamic",
            input=ruling.input,
            output=reply["contentItems"][0]["text"],
        )
        instead = await self.policy.tell_after(after, place, "ok")
        return reply if instead is None else told(instead)

    def event(self, method: str, params: Mapping[str, Any]) -> None:
        """Hold an event of this thread, or of one of its sub-agents, against the verdicts (G7)."""
        place, item = _place(params), params.get("item") or {}
        match method:
            case "hook/completed":
                self._hook_completed(place, params)
            case "item/started":
                self._item_started(place, item)
            case "item/completed":
                self._item_completed(place, item)
            case "item/commandExecution/terminalInteraction" if params.get("stdin"):
                self._text_written(place, params)

    def _hook_completed(self, place: Place, params: Mapping[str, Any]) -> None:
        why = went_unheard(params)
        if why is not None and place.turn_id not in self.policy.stopped:
            call_id = str(params["run"].get("id")).rpartition(":")[2]
            tool = ToolCall(call_id=call_id, name="a tool", kind="other")
            self.policy.unmediated(tool, place, f"Codex went on without the gate: {why}")

    def _item_started(self, place: Place, item: Mapping[str, Any]) -> None:
        if self._admission is not None:
            self._must_be_decided(place, seen_use(item))
        elif item.get("type") == "fileChange":
            changes = {"changes": item.get("changes") or []}
            self._changes[place.thread_id, str(item.get("id"))] = changes
            self._news.set()
            self._news = anyio.Event()

    def _item_completed(self, place: Place, item: Mapping[str, Any]) -> None:
        if item.get("type") == "collabAgentToolCall":
            self.policy.sub_agents.update(map(str, item.get("receiverThreadIds") or ()))
        seen, status = seen_use(item), item.get("status")
        if seen is None:
            return
        call_id = seen.tool.call_id
        use = self._ledger.claim("ended", place.thread_id, place.turn_id, call_id, seen.fits)
        if use is not None:
            use.status = str(status)
        self._changes.pop((place.thread_id, call_id), None)
        if self._admission is None and status != "declined":
            # Only now: Codex announces a use before it asks about it.
            use = self._must_be_decided(place, seen)
            if use is not None and use.kind != "dynamic":
                self._owner.later(partial(self._tell_observed, use, item))

    def _must_be_decided(self, place: Place, seen: SeenUse | None) -> ToolUse | None:
        if seen is None or (seen.tool.name == "webSearch" and self._web_search):
            return None
        where = place.thread_id, place.turn_id, seen.tool.call_id
        use = self._ledger.claim("started", *where, seen.fits)
        if use is None and place.turn_id not in self.policy.stopped:
            self.policy.unmediated(seen.tool, place, "no policy had judged it")
        return use

    async def _tell_observed(self, use: ToolUse, item: Mapping[str, Any]) -> None:
        """Tell ``post_tool_use`` what was done; the model has seen it already."""
        use.stages.add("finished")
        output = item.get("aggregatedOutput", item.get("result"))
        tool = ToolCall(
            call_id=use.call_id, name=use.name, kind=use.kind, input=use.input, output=output
        )
        place = Place(thread_id=use.thread_id, turn_id=use.turn_id)
        await self.policy.tell_after(tool, place, "ok")

    def _text_written(self, place: Place, params: Mapping[str, Any]) -> None:
        """Judge late what was written into a running command, as no hook tells it (G8)."""
        call_id = str(params.get("itemId"))
        written = write_stdin_input(str(params.get("processId")), str(params.get("stdin")))
        digest = digest_of(written)

        def fits(use: ToolUse) -> bool:
            return use.name == WRITE_STDIN and use.digest == digest

        if self._ledger.claim("started", place.thread_id, place.turn_id, call_id, fits) is None:
            tool = ToolCall(call_id=call_id, name=WRITE_STDIN, kind="command", input=written)
            self._owner.later(partial(self._judge_late, tool, place))

    async def _judge_late(self, tool: ToolCall, place: Place) -> None:
        ruling = await self.policy.rule(tool, place, "tripwire")
        refusal = ruling.refusal
        if refusal is None and ruling.rewritten:
            refusal = "a policy would have rewritten it, and it had happened already"
        if refusal is not None:
            self.policy.unmediated(tool, place, refusal)


def _place(params: Mapping[str, Any]) -> Place:
    return Place(thread_id=str(params.get("threadId")), turn_id=str(params.get("turnId")))
