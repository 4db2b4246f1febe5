"""The log on disk: records go in at its end, and count once they are anchored (F25, F26).

Each append takes an exclusive lock between processes, so that several may share one log; writes
the records; and then moves the anchor. Whatever fails or dies on the way leaves, behind the anchor,
whole records that nobody was told of and perhaps a torn one. Whoever appends next finds them: the
whole ones stay, the torn one goes, and a ``repair`` record says so.

With durability ``process`` a record outlives this process as soon as `append` returns; with
``power`` it outlives a power failure too.
"""

from __future__ import annotations

import hashlib
import os
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from codex_hooks_audit import _anchor
from codex_hooks_audit._anchor import Anchor, Place, first_anchor, segment_name, segments_of
from codex_hooks_audit._chain import MAX_LINE, Link, seal, sound_part
from codex_hooks_audit._errors import AuditError, LogTampered
from codex_hooks_audit._files import Files
from codex_hooks_audit._folder import prepare
from codex_hooks_audit._held import HeldFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

Durability: TypeAlias = Literal["process", "power"]

_WHAT_TO_DO = "look at it with `codex-hooks audit verify`, then move the folder away to begin anew"


class AuditLog:
    """The log in ``folder``, made where there is none. For one thread at a time."""

    def __init__(
        self,
        folder: Path,
        *,
        durability: Durability = "process",
        segment_bytes: int = 64 * 1024 * 1024,
        files: Files | None = None,
    ) -> None:
        self.folder = folder.expanduser().absolute()
        self._power = durability == "power"
        self._segment_bytes = segment_bytes
        self._files = files or Files()
        self._prepared = False
        self._anchor_file = HeldFile(self._files)
        self._segment_file = HeldFile(self._files)
        # What we left in the anchor's file: while it still says so, nobody has been there since.
        self._left = b""
        self._place: Place | None = None

    def append(self, bodies: Sequence[Mapping[str, Any]]) -> int:
        """Add one record for each of ``bodies``; return the number of the last.

        When this returns all of them are in the log, as surely as the durability says. Raises
        `AuditError` where that cannot be promised; whole records may be found there later even so.
        """
        try:
            if not self._prepared:
                self._prepare()
            with self._locked():
                place = self._caught_up()
                lines, last = _sealed(bodies, place.anchor.link)
                return self._add(lines, last, place).anchor.count
        except OSError as error:
            self.close()
            raise AuditError(
                f"the audit log in {self.folder} cannot be written: {error.strerror or error}: "
                "free space or mend the disk, then try again"
            ) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Let go of the files; the next append opens them again."""
        self._place = None
        self._anchor_file.close()
        self._segment_file.close()

    def _prepare(self) -> None:
        prepare(self.folder)
        if self._power:
            self._files.sync_folder(self.folder.parent)
        self._prepared = True

    @contextmanager
    def _locked(self) -> Iterator[None]:
        fd = self._files.lock(self.folder / "lock")
        try:
            yield
        finally:
            os.close(fd)

    def _caught_up(self) -> Place:
        """Return where the log ends now, after mending what somebody left unfinished."""
        if self._place is not None and self._is_as_left(self._place.anchor):
            return self._place
        self.close()
        self._anchor_file.open(self.folder / _anchor.NAME)
        place = _anchor.decode(self._anchor_file.read(0, _anchor.SIZE)) or self._begun()
        self._drop_unbegun(place.anchor)
        self._open_segment(place.anchor)
        return self._mended(place)

    def _is_as_left(self, anchor: Anchor) -> bool:
        return (
            self._anchor_file.is_still_there()
            and self._anchor_file.read(0, _anchor.SIZE) == self._left
            and self._segment_file.is_still_there()
            and self._segment_file.size == anchor.size
        )

    def _begun(self) -> Place:
        """Begin a log, where there are no records yet."""
        if any(path.is_file() and path.stat().st_size for path in segments_of(self.folder)):
            raise LogTampered(
                f"{self.folder} has records and no {_anchor.NAME} that can be read: {_WHAT_TO_DO}"
            )
        return self._put(Place(first_anchor(), _anchor.SLOTS[0]))

    def _drop_unbegun(self, anchor: Anchor) -> None:
        """Remove the segment that somebody made and did not live to anchor."""
        for path in segments_of(self.folder):
            if path.name > anchor.segment:
                if path.lstat().st_size:
                    raise LogTampered(f"{path} is there before its time: {_WHAT_TO_DO}")
                path.unlink()

    def _mended(self, place: Place) -> Place:
        anchor, file = place.anchor, self._segment_file
        ending = f'"hash":"{anchor.head}"}}\n'.encode()
        known = file.read(max(anchor.size - len(ending), 0), len(ending))
        if file.size < anchor.size or (anchor.size and known != ending):
            raise LogTampered(
                f"{self.folder / anchor.segment} does not end as it was left: {_WHAT_TO_DO}"
            )
        if file.size == anchor.size:
            self._left, self._place = self._anchor_file.read(0, _anchor.SIZE), place
            return place
        left = file.read(anchor.size, file.size - anchor.size)
        kept, last = sound_part(left, anchor.link)
        line, last = seal(_repair(left[kept:], last.seq - anchor.count), last)
        # What is kept is written again: the disk may never have had it (a sync that failed).
        self._files.truncate(file.fd, anchor.size)
        return self._add(left[:kept] + line, last, place)

    def _add(self, lines: bytes, last: Link, place: Place) -> Place:
        end = place.anchor
        if end.size and end.size + len(lines) > self._segment_bytes:
            place = self._rotated(place)
            end = place.anchor
        self._files.write_all(self._segment_file.fd, lines)
        if self._power:
            self._files.sync(self._segment_file.fd)
        anchor = Anchor(last.seq, end.segment, end.size + len(lines), last.hash)
        return self._put(Place(anchor, place.next_slot))

    def _rotated(self, place: Place) -> Place:
        # Anchored before it has a record, so that there is only ever one segment to mend.
        end = place.anchor
        anchor = Anchor(end.count, segment_name(end.count + 1), 0, end.head)
        self._open_segment(anchor)
        if self._segment_file.size:
            raise LogTampered(
                f"{self.folder / anchor.segment} has come from elsewhere: {_WHAT_TO_DO}"
            )
        return self._put(Place(anchor, place.next_slot))

    def _open_segment(self, anchor: Anchor) -> None:
        self._segment_file.open(self.folder / anchor.segment, append=True)
        if self._power:
            self._files.sync_folder(self.folder)

    def _put(self, place: Place) -> Place:
        """Write the anchor into the slot that ``place`` names; return the place after it."""
        fd = self._anchor_file.fd
        self._files.write_at(fd, place.anchor.encode(), place.next_slot)
        if self._power:
            self._files.sync(fd)
        self._left = self._anchor_file.read(0, _anchor.SIZE)
        self._place = Place(place.anchor, _anchor.SLOTS[1] - place.next_slot)
        return self._place


def _sealed(bodies: Sequence[Mapping[str, Any]], after: Link) -> tuple[bytes, Link]:
    lines = []
    for body in bodies:
        line, after = seal(body, after)
        if len(line) > MAX_LINE:
            raise AuditError(f"a record of {len(line):,} bytes is too large: lower max_text")
        lines.append(line)
    return b"".join(lines), after


def _repair(torn: bytes, kept_records: int) -> dict[str, Any]:
    return {
        "ts": time.time_ns() // 1_000_000,
        "kind": "repair",
        "pid": os.getpid(),
        "kept_records": kept_records,
        "torn_bytes": len(torn),
        "torn_sha256": hashlib.sha256(torn).hexdigest(),
    }
