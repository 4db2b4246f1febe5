"""``codex-hooks new``: what it writes works at once."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from environments import environment_with

if TYPE_CHECKING:
    from pathlib import Path


def new(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "codex_hooks_runtime.cli", "new", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_a_new_policy_installs_passes_its_tests_and_is_active(tmp_path: Path) -> None:
    done = new(tmp_path, "org-policy-2")
    assert (done.returncode, done.stderr) == (0, "")
    package = tmp_path / "org-policy-2"

    python = environment_with(tmp_path / "env", package)
    command = [str(python), "-m", "pytest", "-q", "-W", "error", str(package)]
    tests = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert tests.returncode == 0, tests.stdout
    assert "5 passed" in tests.stdout

    command = [str(python), "-m", "codex_hooks_runtime.cli", "plugins"]
    listed = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "org-policy-2" in listed.stdout


@pytest.mark.parametrize("name", ["", "Org", "org_policy", "-x", "../up", "a--b", "1st", "ä"])
def test_a_name_that_is_none_is_refused(tmp_path: Path, name: str) -> None:
    done = new(tmp_path, "--", name)

    assert done.returncode == 1
    assert "is no name for a policy" in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["class", "secrets", "pytest", "codex-hooks"])
def test_a_name_that_means_something_to_python_already_is_refused(
    tmp_path: Path, name: str
) -> None:
    """A plugin of that name could not be imported, or would take the place of what can."""
    done = new(tmp_path, name)

    assert done.returncode == 1
    assert f"take another, such as {name}-policy" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_to_type_next_installs_the_folder_and_nothing_from_an_index(tmp_path: Path) -> None:
    assert "pip install -e ./org-policy pytest && pytest org-policy" in (
        new(tmp_path, "org-policy").stdout
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    done = new(tmp_path, "org-policy", "--into", str(elsewhere))
    assert f"pip install -e {elsewhere / 'org-policy'} pytest" in done.stdout


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "org-policy").mkdir()
    done = new(tmp_path, "org-policy")

    assert done.returncode == 1
    assert "File exists" in done.stderr
    assert list((tmp_path / "org-policy").iterdir()) == []
