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
from itertools import takewhile
from typing import TYPE_CHECKING, Final, TypeAlias

from ._text import OPEN, Hole, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_Token: TypeAlias = str | Hole
_TOKENS: Final = {"?": Hole.CHAR, "*": Hole.NAME, "**": Hole.BELOW}
_REGEX: Final = {Hole.CHAR: "[^/]", Hole.NAME: "[^/]*", Hole.BELOW: ".*"}

_FLAGS: Final = re.DOTALL | re.IGNORECASE
_MANY: Final = (Hole.NAME, Hole.BELOW)
_GLOBS: Final = (Hole.CHAR, Hole.NAME)

# What stands for a hole that `surely` can accept; no pattern can have these characters.
_CERTAIN: Final = {Hole.CHAR: "\0", Hole.NAME: "\0", Hole.LINE: "\0", Hole.BELOW: "\0/\0"}


@dataclass(frozen=True, slots=True)
class _Spelling:
    """One form of a pattern; ``naming`` says which of its tokens tell a name from others.

    Separators do not, nor does the ending of a name that has more to it: ``*.json`` is no naming
    of ``logins.json``. ``lead`` is what is written out at the beginning, after the ``**`` of one
    that ``floats``; ``start`` are the states before any character.
    """

    tokens: tuple[_Token, ...]
    naming: tuple[bool, ...]
    floats: bool
    lead: str
    start: frozenset[tuple[int, bool]]

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
        floats = tokens[:2] == (Hole.BELOW, "/")
        lead = "".join(str(each) for each in takewhile(_is_one_folded, tokens[floats:]))
        states = _closed(tokens, {(0, not any(naming))})
        return cls(tokens, tuple(naming), floats, lead.casefold(), frozenset(states))

    def agreed_by(self, place: int) -> bool:
        """Whether the characters up to ``place`` name something, or need not."""
        return not any(self.naming) or any(self.naming[:place])


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


@dataclass(frozen=True, slots=True)
class PatternList:
    """A condition's patterns: of ``wanted`` one has to match, and of ``besides`` none.

    ``regex`` is all that is wanted in one, for texts of which everything is known.
    """

    wanted: tuple[Pattern, ...]
    besides: tuple[Pattern, ...]
    regex: re.Pattern[str]

    def may(self, text: Text) -> bool:
        """Whether ``text`` may turn out to match, and is surely no exception."""
        literal = text.literal
        if literal is not None:
            matches = self.regex.fullmatch(literal) is not None
        else:
            matches = any(each.may(text) for each in self.wanted)
        return matches and not any(each.surely(text) for each in self.besides)


@lru_cache(maxsize=4096)
def compile_patterns(sources: tuple[str, ...], *, path: bool) -> PatternList:
    """Compile a list of patterns; ``!`` before one makes it an exception."""
    wanted = tuple(compile_pattern(each, path=path) for each in sources if each[0] != "!")
    besides = tuple(compile_pattern(each[1:], path=path) for each in sources if each[0] == "!")
    anchored: list[str] = []
    floating: list[str] = []
    for spelling in dict.fromkeys(each for pattern in wanted for each in pattern.alternatives):
        # What floats has its beginning in common: looked for once, not once for each.
        place = floating if spelling.floats else anchored
        place.append(_regex_of(spelling.tokens[2 * spelling.floats :]))
    if floating:
        anchored.append(f".*/(?:{'|'.join(floating)})")
    return PatternList(wanted, besides, re.compile("|".join(anchored) or "(?!)", _FLAGS))


@lru_cache(maxsize=4096)
def compile_pattern(source: str, *, path: bool) -> Pattern:
    """Compile ``source``; where it is not about a ``path``, ``*`` is anything."""
    alternatives = tuple(tuple(_tokens(each, path=path)) for each in _spelled_out(source, path))
    regex = "|".join(map(_regex_of, alternatives))
    return Pattern(
        floating=not path or source.startswith("**/"),
        alternatives=tuple(map(_Spelling.of, alternatives)),
        regex=re.compile(regex, _FLAGS),
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


def _regex_of(tokens: Sequence[_Token]) -> str:
    return "".join(re.escape(each) if isinstance(each, str) else _REGEX[each] for each in tokens)


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
    states, parts = _after_head(spelling, text.head.casefold()), text.parts[bool(text.head) :]
    for part in parts:
        if not states:
            return False
        if isinstance(part, str):
            states = _after_chars(spelling, states, part.casefold())
        else:
            states = _closed(tokens, _after_hole(tokens, states, part, floating))
    return (len(tokens), True) in states


def _after_head(spelling: _Spelling, head: str) -> set[tuple[int, bool]]:
    """Return the states after the known beginning of a text, mostly without going through it."""
    lead = spelling.lead
    if not spelling.floats:
        count = min(len(lead), len(head))
        if lead[:count] != head[:count]:
            return set()
        states = _closed(spelling.tokens, {(count, spelling.agreed_by(count))})
        return _after_chars(spelling, states, head[count:])
    if not lead or lead in head:
        return _after_chars(spelling, set(spelling.start), head)
    states = set(spelling.start)
    place = head.find("/", max(0, len(head) - len(lead)))
    while place >= 0:  # it may end with the beginning of the pattern
        if lead.startswith(head[place:]):
            reached = 1 + len(head) - place
            states.add((reached, spelling.agreed_by(reached)))
        place = head.find("/", place + 1)
    return states


def _after_chars(
    spelling: _Spelling, states: set[tuple[int, bool]], chars: str
) -> set[tuple[int, bool]]:
    place = 0
    while states and place < len(chars):
        if spelling.floats and states == spelling.start:  # all the same up to the next folder
            place = chars.find("/", place)
            if place < 0:
                break
        states = _closed(spelling.tokens, _after_char(spelling, states, chars[place]))
        place += 1
    return states


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


def _is_one_folded(token: _Token) -> bool:
    return isinstance(token, str) and len(token.casefold()) == 1


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
