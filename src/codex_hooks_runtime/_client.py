"""`Client` and `Session`: what most callers use."""

from __future__ import annotations

from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks import HookKernel

from ._config import ClientConfig
from ._errors import ConfigError
from ._models import PromptRunParams, PromptRunResult, RunProfile, SessionConfig
from ._runtime import Runtime

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from typing import Self

    from codex_hooks import HookReport

    from ._stream import PromptRunStream
    from ._thread import LoadedThread


class Client:
    """A running codex with its plugins. Made by `connect`."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    @classmethod
    @asynccontextmanager
    async def connect(cls, config: ClientConfig | None = None) -> AsyncIterator[Client]:
        """Load the plugins and start codex for the ``async with`` block.

        Raises `PluginError` and `DiscoveryError` for plugins that cannot be used, `CodexNotFound`,
        `CodexUnsupported` or another of the tree for a codex that cannot; nothing is left running.
        """
        config = config or ClientConfig()
        kernel = HookKernel()
        try:
            if config.load_installed:
                kernel.load_installed(config.settings)
            for plugin in config.plugins:
                kernel.register(plugin)
            async with Runtime.spawn_local(config, kernel) as runtime:
                yield cls(runtime)
        finally:
            kernel.close()

    @property
    def kernel(self) -> HookKernel:
        """The kernel: to register further plugins, and for the reports."""
        return self.runtime.kernel

    @property
    def latest_report(self) -> HookReport | None:
        """What the hooks did in the run that finished last."""
        return self.kernel.latest_report

    async def run(self, cwd: Path | str, prompt: str, **options: Any) -> PromptRunResult:
        """Run one prompt in a new thread; ``options`` are the fields of `RunProfile`.

        Raises `BlockedByHook`, another `PromptRunError`, an `RpcError`, or `ConfigError` before
        anything is sent.
        """
        return await self.runtime.run_prompt(
            PromptRunParams(cwd=Path(cwd), prompt=prompt, **options)
        )

    def stream(
        self, cwd: Path | str, prompt: str, **options: Any
    ) -> AbstractAsyncContextManager[PromptRunStream]:
        """Like `run`, with the turn's events as they come: ``async with`` it, then iterate."""
        return self.runtime.stream_prompt(PromptRunParams(cwd=Path(cwd), prompt=prompt, **options))

    async def start_session(self, config: SessionConfig) -> Session:
        """Start a thread to ask more than once; close it, or use it as a context manager."""
        thread = await self.runtime.thread_start(config, config.cwd)
        return Session(self.runtime, thread, config)

    async def resume_session(self, thread_id: str, config: SessionConfig) -> Session:
        """Take up a thread of the server's record."""
        thread = await self.runtime.thread_resume(thread_id, config, config.cwd)
        return Session(self.runtime, thread, config)


class Session:
    """One thread, asked again and again. Turns of one session run one after the other."""

    def __init__(self, runtime: Runtime, thread: LoadedThread, config: SessionConfig) -> None:
        self.config = config
        self._runtime = runtime
        self._thread = thread
        self._closing = anyio.Lock()
        self._closed = False
        self._close_error: Exception | None = None
        self._archived = False

    @property
    def thread_id(self) -> str:
        """The thread's id."""
        return self._thread.thread_id

    @property
    def is_closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def profile(self) -> RunProfile:
        """Return how this session's turns are run by default."""
        return self.config.profile()

    async def ask(self, prompt: str) -> PromptRunResult:
        """Ask, with the session's own profile, and return the answer."""
        async with self.stream(prompt) as stream:
            return await stream.finish()

    async def ask_with(self, params: PromptRunParams) -> PromptRunResult:
        """Ask with ``params``; policy and sandbox hold from this turn on, as codex has it."""
        self._check_open()
        return await self._runtime.run_prompt_in_thread(self.thread_id, params)

    async def ask_with_profile(self, prompt: str, profile: RunProfile) -> PromptRunResult:
        """Ask with another profile than the session's."""
        return await self.ask_with(self._params(prompt, profile))

    @asynccontextmanager
    async def stream(self, prompt: str) -> AsyncIterator[PromptRunStream]:
        """Ask, and read the turn's events as they come."""
        self._check_open()
        params = self._params(prompt, self.config)
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
                self._closed = self._archived = True
                try:
                    await self._runtime.thread_archive(self.thread_id)
                except Exception as error:
                    self._close_error = error
        if self._close_error is not None:
            raise self._close_error

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        with anyio.CancelScope(shield=True):
            await self.close()

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigError(f"session {self.thread_id} is closed: start another, or resume it")

    def _params(self, prompt: str, profile: RunProfile) -> PromptRunParams:
        values = {name: getattr(profile, name) for name in RunProfile.model_fields}
        return PromptRunParams(cwd=self.config.cwd, prompt=prompt, **values)
