"""``codex-hooks plugins``, and the commands that plugins bring."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.commands import call
from environments import PACKAGES, environment_with

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return environment_with(tmp_path_factory.mktemp("org"), PACKAGES / "org-policy")


def ask(
    python: Path, folder: Path, *arguments: str, settings: str = "", columns: int = 100
) -> subprocess.CompletedProcess[str]:
    """Call the command in ``folder`` as a user whose settings are these."""
    config = folder / "config" / "codex-hooks"
    config.mkdir(parents=True, exist_ok=True)
    (config / "codex-hooks.toml").write_text(settings)
    environment = {
        "HOME": str(folder),
        "XDG_CONFIG_HOME": str(folder / "config"),
        "COLUMNS": str(columns),
    }
    return call(python, "-m", "codex_hooks_runtime.cli", *arguments, cwd=folder, env=environment)


def test_the_list_says_where_a_plugin_is_from_and_what_it_hooks(
    python: Path, tmp_path: Path
) -> None:
    done = ask(python, tmp_path, "plugins")

    assert (done.returncode, done.stderr) == (0, "")
    row = next(line for line in done.stdout.splitlines() if "no-keys" in line)
    for fact in ("org-policy 1.2.3", "pre_tool_use", "global", "enforce"):
        assert fact in row


def test_a_narrow_terminal_loses_nothing(python: Path, tmp_path: Path) -> None:
    done = ask(python, tmp_path, "plugins", columns=40)

    assert (done.returncode, "…" in done.stdout) == (0, False)


def test_a_plugin_that_is_off_is_listed_with_the_reason(python: Path, tmp_path: Path) -> None:
    done = ask(python, tmp_path, "plugins", settings='disabled = ["no-keys"]')

    assert done.returncode == 0
    assert "no-keys is not active: disabled by" in done.stdout


def test_json_holds_every_fact(python: Path, tmp_path: Path) -> None:
    settings = '[plugins.no-keys]\nmode = "observe"'
    done = ask(python, tmp_path, "plugins", "--json", settings=settings)

    (plugin,) = [p for p in json.loads(done.stdout)["plugins"] if p["name"] == "no-keys"]
    assert plugin["mode"] == "observe"
    assert plugin["entry_point"] == "org_policy:NoKeys"
    assert plugin["distribution"] == "org-policy"
    assert plugin["active"] is True
    assert plugin["hooks"] == ["pre_tool_use"]


def test_one_plugin_is_shown_by_name(python: Path, tmp_path: Path) -> None:
    done = ask(python, tmp_path, "plugins", "no-keys")

    assert done.returncode == 0
    assert "org_policy:NoKeys" in done.stdout

    done = ask(python, tmp_path, "plugins", "no-kyes")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: no plugin is named 'no-kyes'; did you mean 'no-keys'?\n"


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ('requird = ["x"]', "requird: there is no such key (did you mean 'required'?)"),
        ('required = ["nobody"]', "plugin 'nobody' is required by"),
        ("required = [", "codex-hooks.toml"),
    ],
)
def test_settings_that_cannot_be_followed_are_one_sentence(
    python: Path, tmp_path: Path, settings: str, sentence: str
) -> None:
    """F10, and a typo."""
    done = ask(python, tmp_path, "plugins", settings=settings)

    assert done.returncode == 1
    assert sentence in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_plugin_brings_a_command_and_cannot_replace_ours(python: Path, tmp_path: Path) -> None:
    done = ask(python, tmp_path, "org", "motto", "ada")
    assert (done.returncode, done.stdout) == (0, "no keys, ada\n")

    done = ask(python, tmp_path, "run", "--help")
    assert "Run one prompt" in done.stdout


def test_a_command_that_cannot_be_loaded_says_so_and_leaves_the_others(
    python: Path, tmp_path: Path
) -> None:
    done = ask(python, tmp_path, "org-broken")
    assert done.returncode == 1
    assert "the command 'org-broken' (org_commands:nothing) cannot be loaded" in done.stderr

    done = ask(python, tmp_path, "org-broken", "motto", "--json")
    assert "(org_commands:nothing) cannot be loaded" in done.stderr

    done = ask(python, tmp_path, "--help")
    assert done.returncode == 0
    assert "What the organisation says." in done.stdout


def test_a_command_of_a_plugin_that_is_not_installed_says_so(python: Path, tmp_path: Path) -> None:
    done = ask(python, tmp_path, "audit", "tail", "-n", "3")

    assert done.returncode == 1
    assert done.stderr == (
        "error: the command 'audit' comes with a plugin that is not installed here: "
        "pip install codex-hooks-audit\n"
    )
