"""Ctrl-C, SIGTERM and a closed terminal as a cancellation: what was begun is ended in order."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


def run_interruptible(work: Callable[[], Awaitable[T]]) -> T:
    """Run ``work`` on an event loop; raise ``KeyboardInterrupt`` if a signal stopped it."""
    return anyio.run(_until_signal, work)


async def _until_signal(work: Callable[[], Awaitable[T]]) -> T:
    finished: list[T] = []
    failures: list[BaseException] = []
    with anyio.open_signal_receiver(*_signals()) as signals:
        async with anyio.create_task_group() as tasks:

            async def cancel_at_signal() -> None:
                async for _ in signals:
                    tasks.cancel_scope.cancel()

            tasks.start_soon(cancel_at_signal)
            try:
                finished.append(await work())
            except (Exception, SystemExit) as error:  # below, since a task group would wrap it
                failures.append(error)
            tasks.cancel_scope.cancel()
    if failures:
        raise failures[0]
    if not finished:
        raise KeyboardInterrupt
    return finished[0]


def _signals() -> list[signal.Signals]:
    ending = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # as nohup has it
        ending.append(signal.SIGHUP)
    return ending
