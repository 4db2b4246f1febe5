"""The command in a process of its own, as a person calls it, with a Codex that stays offline."""

from __future__ import annotations

import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from codex_hooks_runtime.testing import CodexHome, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from runtime.scripted import Script

COMMAND = str(Path(sys.executable).with_name("codex-hooks"))


def call(
    *command: str | Path,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout: float = 300,
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout, check=False
    )


def shell(
    line: str, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run ``line`` in bash, where ``$codex_hooks`` is the command."""
    variables = env or {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    return call(
        "bash", "-o", "pipefail", "-c", line, cwd=cwd, env={**variables, "codex_hooks": COMMAND}
    )


@contextmanager
def offline_codex(
    script: Script = (), settings: str = "enabled = []"
) -> Iterator[tuple[ScriptedModel, CodexHome]]:
    """A scripted model and an isolated home, whose user has no plugin active by default."""
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        file = home.path / "user" / ".config" / "codex-hooks" / "codex-hooks.toml"
        file.parent.mkdir(parents=True)
        file.write_text(settings)
        yield model, home
