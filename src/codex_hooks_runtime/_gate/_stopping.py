"""The end of a turn in which something happened that nobody had judged (G7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

import anyio

from codex_hooks_runtime._errors import RpcError

if TYPE_CHECKING:
    from anyio.abc import TaskGroup

    from codex_hooks_runtime._live import LiveSubscription
    from codex_hooks_runtime._rpc import JsonObject

_CALL_S: Final = 5.0


class Server(Protocol):
    """What the gate needs of a connection."""

    async def call(
        self,
        method: str,
        params: JsonObject | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as Connection.call has it
    ) -> Any:
        """Send a request and return its result."""

    def subscribe_live(self, *, capacity: int) -> LiveSubscription:
        """Return a subscription to every event."""


class TurnStopper:
    """Interrupts turns, and ends the processes that they have left running."""

    def __init__(self, server: Server, tasks: TaskGroup) -> None:
        self._server = server
        self._tasks = tasks
        self._at_work: dict[str, anyio.Event] = {}

    def stop(self, thread_id: str, turn_id: str) -> None:
        """Begin to stop a turn; waits for nobody."""
        if turn_id not in self._at_work:
            self._at_work[turn_id] = anyio.Event()
            self._tasks.start_soon(self._stop, thread_id, turn_id)

    async def wait(self, turn_id: str) -> None:
        """Wait until a turn that is being stopped has been."""
        if at_work := self._at_work.get(turn_id):
            await at_work.wait()

    async def _stop(self, thread_id: str, turn_id: str) -> None:
        thread = {"threadId": thread_id}
        try:
            await self._try("turn/interrupt", thread | {"turnId": turn_id})
            reply = await self._try("thread/backgroundTerminals/list", thread)
            for process in (reply or {}).get("data", ()):
                which = thread | {"processId": process.get("processId")}
                await self._try("thread/backgroundTerminals/terminate", which)
            # For what was being started just now; it answers before it is done.
            await self._try("thread/backgroundTerminals/clean", thread)
        finally:
            self._at_work.pop(turn_id).set()

    async def _try(self, method: str, params: JsonObject) -> Any:
        try:
            return await self._server.call(method, params, timeout=_CALL_S)
        except RpcError:
            return None  # it has ended by itself; nothing more is let through in this turn anyway
