"""Who is asked where a person is to decide, and what counts as a yes; before any phase."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import Ask, HookContext, HookKernel, HookPhase, Mutate, ToolCall, hookimpl
from codex_hooks_runtime import ApprovalChannel, ApprovalQuestion, BlockedByHook, SessionConfig
from codex_hooks_runtime._approver import refusal_of
from codex_hooks_runtime.testing import RunCommand, Say
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks import Decision
    from codex_hooks_runtime.testing import Step


def question(seconds: float = 30.0) -> ApprovalQuestion:
    return ApprovalQuestion(
        message="may it?",
        plugin="p",
        phase=HookPhase.PRE_TOOL_USE,
        prompt="",
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
    with anyio.fail_after(60):
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


class Answers:
    """An approver that says ``yes`` or no to all, and remembers what it was asked."""

    def __init__(self, *, yes: bool) -> None:
        self.yes = yes
        self.asked: list[ApprovalQuestion] = []

    async def __call__(self, question: ApprovalQuestion) -> bool:
        self.asked.append(question)
        return self.yes


PRE_PHASES = ["pre_run", "pre_session_start", "pre_turn"]


@pytest.mark.codex
@pytest.mark.parametrize("phase", PRE_PHASES)
@pytest.mark.parametrize("yes", [True, False])
async def test_a_person_decides_about_a_run_a_session_and_a_turn(
    tmp_path: Path, phase: str, *, yes: bool
) -> None:
    """K4: a yes lets it go on, with the report; a no is a block by the plugin that asked."""
    answers, journal = Answers(yes=yes), Journal(**{phase: Ask("is this one all right?")})
    async with scripted([Say("done")], journal, approver=answers) as (client, model):
        if yes:
            assert (await client.run(tmp_path, "go on")).assistant_text == "done"
        else:
            with pytest.raises(BlockedByHook, match=r"all right.*the approver said no") as caught:
                await client.run(tmp_path, "go on")
            assert caught.value.plugin == "Journal"
            assert model.requests == ()
            assert client.latest_report is not None
            assert client.latest_report.blocked == caught.value.block
    (asked,) = answers.asked
    assert (asked.phase, asked.plugin, asked.tool) == (HookPhase(phase), "Journal", None)
    assert (asked.message, asked.cwd) == ("is this one all right?", str(tmp_path))
    assert asked.prompt == ("" if phase == "pre_session_start" else "go on")
    assert journal.endings[phase.removeprefix("pre_")] == ("ok" if yes else "blocked")


class AsksAboutSteering:
    """Wants a person to see what is said into a turn that is under way."""

    @hookimpl
    async def pre_turn(self, ctx: HookContext) -> Decision | None:
        return Ask("may this be said?") if ctx.turn_id else None

    @hookimpl(specname="pre_turn", trylast=True)
    async def politely(self, ctx: HookContext) -> Decision | None:
        if ctx.prompt.endswith("please"):
            return None
        return Mutate(prompt=f"{ctx.prompt}, please")


@pytest.mark.codex
async def test_a_person_sees_what_would_be_steered_in(tmp_path: Path) -> None:
    """K3, K4, R1."""
    answers = Answers(yes=False)
    held, go_on = anyio.Event(), anyio.Event()

    class Holds:
        @hookimpl
        async def pre_tool_use(self, ctx: HookContext) -> None:
            held.set()
            await go_on.wait()

    script: list[Step] = [RunCommand("echo hi"), Say("done")]
    async with scripted(script, AsksAboutSteering(), Holds(), approver=answers) as (client, model):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        async with thread.turn_start("go on") as turn:
            with anyio.fail_after(60):
                await held.wait()
            with pytest.raises(BlockedByHook, match="the approver said no"):
                await thread.turn_steer(turn.turn_id, "louder")
            go_on.set()
            await turn.finish()
    (asked,) = answers.asked
    assert (asked.prompt, asked.turn_id) == ("louder, please", turn.turn_id)
    assert "louder" not in model.requests[-1].text


@pytest.mark.codex
@pytest.mark.parametrize("objector", [None, "one", "two"])
async def test_each_plugins_question_needs_a_yes(tmp_path: Path, objector: str | None) -> None:
    """K4: a yes to one is none to the other; the first no is the last question."""
    first, second = Journal(pre_tool_use=Ask("one")), Journal(pre_tool_use=Ask("two"))
    asked: list[str] = []

    def approver(question: ApprovalQuestion) -> bool:
        asked.append(question.message)
        return question.message != objector

    script: list[Step] = [RunCommand("touch made"), Say("done")]
    async with scripted(script, approver=approver) as (client, model):
        client.kernel.register(first, "first")
        client.kernel.register(second, "second")
        await client.run(tmp_path, "go on", sandbox_policy="workspace-write")
        assert client.latest_report is not None
        blocks = [block.message.split()[0] for block in client.latest_report.blocks]
    assert blocks == ([] if objector is None else [objector])
    assert asked == (["one"] if objector == "one" else ["one", "two"])
    assert (tmp_path / "made").exists() is (objector is None)
    if objector is not None:
        assert f"{objector} (plugin" in model.requests[-1].tool_outputs["call_1"]
