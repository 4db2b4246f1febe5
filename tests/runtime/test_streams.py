"""Streams of turns on the real codex: read, left early, too slow, timed out, cancelled."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import HookContext, hookimpl
from codex_hooks_runtime import (
    AgentMessageDelta,
    RpcError,
    SessionConfig,
    TransportClosed,
    TurnCompleted,
    TurnInterrupted,
    TurnTimeout,
)
from codex_hooks_runtime.testing import Hang, RunCommand, Say
from runtime.connection.fake_server import lifeline
from runtime.scripted import scripted

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime import Client, PromptRunStream, Session
    from codex_hooks_runtime.testing import ModelRequest, ScriptedModel, Step

pytestmark = pytest.mark.codex


def echo(request: ModelRequest) -> Step:
    """Say what was asked, for threads whose requests come in no fixed order."""
    return Say(f"you said {request.user_texts[-1]}", chunks=8)


class PostTurns:
    """Remembers with which status each turn ended."""

    def __init__(self) -> None:
        self.statuses: list[str | None] = []

    @hookimpl
    async def post_turn(self, ctx: HookContext) -> None:
        self.statuses.append(ctx.status)


async def recorded_statuses(client: Client, session: Session) -> list[str]:
    params = {"threadId": session.thread_id, "itemsView": "notLoaded"}
    page: Any = await client.runtime.server.call("thread/turns/list", params)
    return [turn["status"] for turn in page["data"]]


async def test_a_stream_ends_with_the_whole_answer(tmp_path: Path) -> None:
    async with (
        scripted([Say("a plain answer", chunks=4)]) as (client, _),
        client.stream(tmp_path, "go") as stream,
    ):
        events = [event async for event in stream]
        result = await stream.finish()
    deltas = [event.text for event in events if isinstance(event, AgentMessageDelta)]
    assert (len(deltas), "".join(deltas)) == (4, "a plain answer")
    assert isinstance(events[-1], TurnCompleted)
    assert result.assistant_text == events[-1].text == "a plain answer"


async def test_a_reader_that_is_too_slow_gets_the_answer_from_the_record(tmp_path: Path) -> None:
    """R3: more deltas than a buffer holds, and nobody reads until the turn has ended."""
    answer = "".join(chr(97 + number % 26) for number in range(6000))
    async with scripted([Say(answer, chunks=len(answer))]) as (client, _):
        ended = client.runtime.server.subscribe_live(capacity=10)
        async with ended, client.stream(tmp_path, "go") as stream:
            await until_turn_completed(ended)
            events = [event async for event in stream]
            result = await stream.finish()
    assert result.assistant_text == answer
    assert events == [TurnCompleted(stream.thread_id, stream.turn_id, answer)]


async def test_a_reader_that_lost_the_middle_reads_on(tmp_path: Path) -> None:
    """R3: the turn is still under way when the loss is found, and its end comes as an event."""
    early, late = "x" * 6000, "the answer"

    def script(request: ModelRequest) -> Step:
        if request.tool_outputs:
            return Say(late, chunks=2)
        return Say(early, chunks=len(early)), RunCommand("true")

    ready, go_on = anyio.Event(), anyio.Event()

    class Wait:
        @hookimpl(timeout=30)
        async def pre_tool_use(self, ctx: HookContext) -> None:
            ready.set()
            await go_on.wait()

    async with (
        scripted(script, Wait()) as (client, _),
        client.stream(tmp_path, "go") as stream,
    ):
        with anyio.fail_after(60):
            await ready.wait()
            async for event in stream:
                if isinstance(event, AgentMessageDelta):
                    go_on.set()
            result = await stream.finish()
    assert result.assistant_text == late


async def test_leaving_a_loop_early_interrupts_the_turn_and_runs_the_post_hook(
    tmp_path: Path,
) -> None:
    """R1, F30."""
    watcher = PostTurns()
    async with scripted([(Say("partial"), Hang())], watcher) as (client, _):
        async with (
            await client.start_session(SessionConfig(cwd=tmp_path)) as session,
            session.stream("go") as stream,
        ):
            async for _ in stream:
                break
        assert await recorded_statuses(client, session) == ["interrupted"]
        assert isinstance(stream.ending, TurnInterrupted)
    assert watcher.statuses == ["interrupted"]


async def test_a_turn_that_takes_too_long_is_interrupted(tmp_path: Path) -> None:
    """R1."""
    watcher = PostTurns()
    async with scripted([Hang()], watcher) as (client, _):
        config = SessionConfig(cwd=tmp_path, timeout=0.2)
        async with await client.start_session(config) as session:
            with pytest.raises(TurnTimeout, match=r"within 0\.2 s"):
                await session.ask("go")
            assert await recorded_statuses(client, session) == ["interrupted"]
    assert watcher.statuses == ["timeout"]


async def test_a_cancelled_reader_leaves_no_turn_and_no_command_behind(tmp_path: Path) -> None:
    """F30: neither the turn nor what it had started and left running."""
    watcher = PostTurns()
    command = RunCommand("exec 9>lifeline; exec sleep 600", {"yield_time_ms": 250})
    async with scripted([command, Hang()], watcher) as (client, model):
        config = SessionConfig(cwd=tmp_path, sandbox_policy="workspace-write")
        async with await client.start_session(config) as session:
            with lifeline(tmp_path) as (_path, all_gone):
                with anyio.CancelScope() as scope:
                    async with session.stream("go") as stream:
                        await until_asked(model, 2)
                        scope.cancel()
                        await stream.finish()
                assert scope.cancelled_caught
                await all_gone()
            assert await recorded_statuses(client, session) == ["interrupted"]
    assert watcher.statuses == ["cancelled"]


async def test_a_caller_cancelled_before_the_turn_has_an_id_leaves_no_turn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F30: the server is being asked, and has not answered yet."""
    async with scripted([Hang()]) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        connection = await client.runtime.server.connection()
        real_call = connection.call
        with anyio.CancelScope() as scope:

            async def cancelled(method: str, *args: Any, **options: Any) -> Any:
                if method == "turn/start":
                    scope.cancel()
                return await real_call(method, *args, **options)

            monkeypatch.setattr(connection, "call", cancelled)
            await session.ask("go")
        assert scope.cancelled_caught
        thread: Any = await real_call("thread/read", {"threadId": session.thread_id})
        assert thread["thread"]["status"] == {"type": "idle"}
        await session.close()


async def test_an_answer_to_turn_start_that_names_no_turn_is_an_error_of_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """R7."""
    async with scripted([]) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        connection = await client.runtime.server.connection()

        async def answer(*_: Any, **__: Any) -> Any:
            return {"turn": None}

        monkeypatch.setattr(connection, "call", answer)
        with pytest.raises(RpcError, match=r"no TurnReply \(see turn\)"):
            async with thread.turn_start("go"):
                raise AssertionError
        monkeypatch.undo()


async def test_two_sessions_on_one_server_never_see_each_others_events(tmp_path: Path) -> None:
    """R3."""
    seen: dict[str, list[Any]] = {}

    async def ask(client: Client, word: str) -> None:
        async with await client.start_session(SessionConfig(cwd=tmp_path)) as session:
            for _ in range(5):
                async with session.stream(word) as stream:
                    events = [event async for event in stream]
                    seen.setdefault(word, []).extend(events)
                    assert (await stream.finish()).assistant_text == f"you said {word}"
            assert {event.thread_id for event in seen[word]} == {session.thread_id}

    async with scripted(echo) as (client, _), anyio.create_task_group() as tasks:
        for word in ("one", "two", "three"):
            tasks.start_soon(ask, client, word)
    assert sorted(seen) == ["one", "three", "two"]


async def test_a_stream_of_a_killed_server_says_what_happened(tmp_path: Path) -> None:
    """R5, F17: which turn it was, and how the server ended."""
    watcher = PostTurns()
    async with scripted([(Say("partial"), Hang())], watcher) as (client, _):
        async with client.stream(tmp_path, "go") as stream:
            await anext(stream)
            os.kill(client.runtime.server.pid, signal.SIGKILL)
            with pytest.raises(TransportClosed, match=r"turn .* did not come to its end.*SIGKILL"):
                await stream.finish()
        assert isinstance(stream.ending, TransportClosed)
    assert watcher.statuses == ["error"]


async def test_a_turn_that_ended_before_it_was_left_has_its_answer(tmp_path: Path) -> None:
    """R1: it was left unread, and was not interrupted."""
    watcher = PostTurns()
    async with scripted([Say("done")], watcher) as (client, _):
        async with client.runtime.subscribe_live() as ended, client.stream(tmp_path, "go") as turn:
            await until_turn_completed(ended)
        assert (await turn.finish()).assistant_text == "done"
    assert watcher.statuses == ["ok"]


async def test_a_stream_that_was_left_keeps_no_reader_waiting(tmp_path: Path) -> None:
    """F30: of a server, too, that has gone silent and says no more of how the turn ended."""
    watcher = PostTurns()
    async with scripted([(Say("partial"), Hang())], watcher) as (client, _):
        with anyio.fail_after(60):
            async with (
                anyio.create_task_group() as readers,
                client.stream(tmp_path, "go") as stream,
            ):
                await anext(stream)
                os.kill(client.runtime.server.pid, signal.SIGSTOP)
                readers.start_soon(read_on, stream)
            with pytest.raises(TurnInterrupted, match="was left before its end: finish"):
                await stream.finish()
    assert watcher.statuses == ["interrupted"]


async def read_on(stream: PromptRunStream) -> None:
    async for _ in stream:
        pass


async def until_turn_completed(events: Any) -> None:
    with anyio.fail_after(60):
        async for event in events:
            if getattr(event, "method", None) == "turn/completed":
                return


async def until_asked(model: ScriptedModel, count: int) -> None:
    with anyio.fail_after(60):
        while len(model.requests) < count:
            await anyio.lowlevel.checkpoint()
