"""Is the log what was written? The first record that is not is named (F27).

The chain shows what was changed, left out or moved; the anchor shows what was cut off at the end.
Somebody who can write to both can make up a log that holds together: against that, note the count
and the head elsewhere now and then, and have them looked for with ``expect``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from codex_hooks_audit import _anchor
from codex_hooks_audit._anchor import segment_name
from codex_hooks_audit._chain import START, BadRecord, Link, check
from codex_hooks_audit._read import anchor_of, lines, segments

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codex_hooks_audit._anchor import Anchor


@dataclass(frozen=True, slots=True)
class Problem:
    """The first record that is not as it was written, and where: line from 1, byte from 0."""

    record: int
    reason: str
    segment: str | None = None
    line: int | None = None
    byte: int | None = None

    def __str__(self) -> str:
        place = f" ({self.segment}, line {self.line}, byte {self.byte})" if self.segment else ""
        return f"record {self.record} {self.reason}{place}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it.

    ``records`` are sound, up to the hash ``head``. ``unanchored`` of them, and ``torn_bytes`` after
    them, are what a writer that is at work or was killed leaves; the next one mends it.
    """

    records: int
    segments: int
    head: str
    unanchored: int = 0
    torn_bytes: int = 0
    problem: Problem | None = None

    @property
    def intact(self) -> bool:
        """Whether every record is as it was written, and none is missing."""
        return self.problem is None


class _Walk:
    """The chain as far as it was followed."""

    def __init__(self, anchor: Anchor | None, expected: Link | None) -> None:
        self.link = START
        self.torn_bytes = 0
        self._anchor = anchor
        self._expected = expected

    def segment(self, path: Path, *, last: bool, read: Callable[[int], None]) -> Problem | None:
        """Follow the chain through one segment, up to the first problem."""
        if path.name != segment_name(self.link.seq + 1):
            missing = f"is missing: the next segment is {path.name}"
            return Problem(self.link.seq + 1, missing)
        if not path.is_file():
            return Problem(self.link.seq + 1, f"is missing: {path.name} is no plain file")
        at = 0
        for number, line in enumerate(lines(path), 1):
            where = path.name, number, at
            if last and not line.endswith(b"\n") and self._reached_the_anchor():
                self.torn_bytes = len(line)
                return None
            try:
                self.link = check(line, self.link)
            except BadRecord as error:
                return Problem(self.link.seq + 1, str(error), *where)
            if problem := self._compare(where):
                return problem
            at += len(line)
            read(len(line))
        return None

    def end(self) -> Problem | None:
        """Say what is missing once the last segment has ended."""
        anchor, expected = self._anchor, self._expected
        after = self.link.seq + 1
        if anchor is None:
            reason = (
                f"may have been cut off: {_anchor.NAME}, which would tell, is missing or damaged"
            )
            return Problem(after, reason)
        if anchor.count > self.link.seq:
            return Problem(after, f"is missing: the log had {anchor.count} records")
        if expected is not None and expected.seq > self.link.seq:
            return Problem(after, f"is missing: record {expected.seq} was expected")
        return None

    def _reached_the_anchor(self) -> bool:
        return self._anchor is None or self.link.seq >= self._anchor.count

    def _compare(self, where: tuple[str, int, int]) -> Problem | None:
        anchor, expected, link = self._anchor, self._expected, self.link
        if anchor is not None and link.seq == anchor.count and link.hash != anchor.head:
            reason = "is not the one that was anchored: it or records before it were rewritten"
            return Problem(link.seq, reason, *where)
        if expected is not None and link.seq == expected.seq and link.hash != expected.hash:
            reason = "is not the one that was expected: it or records before it were rewritten"
            return Problem(link.seq, reason, *where)
        return None


def verify(
    folder: Path, *, expect: Link | None = None, read: Callable[[int], None] = lambda _: None
) -> Verdict:
    """Go through the log in ``folder``.

    ``expect`` is a record's number and hash as they were noted elsewhere; ``read`` is told how many
    bytes were gone through. Raises `AuditError` where there is no log, `OSError` where it cannot
    be read.
    """
    found = segments(folder)
    # Before the records, so that what is written meanwhile lies behind it.
    anchor = anchor_of(folder)
    if anchor is not None:
        # Behind it a segment may have been made that has no records yet.
        found = [path for path in found if path.name <= anchor.segment or path.lstat().st_size]
    walk = _Walk(anchor, expect)
    problem = None
    for path in found:
        problem = walk.segment(path, last=path == found[-1], read=read)
        if problem is not None:
            break
    problem = problem or walk.end()
    return Verdict(
        records=walk.link.seq,
        segments=len(found),
        head=walk.link.hash,
        unanchored=max(walk.link.seq - anchor.count, 0) if anchor else 0,
        torn_bytes=walk.torn_bytes,
        problem=problem,
    )
