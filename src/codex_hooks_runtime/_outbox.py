"""Lines on their way to the server: whole, in order, and at once where there is room.

Whoever has a line writes it, which spares the way through another task; only what the pipe does
not take now is left to the writer. What is put before that is never overtaken.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from ._transport import StdioTransport

# Lines that wait for the server to read: a bound on memory, reached only when it does not read.
_CAPACITY = 256


class Outbox:
    """What is to be sent over ``transport``. Its owner has `run` at work in a task."""

    def __init__(self, transport: StdioTransport) -> None:
        self._transport = transport
        self._queue, self._queued = anyio.create_memory_object_stream[bytes](_CAPACITY)
        # Whether something is queued, or was and is being written.
        self._writing = False
        self._closed = False

    async def put(self, line: bytes) -> None:
        """Send ``line``, as soon as it has a place; ``BrokenResourceError`` when it is too late.

        Cancelled, it has sent all of the line, or will, or nothing.
        """
        if not self.put_now(line):
            try:
                await self._queue.send(line)
            except anyio.ClosedResourceError:
                raise anyio.BrokenResourceError from None  # closed while this waited for room

    def put_now(self, line: bytes) -> bool:
        """Send ``line``, or return False if that would have to be waited for."""
        if self._closed:
            raise anyio.BrokenResourceError
        if not self._writing:
            line = line[self._transport.write_now(line) :]
            if not line:
                return True
        self._writing = True
        try:
            self._queue.send_nowait(line)
        except anyio.WouldBlock:
            return False
        return True

    async def run(self) -> None:
        """Write what is queued; return when the server no longer reads, or after `close`."""
        try:
            async for line in self._queued:
                if not await self._transport.send(line):
                    return
                state = self._queued.statistics()
                self._writing = bool(state.current_buffer_used or state.tasks_waiting_send)
        except anyio.ClosedResourceError:
            return

    def close(self) -> None:
        """Send nothing from now on."""
        self._closed = True
        self._queue.close()
        self._queued.close()
