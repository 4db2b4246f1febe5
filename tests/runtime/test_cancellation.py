"""F30: a caller who is cancelled, at every step of everything, leaves nothing behind."""

from __future__ import annotations

import os
import signal
from collections import Counter
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import HookContext, hookimpl
from codex_hooks_runtime import RestartPolicy, SessionConfig
from codex_hooks_runtime.testing import Hang, Say
from runtime.leftovers import children, nothing_left
from runtime.scripted import Journal, scripted
from runtime.scripted_client import scripted_client
from runtime.stepping import cancelled_at, cancelled_by_asyncio_at, cancelled_everywhere

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime import Client


async def use(client: Client, folder: Path) -> None:
    """Do a bit of everything."""
    async with await client.start_session(SessionConfig(cwd=folder)) as session:
        await session.ask("say 3")
        async with session.stream("hang") as stream:
            await anext(stream)


def once_each(journal: Journal) -> None:
    """Hold each post phase to its pre phase: what was begun is ended, once."""
    phases = Counter(journal.phases)
    for pre, count in phases.items():
        if pre.startswith("pre_"):
            # One more post than pre: a run that was cancelled before its first plugin was asked.
            assert phases[pre.replace("pre_", "post_")] - count in {0, 1}, phases


@pytest.mark.parametrize(("gate", "stride"), [("off", 1), ("native", 6)])
async def test_a_client_cancelled_at_any_step_of_its_life_leaves_nothing(
    gate: str, stride: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F30, R1, R6: connecting, starting, running, streaming, closing."""
    journals: list[Journal] = []

    async def live() -> None:
        journals.append(Journal())
        async with scripted_client(tmp_path, tool_gate=gate, plugins=journals[-1:]) as client:
            await use(client, tmp_path)

    steps = 0
    async with nothing_left(tmp_path, monkeypatch):
        async for steps in cancelled_everywhere(live, stride=stride):
            assert await children() == [], f"after step {steps}"
            once_each(journals[-1])
    assert steps > 30
    assert Counter(journals[-1].phases).keys() == set(journals[-1].phases)
    assert "post_turn" in journals[-1].phases


async def test_a_turn_cancelled_at_any_step_leaves_its_session_as_it_was(tmp_path: Path) -> None:
    """F30, R1: the session answers as before, and nothing is subscribed, pending or registered."""
    journal = Journal()
    async with (
        scripted_client(tmp_path, tool_gate="native", plugins=[journal]) as client,
        await client.start_session(SessionConfig(cwd=tmp_path)) as session,
    ):
        await session.ask("say 1")
        before = await holdings(client)

        async def turn() -> None:
            await session.ask("say 2")
            async with session.stream("hang") as stream:
                await anext(stream)

        step = 0
        async for step in cancelled_everywhere(turn):
            assert await holdings(client) == before, f"after step {step}"
            once_each(journal)
            journal.seen.clear()
        assert step > 5
        assert (await session.ask("say 1")).assistant_text == "word"


async def test_a_session_cancelled_at_any_step_of_its_start_is_not_there(tmp_path: Path) -> None:
    """F30: no plugin of its own stays registered, no thread admitted to the gate."""

    class Own:
        @hookimpl
        async def pre_turn(self, ctx: HookContext) -> None:
            """Nothing to object to."""

    async with scripted_client(tmp_path, tool_gate="native") as client:
        before = await holdings(client)

        async def start() -> None:
            config = SessionConfig(cwd=tmp_path, plugins=(Own(),))
            async with await client.start_session(config):
                pass

        step = 0
        async for step in cancelled_everywhere(start):
            assert await holdings(client) == before, f"after step {step}"
        assert step > 5
        assert (await client.run(tmp_path, "say 1")).assistant_text == "word"


async def test_a_session_cancelled_at_any_step_of_its_coming_back_comes_back(
    tmp_path: Path,
) -> None:
    """F30, R5, G6: after each crash once more, armed and admitted once."""
    always = RestartPolicy(max_restarts=10_000, first_delay=0, longest_delay=0)
    async with (
        scripted_client(tmp_path, tool_gate="native", restart=always) as client,
        await client.start_session(SessionConfig(cwd=tmp_path)) as session,
    ):
        await session.ask("say 1")
        before = await holdings(client)

        async def crash() -> None:
            os.kill(client.runtime.server.pid, signal.SIGKILL)
            await (await client.runtime.server.connection()).wait_ended()

        async def come_back() -> None:
            await session.ask("say 1")

        step = 1
        await crash()
        while await cancelled_at(step, come_back):
            assert (await session.ask("say 1")).assistant_text == "word"
            assert await holdings(client) == before, f"after step {step}"
            step += 3
            await crash()
        assert step > 10


@pytest.mark.codex
async def test_a_client_of_the_real_codex_leaves_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F30: at some steps of what the scripted server is held to at each."""

    async def live() -> None:
        async with (
            scripted(lambda _: (Say("hello"), Hang())) as (client, _),
            await client.start_session(SessionConfig(cwd=tmp_path)) as session,
            session.stream("go") as stream,
        ):
            await anext(stream)

    async with nothing_left(tmp_path, monkeypatch):
        async for step in cancelled_everywhere(live, stride=25):
            assert await children() == [], f"after step {step}"


@pytest.mark.codex
@pytest.mark.parametrize(
    ("method", "undone_by"),
    [("turn/start", "turn/interrupt"), ("thread/start", "thread/unsubscribe")],
)
async def test_what_is_answered_after_its_caller_has_gone_is_undone_all_the_same(
    method: str, undone_by: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F30: by a server so slow that nobody can wait for it."""
    monkeypatch.setattr("codex_hooks_runtime._undo.GRACE_SECONDS", 0)
    monkeypatch.setattr("codex_hooks_runtime._stream.INTERRUPT_SECONDS", 60)
    async with scripted([Hang()]) as (client, _):
        runtime = client.runtime
        if method == "turn/start":
            ask = (await client.start_session(SessionConfig(cwd=tmp_path))).ask
        else:
            ask = partial(client.run, tmp_path)
        connection = await runtime.server.connection()
        real_call = connection.call
        answered, gone, undone = anyio.Event(), anyio.Event(), anyio.Event()

        async def late(asked: str, *args: Any, **options: Any) -> Any:
            reply = await real_call(asked, *args, **options)
            if asked == method:
                answered.set()
                await gone.wait()
            if asked == undone_by:
                undone.set()
            return reply

        monkeypatch.setattr(connection, "call", late)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, "go")
                await answered.wait()
                tasks.cancel_scope.cancel()
            (thread_id,) = await runtime.thread_loaded_list()
            assert not undone.is_set()
            gone.set()
            await undone.wait()
            while (await runtime.thread_read(thread_id)).status == "active":
                await anyio.lowlevel.checkpoint()


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_asyncio_cancels_by_itself_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F30: as ``asyncio.wait_for`` does, to which no shield of anyio's is one."""

    async def live() -> None:
        async with scripted_client(tmp_path) as client:
            await use(client, tmp_path)

    step = 1
    async with nothing_left(tmp_path, monkeypatch):
        while await cancelled_by_asyncio_at(step, live):
            assert await children() == [], f"after step {step}"
            step += 1
    assert step > 30


async def holdings(client: Client) -> dict[str, Any]:
    """Return what a client holds of threads, turns, plugins and calls, and on its server."""
    runtime = client.runtime
    connection = await runtime.server.connection()
    assert runtime.gate is not None
    assert runtime.gate._relay is not None
    with anyio.fail_after(60):
        while len(connection._caller._pending):
            await anyio.lowlevel.checkpoint()
    return {
        "threads": sorted(runtime.threads._threads),
        "turns": [thread.turns.locked() for thread in runtime.threads._threads.values()],
        "opening": dict(runtime.threads._opening),
        "plugins": [(one.name, one.thread_id) for one in client.kernel.registrations()],
        "scoped": {key: len(plugins) for key, plugins in runtime.threads._plugins.items()},
        "admissions": len(runtime.gate._relay._admissions),
        "gates": sorted(runtime.gate._threads),
        "subscribed": {key: len(all_of) for key, all_of in connection._live._subscribers.items()},
        "places": connection._caller._places.value,
        "under way": (await connection.call("bench/turns"))["active"],
    }
