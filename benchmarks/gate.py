"""What the tool gate adds to a tool call of the real codex, and hooks to a turn without tools.

A tool call is timed from the model's answer that makes it to the next request, which brings its
output: what Codex, the command ``true`` and both hooks take together. The same without the gate is
measured in turn with it, in rounds, on servers side by side. Run it with ``make bench``; it
prints a table, then the same as JSON. Figures swing with the machine; ratios hold better.
"""

from __future__ import annotations

import json
import logging
import statistics
import sys
import tempfile
import time
from collections import Counter
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio

from codex_hooks import HookContext, hookimpl
from codex_hooks_runtime import Client, ClientConfig, SessionConfig
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from codex_hooks_runtime import Session
    from codex_hooks_runtime.testing import ModelRequest, Step

ROUNDS: Final = 5
CALLS: Final = 30
SESSIONS: Final = 50
CALLS_OF_MANY: Final = 6
TURNS: Final = 60


class Watch:
    """A policy with nothing to say."""

    @hookimpl
    async def pre_turn(self, ctx: HookContext) -> None:
        """Look on."""

    @hookimpl
    async def post_turn(self, ctx: HookContext) -> None:
        """Look on."""

    @hookimpl
    async def pre_tool_use(self, ctx: HookContext) -> None:
        """Look on."""

    @hookimpl
    async def post_tool_use(self, ctx: HookContext) -> None:
        """Look on."""


class Clock:
    """A model that asks for as many tool calls as the prompt says, and times each of them."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self._asked: Counter[str] = Counter()
        self._since: dict[str, float] = {}

    def __call__(self, request: ModelRequest) -> Step:
        """Return the next step; runs on the model's thread."""
        now, thread = time.perf_counter(), request.thread_id
        if thread in self._since:
            self.seconds.append(now - self._since.pop(thread))
        wanted = int(request.user_texts[-1])
        if self._asked[thread] == wanted:
            self._asked[thread] = 0
            return Say("done")
        self._asked[thread] += 1
        self._since[thread] = time.perf_counter()
        return RunCommand("true")


class Party:
    """One codex, with the gate or without."""

    def __init__(self, client: Client, clock: Clock, cwd: Path) -> None:
        self._client = client
        self._clock = clock
        self._cwd = cwd

    async def session(self) -> Session:
        """Start a session that has had its first turn."""
        session = await self._client.start_session(SessionConfig(cwd=self._cwd))
        await session.ask("0")
        return session

    async def calls(self, session: Session, count: int) -> list[float]:
        """Return the seconds that each of ``count`` tool calls took, one after the other."""
        self._clock.seconds.clear()
        await session.ask(str(count))
        return list(self._clock.seconds)

    async def calls_of_many(self, sessions: list[Session], each: int) -> list[float]:
        """Return the same for ``each`` calls in each of many sessions at once."""
        self._clock.seconds.clear()
        async with anyio.create_task_group() as tasks:
            for session in sessions:
                tasks.start_soon(session.ask, str(each))
        return list(self._clock.seconds)


@asynccontextmanager
async def party(folder: Path, **config: Any) -> AsyncIterator[Party]:
    """Start one codex on a model of its own."""
    clock = Clock()
    with ScriptedModel(clock) as model, CodexHome(model.base_url) as home:
        options = ClientConfig(load_installed=False, env=home.env, **config)
        async with Client.connect(options) as client:
            yield Party(client, clock, folder)


async def measure(folder: Path) -> dict[str, Any]:
    """Return every figure, in milliseconds."""
    gated: dict[str, list[float]] = {"alone": [], "many": [], "turn": []}
    plain: dict[str, list[float]] = {"alone": [], "many": [], "turn": []}
    async with (
        party(folder, plugins=[Watch()]) as with_gate,
        party(folder, tool_gate="off") as without,
    ):
        for one, figures in ((with_gate, gated), (without, plain)):
            figures["alone"].clear()
            await one.calls(await one.session(), 3)  # warm
        pairs = [(with_gate, gated), (without, plain)]
        sessions = [(one, figures, await one.session()) for one, figures in pairs]
        for _ in range(ROUNDS):
            for one, figures, session in sessions:
                figures["alone"] += await one.calls(session, CALLS)
            for _turn in range(TURNS // ROUNDS):
                for _, figures, session in sessions:
                    began = time.perf_counter()
                    await session.ask("0")
                    figures["turn"].append(time.perf_counter() - began)
        for one, figures in pairs:
            many = [await one.session() for _ in range(SESSIONS)]
            figures["many"] += await one.calls_of_many(many, CALLS_OF_MANY)
    return {
        "tool call, alone": compared(gated["alone"], plain["alone"], 25),
        f"tool call, {SESSIONS} sessions at once": compared(gated["many"], plain["many"], None),
        "turn without tools": compared(gated["turn"], plain["turn"], 1),
    }


def compared(gated: list[float], plain: list[float], target: float | None) -> dict[str, Any]:
    """Return three quantiles in milliseconds, what is added, and the ratio.

    The tenth percentile is what a machine that does nothing else comes near.
    """
    figures: dict[str, Any] = {"samples": len(gated)}
    for name, pick in (("p10", _p10), ("median", statistics.median), ("p99", _p99)):
        with_gate, without = pick(gated) * 1000, pick(plain) * 1000
        figures[name] = {
            "gated": round(with_gate, 2),
            "plain": round(without, 2),
            "added": round(with_gate - without, 2),
            "ratio": round(with_gate / without, 2),
        }
    return figures | {"target_added_median": target}


def _p10(values: list[float]) -> float:
    return statistics.quantiles(values, n=10)[0]


def _p99(values: list[float]) -> float:
    return statistics.quantiles(values, n=100)[98]


def main() -> None:
    """Measure, and print a table and JSON."""
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        figures = anyio.run(measure, Path(folder))
    print(f"{'milliseconds':38}{'gated':>9}{'plain':>9}{'added':>9}{'ratio':>8}{'target':>9}")
    for name, row in figures.items():
        for part in ("p10", "median", "p99"):
            target = row["target_added_median"] if part == "median" else None
            cells = "".join(f"{row[part][key]:9.2f}" for key in ("gated", "plain", "added"))
            said = f"{'≤ ' + str(target) if target is not None else '':>9}"
            print(f"{name + ', ' + part:38}{cells}{row[part]['ratio']:8.2f}{said}")
    json.dump(figures, sys.stdout, indent=2)
    print()


if __name__ == "__main__":
    main()
