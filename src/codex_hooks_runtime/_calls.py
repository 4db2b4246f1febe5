"""Requests to the server: few enough at a time, each with an end (R4).

A call ends with its reply, its time-out, its caller's cancellation or the end of the connection;
none of them leaves anything behind.
"""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import anyio

from ._errors import Overloaded, RpcTimeout
from ._pending import PendingCalls
from ._rpc import notification_line, request_line

if TYPE_CHECKING:
    from anyio.streams.memory import MemoryObjectSendStream

    from ._ending import Ending
    from ._messages import Garbage, Reply
    from ._rpc import JsonObject

_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0


class Caller:
    """Sends the requests of one connection to its ``outbox``, ``max_in_flight`` at a time.

    ``retries`` counts requests that were sent again.
    """

    def __init__(self, outbox: MemoryObjectSendStream[bytes], *, max_in_flight: int) -> None:
        self.retries = 0
        self._outbox = outbox
        self._places = anyio.Semaphore(max_in_flight, fast_acquire=True)
        self._pending = PendingCalls()
        self._ending: Ending | None = None
        self._over = anyio.Event()

    @property
    def requests(self) -> int:
        """How many requests were made, those that were sent again included."""
        return self._pending.opened

    async def call(self, method: str, params: JsonObject | None, *, seconds: float) -> Any:
        """Return the result of ``method``; `Connection.call` says what is raised."""
        with anyio.move_on_after(seconds) as scope:
            return await self._call(method, params, scope)
        raise RpcTimeout(
            f"{method} was not answered within {seconds:g} s; give it a longer timeout, or open a "
            "new connection if this server answers nothing at all",
            method=method,
        )

    async def notify(self, method: str, params: JsonObject | None) -> None:
        """Send a notification; raises ``TransportClosed`` if nobody is there to read it."""
        self._raise_if_over(method)
        try:
            await self._send(notification_line(method, params))
        except anyio.BrokenResourceError:
            self._raise_if_over(method)  # it ended while this waited to be sent

    def settle(self, reply: Reply) -> Garbage | None:
        """Hand ``reply`` to its caller, or say why it has none."""
        return self._pending.settle(reply)

    def end(self, ending: Ending) -> None:
        """Fail every call that is open, and every one to come."""
        self._ending = ending
        self._pending.end(ending)
        self._over.set()

    async def _call(self, method: str, params: JsonObject | None, scope: anyio.CancelScope) -> Any:
        longest = _FIRST_PAUSE
        while True:
            try:
                async with self._places:
                    return await self._exchange(method, params)
            except Overloaded:
                # Jittered, or all that were refused together would come back together.
                pause = random.uniform(longest / 2, longest)  # noqa: S311  # no secret
                if anyio.current_time() + pause >= scope.deadline:
                    raise
            self.retries += 1
            longest = min(2 * longest, _LONGEST_PAUSE)
            with anyio.move_on_after(pause):
                await self._over.wait()

    async def _exchange(self, method: str, params: JsonObject | None) -> Any:
        self._raise_if_over(method)
        settled = anyio.Event()
        call = self._pending.open(method, settled.set)
        try:
            await self._send(request_line(call.id, method, params))
            await settled.wait()
        except anyio.BrokenResourceError:
            pass  # over while this waited to be sent, and settled by that
        finally:
            self._pending.forget(call)
        return call.result()

    async def _send(self, line: bytes) -> None:
        # The plain `send` goes once round the event loop even if there is room.
        try:
            self._outbox.send_nowait(line)
        except anyio.WouldBlock:
            await self._outbox.send(line)

    def _raise_if_over(self, method: str) -> None:
        if self._ending is not None:
            raise self._ending.error(method)
