"""`ToolGate`: every tool use on one server is put before the plugins, and what is not is stopped.

It owns the relay at which Codex asks, the reading of the events that show what was done, and the
stopping of turns (G7): the turn is interrupted, and the processes it has started are ended.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol, TypeAlias, TypeVar

import anyio

from codex_hooks import HookIssue, HookPhase, IssueKind, ToolCall
from codex_hooks_runtime._errors import GateNotArmed, TransportClosed
from codex_hooks_runtime._live import Lagged, LiveEvent
from codex_hooks_runtime._tasks import owned_tasks

from ._arming import hook_config, shut_doors
from ._asked import is_for_the_gate
from ._items import seen_use
from ._ledger import Ledger
from ._policy import Place, ThreadPolicy
from ._relay import Relay
from ._stopping import TurnStopper
from ._thread_gate import ThreadGate

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
    from pathlib import Path
    from typing import Self

    from anyio.abc import TaskGroup

    from codex_hooks_runtime._approver import Deciders
    from codex_hooks_runtime._live import LiveSubscription
    from codex_hooks_runtime._messages import ServerRequest
    from codex_hooks_runtime._rpc import JsonObject
    from codex_hooks_runtime._server_requests import ServerRequestHandler

    from ._dynamic import DynamicTool
    from ._ledger import ToolUseRecord
    from ._stopping import Server

GateMode: TypeAlias = Literal["native", "approvals"]
OnUnmediated: TypeAlias = Literal["interrupt", "report"]

MAX_REQUESTS: Final = 1_024
"""How many requests of the server's a gate answers at a time: one for each use in one response."""

# Enough for the deltas of hundreds of turns between two looks; what is lost is taken for the worst.
_CAPACITY: Final = 65_536
# For the events of a turn that is over: they have been read, and only wait for their turn here.
_SETTLE_S: Final = 1.0
_REMEMBERED: Final = 4_096


class _Profile(Protocol):
    @property
    def approval_policy(self) -> str: ...
    def replace(self, **changes: Any) -> Any: ...


Profile = TypeVar("Profile", bound=_Profile)


class ToolGate:
    """The gate of one server, around whose connection it is entered. Times are in seconds.

    ``deadline`` is by when a tool use must be decided, by the approver too. `answering` belongs
    into the connection, which `watching` then reads.
    """

    def __init__(
        self,
        deciders: Deciders,
        *,
        mode: GateMode,
        deadline: float,
        on_unmediated: OnUnmediated,
    ) -> None:
        self.deciders = deciders
        self._deadline = deadline
        self._on_unmediated = on_unmediated
        self.ledger = Ledger()
        self._relay = Relay() if mode == "native" else None
        self._threads: dict[str, ThreadGate] = {}
        self._nobodys = self._policy(())
        self._waiting: dict[str, anyio.Event] = {}
        self._over: dict[str, None] = {}
        self._at_work: dict[str, set[anyio.Event]] = {}
        self._stack = AsyncExitStack()
        self._tasks: TaskGroup | None = None
        self._stopper: TurnStopper | None = None

    async def __aenter__(self) -> Self:
        if self._relay is not None:
            await self._stack.enter_async_context(self._relay)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def records(self) -> tuple[ToolUseRecord, ...]:
        """What was asked about the latest tool uses, and what came of it, oldest first."""
        return tuple(self.ledger.records)

    def thread(
        self, *, interactive: bool, web_search: bool, tools: Sequence[DynamicTool]
    ) -> ThreadGate:
        """Return the gate of a thread that is about to be opened; its owner closes it."""
        policy = self._policy(tools)
        admission = None
        doors = {"interactive": interactive, "web_search": web_search}
        config = shut_doors(**doors)
        if self._relay is not None:
            admission = self._relay.admit(policy.answer, deadline_s=self._deadline)
            config = hook_config(admission.command, **doors)
        return ThreadGate(
            self,
            policy,
            admission=admission,
            config=config,
            tools={tool.name: tool for tool in tools},
            web_search=web_search,
        )

    def _policy(self, tools: Sequence[DynamicTool]) -> ThreadPolicy:
        names = frozenset(tool.name for tool in tools)
        return ThreadPolicy(self.deciders, self.ledger, self._unmediated, names)

    def add(self, thread_id: str, thread: ThreadGate) -> None:
        """Bring what a thread asks and does to its gate."""
        self._threads[thread_id] = thread

    def remove(self, thread_id: str) -> None:
        """Take what a thread still does for unmediated."""
        self._threads.pop(thread_id, None)

    def check_apart(self, writable: Sequence[Path]) -> None:
        """Refuse a workspace in which commands could write into the relay's folder (G2).

        Raises `GateNotArmed`. ``writable`` are the roots that the sandbox leaves open.
        """
        if self._relay is None:
            return
        folder = self._relay.folder.resolve()
        for root in writable:
            if folder.is_relative_to(root.resolve()):
                raise GateNotArmed(
                    f"commands could write in {root}, and so in the gate's own folder {folder}: "
                    "work in a narrower folder, or set XDG_RUNTIME_DIR to one outside of it"
                )

    def answering(self, others: ServerRequestHandler | None) -> ServerRequestHandler:
        """Return who answers the server: this gate about tools, ``others`` about the rest."""

        async def answer(request: ServerRequest) -> JsonObject | None:
            if is_for_the_gate(request):
                return await self.server_request(request)
            return None if others is None else await others(request)

        return answer

    async def server_request(self, request: ServerRequest) -> JsonObject | None:
        """Return the reply to what Codex asks about a tool, or None to decline."""
        thread = self._gate_of(request.thread_id)
        return None if thread is None else await thread.server_request(request)

    @asynccontextmanager
    async def watching(self, server: Server) -> AsyncIterator[None]:
        """Read the events of ``server`` for the ``async with`` block."""
        async with server.subscribe_live(capacity=_CAPACITY) as events, owned_tasks() as tasks:
            self._tasks, self._stopper = tasks, TurnStopper(server, tasks)
            tasks.start_soon(self._watch, events)
            try:
                yield
            finally:
                self._tasks = self._stopper = None

    def event(self, event: LiveEvent) -> None:
        """Hold one event against the verdicts; waits for nobody."""
        thread_id = event.thread_id
        if thread_id is None:
            return
        thread = self._gate_of(thread_id)
        if event.method == "turn/completed":
            turn_id = str((event.params.get("turn") or {}).get("id"))
            self._end_turn(thread, thread_id, turn_id)
        elif thread is not None:
            thread.event(event.method, event.params)
        elif event.method == "item/started":
            seen = seen_use(event.params.get("item") or {})
            if seen is not None:
                place = Place(thread_id=thread_id, turn_id=str(event.params.get("turnId")))
                self._nobodys.unmediated(seen.tool, place, "its thread is not behind the gate")

    async def _watch(self, events: LiveSubscription) -> None:
        try:
            while batch := await events.receive_batch():
                for event in batch:
                    if isinstance(event, LiveEvent):
                        self.event(event)
                    elif isinstance(event, Lagged):
                        self._lost(event.missed)
        except TransportClosed:
            return  # nothing is done any more that could be seen

    def _lost(self, missed: int) -> None:
        """Take events that were lost for what they may have been."""
        for thread in list(self._threads.values()):
            if thread.turn_id is not None:
                place = Place(thread_id=str(thread.policy.thread_id), turn_id=thread.turn_id)
                tool = ToolCall(call_id="", name="a tool", kind="other")
                reason = f"{missed} events came faster than they could be read"
                thread.policy.unmediated(tool, place, reason)

    def _gate_of(self, thread_id: str | None) -> ThreadGate | None:
        if thread_id is None or thread_id in self._threads:
            return self._threads.get(str(thread_id))
        parents = (item for item in self._threads.values() if thread_id in item.policy.sub_agents)
        return next(parents, None)

    def _end_turn(self, thread: ThreadGate | None, thread_id: str, turn_id: str) -> None:
        unfinished = self.ledger.close_turn(thread_id, turn_id)
        if thread is not None:
            for use in unfinished:
                self.later(turn_id, partial(thread.policy.tell_unfinished, use))
        self._over[turn_id] = None
        if len(self._over) > _REMEMBERED:
            del self._over[next(iter(self._over))]
        if waiting := self._waiting.pop(turn_id, None):
            waiting.set()

    async def turn_over(self, turn_id: str) -> None:
        """Wait until the events of a turn that has ended were seen, and what they ask is done."""
        if turn_id not in self._over and self._tasks is not None:
            event = self._waiting.setdefault(turn_id, anyio.Event())
            with anyio.move_on_after(_SETTLE_S):
                await event.wait()
            self._waiting.pop(turn_id, None)
        # What is at work there has deadlines of its own: those of hooks, approvers and calls.
        while at_work := self._at_work.get(turn_id):
            await next(iter(at_work)).wait()
        if self._stopper is not None:
            await self._stopper.wait(turn_id)

    def later(self, turn_id: str, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Start what belongs to a turn and must not hold up the reading of events."""
        if self._tasks is not None:
            done = anyio.Event()
            self._at_work.setdefault(turn_id, set()).add(done)
            self._tasks.start_soon(self._work, turn_id, work, done)

    async def _work(
        self, turn_id: str, work: Callable[[], Coroutine[Any, Any, None]], done: anyio.Event
    ) -> None:
        try:
            await work()
        finally:
            at_work = self._at_work[turn_id]
            at_work.discard(done)
            if not at_work:
                del self._at_work[turn_id]
            done.set()

    def _unmediated(self, record: ToolUseRecord) -> None:
        """Record a use without a verdict, and stop its turn (G7)."""
        self.ledger.records.append(record)
        thread = self._gate_of(record.thread_id)
        turns = [(record.thread_id, record.turn_id)]
        if thread is not None:
            if thread.policy.run is not None:
                message = f"unmediated: {record.name} was used and {record.reason}"
                thread.policy.run.note(
                    HookIssue("codex_hooks", HookPhase.PRE_TOOL_USE, IssueKind.INTERNAL, message)
                )
            if record.parent_thread_id is not None and thread.turn_id is not None:
                turns.append((record.parent_thread_id, thread.turn_id))
        if self._on_unmediated == "report":
            return
        for thread_id, turn_id in turns:
            if thread is not None:
                if turn_id in thread.policy.stopped:
                    continue
                thread.policy.stopped.add(turn_id)
                thread.stopped_by.setdefault(turn_id, record)
            if self._stopper is not None:
                self._stopper.stop(thread_id, turn_id)
