"""Ten thousand turns and fifty crashes of the server, after which everything is as it began.

On the scripted server: pipes and the loopback of this machine are all that is used. Memory, tasks,
threads, file descriptors and processes are compared with those after a warm-up; the exit status is
1 if any of them has grown. Run it with ``make soak``; ``soak.py TURNS CRASHES`` does less or more.
"""

from __future__ import annotations

import gc
import logging
import os
import sys
import tempfile
import threading
import tracemalloc
from pathlib import Path

import anyio
from scripted_codex import scripted_codex

from codex_hooks import HookContext, hookimpl
from codex_hooks_runtime import (
    Client,
    ClientConfig,
    RestartPolicy,
    SessionConfig,
    TransportClosed,
)

# What caches and the allocator may still take once everything was used a few hundred times.
MEMORY_ALLOWED = 512 * 1024
WARM_UP = 300
SESSIONS = 10


class Watch:
    """A policy with nothing to say."""

    @hookimpl
    async def pre_turn(self, ctx: HookContext) -> None:
        """Look on."""

    @hookimpl
    async def post_run(self, ctx: HookContext) -> None:
        """Look on."""


async def main(turns: int, crashes: int) -> bool:
    """Run ``turns`` with ``crashes`` among them; return whether nothing has grown."""
    logging.disable()
    tracemalloc.start()
    events = 0

    def sink(_: object) -> None:
        nonlocal events
        events += 1

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        config = ClientConfig(
            codex=scripted_codex(folder),
            env={"SCRIPTED_RECORD": str(folder / "record.json")},
            plugins=[Watch()],
            load_installed=False,
            event_sink=sink,
            restart=RestartPolicy(max_restarts=10 * crashes, first_delay=0, longest_delay=0),
        )
        async with Client.connect(config) as client:
            await work(client, folder, WARM_UP, crashes=2)
            before = await holdings(client)
            await work(client, folder, turns, crashes)
            after = await holdings(client)
            restarts = client.runtime.server.restarts
    print(f"{turns} turns, {restarts} restarts, {events} events")
    print(f"{'':<24} {'before':>12} {'after':>12}")
    for what in before:
        print(f"{what:<24} {before[what]:>12,} {after[what]:>12,}")
    grown = {what for what in before if after[what] > before[what]}
    if after["memory"] - before["memory"] <= MEMORY_ALLOWED:
        grown.discard("memory")
    print(f"grown: {', '.join(sorted(grown)) or 'nothing'}")
    return not grown and restarts == crashes + 2


async def work(client: Client, folder: Path, turns: int, crashes: int) -> None:
    """Ask in sessions side by side, each closed in the end; each round the server dies once."""
    for _ in range(crashes):
        async with anyio.create_task_group() as tasks:
            for number in range(SESSIONS):
                tasks.start_soon(ask, client, folder, turns // crashes // SESSIONS, number == 0)


async def ask(client: Client, folder: Path, turns: int, kills: bool) -> None:
    """Run ``turns`` in a session: most to their end, some left early, one deadly."""
    async with await client.start_session(SessionConfig(cwd=folder)) as session:
        for number in range(turns):
            try:
                if kills and number == turns // 2:
                    await session.ask("die")
                elif number % 10 == 9:
                    async with session.stream("hang") as stream:
                        await anext(stream)
                else:
                    await session.ask("say 5")
            except TransportClosed:
                pass  # the turns that were under way when the server died


async def holdings(client: Client) -> dict[str, int]:
    """Return what there is now of everything that could be left over."""
    runtime = client.runtime
    relay = runtime.gate._relay if runtime.gate is not None else None
    gc.collect()
    listing = await anyio.run_process(["ps", "-eo", "ppid="])
    return {
        "memory": tracemalloc.get_traced_memory()[0],
        "tasks": len(anyio.get_running_tasks()),
        "threads": threading.active_count(),
        "file descriptors": _entries(Path("/dev/fd")),
        "processes": listing.stdout.decode().split().count(str(os.getpid())),
        "open threads of codex": len(runtime.threads._threads),
        "plugins": len(client.kernel.registrations()),
        "files of the gate": _entries(relay.folder) if relay is not None else 0,
        "known threads": len(runtime.state_snapshot().threads),
    }


def _entries(folder: Path) -> int:
    return sum(1 for _ in folder.iterdir())


if __name__ == "__main__":
    counts = [int(argument) for argument in sys.argv[1:]] or [10_000, 50]
    sys.exit(not anyio.run(main, *counts))
