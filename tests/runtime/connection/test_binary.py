from __future__ import annotations

import sys
from pathlib import Path

import pytest

from codex_hooks_runtime._binary import find_codex
from codex_hooks_runtime._errors import CodexNotFound


def executable(path: Path) -> Path:
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_a_given_path_is_taken(tmp_path: Path) -> None:
    codex = executable(tmp_path / "mine")
    assert find_codex(codex) == find_codex(str(codex)) == codex


def test_a_relative_path_is_made_absolute_for_the_server_has_another_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path / "mine")
    monkeypatch.chdir(tmp_path)
    assert find_codex(Path("mine")) == tmp_path / "mine"


def test_a_given_path_that_is_missing_is_never_replaced(tmp_path: Path) -> None:
    with pytest.raises(CodexNotFound, match=r"there is no .*mine.*pip install"):
        find_codex(tmp_path / "mine")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CodexNotFound, match="is a folder"):
        find_codex(tmp_path)


def test_a_file_that_cannot_be_executed_is_refused(tmp_path: Path) -> None:
    (tmp_path / "mine").touch(mode=0o644)
    with pytest.raises(CodexNotFound, match=r"chmod \+x"):
        find_codex(tmp_path / "mine")


def test_the_binary_of_the_extra_comes_before_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    executable(tmp_path / "codex")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_codex(None).is_relative_to(sys.prefix)


def test_without_the_extra_path_is_searched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    codex = executable(tmp_path / "codex")
    monkeypatch.setitem(sys.modules, "codex_cli_bin", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert find_codex(None) == codex


def test_without_any_codex_the_error_says_how_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "codex_cli_bin", None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CodexNotFound, match=r"pip install \"codex-hooks\[codex\]\""):
        find_codex(None)


def test_a_broken_extra_is_an_error_and_not_another_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_binary() -> Path:
        raise FileNotFoundError("gone")

    executable(tmp_path / "codex")
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("codex_cli_bin.bundled_codex_path", no_binary)
    with pytest.raises(CodexNotFound, match="reinstall"):
        find_codex(None)
