"""What the runtime takes for requests, events and turns, beside the official Python client.

Both clients talk to servers of the same kind: a scripted one that answers at once, so that the
clients are what is measured, and at last the real codex on a scripted model. They are measured in
turn, in rounds, and the best round counts: on a busy machine absolute figures swing, ratios of
minima hold. Run it with ``make bench``; it prints a table, then the same as JSON.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import tempfile
import time
import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from model import model_process
from official_client import official_client
from our_client import our_client
from scripted_codex import scripted_codex

from codex_hooks_runtime._binary import find_codex
from codex_hooks_runtime.testing import CodexHome

if TYPE_CHECKING:
    from collections.abc import Callable

    from official_client import OfficialClient
    from our_client import OurClient

ROUNDS = 15
REQUESTS = 200
CALLERS = 100
EVENTS = 100_000
WORDS = 200
SESSIONS = 200

PLAIN = ("bench/event", {"threadId": "t", "text": "word " * 24})
DELTA = (
    "item/agentMessage/delta",
    {"threadId": "t", "turnId": "u", "itemId": "m", "delta": "word " * 16},
)


class Table:
    """The figures, as they come and as JSON."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def add(
        self, what: str, unit: str, ours: float, official: float | None = None, target: str = ""
    ) -> None:
        """Add one figure; the ratio is ours to the official client's."""
        ratio = None if official is None else ours / official
        self.rows.append(
            {"what": what, "unit": unit, "ours": ours, "official": official, "ratio": ratio}
        )
        shown = [
            f"{value:>12,.1f}" if value is not None else f"{'-':>12}" for value in (ours, official)
        ]
        compared = f"{ratio:>7.2f}" if ratio is not None else f"{'-':>7}"
        print(f"{what:<52} {shown[0]} {shown[1]} {unit:<6} {compared}  {target}", flush=True)


async def main() -> None:
    """Measure everything."""
    logging.disable()
    table = Table()
    print(f"{'':<52} {'ours':>12} {'official':>12} {'':<6} {'ratio':>7}  target")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        codex = scripted_codex(folder)
        async with our_client(codex, {}, tool_gate="off") as ours:
            with official_client([str(codex), "app-server"]) as official:
                await requests(table, ours, official)
                await notifications(table, ours, official)
                await scripted_turns(table, ours, official, folder)
        await memory(table, codex, folder)
        await real_turns(table, folder)
    imports(table)
    print(json.dumps(table.rows))


async def requests(table: Table, ours: OurClient, official: OfficialClient) -> None:
    """Measure one request after the other, then many at once."""
    best = await _best_of_both(
        lambda: ours.round_trips(REQUESTS), lambda: official.round_trips(REQUESTS)
    )
    table.add("request round trip", "us", *_each(best, REQUESTS), target="<= 1.1")
    each = 20
    best = await _best_of_both(
        lambda: ours.pipelined(CALLERS, each), lambda: official.pipelined(CALLERS, each), rounds=5
    )
    table.add(f"request of {CALLERS} callers at once", "us", *_each(best, CALLERS * each))


async def notifications(table: Table, ours: OurClient, official: OfficialClient) -> None:
    """Measure events to one subscriber, and to a hundred: the official client has one alone."""
    for what, event in (("an event", PLAIN), ("a delta", DELTA)):
        best = await _best_of_both(
            lambda event=event: ours.notifications(*event, EVENTS),  # type: ignore[misc]
            lambda event=event: official.notifications(*event, EVENTS),  # type: ignore[misc]
            rounds=5,
        )
        rates = [EVENTS / seconds for seconds in best]
        table.add(f"{what} to one subscriber", "/s", *rates, target=">= 3")
    seconds = min([await ours.notifications(*DELTA, EVENTS // 5, 100) for _ in range(3)])
    table.add("a delta to each of 100 subscribers", "/s", EVENTS // 5 * 100 / seconds)


async def scripted_turns(
    table: Table, ours: OurClient, official: OfficialClient, folder: Path
) -> None:
    """Measure turns that stream at the same time, and interrupts of another one meanwhile."""
    for count in (1, 50, 500):
        seconds, latencies = await ours.turns(count, WORDS, folder)
        other, others = await anyio.to_thread.run_sync(official.turns, count, WORDS, str(folder))
        rates = count * WORDS / seconds, count * WORDS / other
        table.add(f"deltas of {count} turns at once", "/s", *rates)
        if latencies and others:
            worst = max(latencies) * 1000, max(others) * 1000
            table.add("  the slowest interrupt meanwhile", "ms", *worst, target="ours <= 100 ms")


async def memory(table: Table, codex: Path, folder: Path) -> None:
    """Measure what an idle session holds, and what events leave behind that nobody reads."""
    tracemalloc.start()
    async with our_client(codex, {}) as ours:
        before = tracemalloc.get_traced_memory()[0]
        sessions = await ours.sessions(SESSIONS, folder)
        after = tracemalloc.get_traced_memory()[0]
        table.add(
            "memory of an idle session behind its gate", "KiB", (after - before) / SESSIONS / 1024
        )
        async with ours.client.runtime.subscribe_live():
            before = tracemalloc.get_traced_memory()[0]
            await ours.notifications(*PLAIN, EVENTS, subscribers=0)
            mine = tracemalloc.get_traced_memory()[0] - before
        del sessions
    with official_client([str(codex), "app-server"]) as official:
        before = tracemalloc.get_traced_memory()[0]
        await anyio.to_thread.run_sync(official.unread, *PLAIN, EVENTS)
        theirs = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    table.add(f"memory of {EVENTS:,} events that nobody reads", "MiB", mine / 2**20, theirs / 2**20)


async def real_turns(table: Table, folder: Path) -> None:
    """Measure turns of the real codex that stream at the same time; ours are under the gate.

    Codex itself and the model have the larger part in these.
    """
    codex = find_codex()
    for count in (1, 50, 500):
        with model_process() as address, CodexHome(address) as home:
            async with our_client(codex, home.env) as ours:
                seconds, latencies = await ours.turns(count, WORDS, folder)
            with official_client([str(codex), "app-server"], home.env) as official:
                other, others = await anyio.to_thread.run_sync(
                    official.turns, count, WORDS, str(folder)
                )
        rates = count / seconds, count / other
        table.add(f"turns of the real codex, {count} at once", "/s", *rates)
        if latencies and others:
            worst = max(latencies) * 1000, max(others) * 1000
            table.add("  the slowest interrupt meanwhile", "ms", *worst)


def imports(table: Table) -> None:
    """Measure importing, as a whole process."""
    package, official, nothing = (
        min(_seconds_of(["-c", code]) for _ in range(ROUNDS)) * 1000
        for code in (
            "import codex_hooks_runtime",
            "import openai_codex",
            "pass",
        )
    )
    table.add("import, as a whole process", "ms", package, official, target="ours <= 100 ms")
    table.add("  a process that imports nothing", "ms", nothing)


async def _best_of_both(
    ours: Callable[[], Any], official: Callable[[], float], *, rounds: int = ROUNDS
) -> tuple[float, float]:
    pairs = [(await ours(), await anyio.to_thread.run_sync(official)) for _ in range(rounds)]
    return min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)


def _each(seconds: tuple[float, float], count: int) -> list[float]:
    return [one / count * 1e6 for one in seconds]


def _seconds_of(arguments: list[str]) -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    anyio.run(main)
