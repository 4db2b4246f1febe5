"""Brace expansion: ``{a,b}`` is two words, and ``{1..9}`` some part of a name."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from ._grammar import Unreadable
from ._text import Hole, Text

OPENING, COMMA, CLOSING = "\ufdd0", "\ufdd1", "\ufdd2"
"""Unquoted braces and commas, as `_words` marks them."""

MAX_BRACED: Final = 512


def expand_braces(text: Text) -> list[Text]:
    """Expand the first braces of ``text`` that have a comma or a range in them, and so on."""
    source = "".join(part if isinstance(part, str) else "\0" for part in text.parts)
    for start in (place for place, char in enumerate(source) if char == OPENING):
        depth, cuts = 0, [start]
        for place in range(start, len(source)):
            char = source[place]
            depth += (char == OPENING) - (char == CLOSING)
            if depth == 1 and char == COMMA:
                cuts.append(place)
            if depth == 0:
                cuts.append(place)
                break
        if depth:
            continue
        before, after = _cut(text, 0, start), _cut(text, cuts[-1] + 1, len(source))
        inside = [_cut(text, a + 1, b) for a, b in pairwise(cuts)]
        if len(inside) == 1:
            if ".." not in str(inside[0]):
                continue
            inside = [Text.of(Hole.NAME)]
        found = [each for part in inside for each in expand_braces(Text.of(before, part, after))]
        if len(found) > MAX_BRACED:
            raise Unreadable(f"its braces stand for more than {MAX_BRACED} words")
        return found
    return [text]


def _cut(text: Text, start: int, end: int) -> Text:
    """Return ``text`` from ``start`` to ``end``, where each hole counts as one character."""
    parts: list[str | Hole] = []
    place = 0
    for part in text.parts:
        length = len(part) if isinstance(part, str) else 1
        if isinstance(part, str):
            parts.append(part[max(0, start - place) : max(0, end - place)])
        elif start <= place < end:
            parts.append(part)
        place += length
    return Text.of(*parts)
