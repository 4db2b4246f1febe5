"""The question at the terminal: what it shows, and that only a typed yes is one."""

from __future__ import annotations

import os
import pty
import sys
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks import HookPhase, ToolApproval, ToolCall
from codex_hooks_runtime import ApprovalQuestion
from codex_hooks_runtime.cli._approver import ConsoleApprover, terminal_approver

if TYPE_CHECKING:
    from collections.abc import Iterator


def question(command: str = "deploy\x1b[2J") -> ApprovalQuestion:
    return ApprovalQuestion(
        message="to production?",
        plugin="org-policy",
        phase=HookPhase.PRE_TOOL_USE,
        prompt="",
        tool=ToolCall(
            call_id="c",
            name="Bash",
            kind="command",
            input={"command": command},
            approval=ToolApproval(kind="command", grants={"outsideSandbox": True}),
        ),
        cwd="/repo",
        thread_id="t",
        turn_id="u",
        correlation_id="hk-1",
        deadline=time.monotonic() + 30,
    )


@contextmanager
def terminal(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A terminal as stdin; what is written to the returned descriptor is typed there."""
    master, slave = pty.openpty()
    with os.fdopen(slave) as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        try:
            yield master
        finally:
            os.close(master)


@pytest.mark.parametrize(
    ("typed", "yes"),
    [("y\n", True), ("YES\n", True), ("\n", False), ("n\n", False), ("yessir\n", False)],
)
async def test_only_a_typed_yes_is_one(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], typed: str, *, yes: bool
) -> None:
    """G4, F28: plugin, reason, command and time left are shown; the default answer is no."""
    with terminal(monkeypatch) as keyboard, anyio.fail_after(60):
        os.write(keyboard, b"y\n")  # before there was a question
        answers: list[bool] = []

        async def answer() -> None:
            answers.append(await ConsoleApprover()(question()))

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(answer)
            await anyio.wait_all_tasks_blocked()
            assert answers == []
            os.write(keyboard, typed.encode())
    assert answers == [yes]
    shown = capfd.readouterr().err
    for part in ("org-policy asks: to production?", r"Bash: deploy\x1b[2J", "in /repo", "[y/N]"):
        assert part in shown
    assert "outsideSandbox" in shown
    assert "s left" in shown
    assert "\x1b[2J" not in shown


@pytest.mark.parametrize(
    ("phase", "prompt", "shown"),
    [
        (HookPhase.PRE_RUN, "send\x1b[2J it", r"prompt: send\x1b[2J it"),
        (HookPhase.PRE_SESSION_START, "", "session: t"),
    ],
)
async def test_a_prompt_or_a_session_is_shown_where_no_tool_is_asked_about(
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    phase: HookPhase,
    prompt: str,
    shown: str,
) -> None:
    """K4, F28."""
    asked = replace(question(), phase=phase, prompt=prompt, tool=None)
    with terminal(monkeypatch) as keyboard, anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ConsoleApprover(), asked)
            await anyio.wait_all_tasks_blocked()
            os.write(keyboard, b"n\n")
    assert shown in capfd.readouterr().err


async def test_questions_come_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """G4: an answer is given to the question that is shown, not to the next."""
    answers: dict[str, bool] = {}
    approver = ConsoleApprover()

    async def ask(name: str) -> None:
        answers[name] = await approver(question(name))

    with terminal(monkeypatch) as keyboard, anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(ask, "first")
            await anyio.wait_all_tasks_blocked()
            tasks.start_soon(ask, "second")
            await anyio.wait_all_tasks_blocked()
            os.write(keyboard, b"y\n")
            with anyio.move_on_after(5):
                while "first" not in answers:
                    await anyio.wait_all_tasks_blocked()
            assert answers == {"first": True}
            os.write(keyboard, b"n\n")
    assert answers == {"first": True, "second": False}


def test_nobody_is_asked_where_there_is_no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    with open(os.devnull) as nothing:  # noqa: PTH123
        monkeypatch.setattr(sys, "stdin", nothing)
        assert terminal_approver() is None
