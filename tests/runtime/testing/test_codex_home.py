"""The isolated home: where it is, what is in it, what it refuses, and that it goes."""

from __future__ import annotations

import os
import tomllib
from typing import TYPE_CHECKING

import platformdirs
import pytest

from codex_hooks_runtime import _errors
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel
from runtime.testing.app_server import app_server

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import Step

LOOPBACK = "http://127.0.0.1:9/v1"


def test_a_home_is_private_below_the_cache_folder_and_goes_on_exit() -> None:
    with CodexHome(LOOPBACK) as home:
        path = home.path
        assert path.is_relative_to(platformdirs.user_cache_dir("codex-hooks"))
        assert path.stat().st_mode & 0o077 == 0
        (path / "sessions").mkdir()
        (path / "sessions" / "left.jsonl").write_text("by codex")
    assert not path.exists()


def test_two_homes_share_nothing() -> None:
    with CodexHome(LOOPBACK) as one, CodexHome(LOOPBACK) as two:
        assert one.path != two.path


def test_the_environment_is_the_least_that_codex_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "a secret of the user")
    with CodexHome(LOOPBACK) as home:
        assert home.env == {
            "PATH": os.environ["PATH"],
            "HOME": str(home.path / "user"),
            "CODEX_HOME": str(home.path),
            "XDG_RUNTIME_DIR": str(home.path),
            "LANG": "C.UTF-8",
            "RUST_LOG": "error",
        }
        assert list((home.path / "user").iterdir()) == []


def test_the_configuration_names_one_provider_and_takes_more() -> None:
    extra = 'goals = false\n[mcp_servers.docs]\ncommand = "docs"\n'
    with CodexHome(LOOPBACK, model_name='a "model"', extra_config=extra) as home:
        config = tomllib.loads((home.path / "config.toml").read_text())
    assert config["model"] == 'a "model"'
    assert [p["base_url"] for p in config["model_providers"].values()] == [LOOPBACK]
    assert config["features"] == {"plugins": False, "goals": False}
    assert config["mcp_servers"] == {"docs": {"command": "docs"}}


@pytest.mark.parametrize("extra", ["plugins = true\n", "[otel]\nexporter = 1\n", "= what\n"])
def test_what_is_set_cannot_be_set_again(extra: str) -> None:
    with pytest.raises(_errors.ConfigError, match="extra_config does not fit"):
        CodexHome(LOOPBACK, extra_config=extra)


@pytest.mark.parametrize(
    "base_url", ["https://api.example.com/v1", "http://127.0.0.1@example.com/v1", "127.0.0.1:9"]
)
def test_a_provider_elsewhere_is_refused(base_url: str) -> None:
    with pytest.raises(_errors.ConfigError, match="loopback"):
        CodexHome(base_url)


def test_a_cache_folder_that_cannot_be_written_is_a_clear_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = tmp_path / "a file"
    blocked.write_text("where the cache folder should be")
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda _: str(blocked / "codex-hooks"))
    with pytest.raises(_errors.ConfigError, match="XDG_CACHE_HOME"):
        CodexHome(LOOPBACK).__enter__()


def test_a_home_that_is_made_by_half_goes_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(platformdirs, "user_cache_dir", lambda _: str(tmp_path))
    monkeypatch.setattr("pathlib.Path.write_text", no_space)
    with pytest.raises(_errors.ConfigError, match="no space"):
        CodexHome(LOOPBACK).__enter__()
    assert list(tmp_path.iterdir()) == []


def no_space(*_: object, **__: object) -> int:
    raise OSError("no space")


def test_there_is_no_folder_outside_the_with_block() -> None:
    with pytest.raises(_errors.ConfigError, match="with"):
        _ = CodexHome(LOOPBACK).path


@pytest.mark.codex
def test_a_command_finds_an_empty_home_and_nothing_of_the_user(tmp_path: Path) -> None:
    """The control: it does find what is in the folder that codex was started for."""
    (tmp_path / "mine.txt").touch()
    script: list[Step] = [RunCommand("echo $HOME; ls -A ~; echo and; ls"), Say("done")]
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        with app_server(home, tmp_path) as server:
            server.start_turn()
            server.rest_of_turn()
        inside = home.env["HOME"]
    assert f"{inside}\nand\nmine.txt" in model.requests[1].tool_outputs["call_1"]
