from __future__ import annotations

import anyio
import pytest

from codex_hooks_runtime._ending import Ending
from codex_hooks_runtime._errors import ConfigError, TransportClosed
from codex_hooks_runtime._live import Lagged, LiveFeed, LiveSubscription
from codex_hooks_runtime._messages import LiveEvent

CLOSED = Ending(by_owner=True)
DIED = Ending(by_owner=False, exit_status=1)


def events(*seqs: int, thread: str = "t") -> list[LiveEvent]:
    return [LiveEvent(seq, "m", {"threadId": thread}) for seq in seqs]


async def test_a_slow_subscriber_loses_the_oldest_and_is_told_how_many() -> None:
    """R3, F21."""
    feed = LiveFeed()
    async with LiveSubscription(feed, capacity=3) as slow, LiveSubscription(feed) as fast:
        feed.publish(events(1, 2))
        feed.publish(events(3, 4, 5))
        feed.end(CLOSED)
        assert [event async for event in slow] == [Lagged(2), *events(3, 4, 5)]
        assert slow.missed == 2
        assert [event async for event in fast] == events(1, 2, 3, 4, 5)
        assert fast.missed == 0


async def test_a_batch_that_is_larger_than_the_buffer_leaves_its_end() -> None:
    """R3."""
    feed = LiveFeed()
    async with LiveSubscription(feed, capacity=2) as slow:
        feed.publish(events(1, 2, 3, 4, 5))
        assert await slow.receive_batch() == [Lagged(3), *events(4, 5)]
        feed.publish(events(6))
        assert await slow.receive_batch() == events(6)


async def test_what_is_lost_while_reading_is_marked_where_it_was() -> None:
    """R3."""
    feed = LiveFeed()
    async with LiveSubscription(feed, capacity=2) as slow:
        feed.publish(events(1, 2))
        assert await anext(slow) == events(1)[0]
        feed.publish(events(3, 4))
        feed.end(CLOSED)
        assert [event async for event in slow] == [Lagged(1), *events(3, 4)]


async def test_a_waiting_subscriber_is_woken_once_for_a_whole_batch() -> None:
    """R3."""
    feed = LiveFeed()
    batches = []

    async def consume(task_status: anyio.abc.TaskStatus[None]) -> None:
        async with LiveSubscription(feed) as subscription:
            task_status.started()
            batches.append(await subscription.receive_batch())

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            await tasks.start(consume)
            feed.publish(events(1, 2, 3))
    assert batches == [events(1, 2, 3)]


async def test_a_subscription_to_one_thread_gets_nothing_else() -> None:
    """R3."""
    feed = LiveFeed()
    async with LiveSubscription(feed, thread_id="a") as a, LiveSubscription(feed) as everything:
        mixed = [*events(1, thread="a"), *events(2, thread="b"), LiveEvent(3, "m", {})]
        odd = LiveEvent(4, "m", {"threadId": ["a"]})
        feed.publish([*mixed, odd])
        feed.end(CLOSED)
        assert [event async for event in a] == mixed[:1]
        assert [event async for event in everything] == [*mixed, odd]


async def test_nothing_is_kept_of_a_subscription_that_has_ended() -> None:
    feed = LiveFeed()
    async with LiveSubscription(feed, thread_id="a") as first:
        async with LiveSubscription(feed, thread_id="a"):
            pass
        feed.publish(events(1, thread="a"))
        assert await first.receive_batch() == events(1, thread="a")
    assert feed._subscribers == {None: []}


async def test_when_the_owner_closes_what_is_buffered_comes_and_iteration_ends() -> None:
    feed = LiveFeed()
    async with LiveSubscription(feed) as subscription:
        feed.publish(events(1))
        feed.end(CLOSED)
        assert [event async for event in subscription] == events(1)
        assert await subscription.receive_batch() == []


async def test_when_the_server_dies_what_is_buffered_comes_and_iteration_raises() -> None:
    feed = LiveFeed()
    async with LiveSubscription(feed) as subscription:
        feed.publish(events(1))
        feed.end(DIED)
        assert await subscription.receive_batch() == events(1)
        with pytest.raises(TransportClosed, match="status 1"):
            await subscription.receive_batch()
        with pytest.raises(TransportClosed, match="status 1"):
            await anext(subscription)


async def test_a_waiting_subscriber_learns_of_the_end() -> None:
    feed = LiveFeed()

    async def consume(task_status: anyio.abc.TaskStatus[None]) -> None:
        async with LiveSubscription(feed, thread_id="t") as subscription:
            task_status.started()
            with pytest.raises(TransportClosed):
                await anext(subscription)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            await tasks.start(consume)
            feed.end(DIED)


async def test_a_subscription_after_the_end_has_ended() -> None:
    feed = LiveFeed()
    feed.end(CLOSED)
    async with LiveSubscription(feed) as subscription:
        assert [event async for event in subscription] == []


async def test_two_readers_of_one_subscription_are_both_woken() -> None:
    """R3: neither waits for ever; each event goes to one of them."""
    feed, got = LiveFeed(), []

    async def read() -> None:
        got.extend([event async for event in subscription])

    with anyio.fail_after(60):
        async with LiveSubscription(feed) as subscription, anyio.create_task_group() as tasks:
            tasks.start_soon(read)
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
            feed.publish(events(1, 2))
            await anyio.wait_all_tasks_blocked()
            feed.end(CLOSED)
    assert got == events(1, 2)


async def test_reading_ends_where_the_block_does() -> None:
    """R3: for a task that reads on, and for who reads later; before it there is nothing to read."""
    feed = LiveFeed()
    subscription = LiveSubscription(feed)
    with pytest.raises(ConfigError, match="begins with its block"):
        await anext(subscription)

    async def read() -> None:
        assert [event async for event in subscription] == events(1)

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks, subscription:
            feed.publish(events(1))
            tasks.start_soon(read)
            await anyio.wait_all_tasks_blocked()
        assert await subscription.receive_batch() == []
