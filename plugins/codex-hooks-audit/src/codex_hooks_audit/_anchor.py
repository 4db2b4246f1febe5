"""The anchor: where the log ends, kept outside of it.

A chain alone does not show that its last records were cut off. The anchor holds the number of
records, the hash of the last one, and how far into which segment it reaches.

Its file has two slots, pages apart. A new anchor goes into the slot of the older one, so that
whatever happens while it is written, one whole anchor stands there: as safe as putting a new file
in the place of the old one, which on common file systems costs a thousand times more.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, NamedTuple

from codex_hooks_audit._chain import START, Link

if TYPE_CHECKING:
    from pathlib import Path

NAME: Final = "anchor.json"
SLOT_BYTES: Final = 512
SLOTS: Final = (0, 4096)
"""Where each slot begins."""
_SEGMENT: Final = re.compile(r"\d{12}\.jsonl")
SIZE: Final = SLOTS[1] + SLOT_BYTES


@dataclass(frozen=True, slots=True, order=True)
class Anchor:
    """The end of the log: ``count`` records, its last ``segment``, that one's bytes, the hash."""

    count: int
    segment: str
    size: int
    head: str

    @property
    def link(self) -> Link:
        """The last record's place in the chain."""
        return Link(self.count, self.head)

    def encode(self) -> bytes:
        """Return the content of a slot: a line of JSON, filled up with blanks."""
        fields = asdict(self)
        line = json.dumps({**fields, "sum": _sum(fields)}).encode()
        return line.ljust(SLOT_BYTES - 1) + b"\n"


class Place(NamedTuple):
    """An anchor, and where the next one goes."""

    anchor: Anchor
    next_slot: int


def segments_of(folder: Path) -> list[Path]:
    """Return the segments in ``folder``, oldest first; files of other names are none."""
    return sorted(path for path in folder.glob("*.jsonl") if _SEGMENT.fullmatch(path.name))


def segment_name(first: int) -> str:
    """Return the name of the segment that begins with the record number ``first``."""
    return f"{first:012d}.jsonl"


def first_anchor() -> Anchor:
    """Return the anchor of a log without records."""
    return Anchor(START.seq, segment_name(1), 0, START.hash)


def decode(data: bytes) -> Place | None:
    """Return the newer anchor of the file's content; None where there is no whole one."""
    found = [(_decoded(data[at : at + SLOT_BYTES]), at) for at in SLOTS]
    whole = [(anchor, at) for anchor, at in found if anchor is not None]
    if not whole:
        return None
    anchor, at = max(whole)
    return Place(anchor, SLOTS[1] - at)


def _decoded(slot: bytes) -> Anchor | None:
    try:
        fields = json.loads(slot)
        told = fields.pop("sum")
        anchor = Anchor(**fields)
        usable = _SEGMENT.fullmatch(anchor.segment) and anchor.count >= 0 and anchor.size >= 0
    except (ValueError, TypeError, AttributeError, KeyError):
        return None
    return anchor if usable and told == _sum(fields) else None


def _sum(fields: dict[str, object]) -> str:
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
