"""What the server asks is answered once, by its deadline, and by nobody's silence with yes (R8).

Each request is put to the handler in a task of its own. No handler, a handler that raises, has
nothing to say, says what cannot be sent or takes too long: the request is declined in the form
of its method. Once the desk is closed nothing is answered, whatever a handler still returns (F17).
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

import anyio

from codex_hooks._log import log

from ._decline import DECLINES, declining_line
from ._messages import Garbage, ServerRequest
from ._rpc import JsonObject, RequestId, result_line

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from ._outbox import Outbox

ServerRequestHandler: TypeAlias = Callable[[ServerRequest], Awaitable[JsonObject | None]]
"""Returns the ``result`` for the server, or None to decline."""


@dataclass(slots=True, eq=False)
class _Exchange:
    request: ServerRequest
    handling: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    over: anyio.Event = field(default_factory=anyio.Event)
    answered: bool = False


class ServerRequestDesk:
    """Takes the requests of one connection and sends the answers to its ``outbox``.

    A request has ``deadline`` seconds. At most ``limit`` handlers are at work; what is asked
    beyond that is declined at once. ``declined`` counts what was refused, for whatever reason.
    """

    def __init__(
        self,
        handler: ServerRequestHandler | None,
        *,
        tasks: TaskGroup,
        outbox: Outbox,
        deadline: float,
        limit: int,
    ) -> None:
        self.declined = 0
        self._handler = handler
        self._tasks = tasks
        self._outbox = outbox
        self._deadline = deadline
        self._limit = limit
        self._open: dict[RequestId, _Exchange] = {}
        self._closed = False

    def take(self, request: ServerRequest) -> Garbage | None:
        """See to it that ``request`` is answered; waits for nobody (R2)."""
        if self._closed:
            return None
        if request.id in self._open:
            return Garbage.REPEATED_ID
        if len(self._open) >= self._limit:
            self._decline_at_once(request)
            return None
        exchange = self._open[request.id] = _Exchange(request)
        self._tasks.start_soon(self._handle, exchange)
        self._tasks.start_soon(self._decline_at_deadline, exchange)
        return None

    def close(self) -> None:
        """Answer nothing from now on, and cancel the handlers at work."""
        self._closed = True
        for exchange in self._open.values():
            exchange.handling.cancel()

    def _decline_at_once(self, request: ServerRequest) -> None:
        self.declined += 1
        # A server that asks so much and reads nothing goes without an answer: that is a no too.
        self._outbox.put_now(declining_line(request))

    async def _handle(self, exchange: _Exchange) -> None:
        line = None
        with exchange.handling:
            line = await self._ask(exchange.request)
        await self._answer(exchange, line)
        exchange.over.set()
        # Not before the handler is gone: one that will not end takes up its place.
        del self._open[exchange.request.id]

    async def _decline_at_deadline(self, exchange: _Exchange) -> None:
        with anyio.move_on_after(self._deadline) as waiting:
            await exchange.over.wait()
        if waiting.cancelled_caught:
            exchange.handling.cancel()
            # Here, for a handler may swallow its cancellation and answer late or never.
            await self._answer(exchange, None)

    async def _ask(self, request: ServerRequest) -> bytes | None:
        if request.method == "currentTime/read":
            return result_line(request.id, {"currentTimeAt": int(time.time())})
        if self._handler is None or request.method not in DECLINES:
            return None
        try:
            result = await self._handler(request)
            return result_line(request.id, result) if isinstance(result, dict) else None
        except Exception as error:  # whatever the handler's fault is, the server is told no
            log().warning(
                "a server request was declined, for its handler failed",
                method=request.method,
                error=type(error).__name__,
            )
            return None

    async def _answer(self, exchange: _Exchange, line: bytes | None) -> None:
        if exchange.answered or self._closed:
            return
        exchange.answered = True
        if line is None:
            self.declined += 1
            line = declining_line(exchange.request)
        try:
            await self._outbox.put(line)
        except anyio.BrokenResourceError:
            pass  # the server is gone, and with it the question
