"""Sessions on the real server: asked in every way, with plugins of their own, closed once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import Ask, Block, HookContext, PluginError, hookimpl
from codex_hooks_runtime import (
    ApprovalQuestion,
    BlockedByHook,
    ConfigError,
    PromptRunParams,
    RpcError,
    RunProfile,
    SessionConfig,
    TurnInterrupted,
)
from codex_hooks_runtime.testing import Hang, RunCommand, Say
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from codex_hooks import Decision
    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex


class NoTools:
    """Blocks every tool use."""

    @hookimpl
    async def pre_tool_use(self, ctx: HookContext) -> Decision:
        return Block("no tools today")


async def test_a_session_is_asked_in_three_ways_and_remembers_all(tmp_path: Path) -> None:
    config = SessionConfig(cwd=tmp_path, model="gpt-5.5", effort="low")
    async with scripted(lambda r: Say(f"re: {r.user_texts[-1]}")) as (client, model):
        session = await client.start_session(config)
        assert (await session.ask("one")).assistant_text == "re: one"
        params = PromptRunParams(cwd=tmp_path, prompt="two", effort="high")
        assert (await session.ask_with(params)).thread_id == session.thread_id
        profile = session.profile().replace(model="gpt-5.5-other")
        await session.ask_with_profile("three", profile)
        async with session.stream("four") as stream:
            assert (await stream.finish()).assistant_text == "re: four"
    assert [request.model for request in model.requests] == [
        "gpt-5.5",
        "gpt-5.5",
        "gpt-5.5-other",
        "gpt-5.5",
    ]
    efforts = [request.body["reasoning"]["effort"] for request in model.requests]
    assert efforts == ["low", "high", "low", "low"]
    asked = [text for text in model.requests[-1].user_texts if not text.startswith("<")]
    assert asked == ["one", "two", "three", "four"]


async def test_a_session_is_closed_once_and_says_so(tmp_path: Path) -> None:
    async with scripted([Say("ok")]) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        await session.ask("hello")
        states = [session.is_closed]
        await session.close()
        await session.close()
        assert [*states, session.is_closed] == [False, True]
        for use in (session.ask("more"), session.interrupt_turn("any")):
            with pytest.raises(ConfigError, match="is closed: start another"):
                await use
        with pytest.raises(ConfigError, match="is closed"):
            await session.stream("more").__aenter__()
        archived = await client.runtime.thread_list(archived=True)
        assert [thread.id for thread in archived.data] == [session.thread_id]


async def test_a_close_that_failed_fails_the_same_way_again(tmp_path: Path) -> None:
    async with scripted([Say("ok")]) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        await session.ask("hello")
        await client.runtime.call("thread/archive", {"threadId": session.thread_id})
        with pytest.raises(RpcError) as first:
            await session.close()
        with pytest.raises(RpcError) as second:
            await session.close()
    assert first.value is second.value


async def test_a_turn_of_a_session_is_interrupted_from_beside_it(tmp_path: Path) -> None:
    async with scripted([(Say("partial"), Hang()), Say("fine")]) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        async with session.stream("go on") as stream:
            await anext(stream)
            await session.interrupt_turn(stream.turn_id)
            with anyio.fail_after(60), pytest.raises(TurnInterrupted):
                await stream.finish()
        assert (await session.ask("again")).assistant_text == "fine"


async def test_a_sessions_plugins_are_its_own_from_its_start_to_its_end(tmp_path: Path) -> None:
    """K9: another session beside it is never seen, its own start and end always."""

    class Everyones(Journal):
        """Of another name: a session's plugin cannot take a global one's place."""

    mine, everyones = Journal(), Everyones()
    script: list[Step] = [RunCommand("echo hi"), Say("one"), Say("two"), Say("three")]
    async with scripted(script, everyones) as (client, _):
        config = SessionConfig(cwd=tmp_path, plugins=(mine,))
        async with await client.start_session(config) as session:
            assert mine.phases == ["pre_session_start", "post_session_start"]
            assert mine.seen[0].thread_id is None
            await session.ask("hello")
            assert mine.phases[2:] == [
                "pre_run",
                "pre_turn",
                "pre_tool_use",
                "post_tool_use",
                "post_turn",
                "post_run",
            ]
            before = len(mine.seen)
            await client.run(tmp_path, "elsewhere")
            assert len(mine.seen) == before
            await session.ask("and again")
            assert len(mine.seen) == before + 4
        assert [item.plugin for item in client.kernel.registrations()] == [everyones]
    assert len(everyones.seen) > len(mine.seen)


async def test_what_a_caller_says_of_a_session_is_there_from_its_first_hook_on(
    tmp_path: Path,
) -> None:
    """K7, R1: for plugins and approvers that serve many; another session's stays apart."""
    everyones = Journal(pre_turn=Ask("may it?"))
    asked: list[ApprovalQuestion] = []

    def approver(question: ApprovalQuestion) -> bool:
        asked.append(question)
        return True

    script: list[Step] = [Say("one"), Say("two"), Say("three")]
    async with scripted(script, everyones, approver=approver) as (client, _):
        config = SessionConfig(cwd=tmp_path, metadata={"tenant": "a"})
        async with await client.start_session(config) as session:
            await session.ask("hello")
            async with (await client.runtime.thread_fork(session.thread_id)).turn_start(
                "and"
            ) as on:
                await on.finish()
        assert {ctx.metadata.get("tenant") for ctx in everyones.seen} == {"a"}
        assert [question.metadata for question in asked] == [{"tenant": "a"}] * 2
        everyones.seen.clear()
        await client.run(tmp_path, "elsewhere")
        assert {ctx.metadata.get("tenant") for ctx in everyones.seen} == {None}


def test_what_a_caller_says_of_a_session_is_json() -> None:
    """K7."""
    no_mapping: Any = [1]
    with pytest.raises(ConfigError, match=r"metadata: .*object"):
        SessionConfig(cwd=Path(), metadata={"tenant": object()})
    with pytest.raises(ConfigError, match=r"metadata: .*dictionary"):
        SessionConfig(cwd=Path(), metadata=no_mapping)


async def test_a_sessions_plugin_guards_its_thread_whoever_asks(tmp_path: Path) -> None:
    """K9: with the control of a thread beside it."""
    (tmp_path / "key").write_text("hunter2")
    script: list[Step] = [RunCommand("cat key"), Say("one"), RunCommand("cat key"), Say("two")]
    async with scripted(script) as (client, model):
        config = SessionConfig(cwd=tmp_path, plugins=(NoTools(),))
        session = await client.start_session(config)
        params = PromptRunParams(cwd=tmp_path, prompt="read it")
        await client.runtime.run_prompt_in_thread(session.thread_id, params)
        assert "hunter2" not in model.requests[-1].text
        assert "no tools today" in model.requests[-1].text
        await client.runtime.run_prompt(params)
        assert "hunter2" in model.requests[-1].text


async def test_a_profiles_plugins_are_active_for_that_run_alone(tmp_path: Path) -> None:
    """K9."""
    once = Journal()
    async with scripted([RunCommand("echo hi"), Say("one"), Say("two")]) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        await session.ask_with_profile("hello", RunProfile(plugins=(once,)))
        assert once.phases == [
            "pre_run",
            "pre_turn",
            "pre_tool_use",
            "post_tool_use",
            "post_turn",
            "post_run",
        ]
        await session.ask("again")
        assert len(once.seen) == 6
        assert client.kernel.registrations() == ()


async def test_overlapping_runs_with_one_plugin_each_keep_their_own(tmp_path: Path) -> None:
    """K9: two runs on one thread, the second waiting for the first, do not clear each other."""
    first, second = Journal(), Journal()
    script: list[Step] = [Say("one"), RunCommand("echo hi"), Say("two")]
    async with scripted(script) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))

        async def ask(plugin: Journal) -> None:
            await session.ask_with_profile("hello", RunProfile(plugins=(plugin,)))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, first)
                tasks.start_soon(ask, second)
    assert sorted([len(first.seen), len(second.seen)]) == [4, 6]
    assert {ctx.correlation_id for ctx in first.seen}.isdisjoint(
        ctx.correlation_id for ctx in second.seen
    )


async def test_a_sessions_plugin_can_block_its_start_and_leaves_nothing(tmp_path: Path) -> None:
    """K9, F30."""
    guard = Journal(pre_session_start=Block("not here"))
    async with scripted([]) as (client, _):
        with pytest.raises(BlockedByHook, match="not here"):
            await client.start_session(SessionConfig(cwd=tmp_path, plugins=(guard,)))
        assert client.kernel.registrations() == ()
    assert guard.endings == {"session_start": "blocked"}


async def test_a_plugin_that_is_none_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    async with scripted([]) as (client, _):
        with pytest.raises(PluginError, match="implements no hook"):
            await client.run(tmp_path, "hello", plugins=(object(),))
        with pytest.raises(PluginError, match="implements no hook"):
            await client.start_session(SessionConfig(cwd=tmp_path, plugins=(object(),)))
        assert await client.runtime.thread_loaded_list() == ()
        assert client.kernel.registrations() == ()


async def test_a_session_is_taken_up_again_with_plugins_of_its_own(tmp_path: Path) -> None:
    """K9: twice the same name in one thread is refused."""
    guard = NoTools()
    script: list[Step] = [RunCommand("echo hi"), Say("one"), RunCommand("echo hi"), Say("two")]
    async with scripted(script) as (client, model):
        plain = await client.start_session(SessionConfig(cwd=tmp_path))
        await plain.ask("hello")
        assert "no tools today" not in model.requests[-1].text

        config = SessionConfig(cwd=tmp_path, plugins=(guard,))
        guarded = await client.resume_session(plain.thread_id, config)
        with pytest.raises(PluginError, match="NoTools"):
            await client.resume_session(plain.thread_id, config)
        await guarded.ask("again")
        assert "no tools today" in model.requests[-1].text
        assert len(client.kernel.registrations()) == 1
        await guarded.close()
        assert client.kernel.registrations() == ()
