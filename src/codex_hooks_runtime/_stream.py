"""One turn on the wire: started, read to its end, interrupted if nobody waits for it.

A reader who is too slow and loses events gets the answer from the server's own record (R3).
"""

from __future__ import annotations

from collections import deque
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Final

import anyio

from ._errors import InvalidRequest, RpcError, TransportClosed, TurnInterrupted, TurnTimeout
from ._live import Lagged, LiveEvent
from ._record import recorded_message, recorded_turn
from ._records import TurnReply
from ._tasks import owned_tasks
from ._thread_api import parse
from ._turn import TurnCollector
from ._undo import made_or_undone
from ._wire import turn_start_params

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from ._connection import Connection
    from ._live import LiveSubscription
    from ._models import PromptRunParams, PromptRunResult, PromptRunStreamEvent

INTERRUPT_SECONDS: Final = 0.5
"""How long an interrupted turn may take to end before it is left alone."""


class PromptRunStream:
    """The events of one turn, as they come. Iterate, then `finish`; or `finish` at once."""

    def __init__(
        self, connection: Connection, events: LiveSubscription, turn: TurnCollector, timeout: float
    ) -> None:
        self._connection = connection
        self._events = events
        self._batch: deque[LiveEvent] = deque()
        self._turn = turn
        self._timeout = timeout
        self._overdue = False
        self._begun = False
        self._failure: Exception | None = None

    @property
    def thread_id(self) -> str:
        """The thread that the turn belongs to."""
        return self._turn.thread_id

    @property
    def turn_id(self) -> str:
        """The turn's id."""
        return self._turn.turn_id

    @property
    def ending(self) -> PromptRunResult | Exception | None:
        """How the turn ended; ``None`` while it is under way."""
        return self._failure or self._turn.ending

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PromptRunStreamEvent:
        try:
            while self.ending is None:
                if self._overdue:
                    raise TurnTimeout(
                        f"turn {self.turn_id} did not end within {self._timeout:g} s and was "
                        "interrupted: raise its timeout if it needs longer"
                    )
                event = self._next_read() if self._batch else await self._receive()
                if event is not None:
                    return event
        except TransportClosed as error:
            self._failure = TransportClosed(
                f"turn {self.turn_id} of thread {self.thread_id} did not come to its end: {error}",
                exit_status=error.exit_status,
                stderr_tail=error.stderr_tail,
            )
            raise self._failure from error
        except (RpcError, TurnTimeout) as error:
            self._failure = error
            raise
        raise StopAsyncIteration

    async def finish(self) -> PromptRunResult:
        """Read the turn to its end and return the answer.

        Raises a `PromptRunError` (failed, interrupted, timed out, no answer) or
        `TransportClosed` when the server is gone.
        """
        async for _ in self:
            pass
        ending = self.ending
        if isinstance(ending, Exception):
            raise ending
        if ending is None:
            raise AssertionError("the stream ended before its turn")
        return ending

    async def interrupt(self) -> None:
        """Ask the server to stop the turn; the stream then ends by itself."""
        await self._connection.call(
            "turn/interrupt", {"threadId": self.thread_id, "turnId": self.turn_id}
        )

    def _next_read(self) -> PromptRunStreamEvent | None:
        return self._turn.push(self._batch.popleft())

    async def _receive(self) -> PromptRunStreamEvent | None:
        """Take what has come, or wait for news; return the turn's end if only the record has it."""
        batch = self._events.take_batch()
        if batch is None:
            await self._events.news()
            return None
        if not batch:
            raise TransportClosed("the client was closed meanwhile")
        ended = await self._recover() if isinstance(batch[0], Lagged) else None
        self._batch += (event for event in batch if isinstance(event, LiveEvent))
        return ended

    async def _keep_time(self) -> None:
        """Let the stream end at its time; a timer for each wait would cost more than the waits."""
        await anyio.sleep(self._timeout)
        self._overdue = True
        self._events.wake()

    async def _recover(self) -> PromptRunStreamEvent | None:
        turn = await recorded_turn(self._connection, self.thread_id, self.turn_id)
        # Also while it is in progress: the events to come may say no more than that it has ended.
        message = await recorded_message(self._connection, self.thread_id, self.turn_id)
        if message:
            self._turn.push(message)
        return self._turn.end(turn) if turn else None

    async def _begin(self) -> None:
        """Wait for the turn to begin.

        Until then the server answers an interrupt with "no active turn", and runs it all the same.
        """
        while not (self._begun or self._turn.ending or self._events.missed):
            await self._receive()
            self._begun = any(map(self._is_ours, self._batch))

    def _is_ours(self, event: LiveEvent) -> bool:
        turn = event.params.get("turn") or {}
        return self.turn_id in (turn.get("id"), event.params.get("turnId"))

    async def _read_to_its_end(self) -> None:
        while self._turn.ending is None:
            if self._batch:
                self._next_read()
            else:
                await self._receive()

    async def _abandon(self) -> None:
        """Stop a turn that nobody reads any more, and the commands that it has left running."""
        if self._turn.ending is not None:
            return
        with anyio.move_on_after(INTERRUPT_SECONDS, shield=True):
            try:
                # Of a thread that was let go of meanwhile nothing is told: so not for all the time.
                with anyio.move_on_after(INTERRUPT_SECONDS / 2):
                    await self._begin()
                try:
                    await self.interrupt()
                except InvalidRequest:  # it has ended meanwhile, which is what was wanted
                    await self._read_to_its_end()
                    return
                await self._read_to_its_end()
                await self._connection.call(
                    "thread/backgroundTerminals/clean", {"threadId": self.thread_id}
                )
            except RpcError:
                return  # the server has ended

    async def _leave(self) -> None:
        """Let nobody wait for what nobody reads any more, be it in another task, or later."""
        try:
            await self._abandon()
        finally:
            if self.ending is None:
                self._failure = TurnInterrupted(
                    f"turn {self.turn_id} was left before its end: finish() it inside its block"
                )
            self._events.leave()


@asynccontextmanager
async def started_turn(
    connection: Connection, thread_id: str, params: PromptRunParams
) -> AsyncIterator[PromptRunStream]:
    """Start a turn and yield its stream; whatever happens, the turn is over at the end."""

    async def start() -> PromptRunStream:
        async with AsyncExitStack() as undo:
            events = connection.subscribe_live(thread_id=thread_id)
            await undo.enter_async_context(events)
            reply = await connection.call("turn/start", turn_start_params(thread_id, params))
            turn = TurnCollector(thread_id, parse("turn/start", TurnReply, reply).turn.id)
            undo.pop_all()  # the stream's to leave from here on
        return PromptRunStream(connection, events, turn, params.timeout)

    stream = await made_or_undone(connection, start, PromptRunStream._leave)  # noqa: SLF001
    try:
        async with owned_tasks() as tasks:
            tasks.start_soon(stream._keep_time)  # noqa: SLF001
            with anyio.move_on_after(params.timeout):
                try:
                    await stream._begin()  # noqa: SLF001
                except RpcError:
                    pass  # whoever reads the stream is told
            yield stream
    finally:
        await stream._leave()  # noqa: SLF001
