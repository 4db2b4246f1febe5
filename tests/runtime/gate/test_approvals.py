"""Who is asked, what counts as a yes, and what a yes sends; and the approvals way with its trap."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import Allow, Ask, Block, HookKernel, Mutate, ToolCall
from codex_hooks_runtime import (
    ApprovalChannel,
    ApprovalQuestion,
    SessionConfig,
    UnmediatedToolUse,
)
from codex_hooks_runtime._gate._approver import refusal_of
from codex_hooks_runtime.testing import ApplyPatch, CallTool, RunCommand, Say
from runtime.gate.gated import Tools, asks, by_prompt, gated, told, tool_of
from runtime.gate.test_every_kind import ANSWER, NOTES

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codex_hooks import Decision, HookContext
    from codex_hooks_runtime.testing import Step

SECRET = "SWORDFISH"


def question(seconds: float = 30.0) -> ApprovalQuestion:
    return ApprovalQuestion(
        message="may it?",
        plugin="p",
        tool=ToolCall(call_id="c", name="Bash", kind="command", input={"command": "ls"}),
        cwd="/repo",
        thread_id="t",
        turn_id="u",
        correlation_id="hk-1",
        deadline=time.monotonic() + seconds,
    )


async def async_yes(_question: ApprovalQuestion) -> bool:
    return True


class CallableYes:
    async def __call__(self, _question: ApprovalQuestion) -> bool:
        return True


@pytest.mark.parametrize("approver", [async_yes, CallableYes(), lambda _question: True])
async def test_true_in_time_is_a_yes(approver: Any) -> None:
    """G4."""
    assert await refusal_of(approver, question(), HookKernel()) is None


async def raises(_question: ApprovalQuestion) -> bool:
    raise RuntimeError("boom")


async def hangs(_question: ApprovalQuestion) -> bool:
    await anyio.sleep_forever()
    return True


async def swallows_its_cancellation(_question: ApprovalQuestion) -> bool:
    try:
        await anyio.sleep_forever()
    except BaseException:  # noqa: S110  # what it stands for
        pass
    return True


@pytest.mark.parametrize(
    ("approver", "why"),
    [
        (None, "nobody can be asked here"),
        (raises, "the approver failed (RuntimeError)"),
        (lambda _question: 1 / 0, "the approver failed (ZeroDivisionError)"),
        (lambda _question: False, "the approver said no"),
        (lambda _question: "yes", "the approver answered with a str"),
        (lambda _question: 1, "the approver answered with a int"),
        (lambda _question: None, "the approver answered with a NoneType"),
        (lambda _question: object, "the approver answered with a type"),
    ],
)
async def test_whatever_else_an_approver_does_is_a_no(approver: Any, why: str) -> None:
    """G4, G5: the test above is the control."""
    assert await refusal_of(approver, question(), HookKernel()) == why


def blocks(_question: ApprovalQuestion) -> bool:
    threading.Event().wait(30)
    return True


@pytest.mark.parametrize("approver", [hangs, swallows_its_cancellation, blocks])
async def test_an_answer_that_does_not_come_in_time_is_a_no(approver: Any) -> None:
    """G4: however it is late; the thread of one that blocks is left behind (K6)."""
    with anyio.fail_after(10):
        assert await refusal_of(approver, question(0.05), HookKernel()) == "nobody answered in time"


async def test_a_channel_hands_questions_to_a_loop_of_the_callers() -> None:
    """G4: what is full, over, or answered twice does no harm."""
    channel = ApprovalChannel(capacity=2)
    answers: dict[str, bool] = {}

    async def ask(name: str) -> None:
        answers[name] = await channel(question())

    async with anyio.create_task_group() as tasks:
        for name in ("first", "second"):
            tasks.start_soon(ask, name)
        await anyio.wait_all_tasks_blocked()
        assert await channel(question()) is False  # nobody takes any
        first, second = await anext(channel), await anext(channel)
        assert first.question.message == "may it?"
        first.approve()
        first.decline()
        second.decline()
    assert sorted(answers.values()) == [False, True]

    with anyio.move_on_after(0.05):
        await channel(question())
    late: list[bool] = []

    async def take() -> None:
        pending = await anext(channel)
        late.append(pending.is_open)
        pending.approve()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(take)
        await anyio.wait_all_tasks_blocked()
        assert await channel(question()) is True
    assert late == [True]  # the one that nobody waits for any more was passed over


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
    assert seen.tool.input == {"command": "cat key"}
    assert (use.decision, use.decided_by, use.allowed) == ("ask", "approver", True)
    assert SECRET in model.requests[-1].tool_outputs["call_1"]


TRAP = RunCommand("touch made")
TRIES = 10  # Codex runs again what failed in its first 200 ms or so; one of these has.


@pytest.mark.codex
@pytest.mark.parametrize("mode", ["native", "approvals"])
async def test_the_approvals_way_takes_the_sandbox_away(tmp_path: Path, mode: str) -> None:
    """G1: the trap, shown: a plugin that only watches, ``never``, and the read-only sandbox."""
    plugin = Tools()
    async with gated([*[TRAP] * TRIES, Say("ok")], plugin, tool_gate=mode) as (client, _):
        await client.run(tmp_path, "go on")
        vias = [use.via for use in client.tool_uses]
    assert vias == ["native" if mode == "native" else "approval"] * TRIES
    assert (tmp_path / "made").exists() is (mode == "approvals")
    seen = ["pre_tool_use", "post_tool_use"] if mode == "native" else ["post_tool_use"]
    assert [phase for phase, _ in plugin.uses] == seen * TRIES


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
