"""The real codex, killed: what is lost, and what comes back behind its gate."""

from __future__ import annotations

import os
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import Block, HookContext, HookPhase, hookimpl
from codex_hooks_runtime import (
    GateNotArmed,
    InvalidRequest,
    LiveEvent,
    Restarted,
    RestartPolicy,
    ServerStatus,
    SessionConfig,
    TransportClosed,
)
from codex_hooks_runtime._gate import _thread_gate
from codex_hooks_runtime.testing import Hang, RunCommand, Say
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codex_hooks_runtime import Client
    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex

AT_ONCE = RestartPolicy(first_delay=0, longest_delay=0)


async def kill(client: Client) -> None:
    """Kill the server and wait for the next one."""
    server = client.runtime.server
    before = server.restarts
    os.kill(server.pid, signal.SIGKILL)
    with anyio.fail_after(60):
        while server.restarts == before:
            await server._turn_of_events.wait()


async def test_a_session_goes_on_after_a_crash_with_its_hooks_armed_again(tmp_path: Path) -> None:
    """R5, G6: the plugin blocks on the new server as on the old; the control ran before."""
    (tmp_path / "key").write_text("hunter2")
    cat = RunCommand("cat key")
    script: list[Step] = [cat, Say("first"), cat, Say("second"), cat, Say("third")]

    class Guard:
        closed = False

        @hookimpl
        async def pre_tool_use(self, ctx: HookContext) -> Block | None:
            return Block("keys are not read") if self.closed else None

    guard, journal = Guard(), Journal()
    async with scripted(script, journal, restart=AT_ONCE) as (client, model):
        config = SessionConfig(cwd=tmp_path, plugins=(guard,))
        async with await client.start_session(config) as session:
            assert (await session.ask("go")).assistant_text == "first"
            guard.closed = True
            await kill(client)
            assert (await session.ask("go")).assistant_text == "second"
            await kill(client)
            assert (await session.ask("go")).assistant_text == "third"
    told = ["".join(request.tool_outputs.values()) for request in model.requests[1::2]]
    assert "hunter2" in told[0]
    # The later requests hold the earlier outputs too.
    assert [text.count("hunter2") for text in told] == [1, 1, 1]
    assert [text.count("keys are not read") for text in told] == [0, 1, 2]
    resumed = journal.of(HookPhase.PRE_SESSION_START)
    assert [ctx.thread_id for ctx in resumed] == [None, session.thread_id, session.thread_id]


async def test_a_thread_that_is_not_armed_again_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """G6: refused, not run without its gate; and armed the next time, it goes on."""
    async with (
        scripted([Say("first"), Say("second")], restart=AT_ONCE) as (client, model),
        await client.start_session(SessionConfig(cwd=tmp_path)) as session,
    ):
        await session.ask("go")
        await kill(client)
        with unarmed(monkeypatch), pytest.raises(GateNotArmed, match="not today"):
            await session.ask("go")
        assert len(model.requests) == 1
        assert (await session.ask("go")).assistant_text == "second"


async def test_a_turn_under_way_ends_with_an_error_that_says_what_happened(tmp_path: Path) -> None:
    """R5, F17: and its post hooks have run."""
    journal = Journal()
    script: list[Step] = [(Say("partial"), Hang()), Say("back")]
    async with (
        scripted(script, journal, restart=AT_ONCE) as (client, _),
        await client.start_session(SessionConfig(cwd=tmp_path)) as session,
    ):
        async with session.stream("go") as stream:
            await anext(stream)
            await kill(client)
            with pytest.raises(TransportClosed) as error:
                await stream.finish()
        assert f"turn {stream.turn_id} of thread {session.thread_id}" in str(error.value)
        assert "ended by SIGKILL" in str(error.value)
        assert error.value.exit_status == -signal.SIGKILL
        assert journal.endings["turn"] == "error"
        turns = await client.runtime.thread_turns(session.thread_id)
        assert [turn.status for turn in turns] == ["interrupted"]
        assert (await session.ask("go on")).assistant_text == "back"


async def test_a_thread_handle_comes_back_too(tmp_path: Path) -> None:
    """R5."""
    async with scripted([Say("first"), Say("second")], restart=AT_ONCE) as (client, _):
        handle = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        for answer in ("first", "second"):
            async with handle.turn_start("go") as stream:
                assert (await stream.finish()).assistant_text == answer
            await kill(client)


async def test_callers_who_all_come_back_at_once_open_the_thread_once(tmp_path: Path) -> None:
    """R5, G6: a second opening would arm a gate that Codex does not ask."""
    journal = Journal()
    answers = [Say(str(number)) for number in range(4)]
    async with (
        scripted(answers, journal, restart=AT_ONCE) as (client, _),
        await client.start_session(SessionConfig(cwd=tmp_path)) as session,
    ):
        await session.ask("go")
        await kill(client)
        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(session.ask, "go")
    assert len(journal.of(HookPhase.PRE_SESSION_START)) == 2
    assert len(journal.of(HookPhase.POST_TURN)) == 4


async def test_a_session_that_was_never_asked_has_nothing_to_come_back_to(tmp_path: Path) -> None:
    """R5: Codex records a thread with its first turn; the error is Codex's own."""
    async with scripted([Say("new")], restart=AT_ONCE) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        await kill(client)
        with pytest.raises(InvalidRequest, match="no rollout found"):
            await session.ask("go")
        assert (await client.run(tmp_path, "go")).assistant_text == "new"


async def test_what_there_is_to_see_follows_the_server(tmp_path: Path) -> None:
    """R5, R3: snapshots, counters, subscriptions and the sink, over a restart."""
    sunk: list[LiveEvent] = []
    script: list[Step] = [Say("first"), (Say("partial"), Hang())]
    async with scripted(script, restart=AT_ONCE, event_sink=sunk.append) as (client, _):
        runtime = client.runtime
        seen: list[Any] = []

        async def listen(task_status: anyio.abc.TaskStatus[None]) -> None:
            async with runtime.subscribe_live(capacity=100_000) as events:
                task_status.started()
                seen.extend([event async for event in events])

        async with anyio.create_task_group() as tasks:
            await tasks.start(listen)
            assert runtime.is_initialized
            assert "codex" in runtime.server_user_agent
            assert runtime.initialize_result_snapshot()["userAgent"] == runtime.server_user_agent

            session = await client.start_session(SessionConfig(cwd=tmp_path))
            first = (await session.ask("go")).turn_id
            before = runtime.state_snapshot().threads[session.thread_id]
            assert (before.status, before.turns[0].status) == ("idle", "completed")
            assert [item.text for item in before.turns[0].items if item.kind == "agentMessage"] == [
                "first"
            ]

            async with session.stream("go") as stream:
                await anext(stream)
                await kill(client)
            after = runtime.state_snapshot().threads[session.thread_id]
            assert [(turn.turn_id, turn.status) for turn in after.turns] == [
                (first, "completed"),
                (stream.turn_id, "lost"),
            ]
            assert before.turns[0] == after.turns[0]

            metrics = runtime.metrics_snapshot()
            assert (metrics.status, metrics.restarts) == (ServerStatus.RUNNING, 1)
            assert metrics.connection.requests > 5
            report = runtime.hook_report_snapshot()
            assert report is not None
            await runtime.shutdown()
            await runtime.shutdown()
            assert runtime.metrics_snapshot().status is ServerStatus.CLOSED
            with pytest.raises(TransportClosed, match="closed by its owner"):
                await session.ask("go")
    assert [type(event) for event in seen].count(Restarted) == 1
    events = [event for event in seen if isinstance(event, LiveEvent)]
    assert events == sunk[-len(events) :]
    assert len(sunk) == runtime.metrics_snapshot().connection.events
    assert runtime.metrics_snapshot().sink_delivered == len(sunk)


@contextmanager
def unarmed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the gate find that its hooks are not in force."""

    async def refuse(*_: Any, **__: Any) -> Any:
        raise GateNotArmed("not today")

    with monkeypatch.context() as patch:
        patch.setattr(_thread_gate, "confirm_armed", refuse)
        yield
