"""``pip install`` of a policy is all it takes to be under it."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest

from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel, Step
from environments import PACKAGES, environment_with

if TYPE_CHECKING:
    from pathlib import Path

POLICY = PACKAGES / "org-policy"
SECRET = "hunter2"


def sent_to_model(python: Path, cwd: Path) -> tuple[str, subprocess.CompletedProcess[str]]:
    script: list[Step] = [RunCommand("cat key"), Say("that is all")]
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        done = subprocess.run(
            [python, "-m", "codex_hooks_runtime.cli", "run", "go on"],
            cwd=cwd,
            env=home.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
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
