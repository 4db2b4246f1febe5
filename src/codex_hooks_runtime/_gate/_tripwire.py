"""One thread's events, held against the verdicts (G7).

In the native way a use must have been decided before Codex announces it. In the approvals way Codex
announces a use before it asks about it, so only what was done is looked at.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from codex_hooks import ToolCall

from ._arming import went_unheard
from ._asked import WRITE_STDIN, write_stdin_input
from ._items import seen_use
from ._ledger import digest_of
from ._policy import place_of, place_of_use

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping

    from ._asked import ApprovalAsked
    from ._items import SeenUse
    from ._ledger import Ledger, ToolUse
    from ._policy import Place, ThreadPolicy

# Codex announces a use right before it asks about it; the two are read by two tasks.
_ITEM_S: Final = 2.0


class Tripwire:
    """Sees the events of one thread and its sub-agents.

    ``later`` starts what belongs to a turn and must not hold up the reading of events.
    """

    def __init__(
        self,
        policy: ThreadPolicy,
        ledger: Ledger,
        *,
        native: bool,
        web_search: bool,
        later: Callable[[str, Callable[[], Coroutine[Any, Any, None]]], None],
    ) -> None:
        self._policy = policy
        self._ledger = ledger
        self._native = native
        self._web_search = web_search
        self._later = later
        self._announced: dict[tuple[str, str], SeenUse] = {}
        self._news = anyio.Event()

    def see(self, method: str, params: Mapping[str, Any]) -> None:
        """Hold an event of this thread, or of one of its sub-agents, against the verdicts (G7)."""
        place, item = place_of(params), params.get("item") or {}
        match method:
            case "hook/completed":
                self._hook_completed(place, params)
            case "item/started":
                self._item_started(place, item)
            case "item/completed":
                self._item_completed(place, item)
            case "thread/tokenUsage/updated":
                # Codex says so when the calls of a response have returned: what still runs has
                # returned with a part of its output, which no hook of Codex's is told of.
                for use in self._ledger.running(place.thread_id, place.turn_id):
                    use.shown = True
            case "item/commandExecution/terminalInteraction" if params.get("stdin"):
                self._text_written(place, params)

    def _hook_completed(self, place: Place, params: Mapping[str, Any]) -> None:
        why = went_unheard(params)
        if why is not None and place.turn_id not in self._policy.stopped:
            call_id = str(params["run"].get("id")).rpartition(":")[2]
            tool = ToolCall(call_id=call_id, name="a tool", kind="other")
            self._policy.unmediated(tool, place, f"Codex went on without the gate: {why}")

    def _item_started(self, place: Place, item: Mapping[str, Any]) -> None:
        seen = seen_use(item)
        if self._native:
            self._must_be_decided(place, seen)
        elif seen is not None:
            self._announced[place.thread_id, seen.tool.call_id] = seen
            self._news.set()
            self._news = anyio.Event()

    def _item_completed(self, place: Place, item: Mapping[str, Any]) -> None:
        if item.get("type") == "collabAgentToolCall":
            self._policy.sub_agents.update(map(str, item.get("receiverThreadIds") or ()))
        seen, status = seen_use(item), item.get("status")
        if seen is None:
            return
        call_id = seen.tool.call_id
        use = self._ledger.claim("ended", place.thread_id, place.turn_id, call_id, seen.fits)
        if use is not None:
            use.status = str(status)
            use.output = item.get("aggregatedOutput")
            if self._ledger.has_outlived(use):
                self._later(use.turn_id, partial(self._policy.tell_unfinished, use))
        self._announced.pop((place.thread_id, call_id), None)
        if not self._native and status != "declined":
            # Only now: Codex announces a use before it asks about it.
            use = self._must_be_decided(place, seen)
            if use is not None and use.kind != "dynamic":
                use.stages.add("finished")
                self._later(place.turn_id, partial(self._tell_observed, use, item))

    def _must_be_decided(self, place: Place, seen: SeenUse | None) -> ToolUse | None:
        if seen is None or (seen.tool.name == "webSearch" and self._web_search):
            return None
        where = place.thread_id, place.turn_id, seen.tool.call_id
        use = self._ledger.claim("started", *where, seen.fits)
        if use is None and place.turn_id not in self._policy.stopped:
            self._policy.unmediated(seen.tool, place, "no policy had judged it")
        return use

    async def announced(self, asked: ApprovalAsked) -> ToolCall:
        """Return the use that Codex has announced, or is about to, and asks about."""
        with anyio.fail_after(_ITEM_S):
            while True:
                for (thread_id, _), seen in self._announced.items():
                    if thread_id == asked.thread_id and _is_about(asked, seen.tool):
                        return seen.tool
                await self._news.wait()

    async def _tell_observed(self, use: ToolUse, item: Mapping[str, Any]) -> None:
        """Tell ``post_tool_use`` what was done; the model has seen it already."""
        output = item.get("aggregatedOutput", item.get("result"))
        tool = ToolCall(
            call_id=use.call_id, name=use.name, kind=use.kind, input=use.input, output=output
        )
        await self._policy.tell_after(tool, place_of_use(use), "ok")

    def _text_written(self, place: Place, params: Mapping[str, Any]) -> None:
        """Judge late what was written into a running command, as no hook tells it (G8)."""
        call_id = str(params.get("itemId"))
        written = write_stdin_input(str(params.get("processId")), str(params.get("stdin")))
        digest = digest_of(written)

        def fits(use: ToolUse) -> bool:
            return use.name == WRITE_STDIN and use.digest == digest

        if self._ledger.claim("started", place.thread_id, place.turn_id, call_id, fits) is None:
            tool = ToolCall(call_id=call_id, name=WRITE_STDIN, kind="command", input=written)
            self._later(place.turn_id, partial(self._judge_late, tool, place))

    async def _judge_late(self, tool: ToolCall, place: Place) -> None:
        ruling = await self._policy.rule(tool, place, "tripwire")
        refusal = ruling.refusal
        if refusal is None and ruling.rewritten:
            refusal = "a policy would have rewritten it, and it had happened already"
        if refusal is not None:
            self._policy.unmediated(tool, place, refusal)


def _is_about(asked: ApprovalAsked, tool: ToolCall) -> bool:
    if asked.call_id is not None:
        return tool.call_id == asked.call_id and tool.kind == asked.kind
    return tool.name == asked.name and digest_of(tool.input) == digest_of(asked.input)
