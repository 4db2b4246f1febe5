"""`ThreadHandle`: one open thread, turn by turn, for callers who want no more than that."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from ._turns import hooked_turn, steer_turn
from ._wire import check_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from codex_hooks import Attachment

    from ._models import RunProfile
    from ._records import ThreadRecord
    from ._runtime import Runtime
    from ._stream import PromptRunStream
    from ._thread import LoadedThread


class ThreadHandle:
    """A thread that is open behind its gate. Made by `Runtime`.

    Its turns have their turn hooks, and no run hooks: those are for a whole prompt run.
    """

    def __init__(self, runtime: Runtime, thread: LoadedThread) -> None:
        self.runtime = runtime
        self._thread = thread

    @property
    def thread_id(self) -> str:
        """The thread's id."""
        return self._thread.thread_id

    @property
    def record(self) -> ThreadRecord:
        """What the server said of it when it was opened."""
        return self._thread.record

    @asynccontextmanager
    async def turn_start(
        self, prompt: str, profile: RunProfile | None = None
    ) -> AsyncIterator[PromptRunStream]:
        """Start a turn; iterate over its events, or `finish` it. Left early, it is interrupted.

        ``profile`` is the thread's own if not given. A turn waits for the one before it.
        """
        runtime, thread = self.runtime, self._thread
        params = (profile or thread.profile.profile(plugins=())).prompt_in(thread.cwd, prompt)
        check_run(params, params.cwd)
        async with runtime.kernel.run(metadata=params.metadata) as run:
            for plugin in params.plugins:
                run.register(plugin)
            async with runtime.threads.at_turn(
                run, self.thread_id, thread.profile, thread.cwd
            ) as thread:
                self._thread = thread
                async with hooked_turn(runtime.deciders, run, thread, params) as stream:
                    yield stream

    async def turn_steer(
        self, expected_turn_id: str, prompt: str, attachments: Sequence[Attachment] = ()
    ) -> str:
        """Say more into the turn that is under way, through ``pre_turn``; return its id.

        Raises `BlockedByHook`, and `InvalidRequest` if another turn is under way.
        """
        return await steer_turn(
            self.runtime.deciders, self._thread, expected_turn_id, prompt, tuple(attachments)
        )

    async def turn_interrupt(
        self,
        turn_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as Connection.call has it
    ) -> None:
        """Ask the server to stop a turn of this thread."""
        await self.runtime.turn_interrupt(self.thread_id, turn_id, timeout=timeout)
