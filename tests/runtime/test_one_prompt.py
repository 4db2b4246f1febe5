"""One prompt through the real Codex under plugins: the whole way.

Everything here runs with approval ``never`` in the ``read-only`` sandbox unless a test says
otherwise, against the real binary and a scripted model.
"""

from __future__ import annotations

import shutil
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import structlog

from codex_hooks import Ask, Block, HookContext, HookPhase, Mutate, hookimpl
from codex_hooks_runtime import (
    AgentMessageDelta,
    BlockedByHook,
    Client,
    ClientConfig,
    SessionConfig,
)
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from codex_hooks import Decision
    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex

SECRET = "hunter2"


@asynccontextmanager
async def connected(
    *plugins: object, script: list[Step]
) -> AsyncIterator[tuple[Client, ScriptedModel]]:
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(plugins=plugins, load_installed=False, env=home.env)
        async with Client.connect(config) as client:
            yield client, model
        assert model.unexpected == ()


class Tool:
    """Decides about tools with what it is given, and remembers what it saw."""

    def __init__(self, *, before: Decision | None = None, after: Decision | None = None) -> None:
        self.before = before
        self.after = after
        self.seen: list[HookContext] = []

    @hookimpl
    async def pre_tool_use(self, ctx: HookContext) -> Decision | None:
        self.seen.append(ctx)
        return self.before

    @hookimpl
    async def post_tool_use(self, ctx: HookContext) -> Decision | None:
        self.seen.append(ctx)
        return self.after


async def outcome_of(command: str, cwd: Path, *plugins: object) -> tuple[str, str]:
    """Run ``command`` as the model would; return what it was told, and all that it was sent."""
    async with connected(*plugins, script=[RunCommand(command), Say("ok")]) as (client, model):
        await client.run(cwd, "go on")
    last = model.requests[-1]
    return next(iter(last.tool_outputs.values())), last.text


async def test_a_blocked_command_has_no_effect_and_the_model_is_told_why(tmp_path: Path) -> None:
    """G1, G4: the control without the plugin shows that Codex alone would have run it."""
    (tmp_path / "key").write_text(SECRET)

    told, sent = await outcome_of("cat key", tmp_path, Tool(before=Block("keys are not read")))
    assert "keys are not read (blocked by plugin Tool)" in told
    assert SECRET not in sent

    told, _ = await outcome_of("cat key", tmp_path)
    assert SECRET in told


async def test_a_command_that_the_plugin_passes_runs(tmp_path: Path) -> None:
    """G4: nothing to object to, and Codex goes on; the plugin sees it before and after."""
    (tmp_path / "notes").write_text("tea at four")
    watcher = Tool()

    told, _ = await outcome_of("cat notes", tmp_path, watcher)

    assert "tea at four" in told
    before, after = watcher.seen
    assert before.tool is not None
    assert before.tool.kind == "command"
    assert before.tool.input == {"command": "cat notes"}
    assert before.cwd == str(tmp_path)
    assert (before.approval_policy, before.sandbox) == ("never", "read-only")
    assert after.tool is not None
    assert "tea at four" in after.tool.output


async def test_a_rewritten_command_is_what_runs(tmp_path: Path) -> None:
    """G4: Mutate."""
    (tmp_path / "key").write_text(SECRET)
    rewrite = Tool(before=Mutate(tool_input={"command": "echo instead"}))

    told, sent = await outcome_of("cat key", tmp_path, rewrite)

    assert "instead" in told
    assert SECRET not in sent


async def test_what_a_tool_gave_back_can_be_replaced_or_withheld(tmp_path: Path) -> None:
    """G10: the model sees the plugin's words; the control above shows what it would have seen."""
    (tmp_path / "key").write_text(SECRET)

    told, sent = await outcome_of("cat key", tmp_path, Tool(after=Mutate(tool_output="<masked>")))
    assert "<masked>" in told
    assert SECRET not in sent

    told, sent = await outcome_of("cat key", tmp_path, Tool(after=Block("not for a model")))
    assert "not for a model" in told
    assert SECRET not in sent


async def test_a_plugin_that_only_watches_does_not_widen_the_sandbox(tmp_path: Path) -> None:
    """G1: a write in the read-only sandbox fails with a plugin installed as it does without.

    The control is the way that raises ``never`` to ``untrusted`` and accepts what no plugin
    blocks: there Codex runs the command again outside the sandbox. It does so only with a command
    that failed within its first 200 ms or so, so the control asks for it more than once.
    """
    told, _ = await outcome_of("touch made", tmp_path)
    assert "Read-only file system" in told
    told, _ = await outcome_of("touch made", tmp_path, Tool())
    assert "Read-only file system" in told
    assert not (tmp_path / "made").exists()

    await raised_to_untrusted("touch made", tmp_path)
    assert (tmp_path / "made").exists()


async def raised_to_untrusted(command: str, cwd: Path) -> None:
    from codex_hooks_runtime._binary import find_codex
    from codex_hooks_runtime._connection import Connection
    from codex_hooks_runtime._options import ConnectionOptions

    async def accept(_request: object) -> dict[str, Any]:
        return {"decision": "accept"}

    with (
        ScriptedModel([*[RunCommand(command)] * 10, Say("ok")]) as model,
        CodexHome(model.base_url) as home,
    ):
        options = ConnectionOptions(
            argv=(str(find_codex(None)), "app-server"), env=home.env, handler=accept
        )
        async with Connection(options) as server:
            start = {"cwd": str(cwd), "approvalPolicy": "untrusted", "sandbox": "read-only"}
            thread = (await server.call("thread/start", start))["thread"]["id"]
            async with server.subscribe_live(thread_id=thread) as events:
                text = {"type": "text", "text": "go on", "text_elements": []}
                await server.call("turn/start", {"threadId": thread, "input": [text]})
                async for event in events:
                    if getattr(event, "method", None) == "turn/completed":
                        break


async def test_without_its_socket_the_gate_blocks(tmp_path: Path) -> None:
    """G2, F22: what cannot be asked about does not happen; the control is the first command."""
    (tmp_path / "key").write_text(SECRET)
    script: list[Step] = [RunCommand("echo before"), Say("ok"), RunCommand("cat key"), Say("ok")]
    async with connected(Tool(), script=script) as (client, model):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        await session.ask("first")
        assert "before" in model.requests[1].tool_outputs["call_1"]

        gate = client.runtime.gate
        assert gate is not None
        assert gate._relay is not None
        shutil.rmtree(gate._relay.folder)
        await session.ask("second")

    assert "blocked by PreToolUse hook" in model.requests[-1].tool_outputs["call_2"]
    assert SECRET not in model.requests[-1].text


class Everything:
    """Watches all eight phases."""

    def __init__(self) -> None:
        self.seen: list[HookContext] = []
        self.logged: list[object] = []

    @hookimpl
    async def pre_run(self, ctx: HookContext) -> None:
        self._note(ctx)

    @hookimpl
    async def post_run(self, ctx: HookContext) -> None:
        self._note(ctx)

    @hookimpl
    async def pre_session_start(self, ctx: HookContext) -> None:
        self._note(ctx)

    @hookimpl
    async def post_session_start(self, ctx: HookContext) -> None:
        self._note(ctx)

    @hookimpl
    async def pre_turn(self, ctx: HookContext) -> None:
        self._note(ctx)

    @hookimpl
    async def post_turn(self, ctx: HookContext) -> None:
        self._note(ctx)

    @hookimpl
    async def pre_tool_use(self, ctx: HookContext) -> None:
        self._note(ctx)

    @hookimpl
    async def post_tool_use(self, ctx: HookContext) -> None:
        self._note(ctx)

    def _note(self, ctx: HookContext) -> None:
        self.seen.append(ctx)
        self.logged.append(structlog.contextvars.get_contextvars().get("correlation_id"))


async def test_a_run_its_session_and_its_turn_share_one_correlation_id(tmp_path: Path) -> None:
    """R1, K8: one id, also in the log; the report lists every call in order."""
    watcher = Everything()
    async with connected(watcher, script=[RunCommand("echo hi"), Say("done")]) as (client, _):
        result = await client.run(tmp_path, "go on")
        report = client.latest_report

    order = [
        HookPhase.PRE_RUN,
        HookPhase.PRE_SESSION_START,
        HookPhase.POST_SESSION_START,
        HookPhase.PRE_TURN,
        HookPhase.PRE_TOOL_USE,
        HookPhase.POST_TOOL_USE,
        HookPhase.POST_TURN,
        HookPhase.POST_RUN,
    ]
    assert report is not None
    assert [call.phase for call in report.calls] == order
    assert [ctx.phase for ctx in watcher.seen] == order
    assert {ctx.correlation_id for ctx in watcher.seen} == {report.correlation_id}
    assert set(watcher.logged) == {report.correlation_id}
    assert report.is_clean
    last = watcher.seen[-1]
    assert (last.status, last.result) == ("ok", "done")
    assert (last.thread_id, last.turn_id) == (result.thread_id, result.turn_id)


class Prompts:
    """Decides about prompts with what it is given."""

    def __init__(self, decision: Decision) -> None:
        self.decision = decision
        self.after: list[HookContext] = []

    @hookimpl
    async def pre_turn(self, ctx: HookContext) -> Decision | None:
        return self.decision

    @hookimpl
    async def post_turn(self, ctx: HookContext) -> None:
        self.after.append(ctx)

    @hookimpl
    async def post_run(self, ctx: HookContext) -> None:
        self.after.append(ctx)


async def test_a_changed_prompt_is_what_the_model_receives(tmp_path: Path) -> None:
    """K7, R1."""
    plugin = Prompts(Mutate(prompt="say less"))
    async with connected(plugin, script=[Say("ok")]) as (client, model):
        await client.run(tmp_path, "say more")

    assert model.requests[0].user_texts[-1] == "say less"
    assert "say more" not in model.requests[0].text


async def test_a_blocked_turn_is_never_sent_and_its_post_hooks_run_once(tmp_path: Path) -> None:
    """R1: the model is not asked; the run, its plugin and its message are in the error."""
    plugin = Prompts(Block("not today"))
    async with connected(plugin, script=[]) as (client, model):
        with pytest.raises(BlockedByHook, match=r"'Prompts' in pre_turn: not today") as caught:
            await client.run(tmp_path, "go on")

    assert model.requests == ()
    assert caught.value.plugin == "Prompts"
    assert [(ctx.phase, ctx.status) for ctx in plugin.after] == [
        (HookPhase.POST_TURN, "blocked"),
        (HookPhase.POST_RUN, "blocked"),
    ]


async def test_a_plugin_that_wants_a_person_to_decide_has_let_nothing_pass(tmp_path: Path) -> None:
    """K4: Ask is stronger than a change, so nobody there to be asked is a no."""
    plugin = Prompts(Ask("is this one all right?"))
    async with connected(plugin, script=[]) as (client, model):
        with pytest.raises(BlockedByHook, match="is this one all right"):
            await client.run(tmp_path, "go on")

    assert model.requests == ()
    assert [ctx.status for ctx in plugin.after] == ["blocked", "blocked"]


async def test_a_session_is_asked_again_on_the_same_thread(tmp_path: Path) -> None:
    script: list[Step] = [Say("one"), Say("two", chunks=3)]
    async with (
        connected(script=script) as (client, model),
        await client.start_session(SessionConfig(cwd=tmp_path)) as session,
    ):
        assert (await session.ask("first")).assistant_text == "one"
        async with session.stream("second") as stream:
            deltas = [event.text async for event in stream if isinstance(event, AgentMessageDelta)]
            result = await stream.finish()

    assert "".join(deltas) == result.assistant_text == "two"
    assert result.thread_id == session.thread_id
    assert model.requests[1].user_texts[-2:] == ("first", "second")
    assert session.is_closed
