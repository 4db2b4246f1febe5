from __future__ import annotations

import csv
import errno
import io
import json
import stat
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from typer.testing import CliRunner

from codex_hooks_audit import AuditError, AuditLog, cli
from codex_hooks_audit.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result

HARM = "\x1b\x07\u202e"


def log_in(folder: Path, runs: int = 3, **content: Any) -> Path:
    """Write a log of three records for each run ``hk-0``, ``hk-1``, …"""
    log = AuditLog(folder, segment_bytes=2000)
    for n in range(runs):
        tool = {"run": f"hk-{n}", "call": f"call {n}", "tool": "Bash", "ts": 1_700_000_000_000 + n}
        said = {"bytes": 2, "hmac": "f" * 64, **content}
        log.append(
            [
                {"kind": "intent", **tool, "input": said},
                {"kind": "outcome", **tool, "status": "ok", "output": said},
                {"kind": "report", "run": f"hk-{n}", "clean": True},
            ]
        )
    return folder


def invoke(*arguments: object) -> Result:
    return CliRunner().invoke(app, [str(item) for item in arguments])


def test_tail_shows_the_last_records_of_several_segments(tmp_path: Path) -> None:
    folder = log_in(tmp_path, runs=50)
    shown = invoke("tail", "-n", 20, "--log", folder)
    assert shown.exit_code == 0
    lines = shown.output.splitlines()
    assert [int(line.split()[0]) for line in lines] == list(range(131, 151))
    assert "hk-49" in lines[-1]
    assert "2023-11-14T22:13:20" in lines[0]
    as_json = invoke("tail", "--log", folder, "--json", "-n", 2)
    assert [json.loads(line)["seq"] for line in as_json.output.splitlines()] == [149, 150]
    assert len(invoke("tail", "--log", folder, "-n", 1000).output.splitlines()) == 150


def test_show_follows_one_run_and_only_that_one(tmp_path: Path) -> None:
    folder = log_in(tmp_path, runs=12)
    shown = invoke("show", "hk-1", "--log", folder)
    assert shown.exit_code == 0
    assert len(shown.output.splitlines()) == 3
    assert "hk-11" not in shown.output
    as_json = invoke("show", "hk-11", "--log", folder, "--json").output
    assert [json.loads(line)["kind"] for line in as_json.splitlines()] == [
        "intent",
        "outcome",
        "report",
    ]
    missing = invoke("show", "hk-99", "--log", folder)
    assert missing.exit_code == 1
    assert isinstance(missing.exception, AuditError)


def test_verify_says_intact_with_0_and_names_the_record_with_3(tmp_path: Path) -> None:
    folder = log_in(tmp_path)
    intact = invoke("verify", "--log", folder)
    assert intact.exit_code == 0
    assert "intact: 9 records" in intact.output
    noted = intact.output.split("to note elsewhere: ")[1].split()[0]
    assert invoke("verify", "--log", folder, "--expect", noted).exit_code == 0
    other = f"9:{'0' * 64}"
    assert invoke("verify", "--log", folder, "--expect", other).exit_code == 3

    path = min(folder.glob("*.jsonl"))
    data = bytearray(path.read_bytes())
    at = data.index(b"call 1")
    data[at] ^= 1
    path.write_bytes(data)
    harmed = invoke("verify", "--log", folder)
    assert harmed.exit_code == 3
    assert "NOT INTACT: record 4 was changed after it was written" in harmed.output
    assert "3 records before it are sound" in harmed.output
    verdict = json.loads(invoke("verify", "--log", folder, "--json").output)
    assert (verdict["intact"], verdict["problem"]["record"]) == (False, 4)


def test_export_writes_json_lines_as_they_are_and_csv_for_a_spreadsheet(tmp_path: Path) -> None:
    folder = log_in(tmp_path / "log", text="=HYPERLINK(1)")
    lines = invoke("export", "--log", folder).output
    stored = "".join(path.read_text() for path in sorted(folder.glob("*.jsonl")))
    assert lines == stored
    table = invoke("export", "--log", folder, "--format", "csv").output
    rows = list(csv.DictReader(io.StringIO(table)))
    assert len(rows) == 9
    assert rows[0]["tool"] == "Bash"
    assert rows[0]["time"].startswith("2023-11-14T22:13:20")
    assert rows[0]["content_text"] == "'=HYPERLINK(1)"

    target = tmp_path / "out.jsonl"
    written = invoke("export", "--log", folder, "--run", "hk-2", "-o", target)
    assert written.exit_code == 0
    assert [json.loads(line)["run"] for line in target.read_text().splitlines()] == ["hk-2"] * 3
    assert invoke("export", "--log", folder, "--format", "xml").exit_code == 2


@pytest.mark.parametrize("end", [KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_an_export_that_ends_early_says_that_the_file_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, end: BaseException
) -> None:
    """It ends with a whole line, so that nobody would see it."""

    def early(*_: object) -> int:
        raise end

    target = tmp_path / "out.jsonl"
    folder = log_in(tmp_path / "log")
    monkeypatch.setattr(cli, "export", early)
    stopped = invoke("export", "--log", folder, "-o", target)
    assert stopped.exit_code != 0
    assert f"{target} is not complete\n" in stopped.output
    assert "complete" not in invoke("export", "--log", folder).output  # of a file alone


def test_nothing_that_steers_a_terminal_reaches_it(tmp_path: Path) -> None:
    """F28: not from a log that was made up either."""
    folder = log_in(tmp_path / "log", text=f"a{HARM}\nb")
    for arguments in (
        ("tail",),
        ("tail", "--json"),
        ("show", "hk-0"),
        ("verify",),
        ("export",),
        ("export", "--format", "csv"),
    ):
        output = invoke(*arguments, "--log", folder).output
        assert not set(HARM) & set(output)
    (folder / "999999999999.jsonl").write_text(f'{{"kind": "{HARM}"}}\n')
    assert not set(HARM) & set(invoke("tail", "--log", folder).output)
    harmed = invoke("verify", "--log", folder)
    assert harmed.exit_code == 3
    assert not set(HARM) & set(harmed.output)


def test_what_is_no_record_is_passed_over_by_all_but_verify(tmp_path: Path) -> None:
    folder = log_in(tmp_path)
    with max(folder.glob("*.jsonl")).open("ab") as file:
        file.write(b"\xff\xfe\n[1]\n" + b"[" * 100_000 + b"\n")
    assert len(invoke("tail", "--log", folder).output.splitlines()) == 9
    assert invoke("export", "--log", folder, "--format", "csv").exit_code == 0
    assert invoke("verify", "--log", folder).exit_code == 3


def test_a_record_that_was_made_up_does_not_stop_those_who_look(tmp_path: Path) -> None:
    folder = log_in(tmp_path)
    made_up = (
        {"seq": 10, "kind": "report", "ts": 10**18, "blocks": 5, "issues": [1]},
        {"seq": [1], "kind": ["report"], "ts": 1},
        {"seq": 11, "kind": "report", "blocks": [5, {"plugin": []}]},
    )
    with max(folder.glob("*.jsonl")).open("a") as file:
        file.writelines(f"{json.dumps(record)}\n" for record in made_up)
    assert len(invoke("tail", "--log", folder).output.splitlines()) == 12
    for arguments in (("tail", "--json"), ("export",), ("export", "--format", "csv")):
        assert invoke(*arguments, "--log", folder).exit_code == 0


def test_a_file_of_another_name_is_none_of_the_log(tmp_path: Path) -> None:
    """Such as an export that somebody left there."""
    folder = log_in(tmp_path)
    other = folder / "export.jsonl"
    assert invoke("export", "--log", folder, "-o", other).exit_code == 0
    assert "intact: 9 records" in invoke("verify", "--log", folder).output
    assert len(invoke("tail", "--log", folder).output.splitlines()) == 9
    AuditLog(folder, segment_bytes=2000).append([{"kind": "intent"}])
    assert "intact: 10 records" in invoke("verify", "--log", folder).output
    assert len(other.read_text().splitlines()) == 9


def test_an_export_is_for_its_owner_and_empties_no_file_for_nothing(tmp_path: Path) -> None:
    target = tmp_path / "out.csv"
    assert invoke("export", "--log", log_in(tmp_path / "log"), "-o", target).exit_code == 0
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    before = target.read_text()
    assert invoke("export", "--log", tmp_path / "none", "-o", target).exit_code == 1
    assert target.read_text() == before


def test_the_log_of_the_settings_is_the_one_that_is_looked_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log_in(tmp_path / "there")
    options = json.dumps({"audit": {"options": {"path": str(tmp_path / "there")}}})
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.setenv("CODEX_HOOKS_PLUGINS", options)
    assert "intact: 9 records" in invoke("verify").output


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "codex_hooks_audit", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_as_a_program_a_mistake_is_one_sentence_and_1(tmp_path: Path) -> None:
    for arguments in (
        ("tail", "--log", tmp_path),
        ("verify", "--log", tmp_path / "gone"),
        ("verify", "--log", tmp_path, "--expect", "nonsense"),
        ("nonsense",),
        ("tail", "-n", "0"),
    ):
        done = run(*arguments)
        assert done.returncode == 1
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1
    log_in(tmp_path / "log")
    assert run("verify", "--log", tmp_path / "log").returncode == 0
    (tmp_path / "log" / "anchor.json").unlink()
    assert run("verify", "--log", tmp_path / "log").returncode == 3


def test_a_reader_that_leaves_is_no_traceback(tmp_path: Path) -> None:
    folder = log_in(tmp_path, runs=2000)
    command = [sys.executable, "-m", "codex_hooks_audit", "export", "--log", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        program.stdout.readline()
        program.stdout.close()
        assert program.stderr.read() == b""


@pytest.mark.parametrize("command", ["tail", "show", "verify", "export"])
def test_help_has_an_example_and_says_what_the_exit_codes_mean(command: str) -> None:
    output = invoke(command, "--help").output
    assert f"Example: codex-hooks audit {command}" in output
    assert "xit code 0" in output


def test_the_commands_are_found_through_their_entry_point() -> None:
    from importlib.metadata import entry_points

    (found,) = [item for item in entry_points(group="codex_hooks.commands") if item.name == "audit"]
    assert found.load() is app


def test_importing_the_plugin_does_not_load_the_command_line() -> None:
    code = "import sys, codex_hooks_audit; sys.exit(bool({'typer', 'rich'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
