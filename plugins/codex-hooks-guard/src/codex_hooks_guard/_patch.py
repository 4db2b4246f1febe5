"""The patch format of Codex, read for the files that a patch touches.

A file that is added, updated or moved to is written; one that is deleted or moved away is removed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ._command import Command, Redirect
from ._text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator

_DIRECTIVE: Final = re.compile(r"\s*\*\*\* (?P<what>[^:]+?)(?:: ?(?P<file>.*?))?\s*")
_MARKERS: Final = ("Begin Patch", "End Patch", "End of File", "Environment ID")


def read_patch(patch: Text, cwd: Text, origin: tuple[str, ...] = ()) -> Iterator[Command]:
    """Yield what ``patch`` does, as redirections into files and as ``rm``."""
    within = (*origin, "patch")
    text = patch.literal
    if text is None or "*** Begin Patch" not in text:
        yield _unreadable("it is no patch in full", cwd, within)
        return
    current: str | None = None
    for line in text.splitlines():
        found = _DIRECTIVE.fullmatch(line)
        if found is None or found["what"] in _MARKERS:
            continue
        what, file = found["what"], found["file"]
        if not file or what not in ("Add File", "Update File", "Delete File", "Move to"):
            if line.startswith("***"):
                yield _unreadable(f"its line {line[:60]!r} is none of a patch", cwd, within)
            continue
        target = Text.of(file)
        if what == "Delete File":
            yield _removed(target, cwd, within)
            continue
        if what == "Move to":
            if current is not None:
                yield _removed(Text.of(current), cwd, within)
        else:
            current = file
        redirect = Redirect(">", target)
        yield Command(words=(), cwd=cwd, origin=within, redirects=(redirect,))


def read_changes(changes: object, cwd: Text) -> Iterator[Command]:
    """Yield what a list of changes does, as Codex gives it with some questions."""
    for change in changes if isinstance(changes, list | tuple) else (None,):
        path = change.get("path") if isinstance(change, Mapping) else None
        if not isinstance(path, str):
            yield _unreadable("it is no list of changes", cwd, ("patch",))
            continue
        kind = change.get("kind")
        moved = kind.get("move_path") if isinstance(kind, Mapping) else None
        deleted = kind.get("type") == "delete" if isinstance(kind, Mapping) else True
        if deleted or moved:
            yield _removed(Text.of(path), cwd, ("patch",))
        for written in (path, moved) if isinstance(moved, str) else (path,):
            redirect = Redirect(">", Text.of(written))
            yield Command(words=(), cwd=cwd, origin=("patch",), redirects=(redirect,))


def _unreadable(why: str, cwd: Text, origin: tuple[str, ...]) -> Command:
    return Command(words=(), cwd=cwd, origin=origin, hidden="unreadable", why=why)


def _removed(file: Text, cwd: Text, origin: tuple[str, ...]) -> Command:
    return Command(words=(Text.of("rm"), Text.of("--"), file), cwd=cwd, origin=origin)
