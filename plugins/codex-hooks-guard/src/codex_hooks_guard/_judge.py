"""All rules against one tool use: the verdict.

Decisions only tighten (K4): one block anywhere blocks, else one ask anywhere asks. An allow is
given only where every simple command is allowed and nothing blocks or asks; it takes nothing back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._match import Subject, holds, is_for_tool
from ._patch import read_patch
from ._reader import read_command
from ._rule import STRENGTH
from ._text import Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._command import Command
    from ._paths import Place
    from ._rule import Action, Rule


@dataclass(frozen=True, slots=True)
class Finding:
    """A rule that holds, and the simple command that it holds for; none for a tool's name."""

    rule: Rule
    command: Command | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is to be done, and why.

    ``action`` is None where no rule has anything to say. ``findings`` have the strongest action
    first, and rules of one strength in their order; ``commands`` are all that was judged.
    """

    action: Action | None
    findings: tuple[Finding, ...]
    commands: tuple[Command, ...]


def commands_in(text: str, place: Place) -> tuple[Command, ...]:
    """Return the simple commands that a command, or a patch, comes down to."""
    if text.lstrip().startswith("*** Begin Patch"):
        return tuple(read_patch(Text.of(text), place.folder))
    return read_command(text, place)


def judge(rules: Sequence[Rule], tool: str, commands: tuple[Command, ...], place: Place) -> Verdict:
    """Judge the use of ``tool`` that comes down to ``commands``."""
    subjects = [Subject.of(command, place) for command in commands]
    relevant = [rule for rule in rules if is_for_tool(rule, tool)]
    findings: list[Finding] = []
    for rule in relevant:
        if rule.is_about_tools:
            findings.append(Finding(rule))
        elif rule.action != "allow":
            findings += [Finding(rule, each.command) for each in subjects if holds(rule, each)]
    restricted = any(finding.rule.action != "allow" for finding in findings)
    if not restricted and subjects:
        findings += _allowed(relevant, subjects)
    findings.sort(key=lambda finding: -STRENGTH[finding.rule.action])
    action = findings[0].rule.action if findings else None
    return Verdict(action, tuple(findings), commands)


def _allowed(rules: Sequence[Rule], subjects: Sequence[Subject]) -> list[Finding]:
    """Return one finding for each command, or none where a command is not allowed."""
    found: list[Finding] = []
    for subject in subjects:
        allowing = (
            rule
            for rule in rules
            if rule.action == "allow" and not rule.is_about_tools and holds(rule, subject)
        )
        rule = next(allowing, None)
        if rule is None:
            return []
        found.append(Finding(rule, subject.command))
    return found
