"""`Session`: one thread, asked again and again, and archived once."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from ._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from typing import Self

    from ._handle import ThreadHandle
    from ._models import PromptRunParams, PromptRunResult, RunProfile, SessionConfig
    from ._stream import PromptRunStream


class Session:
    """One thread, whose turns run one after the other. Made by `Client`.

    The plugins of its ``config`` are active for this thread until it is closed; those of a profile
    or of params, for that one run (K9).
    """

    def __init__(self, thread: ThreadHandle, config: SessionConfig) -> None:
        self.config = config
        self._thread = thread
        self._runtime = thread.runtime
        self._closing = anyio.Lock()
        self._closed = False
        self._archived = False
        self._close_error: Exception | None = None

    @property
    def thread_id(self) -> str:
        """The thread's id."""
        return self._thread.thread_id

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def profile(self) -> RunProfile:
        """Return how this session's turns are run; its plugins are active without being named."""
        return self.config.profile(plugins=())

    async def ask(self, prompt: str) -> PromptRunResult:
        """Ask, with the session's own profile, and return the answer."""
        return await self.ask_with_profile(prompt, self.profile())

    async def ask_with_profile(self, prompt: str, profile: RunProfile) -> PromptRunResult:
        """Ask with another profile than the session's, for this once."""
        return await self.ask_with(profile.prompt_in(self.config.cwd, prompt))

    async def ask_with(self, params: PromptRunParams) -> PromptRunResult:
        """Ask with ``params``, for this once; they may name another folder too."""
        self._check_open()
        return await self._runtime.run_prompt_in_thread(self.thread_id, params)

    @asynccontextmanager
    async def stream(
        self, prompt: str, profile: RunProfile | None = None
    ) -> AsyncIterator[PromptRunStream]:
        """Ask, and read the turn's events as they come."""
        self._check_open()
        params = (profile or self.profile()).prompt_in(self.config.cwd, prompt)
        async with self._runtime.stream_prompt(params, thread_id=self.thread_id) as stream:
            yield stream

    async def interrupt_turn(self, turn_id: str) -> None:
        """Ask the server to stop a turn of this session."""
        self._check_open()
        await self._runtime.turn_interrupt(self.thread_id, turn_id)

    async def close(self) -> None:
        """Archive the thread, once; later calls have the same result."""
        async with self._closing:
            if not self._archived:
                self._closed = True
                try:
                    await self._runtime.thread_archive(self.thread_id)
                except Exception as error:
                    self._close_error = error
                self._archived = True  # not when cancelled: then the next call goes on with it
        if self._close_error is not None:
            raise self._close_error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, _: object, raised: BaseException | None, __: object) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self.close()
            except Exception as error:
                if raised is None:
                    raise
                # What went wrong in the block is the news, a cancellation most of all.
                raised.add_note(f"the session could not be archived: {error}")

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigError(f"session {self.thread_id} is closed: start another, or resume it")
