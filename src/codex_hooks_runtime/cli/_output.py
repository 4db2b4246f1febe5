"""What a person sees: plain text on a pipe, colours on a terminal alone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from codex_hooks import Block, HookCall, HookIssue, HookReport

_STYLES = {"block": "bold red", "failed": "bold red", "ask": "yellow", "mutate": "cyan"}


class _LastingConsole(Console):
    def on_broken_pipe(self) -> None:
        # Whoever read our output has left. Ending the process here, as rich would, could be in the
        # middle of a hook; so the rest is not shown, and what was begun comes to its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def console(*, stderr: bool = False) -> Console:
    """Return where to print; ``soft_wrap`` keeps the lines of a pipe whole."""
    return _LastingConsole(stderr=stderr, highlight=False, soft_wrap=True)


def complain(message: str) -> None:
    """Say one sentence on stderr."""
    console(stderr=True).print(headed("error: ", "bold red", message))


def printable(text: str) -> Text:
    """Return ``text`` for a terminal: what would steer it is shown escaped (F28)."""
    return Text("".join(c if c.isprintable() or c == "\n" else repr(c)[1:-1] for c in text))


def headed(head: str, style: str, text: str) -> Text:
    """Return ``text`` behind a ``head`` that alone has the style."""
    return Text.assemble((head, style), printable(text))


def report_table(report: HookReport) -> Table:
    """Return the calls of a report as a table."""
    table = Table(title=f"hook report {report.correlation_id}", title_justify="left")
    for name in ("hook", "plugin", "tool use", "decision"):
        table.add_column(name, overflow="fold")
    table.add_column("µs", justify="right")
    for call in report.calls:
        table.add_row(
            call.phase.value,
            printable(call.plugin),
            printable(call.call_id or ""),
            Text(_decision(call), _STYLES.get(call.decision, "")),
            f"{call.microseconds:,.0f}",
        )
    return table


def print_outcome(out: Console, report: HookReport) -> None:
    """Print what was blocked, what failed, and what is missing; nothing for a clean report."""
    for block in report.blocks:
        out.print(headed(f"{block.phase} blocked by {block.plugin}: ", "bold red", block.message))
    for issue in report.issues:
        if any(_says(block, issue) for block in report.blocks):
            continue
        passed = " (let pass: on_error is ignore)" if issue.failed_open else ""
        where = f"{issue.phase} of {issue.plugin}, {issue.kind}: "
        out.print(headed(where, "yellow", issue.message + passed))
    for skipped in report.skipped:
        if skipped.broken:
            out.print(headed(f"plugin {skipped.plugin}: ", "yellow", skipped.reason))


def _says(block: Block, issue: HookIssue) -> bool:
    """Whether the block came of the failure, and says so."""
    same = (block.plugin, block.phase) == (issue.plugin, issue.phase)
    return same and block.message.endswith(issue.message)


def _decision(call: HookCall) -> str:
    observed = "" if call.enforced else " (observed)"
    why = f": {printable(call.message)}" if call.message else ""
    return f"{call.decision}{observed}{why}"
