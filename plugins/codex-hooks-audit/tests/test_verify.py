"""F27: each harm done to a log, and the record that `verify` names."""

from __future__ import annotations

import json
import os
import shutil
from typing import TYPE_CHECKING

import pytest

from codex_hooks_audit import AuditError, AuditLog, LogTampered, Problem, verify
from codex_hooks_audit._chain import GENESIS, Link, seal
from codex_hooks_audit._read import records

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

COUNT = 12


def log_in(folder: Path, count: int = COUNT) -> list[Path]:
    """Write a log of several segments, four records each; return its segments."""
    log = AuditLog(folder, segment_bytes=820)
    for n in range(1, count + 1):
        log.append([{"n": f"{n:02d}"}])
    log.close()
    found = sorted(folder.glob("*.jsonl"))
    assert [path.name for path in found] == [f"{n:012d}.jsonl" for n in range(1, count, 4)]
    assert verify(folder).intact
    return found


def problem_of(folder: Path) -> Problem:
    verdict = verify(folder)
    assert verdict.problem is not None
    assert verdict.records == verdict.problem.record - (1 if "rewritten" not in str(verdict) else 0)
    return verdict.problem


def lines_of(path: Path) -> list[bytes]:
    return path.read_bytes().splitlines(keepends=True)


@pytest.mark.parametrize("record", range(1, COUNT + 1))
def test_a_flipped_bit_in_any_record_names_that_record(tmp_path: Path, record: int) -> None:
    path = log_in(tmp_path)[(record - 1) // 4]
    lines = lines_of(path)
    index = (record - 1) % 4
    start = sum(map(len, lines[:index]))
    whole = path.read_bytes()
    for at in range(start, start + len(lines[index])):
        changed = bytearray(whole)
        changed[at] ^= 1
        path.write_bytes(changed)
        found = problem_of(tmp_path)
        assert (found.record, found.segment, found.line, found.byte) == (
            record,
            path.name,
            index + 1,
            start,
        )
    path.write_bytes(whole)
    assert verify(tmp_path).intact


@pytest.mark.parametrize("record", range(1, COUNT + 1))
def test_a_deleted_record_is_named(tmp_path: Path, record: int) -> None:
    path = log_in(tmp_path)[(record - 1) // 4]
    lines = lines_of(path)
    del lines[(record - 1) % 4]
    path.write_bytes(b"".join(lines))
    assert problem_of(tmp_path).record == record
    assert "is missing" in str(problem_of(tmp_path))


def test_of_two_that_changed_places_the_first_is_named(tmp_path: Path) -> None:
    path = log_in(tmp_path)[1]
    one, two, *others = lines_of(path)
    path.write_bytes(b"".join((two, one, *others)))
    assert str(problem_of(tmp_path)).startswith("record 5 is missing: record 6 stands in its place")


@pytest.mark.parametrize("kept", range(COUNT))
def test_a_log_that_was_cut_off_at_the_end_names_the_first_that_is_gone(
    tmp_path: Path, kept: int
) -> None:
    for index, path in enumerate(log_in(tmp_path)):
        lines = lines_of(path)[: max(kept - index * 4, 0)]
        path.write_bytes(b"".join(lines)) if lines or index == 0 else path.unlink()
    found = problem_of(tmp_path)
    assert found == Problem(kept + 1, f"is missing: the log had {COUNT} records")


def test_a_log_that_was_cut_off_inside_a_record_names_it(tmp_path: Path) -> None:
    path = log_in(tmp_path)[-1]
    path.write_bytes(path.read_bytes()[:-10])
    assert problem_of(tmp_path).record == COUNT
    path = log_in(tmp_path / "other")[0]
    path.write_bytes(path.read_bytes()[:-10])
    assert problem_of(tmp_path / "other").record == 4


def test_a_head_that_was_removed_names_the_first_record(tmp_path: Path) -> None:
    path, *_ = log_in(tmp_path)
    path.write_bytes(b"".join(lines_of(path)[2:]))
    assert str(problem_of(tmp_path)).startswith("record 1 is missing: record 3 stands")
    path.unlink()
    assert problem_of(tmp_path) == Problem(1, "is missing: the next segment is 000000000005.jsonl")
    for path in tmp_path.glob("*.jsonl"):
        path.unlink()
    assert problem_of(tmp_path) == Problem(1, f"is missing: the log had {COUNT} records")


def test_a_segment_that_is_gone_or_under_another_name_is_named(tmp_path: Path) -> None:
    _, second, third = log_in(tmp_path)
    second.rename(tmp_path / "000000000006.jsonl")
    assert problem_of(tmp_path).record == 5
    (tmp_path / "000000000006.jsonl").unlink()
    assert problem_of(tmp_path).record == 5
    third.unlink()
    assert str(problem_of(tmp_path)) == f"record 5 is missing: the log had {COUNT} records"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("nowhere")])
def test_what_is_no_plain_file_is_named_and_never_waited_for(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    second = log_in(tmp_path)[1]
    second.unlink()
    make(second)
    assert problem_of(tmp_path) == Problem(5, f"is missing: {second.name} is no plain file")
    with pytest.raises((AuditError, FileNotFoundError)):
        list(records(tmp_path))


def test_an_anchor_that_is_a_pipe_is_as_good_as_none(tmp_path: Path) -> None:
    log_in(tmp_path)
    (tmp_path / "anchor.json").unlink()
    os.mkfifo(tmp_path / "anchor.json")
    assert f"record {COUNT + 1} may have been cut off" in str(problem_of(tmp_path))


def test_a_log_without_its_anchor_is_not_taken_for_whole(tmp_path: Path) -> None:
    log_in(tmp_path)
    for harm in (
        (tmp_path / "anchor.json").write_bytes,
        lambda _: (tmp_path / "anchor.json").unlink(),
    ):
        harm(b"{}")
        assert f"record {COUNT + 1} may have been cut off" in str(problem_of(tmp_path))


def test_a_history_that_was_written_anew_does_not_fit_its_anchor(tmp_path: Path) -> None:
    path = log_in(tmp_path, 4)[0]
    last, lines = Link(0, GENESIS), []
    for n in (1, 2, 66, 4):
        line, last = seal({"n": f"{n:02d}"}, last)
        lines.append(line)
    path.write_bytes(b"".join(lines))
    assert str(problem_of(tmp_path)).startswith("record 4 is not the one that was anchored")


def test_a_history_with_an_anchor_to_fit_is_seen_by_who_noted_the_head_elsewhere(
    tmp_path: Path,
) -> None:
    """The limit of the anchor, as the README says it, and the way round it."""
    log_in(tmp_path)
    noted = Link(verify(tmp_path).records, verify(tmp_path).head)
    AuditLog(tmp_path, segment_bytes=820).append([{"n": "13"}])
    assert verify(tmp_path, expect=noted).intact

    shutil.rmtree(tmp_path)
    log = AuditLog(tmp_path, segment_bytes=820)
    for n in range(COUNT):
        log.append([{"n": f"{n:02d}", "made": "up"}])
    assert verify(tmp_path).intact
    assert "is not the one that was expected" in str(verify(tmp_path, expect=noted).problem)
    beyond = Link(COUNT + 5, noted.hash)
    assert verify(tmp_path, expect=beyond).problem == Problem(
        COUNT + 1, f"is missing: record {COUNT + 5} was expected"
    )


def test_a_line_without_an_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = log_in(tmp_path)[0]
    with path.open("r+b") as file:
        file.truncate(10**12)  # a hole: nothing of it is on the disk
    assert problem_of(tmp_path).record == 5


def test_what_is_no_log_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(AuditError, match="there is no audit log"):
        verify(tmp_path)


def test_what_is_appended_meanwhile_is_not_held_against_the_log(tmp_path: Path) -> None:
    """A writer is at work: its records lie behind the anchor that was read first."""
    log = AuditLog(tmp_path)
    log.append([{"n": str(n)} for n in range(1000)])
    reads: list[int] = []

    def read(size: int) -> None:
        if not reads:
            log.append([{"n": "meanwhile"}])
        reads.append(size)

    verdict = verify(tmp_path, read=read)
    assert verdict.intact
    assert (verdict.records, verdict.unanchored) == (1001, 1)
    assert verify(tmp_path).unanchored == 0


def test_a_segment_that_was_made_and_not_begun_is_no_harm(tmp_path: Path) -> None:
    """F26: killed between making a segment and anchoring it; one with records is harm."""
    log_in(tmp_path)
    unbegun = tmp_path / "000000000013.jsonl"
    unbegun.touch(mode=0o600)
    assert verify(tmp_path).intact
    AuditLog(tmp_path).append([{"n": "13"}, {"n": "14"}])
    assert not unbegun.exists()
    assert verify(tmp_path).intact
    unbegun.write_text("from elsewhere")
    with pytest.raises(LogTampered, match="before its time"):
        AuditLog(tmp_path).append([{"n": "15"}])


def test_records_are_still_json_for_any_other_program(tmp_path: Path) -> None:
    for path in log_in(tmp_path):
        for line in lines_of(path):
            assert set(json.loads(line)) == {"seq", "prev", "n", "hash"}
