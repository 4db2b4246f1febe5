"""Turns of one thread on the real server: started, steered, interrupted, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks import AtPath, Block, HookContext, HookPhase, Mutate, hookimpl
from codex_hooks_runtime import (
    AttachmentNotFound,
    BlockedByHook,
    ConfigError,
    InvalidRequest,
    RunProfile,
    SessionConfig,
    TurnInterrupted,
)
from codex_hooks_runtime.testing import Hang, RunCommand, Say
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks import Decision
    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex


class AtTheTool:
    """Holds the turn at its first tool use until it is let go."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self.go_on = anyio.Event()

    @hookimpl(timeout=60)
    async def pre_tool_use(self, ctx: HookContext) -> None:
        self.reached.set()
        await self.go_on.wait()


class Secrets:
    """Looks at every prompt, and at what is steered into a turn."""

    @hookimpl
    async def pre_turn(self, ctx: HookContext) -> Decision | None:
        if "password" in ctx.prompt:
            return Block("no passwords in prompts")
        return Mutate(prompt=f"{ctx.prompt}!") if "loud" in ctx.prompt else None


async def test_a_turn_of_a_thread_has_its_turn_hooks_and_no_run_hooks(tmp_path: Path) -> None:
    """R1: one correlation id for the turn and its tools."""
    journal = Journal()
    async with scripted([RunCommand("echo hi"), Say("done")], journal) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        journal.seen.clear()
        async with thread.turn_start("go on") as turn:
            result = await turn.finish()
    assert result.assistant_text == "done"
    assert journal.phases == ["pre_turn", "pre_tool_use", "post_tool_use", "post_turn"]
    assert len({ctx.correlation_id for ctx in journal.seen}) == 1
    assert journal.seen[-1].result == "done"
    assert journal.seen[-1].turn_id == turn.turn_id


async def test_what_is_steered_into_a_turn_reaches_the_model_through_pre_turn(
    tmp_path: Path,
) -> None:
    """R1: in the same run, with the turn's id; post_turn comes once, at the end."""
    (tmp_path / "notes").touch()
    held, journal = AtTheTool(), Journal()
    script: list[Step] = [RunCommand("echo hi"), Say("understood")]
    async with scripted(script, Secrets(), journal, held) as (client, model):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        async with thread.turn_start("begin") as turn:
            with anyio.fail_after(60):
                await held.reached.wait()
            steered = await thread.turn_steer(turn.turn_id, "be loud", [AtPath("notes")])
            with pytest.raises(BlockedByHook, match="no passwords"):
                await thread.turn_steer(turn.turn_id, "my password is x")
            with pytest.raises(AttachmentNotFound):
                await thread.turn_steer(turn.turn_id, "see", [AtPath("missing")])
            with pytest.raises(ConfigError, match="empty"):
                await thread.turn_steer(turn.turn_id, "")
            held.go_on.set()
            await turn.finish()
    assert steered == turn.turn_id
    assert model.requests[-1].user_texts[-1] == "be loud!\n@notes"
    assert "password" not in model.requests[-1].text
    begun, said_more = journal.of(HookPhase.PRE_TURN)
    assert (begun.turn_id, said_more.turn_id) == (None, turn.turn_id)
    assert begun.correlation_id == said_more.correlation_id
    assert len(journal.of(HookPhase.POST_TURN)) == 1


async def test_a_plugin_that_wants_another_model_for_steered_input_stops_it(
    tmp_path: Path,
) -> None:
    class OtherModel:
        @hookimpl
        async def pre_turn(self, ctx: HookContext) -> Decision | None:
            return Mutate(model="gpt-5.5-other") if ctx.turn_id else None

    held = AtTheTool()
    script: list[Step] = [RunCommand("echo hi"), Say("understood")]
    async with scripted(script, OtherModel(), held) as (client, model):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        async with thread.turn_start("begin") as turn:
            with anyio.fail_after(60):
                await held.reached.wait()
            with pytest.raises(ConfigError, match="keeps its own"):
                await thread.turn_steer(turn.turn_id, "more")
            held.go_on.set()
            await turn.finish()
    assert "more" not in model.requests[-1].user_texts


async def test_another_turn_than_the_one_under_way_cannot_be_steered(tmp_path: Path) -> None:
    held = AtTheTool()
    async with scripted([RunCommand("echo hi"), Say("done")], held) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        with pytest.raises(ConfigError, match="no turn is under way"):
            await thread.turn_steer("none", "more")
        async with thread.turn_start("begin") as turn:
            with anyio.fail_after(60):
                await held.reached.wait()
            with pytest.raises(InvalidRequest):
                await thread.turn_steer("another", "more")
            held.go_on.set()
            await turn.finish()


async def test_an_interrupted_turn_ends_as_interrupted_and_is_told_to_its_hook_once(
    tmp_path: Path,
) -> None:
    """R1."""
    journal = Journal()
    async with scripted([(Say("partial"), Hang())], journal) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        journal.seen.clear()
        async with thread.turn_start("go on") as turn:
            await anext(turn)
            await thread.turn_interrupt(turn.turn_id, timeout=10)
            with anyio.fail_after(60), pytest.raises(TurnInterrupted):
                await turn.finish()
    assert journal.endings == {"turn": "interrupted"}


async def test_a_turn_that_is_not_running_cannot_be_interrupted(tmp_path: Path) -> None:
    async with scripted([Say("done")]) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        async with thread.turn_start("go on") as turn:
            await turn.finish()
        with pytest.raises(InvalidRequest, match="no active turn"):
            await thread.turn_interrupt(turn.turn_id)


async def test_a_second_turn_waits_for_the_first_instead_of_steering_it(tmp_path: Path) -> None:
    """Codex would take a turn/start on an active turn as more input for it."""
    held = AtTheTool()
    script: list[Step] = [RunCommand("echo hi"), Say("first"), Say("second")]
    async with scripted(script, held) as (client, model):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        answers: list[str] = []

        async def ask(prompt: str) -> None:
            async with thread.turn_start(prompt) as turn:
                answers.append((await turn.finish()).assistant_text)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, "one")
                await held.reached.wait()
                tasks.start_soon(ask, "two")
                await anyio.lowlevel.checkpoint()
                held.go_on.set()
    assert answers == ["first", "second"]
    assert "two" not in model.requests[1].user_texts
    assert len(model.requests) == 3


async def test_a_turn_returns_to_the_threads_own_model_and_folder(tmp_path: Path) -> None:
    """What one turn sets stays on the server; the next one says everything anew."""
    other = tmp_path / "other"
    other.mkdir()
    profile = RunProfile(model="gpt-5.5-other", sandbox_policy="workspace-write", effort="high")
    async with scripted(lambda _: Say("ok")) as (client, model):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path, model="gpt-5.5"))
        async with client.runtime.stream_prompt(
            profile.prompt_in(other, "elsewhere"), thread_id=thread.thread_id
        ) as turn:
            await turn.finish()
        async with thread.turn_start("back") as turn:
            await turn.finish()
    elsewhere, back = model.requests
    assert (elsewhere.model, back.model) == ("gpt-5.5-other", "gpt-5.5")
    assert elsewhere.body["reasoning"]["effort"] == "high"
    assert back.body["reasoning"]["effort"] == "medium"
    assert f"<cwd>{other}</cwd>" in elsewhere.text
    assert f"<cwd>{tmp_path}</cwd>" in back.user_texts[-2]
    assert "`sandbox_mode` is `workspace-write`" in elsewhere.text
    permissions = [text for text in back.text.splitlines() if "`sandbox_mode` is" in text]
    assert "`read-only`" in permissions[-1]


async def test_a_turn_in_another_folder_is_behind_the_same_gate(tmp_path: Path) -> None:
    """G6: the hooks are the thread's, wherever a turn of it works."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "key").write_text("hunter2")
    gate = Journal(pre_tool_use=Block("keys are not read"))
    script: list[Step] = [Say("ok"), RunCommand("cat key"), Say("done")]
    async with scripted(script, gate) as (client, model):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        await session.ask("hello")
        await session.ask_with(RunProfile().prompt_in(other, "read it"))
    assert "keys are not read" in model.requests[-1].text
    assert "hunter2" not in model.requests[-1].text
    assert gate.of(HookPhase.PRE_TOOL_USE)[0].cwd == str(other)
