"""The event sink: a function of the caller's that gets every event, and harms nobody (F21).

It reads from a bounded buffer of its own. One that is slow loses the oldest events, one that
raises loses the event that it raised at; both are counted, and neither is waited for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from inspect import isawaitable
from typing import TYPE_CHECKING, Final, TypeAlias

import anyio

from codex_hooks._workers import Workers

from ._approver import is_async
from ._errors import TransportClosed
from ._messages import LiveEvent
from ._tasks import owned_tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from ._live import LiveSubscription

EventSink: TypeAlias = Callable[[LiveEvent], Awaitable[None] | None]
"""Called for each event in turn; a plain function is called in a thread."""

FLUSH_SECONDS: Final = 1.0
"""How long the sink may take for what is left when the server has ended."""


class SinkFeeder:
    """Feeds ``sink`` from ``events``. ``delivered`` and ``failed`` count events."""

    def __init__(self, sink: EventSink, events: LiveSubscription) -> None:
        self.delivered = 0
        self.failed = 0
        self._sink = sink
        self._events = events
        self._is_async = is_async(sink)
        # Its own thread: one that never comes back must not be missing elsewhere.
        self._workers = Workers(max_threads=1)

    @property
    def dropped(self) -> int:
        """How many events were lost because the sink was too slow."""
        return self._events.missed

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        """Feed the sink during the block, and with what is left for `FLUSH_SECONDS` after it."""
        # Shielded, since there are events to the end of the block even if that is cancelled.
        life = anyio.CancelScope(shield=True)

        async def feed() -> None:
            with life:
                try:
                    while batch := await self._events.receive_batch():
                        await self._deliver([one for one in batch if isinstance(one, LiveEvent)])
                except TransportClosed:
                    pass  # all that the server ever said is delivered

        async with self._events, owned_tasks() as tasks:
            tasks.start_soon(feed)
            try:
                yield
            finally:
                life.deadline = anyio.current_time() + FLUSH_SECONDS

    async def _deliver(self, events: Sequence[LiveEvent]) -> None:
        if self._is_async:
            for event in events:
                await self._finish(self._call(event))
        else:
            job = self._workers.submit(lambda: [*map(self._call, events)])
            for begun in await job.outcome():
                await self._finish(begun)

    def _call(self, event: LiveEvent) -> Awaitable[None] | None:
        """Call the sink; return what of its work is still to be awaited."""
        try:
            outcome = self._sink(event)
        except Exception:  # its own trouble: counted, and the next event may fare better
            self.failed += 1
            return None
        if isawaitable(outcome):
            return outcome
        self.delivered += 1
        return None

    async def _finish(self, begun: Awaitable[None] | None) -> None:
        if begun is not None:
            try:
                await begun
            except Exception:  # as above
                self.failed += 1
            else:
                self.delivered += 1
