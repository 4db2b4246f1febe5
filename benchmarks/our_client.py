"""`codex_hooks_runtime`, asked to do the same."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks_runtime import Client, ClientConfig, SessionConfig
from codex_hooks_runtime._messages import LiveEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
    from pathlib import Path

    from codex_hooks_runtime import Session


class OurClient:
    """One server and the seconds that things take on it."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._server = client.runtime.server

    async def round_trips(self, count: int) -> float:
        """Return the seconds for ``count`` requests, one after the other."""
        began = time.perf_counter()
        for number in range(count):
            await self._server.call("bench/echo", {"number": number})
        return time.perf_counter() - began

    async def pipelined(self, callers: int, each: int) -> float:
        """Return the seconds for ``each`` requests from each of ``callers``: tasks, here."""
        return await _together([lambda: self.round_trips(each)] * callers)

    async def notifications(
        self, method: str, params: dict[str, Any], count: int, subscribers: int = 1
    ) -> float:
        """Return the seconds until each of ``subscribers`` has read ``count`` notifications."""

        async def read(task_status: anyio.abc.TaskStatus[None]) -> None:
            left = count
            async with self._server.subscribe_live(capacity=count) as events:
                task_status.started()
                while left:
                    batch = await events.receive_batch()
                    left -= sum(isinstance(one, LiveEvent) for one in batch)

        async with anyio.create_task_group() as tasks:
            for _ in range(subscribers):
                await tasks.start(read)
            began = time.perf_counter()
            await self._server.call(
                "bench/notify", {"method": method, "params": params, "count": count}
            )
            await self._server.call("bench/echo")
        return time.perf_counter() - began

    async def sessions(self, count: int, cwd: Path) -> list[Session]:
        """Return ``count`` open sessions."""
        config = SessionConfig(cwd=cwd, timeout=600)
        return [await self.client.start_session(config) for _ in range(count)]

    async def turns(self, count: int, words: int, cwd: Path) -> tuple[float, list[float]]:
        """Return the seconds for ``count`` turns at once, and those of interrupts meanwhile."""
        sessions = await self.sessions(count + 1, cwd)
        latencies: list[float] = []

        async def interrupt() -> None:
            while True:
                async with sessions[-1].stream("hang") as stream:
                    began = time.perf_counter()
                    await stream.interrupt()
                    latencies.append(time.perf_counter() - began)
                    async for _ in stream:
                        pass

        async def ask(session: Session) -> None:
            async with session.stream(f"say {words}") as stream:
                async for _ in stream:
                    pass

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(interrupt)
            seconds = await _together(
                [lambda session=session: ask(session) for session in sessions[:-1]]  # type: ignore[misc]
            )
            tasks.cancel_scope.cancel()
        return seconds, latencies


@asynccontextmanager
async def our_client(
    codex: Path, env: Mapping[str, str], **config: Any
) -> AsyncIterator[OurClient]:
    """Start ``codex`` under our client."""
    async with Client.connect(
        ClientConfig(codex=codex, env=env, load_installed=False, **config)
    ) as client:
        yield OurClient(client)


async def _together(work: list[Callable[[], Awaitable[object]]]) -> float:
    began = time.perf_counter()
    async with anyio.create_task_group() as tasks:
        for one in work:
            tasks.start_soon(one)
    return time.perf_counter() - began
