"""``codex-hooks guard check``."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

from codex_hooks_guard.cli import app

if TYPE_CHECKING:
    from pathlib import Path

    from typer.testing import Result


@pytest.fixture(autouse=True)
def _own_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look for the user's settings where there are none."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("HOME", str(tmp_path))


def check(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["check", *arguments])


@pytest.mark.parametrize(
    ("command", "verdict", "code"),
    [
        ("git status", "pass", 0),
        ("cat .env", "block", 2),
        ("git commit --amend", "ask", 3),
        ("*** Begin Patch\n*** Add File: .codex/x\n+x\n*** End Patch", "block", 2),
    ],
)
def test_the_exit_code_says_what_the_verdict_is(
    command: str, verdict: str, code: int, tmp_path: Path
) -> None:
    plain = check(command, "--cwd", str(tmp_path))
    assert plain.output.splitlines()[0] == verdict
    assert plain.exit_code == code
    as_json = check(command, "--json", "--cwd", str(tmp_path))
    assert json.loads(as_json.output)["verdict"] == verdict
    assert as_json.exit_code == code


def test_the_parse_the_rule_and_the_reason_are_shown(tmp_path: Path) -> None:
    output = check("echo $(xargs cat <<< .env)", "--cwd", str(tmp_path)).output
    assert "rule credential-files (block): Keys, tokens and passwords are not read." in output
    assert "  cat .env\n      in $(…), xargs\n      credential-files\n" in output


def test_of_nothing_it_says_so(tmp_path: Path) -> None:
    assert (
        check("# a comment", "--cwd", str(tmp_path)).output == "pass\n\nIt comes down to nothing.\n"
    )


def test_json_says_where_each_command_was_found(tmp_path: Path) -> None:
    work = tmp_path / "work"
    document = json.loads(check("cd x && sh -c 'rm -rf ../y'", "--json", "--cwd", str(work)).output)
    assert document["commands"][-1] == {
        "command": "rm -rf ../y",
        "in": ["sh -c"],
        "cwd": str(work / "x"),
        "hidden": None,
        "rules": [],
    }


def test_the_folder_decides(tmp_path: Path) -> None:
    assert check("rm -rf build", "--cwd", str(tmp_path / "work")).exit_code == 0
    assert check("rm -rf build", "--cwd", "/").exit_code == 2


def test_the_settings_and_further_rule_files_count(tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(
        '[[rule]]\nname = "no-make"\naction = "block"\nreason = "no"\ncommands = ["make"]\n'
    )
    work = tmp_path / "work"
    config = tmp_path / "config" / "codex-hooks"
    config.mkdir(parents=True)
    work.mkdir()
    assert check("make", "--cwd", str(work)).exit_code == 0
    assert check("make", "--cwd", str(work), "--rules", str(rules)).exit_code == 2
    (config / "codex-hooks.toml").write_text(
        f'[plugins.guard.options]\nrules = ["{rules}"]\ndisable = ["history-amend"]\n'
    )
    if sys.platform == "linux":  # elsewhere the user's settings are in another place
        assert check("make", "--cwd", str(work)).exit_code == 2
        assert check("git commit --amend", "--cwd", str(work)).exit_code == 0


@pytest.mark.parametrize(
    ("content", "said"),
    [("[[rule]]\n", "rule number 1.name: Field required"), ("x", "is no TOML")],
)
def test_a_mistake_is_one_sentence_on_stderr(content: str, said: str, tmp_path: Path) -> None:
    rules = tmp_path / "rules.toml"
    rules.write_text(content)
    result = check("ls", "--rules", str(rules))
    assert result.exit_code == 1
    assert result.stderr.startswith(f"error: {rules}")
    assert said in result.stderr


def test_what_would_steer_a_terminal_is_shown_escaped(tmp_path: Path) -> None:
    """F28."""
    output = check("echo '\x1b[2J' \u202e", "--cwd", str(tmp_path)).output
    assert "\x1b" not in output
    assert "\u202e" not in output


def test_it_runs_as_a_module_and_is_offered_to_the_command_line(tmp_path: Path) -> None:
    names = {point.name: point.value for point in entry_points(group="codex_hooks.commands")}
    assert names["guard"] == "codex_hooks_guard.cli:app"
    done = subprocess.run(
        [sys.executable, "-m", "codex_hooks_guard", "check", "cat .env", "--cwd", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout.splitlines()[0]) == (2, "block")
