"""The plugin around the real Codex: what the scripted model was sent."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from codex_hooks_runtime import Client, ClientConfig
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel

from codex_hooks_redact import Redact

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex

TYPED = "k3yTr0mb0neQ7"
READ = "ghp_" + "a1B2c3D4e5" * 3 + "F6g7H8"


async def sent_to_the_model(cwd: Path, *plugins: object) -> tuple[str, str]:
    """Run one prompt and one command; return all that was sent, and the command's output."""
    script: list[Step] = [RunCommand("cat notes"), Say("ok")]
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(plugins=plugins, load_installed=False, env=home.env)
        async with Client.connect(config) as client:
            await client.run(cwd, f"the password is {TYPED}, see the notes")
    last = model.requests[-1]
    return last.text, next(iter(last.tool_outputs.values()))


async def test_neither_a_prompts_secret_nor_a_commands_reaches_the_model(tmp_path: Path) -> None:
    """G10, K7: the control without the plugin shows that both would."""
    (tmp_path / "notes").write_text(f"deploy with {READ}\nand be quick\n")

    sent, output = await sent_to_the_model(tmp_path, Redact())
    assert TYPED not in sent
    assert READ not in sent
    assert "the password is [redacted said-secret" in sent
    assert "deploy with [redacted github-pat" in output
    assert "and be quick" in output

    sent, output = await sent_to_the_model(tmp_path)
    assert TYPED in sent
    assert READ in output
