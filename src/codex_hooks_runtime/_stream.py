"""One turn on the wire: started, read to its end, interrupted if nobody waits for it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio

from ._errors import RpcError, TransportClosed, TurnTimeout
from ._live import LiveEvent
from ._turn import TurnCollector
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
        self._turn = turn
        self._timeout = timeout
        self._deadline = anyio.current_time() + timeout
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
        while self.ending is None:
            try:
                with anyio.fail_after(self._deadline - anyio.current_time()):
                    event = await self._read()
            except TimeoutError:
                self._failure = TurnTimeout(
                    f"turn {self.turn_id} did not end within {self._timeout:g} s and was "
                    "interrupted: raise timeout= if it needs longer"
                )
                raise self._failure from None
            except TransportClosed as error:
                self._failure = error
                raise
            if event is not None:
                return event
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

    async def _read(self) -> PromptRunStreamEvent | None:
        event = await anext(self._events, None)
        if event is None:
            raise TransportClosed("the client was closed while the turn was under way")
        return self._turn.push(event) if isinstance(event, LiveEvent) else None

    async def _abandon(self) -> None:
        """Interrupt a turn that nobody reads any more, so that it does not go on unseen."""
        with anyio.move_on_after(INTERRUPT_SECONDS, shield=True):
            try:
                await self.interrupt()
                while self._turn.ending is None:
                    await self._read()
            except RpcError:
                return  # it has ended meanwhile, or the server has: both are what was wanted


@asynccontextmanager
async def started_turn(
    connection: Connection, thread_id: str, params: PromptRunParams, overrides: dict[str, Any]
) -> AsyncIterator[PromptRunStream]:
    """Start a turn and yield its stream; whatever happens, the turn is over at the end."""
    async with connection.subscribe_live(thread_id=thread_id) as events:
        reply = await connection.call(
            "turn/start", turn_start_params(thread_id, params) | overrides
        )
        turn = TurnCollector(thread_id, str(reply["turn"]["id"]))
        stream = PromptRunStream(connection, events, turn, params.timeout)
        try:
            yield stream
        finally:
            if turn.ending is None:
                await stream._abandon()  # noqa: SLF001
