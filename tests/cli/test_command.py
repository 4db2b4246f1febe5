"""The command as a whole, however its streams are connected: one sentence, never a traceback."""

from __future__ import annotations

from importlib.metadata import version
from pathlib import Path

import pytest

from cli.commands import shell


def test_it_says_which_version_it_is() -> None:
    done = shell("$codex_hooks --version")

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == f"codex-hooks {version('codex-hooks')}\n"


def test_a_mistake_points_at_the_help_of_the_command_that_it_is_about() -> None:
    done = shell("$codex_hooks runn")
    assert done.stderr == (
        "error: No such command 'runn'. Did you mean 'run'?; see codex-hooks --help\n"
    )

    done = shell("$codex_hooks audit tail -n few")
    assert done.returncode == 1
    assert done.stderr.startswith("error: Invalid value for '-n': ")
    assert done.stderr.endswith("; see codex-hooks audit tail --help\n")


@pytest.mark.parametrize("arguments", ["plugins", "plugins --json", "run --help", "--version"])
def test_a_reader_that_has_left_is_no_traceback(arguments: str) -> None:
    done = shell(f"$codex_hooks {arguments} | true")

    assert done.stderr == ""


def test_an_output_that_cannot_be_written_is_one_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = shell("$codex_hooks plugins > /dev/full")

    assert done.returncode == 1
    assert done.stderr == "error: the output cannot be written: No space left on device\n"


def test_what_cannot_even_be_complained_of_is_exit_1() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full")
    done = shell("$codex_hooks plugins nobody 2> /dev/full")

    assert (done.returncode, done.stdout) == (1, "")


@pytest.mark.parametrize("closing", [">&-", "<&-", "2>&-", "<&- >&- 2>&-"])
def test_closed_streams_are_put_up_with(closing: str) -> None:
    done = shell(f"$codex_hooks plugins {closing}")

    assert (done.returncode, done.stderr) == (0, "")


def test_a_working_folder_that_is_gone_is_one_sentence(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    done = shell(f'rmdir "{gone}" && $codex_hooks plugins', cwd=gone)

    assert done.returncode == 1
    assert done.stderr == "error: the working folder has been removed: cd to one that exists\n"
