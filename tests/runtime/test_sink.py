"""F21: the event sink, whatever it does, harms nobody but itself."""

from __future__ import annotations

import threading
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks_runtime._ending import Ending
from codex_hooks_runtime._live import LiveFeed, LiveSubscription, Restarted
from codex_hooks_runtime._messages import LiveEvent
from codex_hooks_runtime._sink import SinkFeeder

if TYPE_CHECKING:
    from codex_hooks_runtime._sink import EventSink


def fed(sink: EventSink, feed: LiveFeed, capacity: int = 100) -> SinkFeeder:
    return SinkFeeder(sink, LiveSubscription(feed, capacity=capacity))


def events(*seqs: int) -> list[LiveEvent]:
    return [LiveEvent(seq, "m", {}) for seq in seqs]


async def test_an_async_sink_gets_every_event_in_order() -> None:
    got, feed = [], LiveFeed()

    async def sink(event: LiveEvent) -> None:
        got.append(event.seq)

    feeder = fed(sink, feed)
    async with feeder.at_work():
        feed.publish(events(1, 2))
        feed.mark(Restarted(1))
        feed.publish(events(1))
        feed.end(Ending(by_owner=True))
    assert got == [1, 2, 1]
    assert (feeder.delivered, feeder.dropped, feeder.failed) == (3, 0, 0)


async def test_a_plain_sink_runs_in_a_thread_and_so_does_one_that_is_an_object() -> None:
    """R2: it may block, and the event loop goes on."""
    feed = LiveFeed()

    class Sink:
        def __init__(self) -> None:
            self.threads: set[str] = set()

        def __call__(self, event: LiveEvent) -> None:
            self.threads.add(threading.current_thread().name)

    first, second = Sink(), Sink()
    async with fed(first, feed).at_work(), fed(second.__call__, feed).at_work():
        feed.publish(events(1, 2))
        feed.end(Ending(by_owner=True))
    for sink in (first, second):
        assert threading.current_thread().name not in sink.threads
        assert len(sink.threads) == 1


async def test_a_sink_that_raises_loses_that_event_alone() -> None:
    """F21."""
    got, feed = [], LiveFeed()

    def sink(event: LiveEvent) -> None:
        if event.seq == 2:
            raise ValueError("two")
        got.append(event.seq)

    async def async_sink(event: LiveEvent) -> None:
        sink(event)

    feeders = [fed(sink, feed), fed(async_sink, feed)]
    async with feeders[0].at_work(), feeders[1].at_work():
        feed.publish(events(1, 2, 3))
        feed.end(Ending(by_owner=True))
    assert sorted(got) == [1, 1, 3, 3]
    assert [(feeder.delivered, feeder.failed) for feeder in feeders] == [(2, 1)] * 2


async def test_a_slow_sink_loses_the_oldest_events_and_they_are_counted() -> None:
    """F21, R2: publishing waits for nobody."""
    got, feed = [], LiveFeed()
    at_work, go_on = anyio.Event(), anyio.Event()

    async def sink(event: LiveEvent) -> None:
        at_work.set()
        await go_on.wait()
        got.append(event.seq)

    feeder = fed(sink, feed, capacity=3)
    async with feeder.at_work():
        feed.publish(events(1))
        with anyio.fail_after(60):
            await at_work.wait()
        feed.publish(events(2, 3, 4, 5, 6))
        feed.end(Ending(by_owner=True))
        go_on.set()
    assert got == [1, 4, 5, 6]
    assert feeder.dropped == 2


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_sink_that_hangs_does_not_hold_up_the_end(
    kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F21."""
    monkeypatch.setattr("codex_hooks_runtime._sink.FLUSH_SECONDS", 0.05)
    feed, hung, never = LiveFeed(), threading.Event(), threading.Event()

    def plain(event: LiveEvent) -> None:
        hung.set()
        never.wait()

    async def asynchronous(event: LiveEvent) -> None:
        hung.set()
        await anyio.sleep_forever()

    feeder = fed(plain if kind == "plain" else asynchronous, feed)
    with anyio.fail_after(60):
        async with feeder.at_work():
            feed.publish(events(1))
            while not hung.is_set():
                await anyio.lowlevel.checkpoint()
    never.set()
    assert feeder.delivered == 0


async def test_a_sink_gets_the_last_events_of_a_server_that_died() -> None:
    got, feed = [], LiveFeed()

    async def sink(event: LiveEvent) -> None:
        got.append(event.seq)

    async with fed(sink, feed).at_work():
        feed.publish(events(1))
        feed.end(Ending(by_owner=False, exit_status=1))
    assert got == [1]


async def test_a_sink_that_is_made_of_an_async_one_is_awaited() -> None:
    """A ``partial`` knows that it is async; of a ``lambda`` only what it returns is."""
    got, feed = [], LiveFeed()

    async def sink(name: str, event: LiveEvent) -> None:
        if event.seq == 2:
            raise ValueError("two")
        got.append((name, event.seq))

    feeders = [fed(partial(sink, "a"), feed), fed(lambda event: sink("b", event), feed)]
    async with feeders[0].at_work(), feeders[1].at_work():
        feed.publish(events(1, 2, 3))
        feed.end(Ending(by_owner=True))
    assert sorted(got) == [("a", 1), ("a", 3), ("b", 1), ("b", 3)]
    assert [(feeder.delivered, feeder.failed) for feeder in feeders] == [(2, 1)] * 2
