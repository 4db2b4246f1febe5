"""``pip install`` of a policy is all it takes to be under it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from cli.commands import call, offline_codex
from codex_hooks_runtime.testing import RunCommand, Say, Step
from environments import PACKAGES, environment_with

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

POLICY = PACKAGES / "org-policy"
SECRET = "hunter2"


def sent_to_model(python: Path, cwd: Path) -> tuple[str, subprocess.CompletedProcess[str]]:
    script: list[Step] = [RunCommand("cat key"), Say("that is all")]
    with offline_codex(script, settings="") as (model, home):
        command = (python, "-m", "codex_hooks_runtime.cli", "run", "go on")
        done = call(*command, cwd=cwd, env=home.env)
        return model.requests[-1].text, done


@pytest.mark.codex
def test_an_installed_policy_is_active_without_any_configuration(tmp_path: Path) -> None:
    """K11: the control is the same environment without the policy, where the secret is read."""
    cwd = tmp_path / "work"
    cwd.mkdir()
    (cwd / "key").write_text(SECRET)

    sent, done = sent_to_model(environment_with(tmp_path / "with", POLICY), cwd)
    assert done.returncode == 0, done.stderr
    assert "pre_tool_use blocked by no-keys: keys are not read" in done.stderr
    assert SECRET not in sent

    sent, done = sent_to_model(environment_with(tmp_path / "without"), cwd)
    assert (done.returncode, done.stderr) == (0, "")
    assert SECRET in sent
