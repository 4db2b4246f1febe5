"""Where a path leads, worked out on its text alone; links are not followed.

`resolve` makes paths comparable: absolute, without ``.``, ``..`` or double slashes. A path whose
way cannot be followed (``..`` out of an unknown folder) is unknown from there on.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ._text import AMBIENT, EMPTY, Hole, Text

# /proc's own ways to the root and to the working folder of a process.
_PROC_ROOT: Final = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/root(?=/|$)")
_PROC_CWD: Final = re.compile(r"/proc/(?:self|thread-self|\d+)(?:/task/\d+)?/cwd(?=/|$)")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command begins: the working folder, None where that is not known, and the home."""

    cwd: str | None
    home: str

    @property
    def folder(self) -> Text:
        """The working folder as a text."""
        return AMBIENT if self.cwd is None else resolve(Text.of(self.cwd), AMBIENT)

    @property
    def root(self) -> str | None:
        """The folder that a command may do as it likes in; None where there is none.

        The file system's root and the home are no such folders, nor is any that holds the home.
        """
        folder = self.folder.literal
        if folder is None or folder == "/" or f"{self.home}/".startswith(f"{folder}/"):
            return None
        return folder


def resolve(path: Text, cwd: Text) -> Text:
    """Return where ``path`` leads, seen from ``cwd``."""
    if path.head[:1] == "/" or (path.parts and _is_way(Text(path.parts[:1]))):
        whole = path
    else:
        whole = Text.of(cwd, "/", path)
    if _is_plain(whole):
        return whole
    stack: list[Text] = []
    lost = False
    for segment in whole.split("/"):
        if segment.literal == ".":
            continue
        if segment.literal != "..":
            stack.append(segment)
        elif stack and Hole.BELOW not in stack[-1].parts and not _is_way(stack[-1]):
            stack.pop()
        elif stack:
            lost = True
            stack.clear()
    start: str | Hole = "/" if whole.head[:1] == "/" else ""
    resolved = Text.of(start, Text.join(stack, "/"))
    if lost:
        return Text.of(Hole.UNKNOWN, "/", resolved) if stack else Text.of(Hole.UNKNOWN)
    return _out_of_proc(resolved, cwd)


def _is_plain(path: Text) -> bool:
    text = path.literal
    return text is not None and not re.search(r"//|/\.\.?(/|$)|/$|^/proc/", text)


def _is_way(segment: Text) -> bool:
    """Whether an unknown part of ``segment`` may be more than one name."""
    return segment.is_open or Hole.AMBIENT in segment.parts


def _out_of_proc(path: Text, cwd: Text) -> Text:
    if not path.head.startswith("/proc/"):
        return path
    if found := _PROC_ROOT.match(path.head):
        rest = path.drop(found.end())
        return resolve(rest if rest.parts else Text.of("/"), cwd)
    if found := _PROC_CWD.match(path.head):
        return resolve(Text.of(cwd, path.drop(found.end())), EMPTY)
    return path


def pattern_at(source: str, place: Place) -> str | None:
    """Return the absolute form of a rule's path pattern; None where it can match nothing here."""
    if source.startswith("~/"):
        return place.home + source[1:]
    if source.startswith("./"):
        return None if place.root is None else place.root + source[1:]
    return source
