"""One rule against one simple command: whether the rule holds.

A rule that restricts holds where it may: what is not known counts against the command. A rule
that allows holds where everything is known and nothing is left over.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from ._access import Access, access_of
from ._arguments import is_flag
from ._paths import Place, pattern_at
from ._pattern import PatternList, compile_pattern, compile_patterns
from ._programs import GLOBAL_VALUES, SHORT_VALUES
from ._text import Hole, Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ._command import Command
    from ._rule import Rule

# A list in a file is not looked into, as a script is not.
_FROM_A_FILE: Final = (Hole.CONTENT,)

_Rest: TypeAlias = "tuple[Text, ...] | None"


@dataclass(frozen=True, slots=True)
class Subject:
    """A simple command with what it touches, and the place that patterns are seen from."""

    command: Command
    access: Access
    place: Place

    @classmethod
    def of(cls, command: Command, place: Place) -> Subject:
        """Work out what ``command`` touches."""
        return cls(command, access_of(command), place)


def holds(rule: Rule, subject: Subject) -> bool:
    """Whether every condition of ``rule``, which is not about tools alone, holds."""
    command = subject.command
    if rule.action == "allow" and not _is_known(command):
        return False
    if command.hidden:
        return not rule.hidden or command.hidden in rule.hidden
    rest = _rest(rule.commands, command)
    if rest is None:
        return False
    enough = all if rule.action == "allow" else any
    place, access = subject.place, subject.access
    return (
        not rule.hidden
        and (not rule.flags or any(_has_flag(flag, command) for flag in rule.flags))
        and (not rule.arguments or _some(rule.arguments, _given(rest)))
        and (not rule.env or _some(rule.env, _settings(command)))
        and (not rule.redirects or _some(rule.redirects, _redirects(command)))
        and (not rule.reads or _paths(rule.reads, access.reads, place, enough))
        and (not rule.writes or _paths(rule.writes, access.writes, place, enough))
        and (not rule.removes or _paths(rule.removes, access.removes, place, enough))
        and (not rule.network or _some(rule.network, access.hosts, enough))
    )


def _given(words: Iterable[Text]) -> list[Text]:
    return [word for word in words if word.parts != _FROM_A_FILE]


def _settings(command: Command) -> list[Text]:
    return [Text.of(f"{name}=", value) for name, value in command.env]


def _redirects(command: Command) -> list[Text]:
    return [Text.of(f"{each.operator} ", each.target) for each in command.redirects]


def is_for_tool(rule: Rule, tool: str) -> bool:
    """Whether ``rule`` is about uses of the tool with that name; without ``tools`` it is."""
    return not rule.tools or any(fnmatchcase(tool, pattern) for pattern in rule.tools)


def _is_known(command: Command) -> bool:
    texts = [*command.words, *(r.target for r in command.redirects), *(v for _, v in command.env)]
    return not command.hidden and all(text.literal is not None for text in texts)


def _rest(commands: tuple[str, ...], command: Command) -> _Rest:
    """Return the arguments after one of ``commands``, such as ``git push``; None where it is none.

    Options may stand anywhere between the words of a command.
    """
    if not commands:
        return command.arguments
    program = command.program
    if not command.words or not compile_patterns(_programs(commands), path=False).may(program):
        return None
    values = GLOBAL_VALUES.get(program.literal or "", "")
    for wanted in commands:
        name, *subcommands = wanted.split()
        if not _may(name, program):
            continue
        rest = _after(subcommands, command.arguments, values)
        if rest is not None:
            return rest
    return None


@lru_cache(maxsize=256)
def _programs(commands: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each.split()[0] for each in commands))


def _after(subcommands: Sequence[str], arguments: Sequence[Text], values: str) -> _Rest:
    """Return ``arguments`` without ``subcommands``; ``values`` are options that take a word.

    The word after any other option may be its value, or may not.
    """
    left = list(subcommands)
    rest: list[Text] = []
    option = ""
    for place, word in enumerate(arguments):
        if not left:
            return (*rest, *arguments[place:])
        is_option = word.head[:1] == "-"
        if not is_option and option not in values.split() and _may(left[0], word):
            left.pop(0)
        elif is_option or (option and "=" not in option):
            rest.append(word)
        else:
            return None
        option = word.head if is_option else ""
    return None if left else tuple(rest)


def _has_flag(flag: str, command: Command) -> bool:
    for word in command.arguments:
        if word.literal == "--":
            return False
        literal = word.literal
        if literal is not None and is_flag(_flags_of(literal, command), flag):
            return True
        if word.is_anything or (word.head[:1] == "-" and word.is_open):
            return True
    return False


def _flags_of(word: str, command: Command) -> str:
    """Return ``word`` without what is a value in it: ``-am`` of ``-amnote``, as git sees it."""
    values = SHORT_VALUES.get(command.program.literal or "")
    found = re.match(f"-\\w*?[{values}]", word) if values else None
    return found[0] if found else word


def _some(
    patterns: tuple[str, ...], texts: Sequence[Text], enough: Callable[[Iterable[bool]], bool] = any
) -> bool:
    compiled = compile_patterns(patterns, path=False)
    return bool(texts) and enough(map(compiled.may, texts))


def _paths(
    patterns: tuple[str, ...],
    paths: Sequence[Text],
    place: Place,
    enough: Callable[[Iterable[bool]], bool],
) -> bool:
    return bool(paths) and enough(map(_patterns_at(patterns, place).may, paths))


@lru_cache(maxsize=256)
def _patterns_at(patterns: tuple[str, ...], place: Place) -> PatternList:
    at = ((each[0] == "!", pattern_at(each.removeprefix("!"), place)) for each in patterns)
    return compile_patterns(tuple("!" * no + each for no, each in at if each), path=True)


def _may(pattern: str, text: Text) -> bool:
    return compile_pattern(pattern, path=False).may(text)
