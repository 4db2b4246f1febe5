"""Threads on the real server: each way to open one, always behind its gate, and the record."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codex_hooks import Block, HookPhase
from codex_hooks_runtime import (
    BlockedByHook,
    Client,
    ClientConfig,
    ConfigError,
    GateNotArmed,
    InvalidRequest,
    RpcError,
    RunProfile,
    SessionConfig,
    ThreadHandle,
)
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex

NO_TOOLS = Block("no tools today")


async def ask(thread: ThreadHandle, prompt: str) -> str:
    async with thread.turn_start(prompt) as turn:
        return (await turn.finish()).assistant_text


async def test_a_thread_is_started_worked_in_read_listed_and_archived(tmp_path: Path) -> None:
    async with scripted([Say("one"), Say("two")]) as (client, _):
        runtime = client.runtime
        thread = await runtime.thread_start(SessionConfig(cwd=tmp_path))
        assert thread.record.cwd == tmp_path
        assert (await runtime.thread_read(thread.thread_id, include_turns=True)).turns == ()
        assert [await ask(thread, "first"), await ask(thread, "second")] == ["one", "two"]

        record = await runtime.thread_read(thread.thread_id, include_turns=True)
        assert [turn.assistant_text for turn in record.turns] == ["one", "two"]
        assert {turn.status for turn in record.turns} == {"completed"}
        assert (record.status, record.preview, record.model) == ("idle", "first", "gpt-5.5")
        assert record.raw["historyMode"] == "paginated"

        assert await runtime.thread_loaded_list() == (thread.thread_id,)
        listed = await runtime.thread_list(cwd=tmp_path)
        assert [item.id for item in listed.data] == [thread.thread_id]
        assert listed.next_cursor is None

        await runtime.thread_archive(thread.thread_id)
        assert await runtime.thread_loaded_list() == ()
        assert (await runtime.thread_list(cwd=tmp_path)).data == ()
        archived = await runtime.thread_list(cwd=tmp_path, archived=True)
        assert [item.id for item in archived.data] == [thread.thread_id]


async def test_turns_are_read_page_by_page_and_the_last_of_them_alone(tmp_path: Path) -> None:
    async with scripted(lambda request: Say(request.user_texts[-1])) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        for number in range(5):
            await ask(thread, f"question {number}")
        turns = await client.runtime.thread_turns(thread.thread_id, last=2)
        assert [turn.assistant_text for turn in turns] == ["question 3", "question 4"]
        first = await client.runtime.thread_list(limit=1)
        assert len(first.data) == 1


async def test_rollback_takes_the_last_turns_back_and_leaves_the_gate_armed(tmp_path: Path) -> None:
    """G6: the server has no thread/rollback any more; thread/revert comes to the same."""
    gate = Journal(pre_tool_use=NO_TOOLS)
    script: list[Step] = [Say("one"), Say("two"), Say("three"), RunCommand("echo hi"), Say("four")]
    async with scripted(script, gate) as (client, model):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        for prompt in ("first", "second", "third"):
            await ask(thread, prompt)

        record = await client.runtime.thread_rollback(thread.thread_id, 2)

        assert record.id == thread.thread_id
        turns = await client.runtime.thread_turns(thread.thread_id)
        assert [turn.assistant_text for turn in turns] == ["one"]
        await ask(thread, "anew")
        assert model.requests[-1].user_texts[-2:] == ("first", "anew")
        assert "no tools today" in model.requests[-1].text


async def test_more_turns_than_there_are_cannot_be_taken_back(tmp_path: Path) -> None:
    async with scripted([Say("one")]) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        await ask(thread, "first")
        with pytest.raises(ConfigError, match="has 1 turns, not 2"):
            await client.runtime.thread_rollback(thread.thread_id, 2)
        with pytest.raises(ConfigError, match="at least one"):
            await client.runtime.thread_rollback(thread.thread_id, 0)
        assert len(await client.runtime.thread_turns(thread.thread_id)) == 1


async def test_skills_are_listed_with_what_is_needed_to_attach_them(tmp_path: Path) -> None:
    skill = tmp_path / ".agents/skills/greet/SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: greet\ndescription: says hello\n---\nSay hello.\n")
    async with scripted([]) as (client, _):
        (folder,) = await client.runtime.skills_list(tmp_path)
    assert folder.cwd == tmp_path
    assert folder.errors == ()
    (found,) = [item for item in folder.skills if item.scope == "repo"]
    assert (found.name, found.path, found.enabled) == ("greet", skill, True)
    assert found.description == "says hello"


async def test_a_resumed_thread_remembers_and_is_behind_the_gate_again(tmp_path: Path) -> None:
    """G6: hooks are not persisted, so each process arms them anew."""
    gate = Journal(pre_tool_use=NO_TOOLS)
    script: list[Step] = [Say("noted"), RunCommand("echo hi"), Say("as you like")]
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(plugins=[gate], load_installed=False, env=home.env)
        async with Client.connect(config) as client:
            thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
            await ask(thread, "remember the number seven")
        async with Client.connect(config) as client:
            again = await client.runtime.thread_resume(
                thread.thread_id, SessionConfig(cwd=tmp_path)
            )
            assert again.thread_id == thread.thread_id
            await ask(again, "and now")
    assert "remember the number seven" in model.requests[-1].user_texts
    assert "no tools today" in model.requests[-1].text
    sessions = [ctx for ctx in gate.seen if "session_start" in ctx.phase]
    assert [(ctx.phase.value, ctx.thread_id) for ctx in sessions] == [
        ("pre_session_start", None),
        ("post_session_start", thread.thread_id),
        ("pre_session_start", thread.thread_id),
        ("post_session_start", thread.thread_id),
    ]


async def test_a_fork_has_what_was_said_and_a_gate_of_its_own(tmp_path: Path) -> None:
    """G6: with the control that the thread it came from goes on without what the fork was told."""
    gate = Journal(pre_tool_use=NO_TOOLS)
    script: list[Step] = [Say("noted"), RunCommand("echo hi"), Say("forked"), Say("still here")]
    async with scripted(script, gate) as (client, model):
        source = await client.runtime.thread_start(SessionConfig(cwd=tmp_path, effort="low"))
        await ask(source, "remember the number seven")

        fork = await client.runtime.thread_fork(source.thread_id)
        assert fork.thread_id != source.thread_id
        assert fork.record.forked_from_id == source.thread_id
        assert await ask(fork, "only the fork knows") == "forked"
        assert "no tools today" in model.requests[-1].text
        assert "remember the number seven" in model.requests[-1].user_texts
        assert model.requests[-1].body["reasoning"] == {"effort": "low"}

        await ask(source, "and you")
        assert "only the fork knows" not in model.requests[-1].text
    opened = gate.of(HookPhase.PRE_SESSION_START)[-1]
    assert (opened.thread_id, opened.parent_thread_id) == (None, source.thread_id)


async def test_a_plugin_can_block_a_fork_like_any_other_session(tmp_path: Path) -> None:
    class NoForks(Journal):
        def _take(self, ctx: Any) -> Any:
            return Block("no forks") if ctx.parent_thread_id else super()._take(ctx)

    async with scripted([Say("noted")], NoForks()) as (client, _):
        source = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        await ask(source, "hello")
        with pytest.raises(BlockedByHook, match="no forks"):
            await client.runtime.thread_fork(source.thread_id)
        assert await client.runtime.thread_loaded_list() == (source.thread_id,)


async def test_a_thread_that_is_not_loaded_here_is_forked_with_a_config(tmp_path: Path) -> None:
    async with scripted([Say("noted"), Say("forked")]) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        await ask(thread, "hello")
        client.runtime.threads.close(thread.thread_id)
        with pytest.raises(ConfigError, match="give a SessionConfig"):
            await client.runtime.thread_fork(thread.thread_id)
        fork = await client.runtime.thread_fork(thread.thread_id, SessionConfig(cwd=tmp_path))
        assert await ask(fork, "hello") == "forked"


async def test_a_thread_that_somebody_else_loaded_is_refused(tmp_path: Path) -> None:
    """G6: Codex leaves the configuration of a loaded thread as it is, so no gate would be in it."""
    async with scripted([Say("noted")]) as (client, _):
        reply = await client.runtime.server.call("thread/start", {"cwd": str(tmp_path)})
        thread_id = reply["thread"]["id"]
        with pytest.raises(GateNotArmed, match="loaded already"):
            await client.runtime.thread_resume(thread_id, SessionConfig(cwd=tmp_path))
        with pytest.raises(GateNotArmed, match="loaded already"):
            await client.runtime.run_prompt_in_thread(
                thread_id, RunProfile().prompt_in(tmp_path, "hello")
            )


async def test_a_blocked_session_start_opens_no_thread(tmp_path: Path) -> None:
    """R1."""
    guard = Journal(pre_session_start=Block("not in this folder"))
    async with scripted([], guard) as (client, _):
        with pytest.raises(BlockedByHook, match="not in this folder"):
            await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        assert await client.runtime.thread_loaded_list() == ()
    assert guard.endings == {"session_start": "blocked"}


async def test_a_thread_that_does_not_exist_is_the_servers_to_refuse(tmp_path: Path) -> None:
    """R1: and the post hook is told."""
    journal = Journal()
    async with scripted([], journal) as (client, _):
        with pytest.raises(InvalidRequest, match="no rollout found"):
            await client.runtime.thread_resume(
                "01a1f78d-e6d8-7ca1-872a-31bf751bde1a", SessionConfig(cwd=tmp_path)
            )
        with pytest.raises(InvalidRequest):
            await client.runtime.thread_read("nonsense")
    assert journal.endings == {"session_start": "error"}


async def test_another_thread_than_the_one_asked_for_is_an_error_and_is_let_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No server of today does it, so the reply is changed on its way."""
    async with scripted([Say("noted")]) as (client, _):
        runtime, called = client.runtime, list[tuple[str, Any]]()
        thread = await runtime.thread_start(SessionConfig(cwd=tmp_path))
        await ask(thread, "hello")
        await runtime.thread_archive(thread.thread_id)
        await runtime.call("thread/unarchive", {"threadId": thread.thread_id})
        connection = await runtime.server.connection()
        real_call = connection.call

        async def mistaken(method: str, params: Any = None, **options: Any) -> Any:
            called.append((method, (params or {}).get("threadId")))
            reply = await real_call(method, params, **options)
            if method == "thread/resume":
                reply["thread"]["id"] = "another"
            return reply

        monkeypatch.setattr(connection, "call", mistaken)
        with pytest.raises(RpcError, match=r"asked for thread .*, the server resumed another"):
            await runtime.thread_resume(thread.thread_id, SessionConfig(cwd=tmp_path))
    assert ("thread/unsubscribe", "another") in called
