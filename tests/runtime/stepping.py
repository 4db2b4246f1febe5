"""Cancellation at the n-th step of some work, whichever of its tasks takes it, on both loops.

A step is what a task does from one suspension to the next. Work that talks to processes does not
take the same steps each time, but it goes through the same places: from the first step to the
first n that it is over before, every one of them is cancelled at some time.
"""

from __future__ import annotations

import asyncio
import types
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import sniffio
import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Generator, Iterator

    Work = Callable[[], Coroutine[Any, Any, object]]


async def cancelled_at(step: int, work: Work) -> bool:
    """Run ``work`` and cancel it at its ``step``-th step; return False if it was over by then."""
    steps = 0

    def tick() -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            scope.cancel()

    counting = _on_trio if sniffio.current_async_library() == "trio" else _on_asyncio
    with anyio.CancelScope() as scope, counting(tick):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
    return scope.cancel_called


async def cancelled_everywhere(work: Work, *, stride: int = 1) -> AsyncIterator[int]:
    """Yield n after ``work`` was cancelled at its n-th step: 1, 1 + ``stride``, … to its end."""
    step = 1
    while await cancelled_at(step, work):
        yield step
        step += stride


async def cancelled_by_asyncio_at(step: int, work: Work) -> bool:
    """As `cancelled_at`, but cancel the task of ``work`` once, as asyncio's own time-outs do."""
    steps = 0
    cancelled = False

    def tick() -> None:
        nonlocal steps, cancelled
        steps += 1
        if steps == step:
            cancelled = task.cancel()

    with _on_asyncio(tick):
        task = asyncio.ensure_future(work())
        await asyncio.wait([task])
    if not task.cancelled():
        task.result()
    return cancelled


@contextmanager
def _on_trio(tick: Callable[[], None]) -> Iterator[None]:
    class Steps(trio.abc.Instrument):
        def after_task_step(self, task: trio.lowlevel.Task) -> None:
            tick()

    steps = Steps()
    trio.lowlevel.add_instrument(steps)
    try:
        yield
    finally:
        trio.lowlevel.remove_instrument(steps)


@contextmanager
def _on_asyncio(tick: Callable[[], None]) -> Iterator[None]:
    def counted_task(
        loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, Any], **options: Any
    ) -> asyncio.Task[Any]:
        return asyncio.Task(_counted(coro, tick), loop=loop, **options)

    loop = asyncio.get_running_loop()
    before = loop.get_task_factory()
    loop.set_task_factory(counted_task)  # type: ignore[arg-type]
    try:
        yield
    finally:
        loop.set_task_factory(before)


async def _counted(coro: Coroutine[Any, Any, Any], tick: Callable[[], None]) -> Any:
    return await _drive(coro, tick)


@types.coroutine
def _drive(coro: Coroutine[Any, Any, Any], tick: Callable[[], None]) -> Generator[Any, Any, Any]:
    resume: Callable[[], Any] = lambda: coro.send(None)  # noqa: E731
    while True:
        try:
            suspended_on = resume()
        except StopIteration as done:
            return done.value
        tick()
        try:
            sent = yield suspended_on
        except BaseException as error:  # the loop's to throw, the coroutine's to handle
            resume = lambda error=error: coro.throw(error)  # type: ignore[misc]  # noqa: E731
        else:
            resume = lambda sent=sent: coro.send(sent)  # type: ignore[misc]  # noqa: E731
