"""A person at the terminal decides, for ``codex-hooks run``: the default answer is no."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import anyio
from rich.text import Text

from ._output import console, headed, printable

if TYPE_CHECKING:
    from codex_hooks_runtime import ApprovalQuestion, Approver

_MOST_SHOWN = 2_000


def terminal_approver() -> Approver | None:
    """Return who asks at this terminal; None where no person could see and answer."""
    return ConsoleApprover() if sys.stdin.isatty() and sys.stderr.isatty() else None


class ConsoleApprover:
    """Asks on stderr and reads the answer from stdin, one question at a time.

    Only ``y`` or ``yes`` is a yes. What was typed before the question stood there does not count.
    """

    def __init__(self) -> None:
        self._turn = anyio.Lock()

    async def __call__(self, question: ApprovalQuestion) -> bool:
        """Put ``question`` to the person, after those that were asked before it."""
        async with self._turn:
            _forget_what_was_typed()
            _show(question)
            answer = await _line()
        return answer.strip().lower() in {"y", "yes"}


def _show(question: ApprovalQuestion) -> None:
    out = console(stderr=True)
    who = "codex" if question.plugin is None else f"plugin {question.plugin}"
    out.print()
    out.print(headed(f"{who} asks: ", "bold yellow", question.message))
    what, shown = _subject(question)
    out.print(headed(f"  {printable(what)}: ", "bold", _shortened(shown)))
    if question.cwd is not None:
        out.print(Text("  in ") + printable(question.cwd))
    approval = question.tool.approval if question.tool is not None else None
    if approval is not None and approval.grants:
        out.print(Text("  a yes grants ") + printable(", ".join(approval.grants)))
    out.print(Text(f"  allow? [y/N] ({question.seconds_left:.0f} s left) "), end="")


def _subject(question: ApprovalQuestion) -> tuple[str, str]:
    """Return what kind of thing is to be decided, and the thing itself."""
    tool = question.tool
    if tool is not None:
        given = tool.input
        return tool.name, str(given["command"]) if "command" in given else repr(dict(given))
    if question.prompt:
        return "prompt", question.prompt
    return "session", question.thread_id or "a new one"


def _shortened(shown: str) -> str:
    if len(shown) <= _MOST_SHOWN:
        return shown
    return f"{shown[:_MOST_SHOWN]}… ({len(shown) - _MOST_SHOWN} more characters)"


def _forget_what_was_typed() -> None:
    import termios  # noqa: PLC0415  # not there on Windows, nor is a terminal asked for there

    termios.tcflush(sys.stdin.fileno(), termios.TCIFLUSH)


async def _line() -> str:
    descriptor = sys.stdin.fileno()
    await anyio.wait_readable(descriptor)
    return os.read(descriptor, 1_024).decode(errors="replace")
