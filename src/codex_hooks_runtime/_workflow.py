"""Short ways: one prompt and gone, one folder again and again."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from ._client import Client
from ._models import RunProfile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    from ._config import ClientConfig
    from ._models import PromptRunResult
    from ._session import Session
    from ._stream import PromptRunStream


async def quick_run(
    cwd: Path | str, prompt: str, *, config: ClientConfig | None = None, **options: Any
) -> PromptRunResult:
    """Start codex, run one prompt in a new thread, and leave nothing running.

    ``options`` are the fields of `RunProfile`. Raises what `Client.connect` and `Client.run` raise;
    what is wrong with the options is said before codex is started.
    """
    params = RunProfile(**options).prompt_in(cwd, prompt)
    async with Client.connect(config) as client:
        return await client.runtime.run_prompt(params)


class Workflow:
    """One folder and one profile, for prompt after prompt. Made by `connect`."""

    def __init__(self, client: Client, cwd: Path | str, profile: RunProfile) -> None:
        self.client = client
        self.cwd = cwd
        self.profile = profile

    @classmethod
    @asynccontextmanager
    async def connect(
        cls,
        cwd: Path | str,
        profile: RunProfile | None = None,
        *,
        config: ClientConfig | None = None,
    ) -> AsyncIterator[Workflow]:
        """Start codex for the ``async with`` block; raises what `Client.connect` raises."""
        async with Client.connect(config) as client:
            yield cls(client, cwd, profile or RunProfile())

    async def run(self, prompt: str) -> PromptRunResult:
        """Run a prompt in a thread of its own, as `Client.run` does."""
        async with self.stream(prompt) as stream:
            return await stream.finish()

    def stream(self, prompt: str) -> AbstractAsyncContextManager[PromptRunStream]:
        """Like `run`, with the turn's events as they come."""
        params = self.profile.prompt_in(self.cwd, prompt)
        return self.client.runtime.stream_prompt(params, keep_loaded=False)

    async def start_session(self) -> Session:
        """Start a thread that remembers, by the same profile."""
        return await self.client.start_session(self.profile.session_in(self.cwd))
