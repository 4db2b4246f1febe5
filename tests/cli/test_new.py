"""``codex-hooks new``: what it writes works at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.commands import COMMAND, call
from environments import environment_with

if TYPE_CHECKING:
    import subprocess


def new(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return call(COMMAND, "new", *arguments, cwd=folder)


def test_a_new_policy_installs_passes_its_tests_and_is_active(tmp_path: Path) -> None:
    done = new(tmp_path, "org-policy-2")
    assert (done.returncode, done.stderr) == (0, "")
    package = tmp_path / "org-policy-2"

    python = environment_with(tmp_path / "env", package)
    tests = call(python, "-m", "pytest", "-q", "-W", "error", package, cwd=tmp_path)
    assert tests.returncode == 0, tests.stdout
    assert "5 passed" in tests.stdout

    listed = call(python, "-m", "codex_hooks_runtime.cli", "plugins", cwd=tmp_path)
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
    assert f"take another, such as my-{name}" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_what_to_type_next_is_for_this_python_and_takes_nothing_of_ours_from_an_index(
    tmp_path: Path,
) -> None:
    here = Path(sys.executable).parent
    activated = {"PATH": f"{here}:{os.defpath}"}
    done = call(COMMAND, "new", "org-policy", cwd=tmp_path, env=activated)
    assert (
        "Next: python -m pip install -e ./org-policy pytest && python -m pytest org-policy\n"
        in done.stdout
    )

    elsewhere = tmp_path / "else where"
    elsewhere.mkdir()
    arguments = ("new", "org-policy", "--into", str(elsewhere))
    done = call(COMMAND, *arguments, cwd=tmp_path, env={"PATH": os.defpath})
    folder = f"'{elsewhere / 'org-policy'}'"
    assert (
        f"Next: {sys.executable} -m pip install -e {folder} pytest && "
        f"{sys.executable} -m pytest {folder}\n" in done.stdout
    )


def test_nothing_that_exists_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "org-policy").mkdir()
    done = new(tmp_path, "org-policy")

    assert done.returncode == 1
    assert done.stderr.startswith("error: org-policy exists already: take another name")
    assert list((tmp_path / "org-policy").iterdir()) == []
