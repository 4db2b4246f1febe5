"""``find``: which files it names, and what it does to them."""

from __future__ import annotations

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
            names += () if negated else map(_as_glob, following)
        elif word in _WRITING:
            writes += following
        elif word in _RUNNING:
            end = place + 1
            while end < len(expression) and expression[end].literal not in (";", "+"):
                end += 1
            runs.append(list(expression[place + 1 : end]))
            place = end
        place += 1
    files = tuple(
        file for root in roots for file in (*([] if names else [root]), *_files_below(root, names))
    )
    return Find(
        files=files,
        runs=tuple(tuple(filled) for run in runs for filled in _filled(run, files)),
        deletes=any(word.literal == "-delete" for word in expression),
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


def _as_glob(name: Text) -> Text:
    """Return what a ``-name`` pattern, which the shell has left alone, stands for."""
    parts: list[str | Hole] = []
    for part in name.parts:
        if isinstance(part, Hole):
            parts.append(part)
            continue
        parts += [{"*": Hole.NAME, "?": Hole.CHAR}.get(char, char) for char in part]
    return Text.of(*parts)


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
