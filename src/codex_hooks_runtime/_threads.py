"""The threads that are open here: each opened once at a time, inside its session hooks (R1)."""

from __future__ import annotations

from contextlib import ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from codex_hooks import HookPhase

from ._bracket import bracket
from ._errors import RpcError
from ._sandbox import sandbox_name
from ._undo import GRACE_SECONDS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from codex_hooks import Registration, Run

    from ._approver import Deciders
    from ._models import RunProfile
    from ._opening import How, ThreadOpener
    from ._thread import LoadedThread


class OpenThreads:
    """The open threads of one runtime, by id, with the plugins that are theirs (K9)."""

    def __init__(self, opener: ThreadOpener, deciders: Deciders) -> None:
        self._opener = opener
        self._deciders = deciders
        self._threads: dict[str, LoadedThread] = {}
        self._plugins: dict[str, list[Registration]] = {}
        self._opening: dict[str, anyio.Lock] = {}

    def get(self, thread_id: str | None) -> LoadedThread | None:
        """Return the thread if it is open here, on a server that may have crashed since."""
        return None if thread_id is None else self._threads.get(thread_id)

    @asynccontextmanager
    async def at_turn(
        self,
        run: Run,
        thread_id: str | None,
        profile: RunProfile,
        cwd: Path,
        *,
        keep: bool = True,
    ) -> AsyncIterator[LoadedThread]:
        """Yield a thread that is ready for a turn: a new one, or ``thread_id`` when it is at rest.

        One that is not open is resumed, in ``run``; if it was open, on a server that has crashed
        since, then as it was opened there, not as ``profile`` and ``cwd`` say. Its other turns wait
        until the end of the block; then it is kept open, or let go of.
        """
        thread = await self._next_turn(run, thread_id, profile, cwd)
        try:
            yield thread
        finally:
            try:
                if not keep:
                    with anyio.move_on_after(GRACE_SECONDS, shield=True):
                        await self._release(thread)
            except RpcError:
                pass  # the server is gone, and the thread with it
            finally:
                thread.turns.release()

    async def _next_turn(
        self, run: Run, thread_id: str | None, profile: RunProfile, cwd: Path
    ) -> LoadedThread:
        while True:
            thread = await self._ready(run, thread_id, profile, cwd)
            await thread.begin_turn()
            # What was waited for may have closed it, or the server crashed.
            if self.get(thread.thread_id) is thread and not thread.is_lost:
                return thread
            thread.turns.release()
            thread_id = thread.thread_id

    async def _ready(
        self, run: Run, thread_id: str | None, profile: RunProfile, cwd: Path
    ) -> LoadedThread:
        if thread_id is None:
            return await self._open(run, "start", None, profile, cwd)
        async with self._alone_with(thread_id):
            known = self.get(thread_id)
            if known is None:
                return await self._open(run, "resume", thread_id, profile, cwd)
            if not known.is_lost:
                return known
            return await self._open(run, "resume", thread_id, known.profile, known.cwd)

    async def open(
        self, run: Run, how: How, thread_id: str | None, profile: RunProfile, cwd: Path
    ) -> LoadedThread:
        """Open a thread in ``run``, whose own plugins become the thread's.

        One that is to be resumed and is open already passes its hooks and stays as it is.
        """
        async with self._alone_with(thread_id):
            thread = await self._open(run, how, thread_id, profile, cwd)
            if handed := run.hand_over(thread.thread_id):
                self._plugins.setdefault(thread.thread_id, []).extend(handed)
            return thread

    def close(self, thread_id: str) -> None:
        """Block whatever the thread still does, and open it anew when it is next used."""
        thread = self._threads.pop(thread_id, None)
        if thread is not None:
            thread.close()

    @asynccontextmanager
    async def closing(self, thread_id: str) -> AsyncIterator[None]:
        """`close` the thread; nobody opens it anew before the ``async with`` block is over."""
        async with self._alone_with(thread_id):
            self.close(thread_id)
            yield

    async def release(self, thread_id: str) -> None:
        """Close the thread when it is at rest, and let the server unload it."""
        thread = self.get(thread_id)
        if thread is not None:
            await thread.begin_turn()
            try:
                await self._release(thread)
            finally:
                thread.turns.release()

    async def _release(self, thread: LoadedThread) -> None:
        """Release a thread that is at rest: the server tells nothing more of its turns."""
        try:
            async with self._alone_with(thread.thread_id):
                await self._opener.release(thread)
        finally:
            if self.get(thread.thread_id) is thread:
                self.close(thread.thread_id)

    def end_plugins(self, thread_id: str) -> None:
        """End the plugins that are the thread's."""
        with ExitStack() as ended:
            for plugin in self._plugins.pop(thread_id, ()):
                ended.enter_context(plugin)

    def close_all(self) -> None:
        """Block whatever any thread still does, and end the plugins that are theirs."""
        for thread_id in list(self._threads):
            self.close(thread_id)
        for thread_id in list(self._plugins):
            self.end_plugins(thread_id)

    async def _open(
        self, run: Run, how: How, thread_id: str | None, profile: RunProfile, cwd: Path
    ) -> LoadedThread:
        before = run.context(
            HookPhase.PRE_SESSION_START,
            thread_id=None if how == "fork" else thread_id,
            parent_thread_id=thread_id if how == "fork" else None,
            cwd=str(cwd),
            model=profile.model,
            approval_policy=profile.approval_policy,
            sandbox=sandbox_name(profile.sandbox_policy),
        )
        async with bracket(self._deciders, run, before) as stage:
            thread = self.get(thread_id) if how == "resume" else None
            if thread is None or thread.is_lost:
                if thread is not None:
                    thread.close()
                model = stage.context.model
                thread = await self._opener.open(how, thread_id, profile, cwd, model=model)
            stage.learn(thread_id=thread.thread_id, model=thread.model or stage.context.model)
            self._threads[thread.thread_id] = thread
            return thread

    @asynccontextmanager
    async def _alone_with(self, thread_id: str | None) -> AsyncIterator[None]:
        """Keep two callers from opening one thread twice: Codex would arm the first gate alone."""
        if thread_id is None:
            yield
            return
        lock = self._opening.setdefault(thread_id, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and not lock.statistics().tasks_waiting:
                self._opening.pop(thread_id, None)
