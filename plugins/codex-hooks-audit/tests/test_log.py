from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any, get_args

import pytest

from codex_hooks_audit import AuditError, AuditLog, LogTampered, UnsafePath, verify
from codex_hooks_audit._content import load_key
from codex_hooks_audit._files import Files
from codex_hooks_audit._group import GroupCommit
from codex_hooks_audit._log import Durability
from codex_hooks_audit._read import records

if TYPE_CHECKING:
    from pathlib import Path


def everything(folder: Path) -> list[dict[str, Any]]:
    return [record for _, record in records(folder)]


def numbered(first: int, last: int) -> list[dict[str, int]]:
    return [{"n": n} for n in range(first, last + 1)]


def only_segment(folder: Path) -> Path:
    (path,) = folder.glob("*.jsonl")
    return path


@pytest.mark.parametrize("durability", get_args(Durability))
def test_what_was_appended_is_there_in_order_and_verifies(
    tmp_path: Path, durability: Durability
) -> None:
    log = AuditLog(tmp_path / "audit", durability=durability)
    assert log.append(numbered(1, 3)) == 3
    assert log.append(numbered(4, 4)) == 4
    log.close()
    assert log.append(numbered(5, 5)) == 5
    assert [record["n"] for record in everything(log.folder)] == [1, 2, 3, 4, 5]
    assert verify(log.folder).intact
    assert verify(log.folder).records == 5


def test_a_segment_that_would_grow_too_large_is_followed_by_another(tmp_path: Path) -> None:
    log = AuditLog(tmp_path, segment_bytes=1000)
    for n in range(20):
        log.append(numbered(n, n))
    names = sorted(path.name for path in tmp_path.glob("*.jsonl"))
    assert len(names) > 3
    assert all(path.stat().st_size <= 1000 for path in tmp_path.glob("*.jsonl"))
    assert names[0] == "000000000001.jsonl"
    assert names[1] == f"{len((tmp_path / names[0]).read_bytes().splitlines()) + 1:012d}.jsonl"
    assert [record["n"] for record in everything(tmp_path)] == list(range(20))
    assert verify(tmp_path).intact


def test_files_are_for_their_owner_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        AuditLog(tmp_path / "a" / "audit").append(numbered(1, 1))
    finally:
        os.umask(before)
    folder = tmp_path / "a" / "audit"
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}


@pytest.mark.parametrize("torn", [b'{"seq":3,"pr', b"\x00" * 4096, b"not a record\n", b"\xff"])
def test_a_torn_tail_is_cut_off_and_said_so(tmp_path: Path, torn: bytes) -> None:
    """F26."""
    AuditLog(tmp_path).append(numbered(1, 2))
    with only_segment(tmp_path).open("ab") as file:
        file.write(torn)

    AuditLog(tmp_path).append(numbered(3, 3))

    *_, repair, last = everything(tmp_path)
    assert (repair["kind"], repair["seq"]) == ("repair", 3)
    assert (repair["torn_bytes"], repair["kept_records"]) == (len(torn), 0)
    assert last["n"] == 3
    assert verify(tmp_path).intact


def test_whole_records_that_nobody_was_told_of_are_kept_and_said_so(tmp_path: Path) -> None:
    """F26: killed between the records and the anchor."""
    log = AuditLog(tmp_path)
    log.append(numbered(1, 2))
    anchor = (tmp_path / "anchor.json").read_bytes()
    log.append(numbered(3, 4))
    (tmp_path / "anchor.json").write_bytes(anchor)
    with only_segment(tmp_path).open("ab") as file:
        file.write(b'{"seq":5')
    assert (verify(tmp_path).unanchored, verify(tmp_path).torn_bytes) == (2, 8)
    assert verify(tmp_path).intact

    AuditLog(tmp_path).append(numbered(5, 5))

    found = everything(tmp_path)
    assert [record.get("n") for record in found] == [1, 2, 3, 4, None, 5]
    assert (found[4]["kept_records"], found[4]["torn_bytes"]) == (2, 8)
    assert verify(tmp_path) == verify(tmp_path)
    assert (verify(tmp_path).unanchored, verify(tmp_path).torn_bytes) == (0, 0)


def test_a_half_written_anchor_leaves_the_one_before(tmp_path: Path) -> None:
    """F26."""
    log = AuditLog(tmp_path)
    log.append(numbered(1, 1))
    log.append(numbered(2, 2))
    path = tmp_path / "anchor.json"
    data = bytearray(path.read_bytes())
    newer = 0 if json.loads(data[:512])["count"] == 2 else 4096
    data[newer + 40 : newer + 512] = bytes(472)
    path.write_bytes(data)
    AuditLog(tmp_path).append(numbered(3, 3))
    assert [record.get("n") for record in everything(tmp_path)] == [1, 2, None, 3]
    assert verify(tmp_path).intact


def test_a_log_that_is_not_as_it_was_left_is_not_added_to(tmp_path: Path) -> None:
    """F27, closed: a new record would make it look whole."""

    def cut(folder: Path) -> None:
        os.truncate(only_segment(folder), 200)

    def change_the_end(folder: Path) -> None:
        data = only_segment(folder).read_bytes()
        only_segment(folder).write_bytes(data[:-20] + b"0" + data[-19:])

    def lose_the_anchor(folder: Path) -> None:
        (folder / "anchor.json").unlink()

    def spoil_the_anchor(folder: Path) -> None:
        (folder / "anchor.json").write_bytes(b"{}")

    def lose_the_segment(folder: Path) -> None:
        only_segment(folder).unlink()

    harms = (cut, change_the_end, lose_the_anchor, spoil_the_anchor, lose_the_segment)
    for number, harm in enumerate(harms):
        folder = tmp_path / str(number)
        log = AuditLog(folder)
        log.append(numbered(1, 3))
        harm(folder)
        # The process that has it open looks at the length alone; the next one, and verify, see it.
        for writer in (AuditLog(folder),) if harm is change_the_end else (log, AuditLog(folder)):
            with pytest.raises(LogTampered, match="codex-hooks audit verify"):
                writer.append(numbered(4, 4))


def test_a_log_whose_folder_is_taken_away_under_it_is_not_written_elsewhere(tmp_path: Path) -> None:
    log = AuditLog(tmp_path / "audit")
    log.append(numbered(1, 1))
    shutil.move(tmp_path / "audit", tmp_path / "moved")
    with pytest.raises(AuditError, match="cannot be written"):
        log.append(numbered(2, 2))


APPEND = """
import sys
from pathlib import Path
from codex_hooks_audit import AuditLog
log = AuditLog(Path(sys.argv[1]), segment_bytes=5000)
for n in range(100):
    log.append([{"who": sys.argv[2], "n": n}])
"""


def test_several_processes_share_one_log(tmp_path: Path) -> None:
    workers = [
        subprocess.Popen([sys.executable, "-c", APPEND, str(tmp_path), str(who)])
        for who in range(4)
    ]
    assert [worker.wait(timeout=60) for worker in workers] == [0, 0, 0, 0]
    assert verify(tmp_path).intact
    found = everything(tmp_path)
    assert len(found) == 400
    for who in "0123":
        assert [item["n"] for item in found if item["who"] == who] == list(range(100))


def test_threads_that_come_together_are_written_together(tmp_path: Path) -> None:
    batches: list[int] = []

    class Counting(AuditLog):
        def append(self, bodies: Any) -> int:
            batches.append(len(bodies))
            if len(batches) == 1:  # the first is at work until all the others have queued up
                first_is_in.set()
                others_wait.wait()
            return super().append(bodies)

    first_is_in, others_wait = threading.Event(), threading.Event()
    group = GroupCommit(Counting(tmp_path))
    first = threading.Thread(target=group.append, args=({"n": 0},))
    first.start()
    first_is_in.wait()
    others = [threading.Thread(target=group.append, args=({"n": n},)) for n in range(1, 20)]
    for thread in others:
        thread.start()
    while len(group._waiting) < 19:
        threading.Event().wait(0.001)
    others_wait.set()
    for thread in (first, *others):
        thread.join()
    assert batches == [1, 19]
    assert sorted(record["n"] for record in everything(tmp_path)) == list(range(20))


def test_a_place_that_others_can_bend_is_refused(tmp_path: Path) -> None:
    """F29."""

    def refused(folder: Path, says: str) -> None:
        with pytest.raises(UnsafePath, match=says):
            AuditLog(folder).append(numbered(1, 1))

    real = tmp_path / "real"
    real.mkdir()
    (tmp_path / "link").symlink_to(real)
    refused(tmp_path / "link", "is a symbolic link")

    open_ = tmp_path / "open"
    open_.mkdir()
    open_.chmod(0o770)
    refused(open_, "can be written to by others")
    refused(open_ / "audit", "above the audit folder, can be written to by others")
    open_.chmod(0o700)
    AuditLog(open_).append(numbered(1, 1))  # the control

    (tmp_path / "file").write_text("")
    refused(tmp_path / "file", "is no folder")
    refused(tmp_path / "file" / "audit", "cannot be")


@pytest.mark.parametrize("name", ["000000000001.jsonl", "anchor.json", "lock", "digest.key"])
def test_a_file_of_the_log_that_others_could_change_is_refused(tmp_path: Path, name: str) -> None:
    """F29."""

    def use(folder: Path) -> None:
        load_key(folder, Files())
        AuditLog(folder).append(numbered(1, 1))

    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_text("")
    for harm, says in (
        (lambda path: path.symlink_to(elsewhere), "is a symbolic link"),
        (lambda path: path.hardlink_to(elsewhere), "has a second name"),
        (lambda path: (path.touch(), path.chmod(0o666)), "can be written to by others"),
        (lambda path: os.mkfifo(path, 0o600), "is not a plain file"),
    ):
        folder = tmp_path / "audit"
        folder.mkdir(mode=0o700)
        harm(folder / name)
        with pytest.raises(UnsafePath, match=says):
            use(folder)
        assert elsewhere.read_text() == ""
        shutil.rmtree(folder)


def test_a_log_whose_first_anchor_was_torn_begins_anew(tmp_path: Path) -> None:
    """F25, F26: there was no record yet that could be lost."""
    (tmp_path / "anchor.json").touch(mode=0o600)
    (tmp_path / "anchor.json").write_bytes(b'{"count": 0, "seg')
    AuditLog(tmp_path).append(numbered(1, 1))
    assert verify(tmp_path).intact


def test_a_record_that_is_too_large_is_refused_and_the_log_goes_on(tmp_path: Path) -> None:
    log = AuditLog(tmp_path)
    with pytest.raises(AuditError, match="lower max_text"):
        log.append([{"text": "x" * 17_000_000}])
    log.append(numbered(1, 1))
    assert len(everything(tmp_path)) == 1
