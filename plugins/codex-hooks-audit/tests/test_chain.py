from __future__ import annotations

import json

import pytest
from hypothesis import given, strategies as st

from codex_hooks_audit._chain import START, BadRecord, Link, check, seal, sound_part

TEXTS = st.dictionaries(st.sampled_from(["kind", "text", "run"]), st.text(), min_size=1)


def chain(*bodies: dict[str, str]) -> tuple[list[bytes], Link]:
    lines, last = [], START
    for body in bodies:
        line, last = seal(body, last)
        lines.append(line)
    return lines, last


@given(TEXTS)
def test_a_record_is_one_line_of_printable_ascii_whatever_is_in_it(body: dict[str, str]) -> None:
    """F28: newlines and terminal escapes are escaped."""
    line, link = seal(body, START)
    assert line.endswith(b"}\n")
    assert line.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in line[:-1])
    expected = {"seq": 1, "prev": START.hash, **body, "hash": link.hash}
    assert json.loads(line) == expected
    assert check(line, START) == link


@given(TEXTS, st.data())
def test_no_byte_of_a_record_can_be_changed(body: dict[str, str], data: st.DataObject) -> None:
    """F27."""
    line, _ = seal(body, START)
    at = data.draw(st.integers(0, len(line) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda byte: byte != line[at]))
    with pytest.raises(BadRecord):
        check(line[:at] + bytes([other]) + line[at + 1 :], START)


def test_a_record_fits_only_behind_the_one_it_was_written_after() -> None:
    """F27: left out, moved, replaced."""
    (one, two, three), _ = chain({"n": "1"}, {"n": "2"}, {"n": "3"})
    first = check(one, START)
    for line, after, says in (
        (two, START, "is missing: record 2 stands in its place"),
        (three, first, "is missing: record 3 stands in its place"),
        (one, first, "record 1 stands in its place a second time"),
        (seal({"n": "2"}, Link(1, "f" * 64))[0], first, "does not follow"),
        (b"\n", first, "is not a record"),
        (b"", first, "is not a record"),
    ):
        with pytest.raises(BadRecord, match=says):
            check(line, after)


@given(st.lists(TEXTS, min_size=1, max_size=4), st.data())
def test_of_a_torn_tail_the_whole_records_are_kept(
    bodies: list[dict[str, str]], data: st.DataObject
) -> None:
    """F26."""
    lines, _ = chain(*bodies)
    whole = b"".join(lines)
    cut = data.draw(st.integers(0, len(whole)))
    size, last = sound_part(whole[:cut], START)
    ends = [len(b"".join(lines[:count])) for count in range(len(lines) + 1)]
    assert size == max(end for end in ends if end <= cut)
    assert last.seq == ends.index(size)
