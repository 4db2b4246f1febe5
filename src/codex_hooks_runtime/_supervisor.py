"""The codex server over its restarts: one connection at a time, and a new one after a crash (R5).

A caller sees one server. What was in flight when it crashed fails at once; what is asked while it
is started again waits for that, within its own time-out; once it is given up everything fails at
once. Subscriptions made here outlive a restart and find a `Restarted` where it was.

A server that exits by itself with status 0 wanted to: it is not started again. One that cannot be
started in the first place is the caller's to know, so only later starts are tried again.
"""

from __future__ import annotations

from contextlib import AsyncExitStack
from dataclasses import replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks import CodexHooksError
from codex_hooks._log import log

from ._connection import Connection
from ._ending import Ending
from ._errors import TransportClosed
from ._live import LiveFeed, LiveSubscription, Restarted
from ._options import ConnectionCounters
from ._restart import RestartBudget
from ._tasks import owned_tasks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from anyio.abc import TaskStatus

    from ._handshake import Version
    from ._messages import LiveEvent
    from ._options import ConnectionOptions
    from ._restart import RestartPolicy
    from ._rpc import JsonObject
    from ._state import StateProjection


class ServerStatus(StrEnum):
    """Where a supervised server stands; after the first three nothing more comes of it."""

    STARTING = "starting"
    RUNNING = "running"
    RESTARTING = "restarting"
    """It crashed, and is started again after a pause."""
    STOPPED = "stopped"
    """It exited by itself, with status 0."""
    DEAD = "dead"
    """It crashed more often than it may."""
    CLOSED = "closed"
    """Its owner has ended it."""


class Supervisor:
    """A server that is kept running while its ``async with`` lasts; to be entered once.

    Entering raises what entering a `Connection` does. ``state`` is told of every event.
    """

    _cleanup: AsyncExitStack
    _latest: Connection

    def __init__(
        self, options: ConnectionOptions, policy: RestartPolicy, state: StateProjection
    ) -> None:
        self.status = ServerStatus.STARTING
        self.restarts = 0
        self._options = options
        self._budget = RestartBudget(policy)
        self._state = state
        self._feed = LiveFeed()
        self._past = ConnectionCounters()
        self._current: Connection | None = None
        self._ending: Ending | None = None
        self._turn_of_events = anyio.Event()
        self._life = anyio.CancelScope()
        self._over = anyio.Event()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            tasks = await stack.enter_async_context(owned_tasks())
            stack.callback(self._life.cancel)
            await tasks.start(self._supervise)
            # A cancelled owner still has turns to interrupt and threads to let go: the server is
            # ended when the block is left, not before.
            self._life.shield = True
            self._cleanup = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    async def shutdown(self) -> None:
        """End the server for good and wait until it is gone; again, it only waits."""
        self._life.cancel()
        await self._over.wait()

    async def connection(
        self,
        method: str | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as Connection.call has it
    ) -> Connection:
        """Return the connection to the running server, or wait for one that is to come.

        Raises ``TransportClosed`` when none will, and when it is not there after ``timeout``
        seconds (``call_timeout`` by default). ``method`` is what the error is to be about.
        """
        current = self._current
        if current is not None and current.ending is None:
            return current
        seconds = self._options.call_timeout if timeout is None else timeout
        with anyio.move_on_after(seconds):
            return await self._next_connection(method)
        raise TransportClosed(
            f"{method or 'a connection'}: the codex server crashed and was not back within "
            f"{seconds:g} s; try again later",
            method=method,
        )

    async def call(
        self,
        method: str,
        params: JsonObject | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as Connection.call has it
    ) -> Any:
        """Send a request and return its result; see `Connection.call`.

        The time-out holds for the wait for a server that is being restarted, too.
        """
        current = self._current
        if current is not None and current.ending is None:
            return await current.call(method, params, timeout=timeout)
        seconds = self._options.call_timeout if timeout is None else timeout
        deadline = anyio.current_time() + seconds
        connection = await self.connection(method, timeout=seconds)
        return await connection.call(method, params, timeout=deadline - anyio.current_time())

    async def notify(self, method: str, params: JsonObject | None = None) -> None:
        """Send a notification; raises ``TransportClosed`` if nobody is there to read it."""
        await (await self.connection(method)).notify(method, params)

    def subscribe_live(
        self, *, capacity: int | None = None, thread_id: str | None = None
    ) -> LiveSubscription:
        """Return a subscription to every event, or to those of one thread, over restarts (R3).

        It begins with its ``async with``; where the server was restarted it has a `Restarted`. It
        ends when the owner closes the server, and raises ``TransportClosed`` when the server is
        given up.
        """
        capacity = self._options.live_capacity if capacity is None else capacity
        return LiveSubscription(self._feed, capacity=capacity, thread_id=thread_id)

    @property
    def pid(self) -> int:
        """The process id of the server that was started last."""
        return self._latest.pid

    @property
    def initialize_result(self) -> JsonObject:
        """What the server that was started last said of itself."""
        return self._latest.initialize_result

    @property
    def server_version(self) -> Version:
        """The version of the server that was started last."""
        return self._latest.server_version

    @property
    def counters(self) -> ConnectionCounters:
        """What was counted so far, over all servers."""
        return self._past + self._current.counters if self._current else self._past

    async def _next_connection(self, method: str | None) -> Connection:
        while True:
            if self._ending is not None:
                raise self._ending.error(method)
            if self._current is not None and self._current.ending is None:
                return self._current
            await self._turn_of_events.wait()

    async def _supervise(self, *, task_status: TaskStatus[None]) -> None:
        status = ServerStatus.CLOSED
        ending = Ending(by_owner=True, advice="it takes a new client to go on")
        try:
            with self._life:
                status, ending = await self._keep_running(task_status.started)
        finally:
            self._ending = ending
            self._become(status)
            self._feed.end(ending)
            self._over.set()

    async def _keep_running(self, started: Callable[[], None]) -> tuple[ServerStatus, Ending]:
        """Run one server after the other until there is to be no other; return why."""
        ending, ran_for = await self._run_one(started)
        while ending.exit_status != 0:
            pause = self._budget.pause_after(ran_for)
            if pause is None:
                log().error("codex server given up", exit_status=ending.exit_status)
                return ServerStatus.DEAD, replace(
                    ending,
                    advice=f"that is the crash after {self._budget.spent} restarts in a row, and "
                    "it is not started again: mend the cause, then open a new client",
                )
            log().warning("codex server crashed", exit_status=ending.exit_status, pause=pause)
            self._become(ServerStatus.RESTARTING)
            await anyio.sleep(pause)
            ending, ran_for = await self._run_another()
        return ServerStatus.STOPPED, replace(
            ending, advice="a server that exits by itself is not started again: open a new client"
        )

    async def _run_one(self, started: Callable[[], None]) -> tuple[Ending, float]:
        """Run a server to its end; return how it ended, and after how many seconds of work."""
        async with Connection(self._options, observe=self._observe) as connection:
            try:
                since = anyio.current_time()
                self._current = self._latest = connection
                self._become(ServerStatus.RUNNING)
                started()
                ending = await connection.wait_ended()
                return ending, anyio.current_time() - since
            finally:
                self._current = None
                self._past += connection.counters
                self._state.server_gone()

    async def _run_another(self) -> tuple[Ending, float]:
        try:
            return await self._run_one(self._announce_restart)
        except CodexHooksError as error:
            exit_status, stderr_tail = None, ""
            if isinstance(error, TransportClosed):
                exit_status, stderr_tail = error.exit_status, error.stderr_tail
            said = str(error).partition("\n")[0]
            reason = f"the codex server could not be started again: {said}"
            # With a status 0 too: a server that leaves before it was initialised has failed.
            return Ending(False, exit_status or None, stderr_tail, reason=reason), 0.0

    def _announce_restart(self) -> None:
        self.restarts += 1
        self._feed.mark(Restarted(self.restarts))
        log().info("codex server restarted", restarts=self.restarts)

    def _observe(self, events: Sequence[LiveEvent]) -> None:
        """Pass on what the server says; called by the connection's reader, so never waits (R2)."""
        self._state.apply(events)
        self._feed.publish(events)

    def _become(self, status: ServerStatus) -> None:
        self.status = status
        self._turn_of_events.set()
        self._turn_of_events = anyio.Event()
