"""`Client`: a running codex with its plugins, what most callers begin with."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from codex_hooks import HookKernel

from ._config import ClientConfig
from ._models import PromptRunResult, RunProfile, SessionConfig
from ._runtime import Runtime
from ._session import Session

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from codex_hooks import HookReport

    from ._gate._ledger import ToolUseRecord
    from ._stream import PromptRunStream


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
    def tool_uses(self) -> tuple[ToolUseRecord, ...]:
        """What was decided about the latest tool uses, of all threads, oldest first."""
        gate = self.runtime.gate
        return gate.records if gate is not None else ()

    @property
    def latest_report(self) -> HookReport | None:
        """What the hooks did in the run that finished last."""
        return self.kernel.latest_report

    async def run(self, cwd: Path | str, prompt: str, **options: Any) -> PromptRunResult:
        """Run one prompt in a new thread; ``options`` are the fields of `RunProfile`.

        The thread is let go of at the end: Codex unloads it, and it can be resumed. Raises
        `BlockedByHook`, another `PromptRunError`, an `RpcError`, or `ConfigError` before anything
        is sent.
        """
        async with self.stream(cwd, prompt, **options) as stream:
            return await stream.finish()

    def stream(
        self, cwd: Path | str, prompt: str, **options: Any
    ) -> AbstractAsyncContextManager[PromptRunStream]:
        """Like `run`, with the turn's events as they come: ``async with`` it, then iterate."""
        params = RunProfile(**options).prompt_in(cwd, prompt)
        return self.runtime.stream_prompt(params, keep_loaded=False)

    async def start_session(self, config: SessionConfig) -> Session:
        """Start a thread to ask more than once; close it, or use it as a context manager."""
        return Session(await self.runtime.thread_start(config), config)

    async def resume_session(self, thread_id: str, config: SessionConfig) -> Session:
        """Take up a thread of the server's record."""
        return Session(await self.runtime.thread_resume(thread_id, config), config)
