"""Patterns of rules against texts with holes: what may match, and what surely does.

In a pattern ``?`` is one character, ``*`` any of a file name, ``**`` anything; ``**/`` at the
start makes it float: any folder, or none. A ``/`` at the end takes the folder and all in it.

A restriction asks whether a text *may* match: a hole that the command fills counts as whatever
the rule is about. A glob or a listing does so only where something written out agrees as well:
``.e*`` may be ``.env``, while ``*`` is nobody's naming of ``server.pem``. An exception asks
whether a text *surely* matches. Upper and lower case are one where that blocks more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final, TypeAlias

from ._text import OPEN, Hole, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Token: TypeAlias = str | Hole
_TOKENS: Final = {"?": Hole.CHAR, "*": Hole.NAME, "**": Hole.BELOW}
_REGEX: Final = {Hole.CHAR: "[^/]", Hole.NAME: "[^/]*", Hole.BELOW: ".*"}

_MANY: Final = (Hole.NAME, Hole.BELOW)
_GLOBS: Final = (Hole.CHAR, Hole.NAME)

# What stands for a hole that `surely` can accept; no pattern can have these characters.
_CERTAIN: Final = {Hole.CHAR: "\0", Hole.NAME: "\0", Hole.LINE: "\0", Hole.BELOW: "\0/\0"}


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One form of a pattern; ``naming`` says which of its tokens tell a name from others.

    Separators do not, nor does the ending of a name that has more to it: ``*.json`` is no naming
    of ``logins.json``.
    """

    tokens: tuple[_Token, ...]
    naming: tuple[bool, ...]

    @classmethod
    def of(cls, tokens: tuple[_Token, ...]) -> _Spelling:
        """Find out what names."""
        start = max((n + 1 for n, each in enumerate(tokens) if each == "/"), default=0)
        dot = max((n for n, each in enumerate(tokens) if each == "." and n > start), default=0)
        has_stem = any(isinstance(each, str) for each in tokens[start:dot])
        naming = [
            isinstance(each, str)
            and (each not in "/." or (each == "." and _begins_name(tokens, n)))
            for n, each in enumerate(tokens)
        ]
        if has_stem:
            naming[dot:] = [False] * (len(tokens) - dot)
        return cls(tokens, tuple(naming))


@dataclass(frozen=True, slots=True)
class Pattern:
    """One compiled pattern."""

    floating: bool
    alternatives: tuple[_Spelling, ...]
    regex: re.Pattern[str]
    exact: re.Pattern[str]

    def may(self, text: Text) -> bool:
        """Whether ``text`` may turn out to match."""
        literal = text.literal
        if literal is not None:
            return self.regex.fullmatch(literal) is not None
        return any(_may(spelling, text, self.floating) for spelling in self.alternatives)

    def surely(self, text: Text) -> bool:
        """Whether ``text`` matches, whatever its holes are filled with."""
        if text.is_open or Hole.AMBIENT in text.parts:
            return False
        filled = (part if isinstance(part, str) else _CERTAIN[part] for part in text.parts)
        return self.exact.fullmatch("".join(filled)) is not None


@lru_cache(maxsize=4096)
def compile_pattern(source: str, *, path: bool) -> Pattern:
    """Compile ``source``; where it is not about a ``path``, ``*`` is anything."""
    alternatives = tuple(tuple(_tokens(each, path=path)) for each in _spelled_out(source, path))
    regex = "|".join(
        "".join(re.escape(t) if isinstance(t, str) else _REGEX[t] for t in tokens)
        for tokens in alternatives
    )
    return Pattern(
        floating=not path or source.startswith("**/"),
        alternatives=tuple(map(_Spelling.of, alternatives)),
        regex=re.compile(regex, re.DOTALL | re.IGNORECASE),
        exact=re.compile(regex, re.DOTALL),
    )


def _spelled_out(source: str, path: bool) -> Sequence[str]:
    if not path:
        return (source,)
    if source.endswith("/") and source != "/":
        source = source[:-1]
        return (*_spelled_out(source, path), *_spelled_out(f"{source}/**", path))
    if source.startswith("**/"):
        return (source[3:], f"**/{source[3:]}")
    return (source,)


def _tokens(source: str, *, path: bool) -> Iterator[_Token]:
    for piece in re.findall(r"\*\*|.", source, re.DOTALL):
        token = _TOKENS.get(piece, piece)
        yield Hole.BELOW if token is Hole.NAME and not path else token


def _may(spelling: _Spelling, text: Text, floating: bool) -> bool:
    """Follow all ways at once to read ``text`` as the pattern.

    A state is a place in the pattern, and whether a known character has agreed with a naming one
    on the way there.
    """
    tokens = spelling.tokens
    states = _closed(tokens, {(0, not any(spelling.naming))})
    for part in text.parts:
        if isinstance(part, str):
            for char in part.casefold():
                states = _closed(tokens, _after_char(spelling, states, char))
                if not states:
                    return False
        else:
            states = _closed(tokens, _after_hole(tokens, states, part, floating))
    return (len(tokens), True) in states


def _closed(tokens: Sequence[_Token], states: set[tuple[int, bool]]) -> set[tuple[int, bool]]:
    """Add the places that can be reached without a character."""
    reached = set(states)
    for start, agreed in states:
        for place in range(start, len(tokens)):
            if tokens[place] not in _MANY:
                break
            reached.add((place + 1, agreed))
    return reached


def _after_char(
    spelling: _Spelling, states: set[tuple[int, bool]], char: str
) -> set[tuple[int, bool]]:
    tokens = spelling.tokens
    reached: set[tuple[int, bool]] = set()
    for place, agreed in states:
        if place == len(tokens):
            continue
        token = tokens[place]
        if token is Hole.BELOW or (token is Hole.NAME and char != "/"):
            reached.add((place, agreed))
        elif token is Hole.CHAR and char != "/":
            reached.add((place + 1, agreed))
        elif isinstance(token, str) and token.casefold() == char:
            reached.add((place + 1, agreed or spelling.naming[place]))
    return reached


def _begins_name(tokens: Sequence[_Token], place: int) -> bool:
    return place == 0 or tokens[place - 1] == "/"


def _after_hole(
    tokens: Sequence[_Token], states: set[tuple[int, bool]], hole: Hole, floating: bool
) -> set[tuple[int, bool]]:
    if hole in OPEN:
        first = min((place for place, _ in states), default=len(tokens) + 1)
        return {(place, True) for place in range(first, len(tokens) + 1)}
    if hole is Hole.AMBIENT or (hole is Hole.BELOW and floating):
        return states  # empty, or within a wildcard of the pattern
    reached: set[tuple[int, bool]] = set() if hole is Hole.CHAR else set(states)
    for start, agreed in states:
        for place in range(start, len(tokens)):
            wanted = tokens[place]
            hidden = wanted == "." and _begins_name(tokens, place)
            if (wanted == "/" and hole is not Hole.BELOW) or (hidden and hole in _GLOBS):
                break
            if hole is Hole.CHAR:
                reached.add((place if wanted in _MANY else place + 1, agreed))
                break
            reached.add((place + 1, agreed))
    return reached
