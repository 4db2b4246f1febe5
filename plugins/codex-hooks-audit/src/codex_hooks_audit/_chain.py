"""The form of a record, and what makes it one link of a chain: plain code over bytes.

A record is one line of ASCII JSON that begins with ``seq`` and ``prev`` and ends with ``hash``:
the SHA-256 of all bytes of the line before ``,"hash":``. ``prev`` is the hash of the record
before, so no record can be changed, left out or moved without all later ones showing it.
"""

from __future__ import annotations

import hashlib
import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

GENESIS: Final = "0" * 64
"""What the first record has for ``prev``."""

MAX_LINE: Final = 16 * 1024 * 1024
"""More bytes than a record has, so that a file without line ends does not fill the memory."""

_SEQ: Final = re.compile(rb'\{"seq":(\d{1,18}),"prev":"([0-9a-f]{64})"')
_HASH: Final = re.compile(rb',"hash":"([0-9a-f]{64})"\}\n')
_HASH_SIZE: Final = len(b',"hash":"' + b"0" * 64 + b'"}\n')


class Link(NamedTuple):
    """A place in the chain: the record with the number ``seq`` and its ``hash``."""

    seq: int
    hash: str


START: Final = Link(0, GENESIS)


class BadRecord(ValueError):
    """A line that is not the record that has to come next; the text says why."""


def seal(body: Mapping[str, Any], after: Link) -> tuple[bytes, Link]:
    """Return the line of the record that follows ``after``, and its place in the chain."""
    text = json.dumps(body, separators=(",", ":"), allow_nan=False)
    seq = after.seq + 1
    content = f'{{"seq":{seq},"prev":"{after.hash}",{text[1:-1]}'.encode("ascii")
    digest = hashlib.sha256(content).hexdigest()
    return b'%b,"hash":"%b"}\n' % (content, digest.encode()), Link(seq, digest)


def check(line: bytes, after: Link) -> Link:
    """Return the place of the record in ``line``, which has to follow ``after``.

    Raises `BadRecord` for everything else.
    """
    content, ending = line[:-_HASH_SIZE], _HASH.fullmatch(line[-_HASH_SIZE:])
    start = _SEQ.match(content)
    if ending is None or start is None:
        raise BadRecord("is not a record: its line was changed or cut")
    digest = hashlib.sha256(content).hexdigest()
    if digest.encode() != ending[1]:
        raise BadRecord("was changed after it was written: its hash does not fit its content")
    seq, prev = int(start[1]), start[2].decode()
    if seq > after.seq + 1:
        raise BadRecord(f"is missing: record {seq} stands in its place")
    if seq <= after.seq:
        raise BadRecord(f"is missing or moved: record {seq} stands in its place a second time")
    if prev != after.hash:
        raise BadRecord("does not follow the record before it: one of the two was replaced")
    return Link(seq, digest)


def sound_part(data: bytes, after: Link) -> tuple[int, Link]:
    """Return how many bytes of ``data`` are whole records that follow ``after``, and the last."""
    size = 0
    for line in _lines(data):
        try:
            after = check(line, after)
        except BadRecord:
            break
        size += len(line)
    return size, after


def _lines(data: bytes) -> Iterable[bytes]:
    # Not splitlines(), which takes other characters for line ends too.
    return (part + b"\n" for part in data.split(b"\n")[:-1])
