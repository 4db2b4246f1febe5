"""What Codex asks, and what a yes sends; and the approvals way with its trap."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import Allow, Ask, Block, Mutate
from codex_hooks_runtime import (
    ApprovalChannel,
    ApprovalQuestion,
    SessionConfig,
    UnmediatedToolUse,
)
from codex_hooks_runtime.testing import ApplyPatch, CallTool, RunCommand, Say
from runtime.gate.gated import Tools, asks, by_prompt, gated, told, tool_of
from runtime.gate.test_every_kind import ANSWER, NOTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codex_hooks import Decision, HookContext
    from codex_hooks_runtime.testing import ModelRequest, Step

SECRET = "SWORDFISH"


@pytest.mark.codex
async def test_an_approval_request_is_a_second_question_that_says_what_a_yes_grants(
    tmp_path: Path,
) -> None:
    """G3, G5: under ``untrusted``, for a command, a patch and an MCP tool."""
    patch = "*** Begin Patch\n*** Add File: made\n+hi\n*** End Patch\n"
    steps: list[Step] = [
        RunCommand("touch x", {"sandbox_permissions": "require_escalated", "justification": "so"}),
        ApplyPatch(patch),
        CallTool("note", {"path": str(tmp_path / "note")}, namespace="mcp__notes"),
        Say("ok"),
    ]
    plugin = Tools(lambda ctx: Allow() if asks(ctx) else None)
    async with gated(steps, plugin, extra_config=NOTES) as (client, _):
        await client.run(tmp_path, "go on", approval_policy="untrusted")
        vias = [(use.via, use.decision) for use in client.tool_uses]
    assert vias == [("native", "nothing"), ("approval", "allow")] * 3
    first, second = [tool_of(ctx) for ctx in plugin.seen if ctx.phase.is_pre][:2]
    assert (first.approval, second.approval.kind) == (None, "command")
    assert second.approval.reason == "so"
    assert second.approval.grants == {"outsideSandbox": True}
    assert (second.call_id, second.input) == (first.call_id, first.input)
    file_change, mcp = [tool_of(ctx) for ctx in plugin.seen if asks(ctx)][1:]
    assert file_change.paths == ("made",)
    assert mcp.name == "mcp__notes__note"
    assert all((tmp_path / name).exists() for name in ("x", "made", "note"))


@pytest.mark.codex
@pytest.mark.parametrize("mode", ["native", "approvals"])
async def test_every_question_about_a_use_says_where_and_under_which_model(
    tmp_path: Path, mode: str
) -> None:
    """G5: also what Codex asks, and what came of a use that it refused; paths are relative."""
    patch = "*** Begin Patch\n*** Add File: made\n+hi\n*** End Patch\n"
    plugin = Tools(lambda ctx: Block("no") if asks(ctx) else None)
    async with gated([ApplyPatch(patch), Say("ok")], plugin, tool_gate=mode) as (client, _):
        await client.run(tmp_path, "go on", approval_policy="untrusted")
    assert any(map(asks, plugin.seen))
    assert {(ctx.cwd, ctx.model, ctx.sandbox) for ctx in plugin.seen} == {
        (str(tmp_path), "gpt-5.5", "read-only")
    }


def on_request(decision: Decision | None) -> Callable[[HookContext], Decision | None]:
    return lambda ctx: decision if asks(ctx) else None


@pytest.mark.codex
async def test_only_an_allow_of_the_question_or_a_person_accepts(tmp_path: Path) -> None:
    """G5: a block declines, a rewrite cannot be carried, an earlier Allow is no answer to this."""
    cases: dict[str, tuple[Callable[[HookContext], Decision | None], bool]] = {
        "allow": (on_request(Allow()), True),
        "block": (on_request(Block("no")), False),
        "ask": (on_request(Ask("really?")), False),
        "mutate": (on_request(Mutate(tool_input={"command": "touch other"})), False),
        "nothing": (on_request(None), False),
        "allowed before": (lambda ctx: None if asks(ctx) else Allow(), False),
    }
    turns: dict[str, str] = {}

    def decide(ctx: HookContext) -> Decision | None:
        return cases[turns[str(ctx.turn_id)]][0](ctx)

    steps: list[Step] = [RunCommand("touch 'made'"), Say("ok")]
    scripts = dict.fromkeys(cases, steps)
    async with gated(by_prompt(scripts), Tools(decide)) as (client, model):
        for prompt, (_, runs) in cases.items():
            cwd = tmp_path / prompt
            cwd.mkdir()
            mode = {"approval_policy": "untrusted", "sandbox_policy": "workspace-write"}
            async with client.stream(cwd, prompt, **mode) as stream:
                turns[stream.turn_id] = prompt
                await stream.finish()
            assert (cwd / "made").exists() is runs, prompt
            assert not (cwd / "other").exists()
            assert ("rejected by user" in told(model, prompt)) is not runs


@pytest.mark.codex
async def test_what_a_person_is_asked_names_the_plugin_and_the_use(tmp_path: Path) -> None:
    """G4: a channel with a loop of its own; the deadline is the client's."""
    (tmp_path / "key").write_text(SECRET)
    channel = ApprovalChannel()
    asked: list[ApprovalQuestion] = []

    async def decide() -> None:
        async for pending in channel:
            asked.append(pending.question)
            pending.approve()

    plugin = Tools(lambda ctx: Ask("may it read the key?") if ctx.phase.is_pre else None)
    steps: list[Step] = [RunCommand("cat key"), Say("ok")]
    async with (
        gated(steps, plugin, approver=channel, approval_deadline=20) as (client, model),
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(decide)
        await client.run(tmp_path, "go on")
        tasks.cancel_scope.cancel()
        (use,) = client.tool_uses
    (seen,) = asked
    assert (seen.message, seen.plugin, seen.cwd) == ("may it read the key?", "Tools", str(tmp_path))
    assert seen.tool is not None
    assert seen.tool.input == {"command": "cat key"}
    assert (use.decision, use.decided_by, use.allowed) == ("ask", "approver", True)
    assert SECRET in model.requests[-1].tool_outputs["call_1"]


TRAP = RunCommand("touch made", {"shell": "/bin/sh", "login": False})
TRIES = 10
ENOUGH = 300  # Codex runs again what failed in its first 200 ms or so; on a busy machine few do.


@pytest.mark.codex
@pytest.mark.parametrize("mode", ["native", "approvals"])
async def test_the_approvals_way_takes_the_sandbox_away(tmp_path: Path, mode: str) -> None:
    """G1: the trap, shown: a plugin that only watches, ``never``, and the read-only sandbox."""
    plugin, made = Tools(), tmp_path / "made"

    def script(request: ModelRequest) -> Step:
        tried = len(request.tool_outputs)
        over = tried == TRIES if mode == "native" else made.exists() or tried == ENOUGH
        return Say("ok") if over else TRAP

    async with gated(script, plugin, seconds=300, tool_gate=mode) as (client, model):
        await client.run(tmp_path, "go on", timeout=300)
        vias = [use.via for use in client.tool_uses]
    tries = len(model.requests) - 1
    assert vias == ["native" if mode == "native" else "approval"] * tries
    assert made.exists() is (mode == "approvals")
    seen = ["pre_tool_use", "post_tool_use"] if mode == "native" else ["post_tool_use"]
    assert [phase for phase, _ in plugin.uses] == seen * tries


@pytest.mark.codex
async def test_in_the_approvals_way_what_codex_asks_about_meets_the_plugins(
    tmp_path: Path,
) -> None:
    """G5: blocked, rewritten (which cannot be carried), passed; our own tools too."""
    (tmp_path / "key").write_text(SECRET)
    patch = "*** Begin Patch\n*** Add File: made\n+hi\n*** End Patch\n"

    def decide(ctx: HookContext) -> Decision | None:
        match tool_of(ctx).input:
            case {"command": "cat key"} if ctx.phase.is_pre:
                return Block("no keys")
            case {"command": "echo old"} if ctx.phase.is_pre:
                return Mutate(tool_input={"command": "echo new"})
            case {"q": "x"}:
                return Mutate(tool_input={"q": "y"})
            case {"q": "y"} if not ctx.phase.is_pre:
                return Mutate(tool_output="masked")
        return None

    plugin = Tools(decide, decide)
    steps: list[Step] = [
        RunCommand("cat key"),
        RunCommand("echo old"),
        RunCommand("echo fine"),
        ApplyPatch(patch),
        CallTool("answer", {"q": "x"}),
        CallTool("note", {"path": str(tmp_path / "note")}, namespace="mcp__notes"),
        Say("ok"),
    ]
    async with gated(steps, plugin, extra_config=NOTES, tool_gate="approvals") as (client, model):
        config = SessionConfig(cwd=tmp_path, sandbox_policy="workspace-write", tools=(ANSWER,))
        async with await client.start_session(config) as session:
            await session.ask("go on")
        assert all(use.decision != "unmediated" for use in client.tool_uses)
    outputs = model.requests[-1].tool_outputs
    assert not any(SECRET in request.text for request in model.requests)
    assert "rejected by user" in outputs["call_1"]
    assert "rejected by user" in outputs["call_2"]
    assert "fine" in outputs["call_3"]
    assert (tmp_path / "made").exists()
    assert outputs["call_5"] == "masked"
    assert plugin.uses.count(("post_tool_use", "answer")) == 1
    assert (tmp_path / "note").exists()
    changed = next(tool_of(ctx) for ctx in plugin.seen if tool_of(ctx).kind == "file_change")
    assert changed.paths == (str(tmp_path / "made"),)


@pytest.mark.codex
@pytest.mark.parametrize("on_unmediated", ["interrupt", "report"])
async def test_in_the_approvals_way_much_is_never_asked_about_and_found_late(
    tmp_path: Path, on_unmediated: str
) -> None:
    """G7: an MCP tool that says it only reads."""
    steps: list[Step] = [CallTool("look", {"name": "a"}, namespace="mcp__notes"), Say("ok")]
    config: dict[str, Any] = {"tool_gate": "approvals", "on_unmediated": on_unmediated}
    async with gated(steps, Tools(), extra_config=NOTES, **config) as (client, _):
        if on_unmediated == "interrupt":
            with pytest.raises(UnmediatedToolUse, match="mcp__notes__look"):
                await client.run(tmp_path, "go on")
        else:
            await client.run(tmp_path, "go on")
        assert [use.decision for use in client.tool_uses] == ["unmediated"]
