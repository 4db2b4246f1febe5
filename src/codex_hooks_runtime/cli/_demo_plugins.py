"""The second half of the demo, where codex-hooks-guard, -redact and -audit are installed.

The plugins are the installed ones with their defaults; only the audit log stands in a folder of
the demo's own.
"""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Final

from codex_hooks import PluginSettings, Settings
from codex_hooks_runtime import Client, ClientConfig
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from rich.console import Console

PLUGINS: Final = ("audit", "guard", "redact")

# Made up, and put together here, so that nobody's scanner takes this file for a leak.
_TOKEN: Final = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
_KEY: Final = "the private key"
_PROMPT: Final = f"Deploy the shop. The token is {_TOKEN}."
_HIDDEN: Final = 'bash -lc "$(printf "cat %s" id_ed25519)"'


def installed() -> bool:
    """Whether all three are."""
    import importlib_metadata  # noqa: PLC0415  # only the demo asks

    offered = {item.name for item in importlib_metadata.entry_points(group="codex_hooks")}
    return offered.issuperset(PLUGINS)


async def show(out: Console, tell: Callable[[str, str], None], cwd: Path) -> bool:
    """Tell the story; return whether the plugins kept what they promise."""
    out.print("\nUnder codex-hooks-guard, -redact and -audit, as they are installed:")
    (cwd / "id_ed25519").write_text(_KEY, encoding="utf-8")
    script = (RunCommand(_HIDDEN), Say("I was not allowed to read the key."))
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        log = home.path / "audit"
        settings = Settings(
            enabled=PLUGINS, plugins={"audit": PluginSettings(options={"path": str(log)})}
        )
        async with Client.connect(ClientConfig(settings=settings, env=home.env)) as client:
            tell("you", _PROMPT)
            tell("codex", f"asks for: {_HIDDEN}")
            await client.run(cwd, _PROMPT)
        sent = model.requests[-1]
        tell("model", f"received: {sent.user_texts[-1]}")
        tell("model", f"was told: {next(iter(sent.tool_outputs.values()))}")
        tell("audit", _verify(log))
        (segment,) = log.glob("*.jsonl")
        _flip_a_byte(segment, line=3)
        tell("demo", "flips one byte in the third record of the log")
        found = _verify(log)
        tell("audit", found)
    kept = _TOKEN not in sent.text and _KEY not in sent.text
    tell("model", f"was sent the token or the key: {'no' if kept else 'yes'}")
    return kept and "record 3 was changed" in found


def _verify(log: Path) -> str:
    """Return what ``codex-hooks audit verify`` says, as anyone would ask it."""
    command = [
        sys.executable,
        "-m",
        "codex_hooks_runtime.cli",
        "audit",
        "verify",
        "--log",
        str(log),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603
    return (done.stdout + done.stderr).strip()


def _flip_a_byte(segment: Path, *, line: int) -> None:
    lines = segment.read_bytes().splitlines(keepends=True)
    lines[line - 1] = lines[line - 1].replace(b"hk-", b"hk_", 1)
    segment.write_bytes(b"".join(lines))
