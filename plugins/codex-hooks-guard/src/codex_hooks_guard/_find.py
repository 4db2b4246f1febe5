"""``find``: which files it names, and what it does to them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._text import Hole, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAMING: Final = ("-name", "-iname", "-path", "-ipath", "-wholename", "-lname", "-samefile")
_RUNNING: Final = ("-exec", "-execdir", "-ok", "-okdir")
_WRITING: Final = ("-fprint", "-fprint0", "-fls", "-fprintf")


@dataclass(frozen=True, slots=True)
class Find:
    """A reading of find's arguments.

    ``files`` are those that it may name, ``runs`` the commands with the files put in for ``{}``;
    ``writes`` are files that it writes a list to. ``prints_names`` is False where it prints what
    its arguments say instead.
    """

    files: tuple[Text, ...]
    runs: tuple[tuple[Text, ...], ...]
    deletes: bool
    writes: tuple[Text, ...]
    prints_names: bool


def read_find(arguments: Sequence[Text]) -> Find:
    """Read the words after ``find``."""
    first = next(
        (place for place, word in enumerate(arguments) if _starts_expression(word)), len(arguments)
    )
    roots = [word for word in arguments[:first] if word.head[:1] != "-"] or [Text.of(".")]
    expression = arguments[first:]
    names: list[Text] = []
    runs: list[list[Text]] = []
    writes: list[Text] = []
    place = 0
    while place < len(expression):
        word = expression[place].literal
        following = expression[place + 1 : place + 2]
        if word in _NAMING:
            negated = place > 0 and expression[place - 1].literal in ("!", "-not")
            names += () if negated else map(glob_of, following)
        elif word in ("-regex", "-iregex"):
            names += map(glob_of_regex, following)
        elif word in _WRITING:
            writes += following
        elif word in _RUNNING:
            end = place + 1
            while end < len(expression) and expression[end].literal not in (";", "+"):
                end += 1
            runs.append(list(expression[place + 1 : end]))
            place = end
        place += 1
    deletes = any(word.literal == "-delete" for word in expression)
    if deletes and not names:  # it never removes the folder that it stands in
        roots = [
            root if root.literal not in (".", "./") else Text.of("./", Hole.BELOW) for root in roots
        ]
    files = tuple(
        file for root in roots for file in (*([] if names else [root]), *_files_below(root, names))
    )
    return Find(
        files=files,
        runs=tuple(tuple(filled) for run in runs for filled in _filled(run, files)),
        deletes=deletes,
        writes=tuple(writes),
        prints_names=not runs
        and not any((w.literal or "").startswith("-printf") for w in expression),
    )


def _starts_expression(word: Text) -> bool:
    return word.literal in ("(", "!", ")") or (
        word.head[:1] == "-" and word.literal not in ("-H", "-L", "-P")
    )


def _files_below(root: Text, names: Sequence[Text]) -> list[Text]:
    if not names:
        return [Text.of(root, "/", Hole.BELOW)]
    below = [Text.of(root, "/", Hole.BELOW, "/", name) for name in names]
    return [*below, *(Text.of(root, "/", name) for name in names)]


def glob_of(name: Text) -> Text:
    """Return what a pattern stands for that the shell has left alone."""
    parts: list[str | Hole] = []
    for part in name.parts:
        if isinstance(part, Hole):
            parts.append(part)
            continue
        parts += [{"*": Hole.NAME, "?": Hole.CHAR}.get(char, char) for char in part]
    return Text.of(*parts)


def glob_of_regex(pattern: Text) -> Text:
    """Return the names that a regular expression finds, as far as letters and anchors go."""
    source = str(pattern)
    parts = [
        piece[-1] if re.fullmatch(r"[\w/ -]|\\[^\w]", piece) else Hole.LINE
        for piece in re.findall(r"\\.|.", source.strip("^$"))
    ]
    start = "" if source.startswith("^") else Hole.LINE
    return Text.of(start, *parts, "" if source.endswith("$") else Hole.LINE)


def _filled(run: Sequence[Text], files: Sequence[Text]) -> list[list[Text]]:
    return [[put_in(word, "{}", file) for word in run] for file in files]


def put_in(word: Text, placeholder: str, value: Text) -> Text:
    """Return ``word`` with ``value`` in the place of each ``placeholder``."""
    parts: list[str | Hole | Text] = []
    for part in word.parts:
        if isinstance(part, Hole):
            parts.append(part)
            continue
        pieces = part.split(placeholder)
        parts.append(pieces[0])
        for piece in pieces[1:]:
            parts += (value, piece)
    return Text.of(*parts)
