"""The guard between the real Codex and a scripted model, in the read-only sandbox."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from codex_hooks_runtime import Client, ClientConfig
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel

from codex_hooks_guard import Guard

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.codex

SECRET = "hunter2"
HIDDEN_READ = "bash -lc \"$(printf 'cat %s' id_rsa)\" 2>&1"


async def told(command: str, cwd: Path, *plugins: object) -> tuple[str, str]:
    """Run ``command`` as the model would; return what it was told, and all that it was sent."""
    with (
        ScriptedModel([RunCommand(command), Say("ok")]) as model,
        CodexHome(model.base_url) as home,
    ):
        config = ClientConfig(plugins=plugins, load_installed=False, env=home.env)
        async with Client.connect(config) as client:
            await client.run(cwd, "go on")
        assert model.unexpected == ()
        last = model.requests[-1]
        return next(iter(last.tool_outputs.values())), last.text


async def test_a_hidden_read_of_a_key_file_is_blocked_with_the_name_of_the_rule(
    tmp_path: Path,
) -> None:
    """The control without the plugin shows that Codex alone would have read it."""
    (tmp_path / "id_rsa").write_text(SECRET)

    answer, sent = await told(HIDDEN_READ, tmp_path, Guard())
    assert "rule credential-files" in answer
    assert SECRET not in sent

    answer, _ = await told(HIDDEN_READ, tmp_path)
    assert SECRET in answer


async def test_an_ordinary_command_runs_under_the_guard(tmp_path: Path) -> None:
    (tmp_path / "notes").write_text("tea at four")
    answer, _ = await told("bash -lc 'cat notes' | head -1", tmp_path, Guard())
    assert "tea at four" in answer
