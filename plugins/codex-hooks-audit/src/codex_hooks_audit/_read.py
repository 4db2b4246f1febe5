"""Reading a log, of any size, while it may be written to: lines one by one, never a whole file."""

from __future__ import annotations

import json
import os
import stat
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from codex_hooks_audit import _anchor
from codex_hooks_audit._anchor import segments_of
from codex_hooks_audit._chain import MAX_LINE
from codex_hooks_audit._errors import AuditError, NoPlainFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from codex_hooks_audit._anchor import Anchor

_BLOCK: Final = 64 * 1024


def segments(folder: Path) -> list[Path]:
    """Return the segments of the log in ``folder``, oldest first; `AuditError` without a log."""
    found = segments_of(folder)
    if not found and anchor_of(folder) is None:
        raise AuditError(
            f"there is no audit log in {folder}: run something under the plugin first, "
            "or give its place with --log"
        )
    return found


def anchor_of(folder: Path) -> Anchor | None:
    """Return the anchor, or None where there is none that can be read."""
    try:
        with _opened(folder / _anchor.NAME) as file:
            place = _anchor.decode(file.read(_anchor.SIZE))
    except (FileNotFoundError, NoPlainFile):
        return None
    return place.anchor if place else None


def lines(path: Path) -> Iterator[bytes]:
    """Return the lines of a segment with their line ends; the last may have none."""
    with _opened(path) as file:
        while line := file.readline(MAX_LINE):
            yield line


def records(
    folder: Path, *, containing: str | None = None, read: Callable[[int], None] = lambda _: None
) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """Return every record, as its line and as an object; what cannot be read is passed over.

    With ``containing``, only those whose line has that text. ``read`` is told how many bytes were
    gone through. Whether records are sound is for `verify` to say.
    """
    wanted = containing.encode("ascii", "backslashreplace") if containing else b""
    for path in segments(folder):
        for line in lines(path):
            read(len(line))
            if wanted in line and (record := _parsed(line)) is not None:
                yield line, record


def last_records(folder: Path, count: int) -> list[dict[str, Any]]:
    """Return the last ``count`` records, oldest first, read from the end."""
    found: list[dict[str, Any]] = []
    for path in reversed(segments(folder)):
        for line in _lines_backwards(path):
            if len(found) == count:
                return found[::-1]
            if (record := _parsed(line)) is not None:
                found.append(record)
    return found[::-1]


def size_of(folder: Path) -> int:
    """Return how many bytes of records there are."""
    return sum(path.lstat().st_size for path in segments(folder))


def _opened(path: Path) -> BinaryIO:
    """Open a file to read; a pipe would be waited for without end."""
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    file = os.fdopen(fd, "rb") if stat.S_ISREG(os.fstat(fd).st_mode) else None
    if file is None:
        os.close(fd)
        raise NoPlainFile(f"{path} is no plain file: find out who put it there, and remove it")
    return file


def _parsed(line: bytes) -> dict[str, Any] | None:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _lines_backwards(path: Path) -> Iterator[bytes]:
    with _opened(path) as file:
        at = file.seek(0, 2)
        rest = b""
        while at > 0:
            size = min(_BLOCK, at)
            at = file.seek(at - size)
            parts = (file.read(size) + rest).split(b"\n")
            rest = parts[0]
            yield from (part for part in reversed(parts[1:]) if part)
            if len(rest) > MAX_LINE:
                return
        if rest:
            yield rest
