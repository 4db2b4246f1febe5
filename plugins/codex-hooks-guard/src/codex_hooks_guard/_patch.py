"""The patch format of Codex, read for the files that a patch touches.

A file that is added, updated or moved to is written; one that is deleted or moved away is removed.
"""

from __future__ import annotations

import re
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
        yield Command(
            words=(), cwd=cwd, origin=within, hidden="unreadable", why="it is no patch in full"
        )
        return
    current: str | None = None
    for line in text.splitlines():
        found = _DIRECTIVE.fullmatch(line)
        if found is None or found["what"] in _MARKERS:
            continue
        what, file = found["what"], found["file"]
        if not file or what not in ("Add File", "Update File", "Delete File", "Move to"):
            if line.startswith("***"):
                why = f"its line {line[:60]!r} is none of a patch"
                yield Command(words=(), cwd=cwd, origin=within, hidden="unreadable", why=why)
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


def _removed(file: Text, cwd: Text, origin: tuple[str, ...]) -> Command:
    return Command(words=(Text.of("rm"), Text.of("--"), file), cwd=cwd, origin=origin)
