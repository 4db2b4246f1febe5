"""The policy side of the gate for one thread: each question put before the plugins (G3, G4, G5).

A question becomes a ``pre_tool_use`` or ``post_tool_use`` phase of the run whose turn it belongs
to. What is let through is entered in the ledger, for the tripwire to hold it against what happens.
"""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from codex_hooks import Allow, HookPhase, Mutate, ToolCall, ToolKind

from ._ledger import ToolUse, ToolUseRecord, digest_of
from ._payload import Deny, Proceed, Rewrite, Withhold

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping

    from codex_hooks import Block, HookContext, PreOutcome, Run, RunStatus
    from codex_hooks_runtime._approver import Deciders

    from ._ledger import Decided, Ledger, Via
    from ._payload import Reply, ToolHookEvent

_KINDS: Final[dict[str, ToolKind]] = {
    "Bash": "command",
    "apply_patch": "file_change",
    "list_mcp_resources": "mcp",
    "list_mcp_resource_templates": "mcp",
    "read_mcp_resource": "mcp",
}

_UNDECIDED: Final = "Nobody waited for the decision any more."
_STOPPED: Final = "This turn was stopped, for a tool was used in it that no policy had judged."
_SHOWN: Final = "the model had read a part of its output before any policy saw it"
_NOT_JUDGED: Final = "What was done here is not what a policy had judged. Stop; tell the user."


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a tool is used, as far as that is known; a sub-agent's thread is its own."""

    thread_id: str
    turn_id: str
    cwd: str | None = None
    model: str | None = None


def place_of(params: Mapping[str, Any]) -> Place:
    """Return where an event or a request of Codex's belongs."""
    return Place(thread_id=str(params.get("threadId")), turn_id=str(params.get("turnId")))


def place_of_use(use: ToolUse) -> Place:
    """Return where a use that was let through belongs."""
    return Place(thread_id=use.thread_id, turn_id=use.turn_id, cwd=use.cwd, model=use.model)


@dataclass(frozen=True, slots=True)
class Ruling:
    """What came of a question: ``refusal`` is None where it goes on, with ``input``.

    ``rewritten`` says whether that is another input than the one that was asked about.
    """

    input: Mapping[str, Any]
    refusal: str | None
    rewritten: bool


class _Decided(NamedTuple):
    """What was said of a use as it was ``judged``, by whom, and why it is refused, if it is."""

    judged: ToolCall
    decision: Decided
    decided_by: str | None
    refusal: str | None


class ThreadPolicy:
    """Answers for one thread and its sub-agents (G9).

    ``thread_id`` is set once the server has named the thread. ``known`` and ``metadata`` are what
    plugins are told of the turn under way, or of the last one where a sub-agent outlives it.
    ``stopped`` holds the turns in which nothing is let through any more. ``report_unmediated`` is
    the tripwire.
    """

    def __init__(
        self,
        deciders: Deciders,
        ledger: Ledger,
        report_unmediated: Callable[[ToolUseRecord], None],
        tools: frozenset[str],
    ) -> None:
        self.thread_id: str | None = None
        self.run: Run | None = None
        self.known: Mapping[str, str | None] = {}
        self.metadata: Mapping[str, Any] = {}
        self.stopped: set[str] = set()
        self.sub_agents: set[str] = set()
        self._deciders = deciders
        self._ledger = ledger
        self._report_unmediated = report_unmediated
        self._tools = tools

    async def answer(self, event: ToolHookEvent) -> Reply:
        """Return what is to happen to one tool use, or to what it gave back."""
        if event.session_id != self.thread_id:
            return Deny("This tool use belongs to a thread that this gate does not answer for.")
        if event.agent_id is not None:
            self.sub_agents.add(event.agent_id)
        if event.turn_id in self.stopped:
            return Deny(_STOPPED)
        tool = ToolCall(
            call_id=event.tool_use_id,
            name=event.tool_name,
            kind=self._kind(event.tool_name),
            input=event.tool_input,
            output=event.tool_response,
        )
        place = Place(
            thread_id=event.agent_id or event.session_id,
            turn_id=event.turn_id,
            cwd=event.cwd,
            model=event.model,
        )
        if event.event == "PreToolUse":
            return await self._before(tool, place)
        return await self._after(tool, place)

    async def rule(
        self,
        tool: ToolCall,
        place: Place,
        via: Via,
        *,
        codex_asks: str | None = None,
    ) -> Ruling:
        """Put a use before the plugins, and before the approver where one of them wants that.

        ``codex_asks`` is Codex's own question, for the approver unless a plugin allows the use or
        has a question itself (G5). The ruling is recorded; who let it through enters it in the
        ledger.
        """
        async with self._in_run() as run:
            before = self.context(run, HookPhase.PRE_TOOL_USE, tool, place)
            decided = _Decided(tool, "nothing", None, _UNDECIDED)
            try:
                decided = await self._decide(run, before, codex_asks)
            finally:  # also where whoever asked is gone before anybody has decided
                judged, decision, decided_by, refusal = decided
                record = self._record(
                    judged,
                    place,
                    run,
                    decision=decision,
                    decided_by=decided_by,
                    allowed=refusal is None,
                    via=via,
                    reason=refusal,
                )
                self._ledger.records.append(record)
        return Ruling(judged.input, refusal, digest_of(judged.input) != digest_of(tool.input))

    async def _decide(self, run: Run, before: HookContext, codex_asks: str | None) -> _Decided:
        outcome = await run.pre(before)
        judged = _tool(outcome.context)
        decision, decided_by = _verdict(outcome)
        if outcome.blocked is not None:
            return _Decided(judged, decision, decided_by, _refusal(outcome.blocked))
        question = None if outcome.allowed else codex_asks
        if not (outcome.asked or question):
            return _Decided(judged, decision, decided_by, None)
        refused = await self._deciders.refusal(outcome, question)
        refusal = f"{refused.message}. Go on without it" if refused else None
        return _Decided(judged, "ask", "approver", refusal)

    def let_through(self, tool: ToolCall, place: Place, tool_input: Mapping[str, Any]) -> ToolUse:
        """Enter a use in the ledger."""
        use = ToolUse(
            thread_id=place.thread_id,
            turn_id=place.turn_id,
            call_id=tool.call_id,
            name=tool.name,
            kind=tool.kind,
            input=tool_input,
            digest=digest_of(tool_input),
            cwd=place.cwd,
            model=place.model,
        )
        self._ledger.open(use)
        return use

    async def tell_after(self, tool: ToolCall, place: Place, status: RunStatus) -> str | None:
        """Put an output before ``post_tool_use``; return what the model is to see in its place."""
        async with self._in_run() as run:
            asked = self.context(run, HookPhase.POST_TOOL_USE, tool, place, status)
            outcome = await run.post(asked)
        if outcome.withheld is not None:
            return _refusal(outcome.withheld)
        output = _tool(outcome.context).output
        return None if output == _tool(asked).output else _as_text(output)

    async def tell_unfinished(self, use: ToolUse) -> None:
        """Tell ``post_tool_use`` of a use that Codex has refused or left, so that each has one.

        Where the model has read of its output nevertheless, that is judged late.
        """
        done = use.status == "completed"
        tool = ToolCall(
            call_id=use.call_id,
            name=use.name,
            kind=use.kind,
            input=use.input,
            output=use.output if use.shown or done else None,
        )
        place = place_of_use(use)
        status: RunStatus = "interrupted" if use.status is None else "ok" if done else "error"
        replacement = await self._tell_once(use, tool, place, status)
        if use.shown and use.output and replacement is not None:
            self.unmediated(tool, place, _SHOWN)

    async def _tell_once(
        self, use: ToolUse, tool: ToolCall, place: Place, status: RunStatus
    ) -> str | None:
        """`tell_after`, unless it was told this very output of ``use`` already.

        That of a command that outlives its turn may be judged when it ends, and be read later.
        """
        async with use.telling:
            if use.told is None or use.told[0] != tool.output:
                use.told = tool.output, await self.tell_after(tool, place, status)
            return use.told[1]

    def context(
        self,
        run: Run,
        phase: HookPhase,
        tool: ToolCall,
        place: Place,
        status: RunStatus | None = None,
    ) -> HookContext:
        """Return what plugins are asked about.

        What Codex does not say of the use itself, such as the folder, is what is known of the turn.
        """
        parent = self._parent_of(place.thread_id)
        known = {**self.known}
        if parent is not None:
            known.pop("model", None)  # a sub-agent may have one of its own
        known |= {name: value for name, value in asdict(place).items() if value is not None}
        return run.context(phase, parent_thread_id=parent, status=status, tool=tool, **known)

    async def _before(self, tool: ToolCall, place: Place) -> Reply:
        ruling = await self.rule(tool, place, "dynamic" if tool.kind == "dynamic" else "native")
        if ruling.refusal is not None:
            return Deny(ruling.refusal)
        if place.turn_id in self.stopped:
            return Deny(_STOPPED)
        self.let_through(tool, place, ruling.input)
        return Rewrite(ruling.input) if ruling.rewritten else Proceed()

    async def _after(self, tool: ToolCall, place: Place) -> Reply:
        digest = digest_of(tool.input)
        where = place.thread_id, place.turn_id, tool.call_id
        use = self._ledger.claim("finished", *where, lambda use: use.digest == digest)
        if use is None:
            self.unmediated(tool, place, "it was not what a policy had judged")
            return Withhold(_NOT_JUDGED)
        early = use.shown and use.output is not None and use.output != tool.output
        if early:
            # Codex hands over the last part alone: the model had read the rest while it ran.
            tool = replace(tool, output=use.output)
        replacement = await self._tell_once(use, tool, place, "ok")
        if replacement is None:
            return Proceed()
        if early:
            self.unmediated(tool, place, _SHOWN)
        return Withhold(replacement)

    def unmediated(self, tool: ToolCall, place: Place, reason: str) -> None:
        """Report a use that happened without a verdict (G7)."""
        self._report_unmediated(
            self._record(
                tool,
                place,
                self.run,
                decision="unmediated",
                decided_by=None,
                allowed=True,
                via="tripwire",
                reason=reason,
            )
        )

    def _record(
        self, tool: ToolCall, place: Place, run: Run | None, **verdict: Any
    ) -> ToolUseRecord:
        return ToolUseRecord(
            correlation_id=run.correlation_id if run else None,
            thread_id=place.thread_id,
            parent_thread_id=self._parent_of(place.thread_id),
            turn_id=place.turn_id,
            call_id=tool.call_id,
            name=tool.name,
            kind=tool.kind,
            digest=digest_of(tool.input),
            **verdict,
        )

    @asynccontextmanager
    async def _in_run(self) -> AsyncIterator[Run]:
        """Yield the run under way; for a use of no turn of ours, one of its own."""
        if self.run is not None:
            with self.run.bound_to_log():
                yield self.run
        else:
            async with self._deciders.kernel.run(metadata=self.metadata) as run:
                yield run

    def _parent_of(self, thread_id: str) -> str | None:
        return None if thread_id == self.thread_id else self.thread_id

    def _kind(self, tool_name: str) -> ToolKind:
        if tool_name in self._tools:
            return "dynamic"
        return "mcp" if tool_name.startswith("mcp__") else _KINDS.get(tool_name, "other")


def _verdict(outcome: PreOutcome) -> tuple[Decided, str | None]:
    """Return the strongest decision in a word, and whose it is."""
    if outcome.blocked is not None:
        return "block", outcome.blocked.plugin
    if not isinstance(outcome.decision, Allow | Mutate):
        return "nothing", None
    word: Decided = "allow" if isinstance(outcome.decision, Allow) else "mutate"
    tool = _tool(outcome.context)
    calls = (call for call in reversed(outcome.report.calls) if call.call_id == tool.call_id)
    return word, next((call.plugin for call in calls if call.decision == word), None)


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
