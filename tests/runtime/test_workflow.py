"""The short ways: one prompt and gone, one folder again and again, one prompt at a cadence."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks import HookContext, hookimpl
from codex_hooks_runtime import (
    Automation,
    ClientConfig,
    ConfigError,
    RunProfile,
    SessionConfig,
    TurnFailed,
    Workflow,
    quick_run,
)
from codex_hooks_runtime._automation import next_beat
from codex_hooks_runtime.testing import CodexHome, Fail, RunCommand, Say, ScriptedModel
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import Step


@pytest.mark.codex
async def test_one_call_connects_runs_and_leaves(tmp_path: Path) -> None:
    journal = Journal()
    with ScriptedModel([Say("done")]) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(plugins=[journal], load_installed=False, env=home.env)
        result = await quick_run(tmp_path, "hello", config=config, effort="low")
    assert result.assistant_text == "done"
    assert model.requests[0].body["reasoning"]["effort"] == "low"
    assert journal.phases[0] == "pre_run"
    assert journal.phases[-1] == "post_run"


async def test_a_mistake_in_the_options_is_said_before_codex_is_started(tmp_path: Path) -> None:
    nowhere = ClientConfig(codex=tmp_path / "no-codex", load_installed=False)
    with pytest.raises(ConfigError, match="effort"):
        await quick_run(tmp_path, "hello", config=nowhere, effort="immense")


@pytest.mark.codex
async def test_a_workflow_runs_prompt_after_prompt_in_one_folder(tmp_path: Path) -> None:
    with ScriptedModel(lambda _: Say("ok")) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(load_installed=False, env=home.env)
        profile = RunProfile(effort="high")
        async with Workflow.connect(tmp_path, profile, config=config) as workflow:
            first = await workflow.run("one")
            second = await workflow.run("two")
            async with workflow.stream("three") as stream:
                await stream.finish()
            async with await workflow.start_session() as session:
                await session.ask("four")
    assert first.thread_id != second.thread_id
    assert [request.body["reasoning"]["effort"] for request in model.requests] == ["high"] * 4
    assert all(f"<cwd>{tmp_path}</cwd>" in request.text for request in model.requests)


@pytest.mark.codex
async def test_an_automation_asks_as_often_as_it_was_told_in_one_session(tmp_path: Path) -> None:
    async with scripted(lambda r: Say(f"{len(r.user_texts)}")) as (client, model):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        automation = Automation(session, "check the build", every=0, count=3)
        answers = [result.assistant_text async for result in automation]
    assert len(answers) == len(set(answers)) == automation.runs == 3
    assert model.requests[-1].user_texts.count("check the build") == 3


@pytest.mark.codex
async def test_a_stopped_automation_answers_the_turn_under_way_and_starts_no_other(
    tmp_path: Path,
) -> None:
    class Stops:
        automation: Automation

        @hookimpl
        async def pre_tool_use(self, ctx: HookContext) -> None:
            self.automation.stop()

    plugin = Stops()
    script: list[Step] = [Say("one"), RunCommand("echo hi"), Say("two")]
    async with scripted(script, plugin) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        plugin.automation = Automation(session, "go on", every=0)
        answers = [result.assistant_text async for result in plugin.automation]
    assert answers == ["one", "two"]


@pytest.mark.codex
async def test_an_automation_can_be_stopped_while_it_waits_for_its_hour(tmp_path: Path) -> None:
    async with scripted([Say("one")]) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        automation = Automation(session, "go on", every=3600)
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                async for result in automation:
                    assert result.assistant_text == "one"
                    tasks.start_soon(stop_soon, automation)
    assert automation.runs == 1


async def stop_soon(automation: Automation) -> None:
    automation.stop()


@pytest.mark.codex
async def test_a_failed_turn_ends_an_automation(tmp_path: Path) -> None:
    async with scripted([Say("one"), Fail("out of luck")]) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        automation = Automation(session, "go on", every=0)
        assert (await anext(automation)).assistant_text == "one"
        with pytest.raises(TurnFailed, match="out of luck"):
            await anext(automation)


def test_the_beat_neither_drifts_nor_piles_up() -> None:
    # In time: a turn that took three seconds of ten.
    assert next_beat(100, 10, 103) == 110
    # Late by two beats and a bit: those are left out, and the beat stays where it was.
    assert next_beat(100, 10, 125) == 130
    # On the beat itself.
    assert next_beat(100, 10, 120) == 120
    assert next_beat(100, 10, 100) == 110
    assert next_beat(100, 0, 125) <= 125


@pytest.mark.codex
async def test_an_automation_without_a_cadence_or_a_count_is_refused(tmp_path: Path) -> None:
    async with scripted([]) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        for every, count in ((-1.0, None), (float("inf"), None), (1.0, 0)):
            with pytest.raises(ConfigError, match="give seconds, and at least one run"):
                Automation(session, "go on", every=every, count=count)
