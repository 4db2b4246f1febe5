"""Requests to the server: few enough at a time, each with an end (R4).

A call ends with its reply, its time-out, its caller's cancellation or the end of the connection;
none of them leaves anything behind.
"""

from __future__ import annotations

import math
import random
from typing import TYPE_CHECKING, Any

import anyio

from ._errors import Overloaded, RpcTimeout
from ._pending import PendingCalls
from ._rpc import notification_line, request_line

if TYPE_CHECKING:
    from ._ending import Ending
    from ._messages import Garbage, Reply
    from ._outbox import Outbox
    from ._rpc import JsonObject

# Whoever wants an end of something must not have to wait for those who begin something.
_URGENT = frozenset({"turn/interrupt", "thread/backgroundTerminals/clean"})
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 2.0


class Caller:
    """Sends the requests of one connection to its ``outbox``, ``max_in_flight`` at a time.

    What stops a turn waits for no place among them. ``usual_seconds`` is the time-out of a call
    that names none. `keep_time` is to be at work in a task. ``retries`` counts requests that were
    sent again.
    """

    def __init__(self, outbox: Outbox, *, max_in_flight: int, usual_seconds: float) -> None:
        self.retries = 0
        self._outbox = outbox
        self._usual_seconds = usual_seconds
        self._places = anyio.Semaphore(max_in_flight, fast_acquire=True)
        self._pending = PendingCalls()
        self._ending: Ending | None = None
        self._over = anyio.Event()
        self._next_look = math.inf
        self._look = anyio.Event()

    @property
    def requests(self) -> int:
        """How many requests were made, those that were sent again included."""
        return self._pending.opened

    async def call(self, method: str, params: JsonObject | None, seconds: float | None) -> Any:
        """Return the result of ``method``; `Connection.call` says what is raised."""
        if seconds is None:
            seconds = self._usual_seconds
        try:
            return await self._call(method, params, anyio.current_time() + seconds)
        except TimeoutError:
            raise RpcTimeout(
                f"{method} was not answered within {seconds:g} s; give it a longer timeout, or "
                "start a new client if this server answers nothing at all",
                method=method,
            ) from None

    async def keep_time(self) -> None:
        """End the calls that are overdue.

        One task does it for all of them: a timer for each costs as much as the rest of a call.
        """
        while True:
            now = anyio.current_time()
            # A call that is yet to come with the usual time-out is not overdue before that.
            self._next_look = min(self._pending.expire(now), now + self._usual_seconds)
            self._look = anyio.Event()
            with anyio.CancelScope(deadline=self._next_look):
                await self._look.wait()

    async def notify(self, method: str, params: JsonObject | None) -> None:
        """Send a notification; raises ``TransportClosed`` if nobody is there to read it."""
        self._raise_if_over(method)
        try:
            await self._outbox.put(notification_line(method, params))
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

    async def _call(self, method: str, params: JsonObject | None, deadline: float) -> Any:
        longest = _FIRST_PAUSE
        while True:
            try:
                if method in _URGENT:
                    return await self._exchange(method, params, deadline)
                await self._take_place(deadline)
                try:
                    return await self._exchange(method, params, deadline)
                finally:
                    self._places.release()
            except Overloaded:
                # Jittered, or all that were refused together would come back together.
                pause = random.uniform(longest / 2, longest)  # noqa: S311  # no secret
                if anyio.current_time() + pause >= deadline:
                    raise
            self.retries += 1
            longest = min(2 * longest, _LONGEST_PAUSE)
            with anyio.move_on_after(pause):
                await self._over.wait()

    async def _take_place(self, deadline: float) -> None:
        try:
            self._places.acquire_nowait()
        except anyio.WouldBlock:
            with anyio.fail_after(deadline - anyio.current_time()):
                await self._places.acquire()

    async def _exchange(self, method: str, params: JsonObject | None, deadline: float) -> Any:
        self._raise_if_over(method)
        settled = anyio.Event()
        call = self._pending.open(method, settled.set, deadline)
        if deadline < self._next_look:
            self._look.set()
        try:
            line = request_line(call.id, method, params)
            if not self._outbox.put_now(line):
                with anyio.fail_after(deadline - anyio.current_time()):
                    await self._outbox.put(line)
            await settled.wait()
        except anyio.BrokenResourceError:
            pass  # over while this waited to be sent, and settled by that
        finally:
            self._pending.forget(call)
        return call.result()

    def _raise_if_over(self, method: str) -> None:
        if self._ending is not None:
            raise self._ending.error(method)
