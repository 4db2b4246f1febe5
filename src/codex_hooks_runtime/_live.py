"""Live events: every subscriber has a bounded buffer of its own, and nobody waits for it (R2, R3).

The reader hands over what it has read in batches, with one wake-up a batch. A subscriber that is
too slow loses its oldest events and is told how many; nobody else notices.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, NamedTuple

import anyio

from ._errors import ConfigError
from ._messages import LiveEvent

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Self

    from ._ending import Ending

__all__ = ["DEFAULT_CAPACITY", "Lagged", "LiveEvent", "LiveFeed", "LiveSubscription", "Restarted"]

DEFAULT_CAPACITY = 4096


class Lagged(NamedTuple):
    """Stands in a subscriber's events where it lost ``missed`` of them by being slow."""

    missed: int


class Restarted(NamedTuple):
    """Stands where the server had crashed and was started again, for the n-th time.

    Turns that were under way are over, and what they still said may be missing. The ``seq`` of
    events begins anew. Found only in subscriptions that outlive a connection.
    """

    restarts: int


class LiveFeed:
    """The subscribers of one connection, or of one server over its restarts."""

    def __init__(self) -> None:
        self.ending: Ending | None = None
        # One list for those who want everything, under None, and one for each thread.
        self._subscribers: dict[str | None, list[LiveSubscription]] = {None: []}

    def publish(self, events: Sequence[LiveEvent]) -> None:
        """Put ``events`` into every buffer that wants them; waits for nobody."""
        for subscriber in self._subscribers[None]:
            subscriber.put(events)
        if len(self._subscribers) > 1:
            for thread_id, own in self._by_thread(events).items():
                for subscriber in self._subscribers[thread_id]:
                    subscriber.put(own)

    def _by_thread(self, events: Sequence[LiveEvent]) -> dict[str, list[LiveEvent]]:
        wanted: dict[str, list[LiveEvent]] = {}
        for event in events:
            thread_id = event.thread_id
            if thread_id is not None and thread_id in self._subscribers:
                wanted.setdefault(thread_id, []).append(event)
        return wanted

    def mark(self, restarted: Restarted) -> None:
        """Put ``restarted`` into every buffer, whatever its thread."""
        for subscribers in self._subscribers.values():
            for subscriber in subscribers:
                subscriber.put([restarted])

    def end(self, ending: Ending) -> None:
        """Let every subscriber read what it has, and then know of the end."""
        self.ending = ending
        for subscribers in self._subscribers.values():
            for subscriber in subscribers:
                subscriber.wake()

    def add(self, thread_id: str | None, subscriber: LiveSubscription) -> None:
        """Begin to put events into the buffer of ``subscriber``."""
        self._subscribers.setdefault(thread_id, []).append(subscriber)

    def remove(self, thread_id: str | None, subscriber: LiveSubscription) -> None:
        """Forget ``subscriber``, and its thread with the last one."""
        subscribers = self._subscribers[thread_id]
        subscribers.remove(subscriber)
        if thread_id is not None and not subscribers:
            del self._subscribers[thread_id]


class LiveSubscription:
    """The events of a feed from ``async with`` on, for one consumer.

    Iteration yields `LiveEvent`, and `Lagged` where events were lost; over restarts `Restarted`
    too. When the feed is over, what is buffered still comes; then iteration ends if the owner
    closed it, and raises ``TransportClosed`` if the server died. It ends likewise when the block
    has been left, in whichever task. ``missed`` is the loss so far.
    """

    def __init__(
        self, feed: LiveFeed, *, capacity: int = DEFAULT_CAPACITY, thread_id: str | None = None
    ) -> None:
        if capacity < 1:
            raise ConfigError(f"capacity={capacity}: it has to be at least 1")
        self.missed = 0
        self._feed = feed
        self._thread_id = thread_id
        self._capacity = capacity
        self._buffer: deque[LiveEvent | Restarted] = deque(maxlen=capacity)
        self._untold = 0
        self._begun = self._left = False
        self._waiting: anyio.Event | None = None

    async def __aenter__(self) -> Self:
        self._feed.add(self._thread_id, self)
        self._begun = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self.leave()

    def leave(self) -> None:
        """Take nothing more; who still waits for news is told that it is over."""
        self._feed.remove(self._thread_id, self)
        self._left = True
        self.wake()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> LiveEvent | Lagged | Restarted:
        while not self._buffer:
            if self._is_over():
                raise StopAsyncIteration
            await self.news()
        return self._told() or self._buffer.popleft()

    async def receive_batch(self) -> list[LiveEvent | Lagged | Restarted]:
        """Wait for events and return all there are, a `Lagged` first if some were lost.

        The list is empty when the owner has closed the connection and all events were read.
        Raises ``TransportClosed`` when the server died and all were read.
        """
        while (batch := self.take_batch()) is None:
            await self.news()
        return batch

    def take_batch(self) -> list[LiveEvent | Lagged | Restarted] | None:
        """Return what `receive_batch` would, or None if that would have to wait."""
        if not self._buffer:
            return [] if self._is_over() else None
        lagged = self._told()
        batch: list[LiveEvent | Lagged | Restarted] = [lagged] if lagged else []
        batch += self._buffer
        self._buffer.clear()
        return batch

    async def news(self) -> None:
        """Wait for something to come, for the end, or for somebody to call `wake`."""
        # One event for all who wait: a second reader must not take the first one's away.
        if self._waiting is None:
            self._waiting = anyio.Event()
        await self._waiting.wait()

    def _is_over(self) -> bool:
        if not self._begun:
            raise ConfigError("a subscription begins with its block: `async with` it, then iterate")
        if self._left:
            return True
        ending = self._feed.ending
        if ending is not None and not ending.by_owner:
            raise ending.error()
        return ending is not None

    def _told(self) -> Lagged | None:
        if not self._untold:
            return None
        lagged, self._untold = Lagged(self._untold), 0
        return lagged

    def put(self, events: Sequence[LiveEvent | Restarted]) -> None:
        """Take ``events`` over, at the price of the oldest; called by the feed alone."""
        lost = len(self._buffer) + len(events) - self._capacity
        if lost > 0:
            self.missed += lost
            self._untold += lost
        self._buffer.extend(events)
        self.wake()

    def wake(self) -> None:
        """Let a consumer that waits for news look again."""
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None
