"""R1: where each phase of a run comes, and that its end is told once, however it ends."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import anyio
import pytest
import structlog

from codex_hooks import Block, HookContext, HookPhase, Mutate, hookimpl
from codex_hooks._log import log
from codex_hooks_runtime import BlockedByHook, SessionConfig, TurnFailed, TurnTimeout
from codex_hooks_runtime.testing import Fail, Hang, RunCommand, Say
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codex_hooks import Decision
    from codex_hooks_runtime import Client

pytestmark = pytest.mark.codex

WHOLE_RUN = [
    "pre_run",
    "pre_session_start",
    "post_session_start",
    "pre_turn",
    "pre_tool_use",
    "post_tool_use",
    "post_turn",
    "post_run",
]


async def test_the_phases_of_a_run_are_nested_under_one_correlation_id(tmp_path: Path) -> None:
    """R1."""
    journal = Journal(pre_run=Mutate(metadata={"ticket": 7}))
    async with scripted([RunCommand("echo hi"), Say("done")], journal) as (client, _):
        result = await client.run(tmp_path, "hello")
        assert client.latest_report is not None
        assert {client.latest_report.correlation_id} == {c.correlation_id for c in journal.seen}
    assert journal.phases == WHOLE_RUN
    assert journal.endings == {"run": "ok", "session_start": "ok", "turn": "ok", "tool_use": "ok"}
    assert all(ctx.metadata == {"ticket": 7} for ctx in journal.seen[1:])
    assert all(ctx.thread_id == result.thread_id for ctx in journal.seen[2:])
    assert all(ctx.turn_id == result.turn_id for ctx in journal.seen[4:])
    (ended,) = journal.of(HookPhase.POST_RUN)
    assert ended.result == "done"


async def test_plugins_are_told_the_model_that_nobody_named_as_soon_as_it_is_known(
    tmp_path: Path,
) -> None:
    """R1: which model it is Codex says when the thread is opened."""
    journal = Journal()
    async with (
        scripted(lambda request: Say(request.model), journal) as (client, _),
        await client.start_session(SessionConfig(cwd=tmp_path)) as session,
    ):
        special = session.profile().replace(model="gpt-5.5-special")
        answers = [
            (await session.ask("hello")).assistant_text,
            (await session.ask_with_profile("hello", special)).assistant_text,
            (await session.ask("hello")).assistant_text,
        ]
    assert answers == ["gpt-5.5", "gpt-5.5-special", "gpt-5.5"]
    assert [ctx.model for ctx in journal.of(HookPhase.PRE_SESSION_START)] == [None]
    assert [ctx.model for ctx in journal.of(HookPhase.POST_SESSION_START)] == ["gpt-5.5"]
    assert [ctx.model for ctx in journal.of(HookPhase.PRE_TURN)] == answers
    assert [ctx.model for ctx in journal.of(HookPhase.POST_TURN)] == answers


@pytest.mark.parametrize(
    ("phase", "endings"),
    [
        ("pre_run", {"run": "blocked"}),
        ("pre_session_start", {"session_start": "blocked", "run": "blocked"}),
        ("pre_turn", {"session_start": "ok", "turn": "blocked", "run": "blocked"}),
    ],
)
async def test_a_block_ends_every_phase_that_was_begun(
    tmp_path: Path, phase: str, endings: dict[str, str]
) -> None:
    """R1: and nothing reaches the model."""
    journal = Journal(**{phase: Block("not today")})
    async with scripted([], journal) as (client, model):
        with pytest.raises(BlockedByHook, match="not today") as caught:
            await client.run(tmp_path, "hello")
        assert client.latest_report is not None
        assert client.latest_report.blocked is not None
        assert caught.value.correlation_id == client.latest_report.correlation_id
    assert model.requests == ()
    assert journal.endings == endings


async def test_a_failed_turn_ends_its_phases_as_errors(tmp_path: Path) -> None:
    """R1."""
    journal = Journal()
    async with scripted([Fail("out of luck")], journal) as (client, _):
        with pytest.raises(TurnFailed, match="out of luck"):
            await client.run(tmp_path, "hello")
    assert journal.endings == {"session_start": "ok", "turn": "error", "run": "error"}
    assert "out of luck" in (journal.seen[-1].error or "")


async def test_a_time_out_ends_its_phases_as_such(tmp_path: Path) -> None:
    """R1."""
    journal = Journal()
    async with scripted([Hang()], journal) as (client, _):
        with pytest.raises(TurnTimeout):
            await client.run(tmp_path, "hello", timeout=0.3)
    assert journal.endings == {"session_start": "ok", "turn": "timeout", "run": "timeout"}


async def test_a_cancelled_run_ends_its_phases_as_cancelled(tmp_path: Path) -> None:
    """R1, F30."""
    journal = Journal()
    async with scripted([(Say("partial"), Hang())], journal) as (client, _):
        with anyio.CancelScope() as scope:
            async with client.stream(tmp_path, "hello") as stream:
                await anext(stream)
                scope.cancel()
                await stream.finish()
        assert scope.cancelled_caught
        assert await idle(client, stream.thread_id)
    assert journal.endings == {"session_start": "ok", "turn": "cancelled", "run": "cancelled"}


async def test_a_dropped_stream_ends_its_phases_as_interrupted(tmp_path: Path) -> None:
    """R1: an ``async for`` that is left early."""
    journal = Journal()
    async with scripted([(Say("partial"), Hang())], journal) as (client, _):
        async with client.stream(tmp_path, "hello") as stream:
            async for _event in stream:
                break
        assert await idle(client, stream.thread_id)
    assert journal.endings == {"session_start": "ok", "turn": "interrupted", "run": "interrupted"}


async def idle(client: Client, thread_id: str) -> bool:
    (turn,) = await client.runtime.thread_turns(thread_id)
    return turn.status == "interrupted"


async def test_a_hook_logs_under_the_runs_correlation_id_without_saying_so(tmp_path: Path) -> None:
    """R1."""
    bound: list[dict[str, Any]] = []

    class Logs:
        @hookimpl
        async def pre_turn(self, ctx: HookContext) -> Decision | None:
            bound.append(structlog.contextvars.get_contextvars())
            return None

    journal = Journal()
    async with scripted([Say("done")], Logs(), journal) as (client, _):
        await client.run(tmp_path, "hello")
    assert bound == [{"correlation_id": journal.seen[0].correlation_id}]
    assert structlog.contextvars.get_contextvars() == {}


@pytest.fixture
def unconfigured() -> Iterator[None]:
    structlog.reset_defaults()
    yield
    structlog.reset_defaults()


@pytest.mark.usefixtures("unconfigured")
async def test_the_log_tells_how_each_stage_ended_and_nothing_of_what_was_said(
    tmp_path: Path,
) -> None:
    """R1."""
    structlog.configure()
    with structlog.testing.capture_logs() as events:
        async with scripted([Say("the answer")]) as (client, _):
            result = await client.run(tmp_path, "the question")
            assert client.latest_report is not None
            correlation_id = client.latest_report.correlation_id
    ours = [event for event in events if event["event"].endswith(" ended")]
    assert [event["event"] for event in ours] == [
        "session_start ended",
        "turn ended",
        "run ended",
    ]
    assert all(event["status"] == "ok" for event in ours)
    assert all(event["correlation_id"] == correlation_id for event in ours)
    assert {event["thread_id"] for event in ours} == {result.thread_id}
    assert [event["turn_id"] for event in ours] == [None, result.turn_id, result.turn_id]
    assert "the question" not in str(events)
    assert "the answer" not in str(events)


@pytest.mark.usefixtures("unconfigured")
def test_without_a_configured_structlog_nothing_is_printed_and_logging_decides(
    capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    log().info("turn ended", status="ok")
    assert capfd.readouterr() == ("", "")
    with caplog.at_level(logging.INFO, logger="codex_hooks"):
        log().info("turn ended", status="ok")
    assert "turn ended" in caplog.text
    assert not structlog.is_configured()
