from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from codex_hooks_runtime._errors import GateNotArmed
from codex_hooks_runtime._gate._folder import private_folder

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A path that a socket fits below, as pytest's own are too long for some systems."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


def test_the_runtime_folder_of_the_user_is_taken(
    monkeypatch: pytest.MonkeyPatch, short_path: Path
) -> None:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(short_path))
    with private_folder("socket") as folder:
        assert folder.parent == short_path
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "socket").touch()
    assert list(short_path.iterdir()) == []


@pytest.mark.parametrize("mode", [0o770, 0o701, 0o777])
def test_a_runtime_folder_that_others_can_enter_is_not(
    monkeypatch: pytest.MonkeyPatch, short_path: Path, mode: int
) -> None:
    """G2."""
    shared = short_path / "shared"
    shared.mkdir()
    shared.chmod(mode)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shared))
    monkeypatch.setenv("XDG_CACHE_HOME", str(short_path))
    with private_folder("socket") as folder:
        assert folder.parent == short_path / "codex-hooks"


@pytest.mark.parametrize("runtime_dir", ["", "relative", "/no/such/folder", "/etc/hostname"])
def test_without_a_runtime_folder_the_cache_is_taken_and_never_the_temporary_folder(
    monkeypatch: pytest.MonkeyPatch, runtime_dir: str
) -> None:
    """G2: a command in a workspace-write sandbox can write the temporary folder."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", runtime_dir)
    with private_folder("socket") as folder:
        assert not folder.is_relative_to(tempfile.gettempdir())


def test_a_path_too_long_for_a_socket_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """G6."""
    long = tmp_path / ("x" * 100)
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    with pytest.raises(GateNotArmed, match="set XDG_RUNTIME_DIR"), private_folder("socket"):
        pass
    assert list(long.iterdir()) == []


def test_a_place_that_cannot_be_written_is_refused_with_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """G6."""
    (tmp_path / "codex-hooks").touch()
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(GateNotArmed, match="set XDG_RUNTIME_DIR"), private_folder("socket"):
        pass
