"""One thread that several want: its turns, and the letting go of it, one after the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks import Block, HookContext, hookimpl
from codex_hooks_runtime import (
    ConfigError,
    RestartPolicy,
    RunProfile,
    SessionConfig,
    TransportClosed,
    TurnInterrupted,
)
from codex_hooks_runtime.testing import Hang, RunCommand, Say
from runtime.scripted import Journal, scripted
from runtime.scripted_client import scripted_client

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from codex_hooks_runtime.testing import Step


class AtTheTool:
    """Holds the turn at its tool use until it is let go, and then blocks the tool."""

    def __init__(self) -> None:
        self.reached = anyio.Event()
        self.go_on = anyio.Event()

    @hookimpl(timeout=60)
    async def pre_tool_use(self, ctx: HookContext) -> Block:
        self.reached.set()
        await self.go_on.wait()
        return Block("held")


@pytest.mark.codex
async def test_a_thread_is_let_go_of_when_its_turn_is_over(tmp_path: Path) -> None:
    """G6: until then its plugins judge, and the turn comes to its end."""
    held = AtTheTool()
    answers: list[str] = []
    script: list[Step] = [RunCommand("echo hi"), Say("done")]
    async with scripted(script) as (client, model):
        runtime = client.runtime
        session = await client.start_session(SessionConfig(cwd=tmp_path, plugins=(held,)))

        async def ask() -> None:
            answers.append((await session.ask("go")).assistant_text)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask)
                await held.reached.wait()
                with anyio.move_on_after(0):
                    await runtime.thread_release(session.thread_id)
                tasks.start_soon(runtime.thread_release, session.thread_id)
                await anyio.wait_all_tasks_blocked()
                held.go_on.set()
        assert client.kernel.registrations() == ()
    assert answers == ["done"]
    assert "blocked by plugin AtTheTool" in model.requests[-1].text


@pytest.mark.codex
async def test_those_who_let_go_of_a_thread_take_it_from_nobody(tmp_path: Path) -> None:
    """Each run that waited for its turn opens the thread anew, behind its gate."""
    guard = Journal(pre_tool_use=Block("no"))
    writing: list[Step] = [RunCommand("touch made"), Say("again")]
    script = [Say("first"), *writing * 4]
    async with scripted(script, guard) as (client, model):
        thread_id = (await client.run(tmp_path, "hello")).thread_id
        profile = RunProfile(sandbox_policy="workspace-write")
        params = profile.prompt_in(tmp_path, "go on")
        answers: list[str] = []

        async def ask(keep: bool) -> None:
            async with client.runtime.stream_prompt(
                params, thread_id=thread_id, keep_loaded=keep
            ) as stream:
                answers.append((await stream.finish()).assistant_text)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for keep in (True, False, True, False):
                    tasks.start_soon(ask, keep)
    assert answers == ["again"] * 4
    assert not (tmp_path / "made").exists()
    told = [request.text.count("blocked by plugin Journal") for request in model.requests[2::2]]
    assert told == [1, 2, 3, 4]


@pytest.mark.codex
async def test_a_task_does_not_wait_for_its_own_turn(tmp_path: Path) -> None:
    """The turn and its plugins are none the worse for it."""
    script: list[Step] = [(Say("partial"), Hang())]
    guard = Journal()
    async with scripted(script) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path, plugins=(guard,)))
        async with session.stream("go") as stream:
            await anext(stream)
            for wait in (session.ask("more"), client.runtime.thread_release(session.thread_id)):
                with pytest.raises(ConfigError, match=r"a turn of this very task's.*turn_steer"):
                    await wait
            assert len(client.kernel.registrations()) == 1
            await stream.interrupt()
            with pytest.raises(TurnInterrupted):
                await stream.finish()
        await session.close()


async def test_a_turn_that_waited_when_the_server_crashed_runs_on_the_next(tmp_path: Path) -> None:
    """R5: nothing of it was in flight."""
    at_once = RestartPolicy(first_delay=0, longest_delay=0)
    async with scripted_client(tmp_path, restart=at_once) as client:
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        answers: list[str] = []

        async def dies() -> None:
            with pytest.raises(TransportClosed):
                await session.ask("die")

        async def waits() -> None:
            answers.append((await session.ask("say 2")).assistant_text)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks, session.stream("hang"):
                tasks.start_soon(dies)
                await anyio.wait_all_tasks_blocked()
                tasks.start_soon(waits)
                await anyio.wait_all_tasks_blocked()
        assert answers == ["word word"]
        assert client.runtime.server.restarts == 1


async def test_what_a_sessions_block_raised_is_not_lost_to_a_close_that_fails(
    tmp_path: Path,
) -> None:
    """F30: a cancellation most of all. The control: without it the failure is what is raised."""

    async def in_a_session(then: Callable[[], Awaitable[None]]) -> None:
        async with await client.start_session(SessionConfig(cwd=tmp_path)):
            await client.runtime.shutdown()
            await then()

    async def fail() -> None:
        raise KeyError("mine")

    async with scripted_client(tmp_path) as client:
        with pytest.raises(TransportClosed, match="thread/archive"):
            await in_a_session(anyio.lowlevel.checkpoint)
    async with scripted_client(tmp_path) as client:
        with anyio.CancelScope() as scope:

            async def be_cancelled() -> None:
                scope.cancel()
                await anyio.sleep_forever()

            await in_a_session(be_cancelled)
        assert scope.cancelled_caught
    async with scripted_client(tmp_path) as client:
        with pytest.raises(KeyError, match="mine") as raised:
            await in_a_session(fail)
        assert "could not be archived: thread/archive" in raised.value.__notes__[0]
