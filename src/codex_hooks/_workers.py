"""Sync hooks off the event loop, in a bounded set of daemon threads (K6).

A thread gives back its slot itself, when the hook has really returned: a hook that hangs keeps
one thread busy and no more, and since the threads are daemons it cannot hold up the end of the
process (F6). Deadlines are the caller's: whoever stops waiting withdraws the job, and a job that
no thread had begun by then never runs.
"""

from __future__ import annotations

import contextvars
import os
import sys
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Generic, TypeVar

import anyio
from anyio.lowlevel import current_token

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")

MAX_THREADS: Final = 32
# An idle thread ends after this many seconds, so that a kernel needs no closing.
IDLE_SECONDS: Final = 10.0


class Job(Generic[T]):
    """One call on its way through the threads, and what came of it."""

    __slots__ = ("_call", "_context", "_done", "_error", "_result", "_soon", "begun")

    def __init__(self, call: Callable[[], T]) -> None:
        self._call = call
        self._context = contextvars.copy_context()
        if sniffio := sys.modules.get("sniffio"):
            # No event loop runs in the thread, so that the hook may run one of its own.
            self._context.run(sniffio.current_async_library_cvar.set, None)
        self._done = anyio.Event()
        # How a thread reaches the loop: both kinds of loop have such a call, under two names.
        loop: Any = current_token().native_token
        self._soon = getattr(loop, "call_soon_threadsafe", None) or loop.run_sync_soon
        self._error: BaseException | None = None
        self._result: T
        self.begun = False

    async def outcome(self) -> T:
        """Wait for the call; return or raise what it did."""
        await self._done.wait()
        if self._error is not None:
            raise self._error
        return self._result

    def run(self) -> None:
        """Make the call, in a thread, and tell the waiting task."""
        try:
            self._result = self._context.run(self._call)
        except BaseException as error:  # carried to the waiting task, which judges it (K5, F2)
            self._error = error
        try:
            self._soon(self._done.set)
        except RuntimeError:
            return  # the event loop has ended meanwhile: nobody is left to hear of it


class Workers:
    """At most ``max_threads`` threads, started as they are needed."""

    def __init__(self, max_threads: int = MAX_THREADS) -> None:
        self._max = max_threads
        self._begin()

    def _begin(self) -> None:
        self._process = os.getpid()
        self._threads = 0
        self._idle = 0
        self._jobs: deque[Job[Any]] = deque()
        self._wake = threading.Condition()

    def submit(self, call: Callable[[], T]) -> Job[T]:
        """Queue ``call`` for the next free thread, with a copy of the caller's context variables.

        To be called on an event loop, whose task then awaits ``job.outcome()``.
        """
        if self._process != os.getpid():
            self._begin()  # a fork has no threads, and perhaps a lock that one of them held
        job = Job(call)
        with self._wake:
            self._jobs.append(job)
            if self._idle >= len(self._jobs):
                self._wake.notify()
            elif self._threads < self._max:
                try:
                    threading.Thread(target=self._work, name="codex-hooks", daemon=True).start()
                except RuntimeError:  # the system has no thread left: a failure of this call (K5)
                    self._jobs.remove(job)
                    raise
                self._threads += 1
        return job

    def withdraw(self, job: Job[Any]) -> None:
        """Forget a job that nobody waits for any more; one that has begun runs to its end."""
        if not job.begun:
            with self._wake:
                if job in self._jobs:
                    self._jobs.remove(job)

    def _work(self) -> None:
        while True:
            with self._wake:
                self._idle += 1
                while not self._jobs:
                    if not self._wake.wait(IDLE_SECONDS) and not self._jobs:
                        self._idle -= 1
                        self._threads -= 1
                        return
                self._idle -= 1
                job = self._jobs.popleft()
                job.begun = True
            job.run()
            del job
