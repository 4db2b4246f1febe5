"""``codex-hooks demo``: one prompt through the real Codex, offline, under two plugins.

Nothing here is staged but the model: Codex, its sandbox, its tools and the gate are the real ones.
The same script runs a second time without plugins, so that what they prevented can be seen. Where
the project's own plugins are installed, they are shown too.
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

from codex_hooks import Block, HookContext, Mutate, hookimpl
from codex_hooks_runtime import Client, ClientConfig
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel

from . import _demo_plugins
from ._output import console, headed, report_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

SECRET: Final = "tr0ub4dor&3"  # noqa: S105  # what the demo is there to keep from the model
PROMPT: Final = "What is this project configured with?"
SCRIPT: Final = (
    RunCommand("cat README.md"),
    RunCommand("cat .env"),
    Say("It is a small shop. I was not allowed to read its .env, so I leave that to you."),
)


class HouseRules:
    """Adds a line to every prompt."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell

    @hookimpl
    def pre_turn(self, ctx: HookContext) -> Mutate:
        self._tell("house-rules", "pre_turn adds a line to the prompt")
        return Mutate(prompt=f"{ctx.prompt}\nAnswer in one sentence.")


class NoSecrets:
    """Keeps the agent from files that hold secrets."""

    def __init__(self, tell: Callable[[str, str], None]) -> None:
        self._tell = tell

    @hookimpl
    def pre_tool_use(self, ctx: HookContext) -> Block | None:
        command = ctx.tool.input["command"] if ctx.tool else ""
        self._tell("codex", f"asks for: {command}")
        if ".env" in command:
            self._tell("no-secrets", "pre_tool_use blocks it")
            return Block("files that hold secrets are not read here")
        return None


async def demo() -> int:
    """Run it and tell the story; return the exit code."""
    out = console()

    def tell(who: str, what: str) -> None:
        out.print(headed(f"{who:>14}  ", "bold cyan", " / ".join(what.splitlines())))

    with tempfile.TemporaryDirectory(prefix="codex-hooks-demo-") as folder:
        cwd = Path(folder)
        (cwd / "README.md").write_text("# Shop\nSells teapots.\n", encoding="utf-8")
        (cwd / ".env").write_text(f"PASSWORD={SECRET}\n", encoding="utf-8")
        guarded = await _guarded(out, tell, cwd)
        out.print("\nThe same again without plugins, to see what they prevented:")
        bare = await _bare(cwd)
        tell("model", f"was sent the secret: {_yes(bare)}")
        kept = await _demo_plugins.show(out, tell, cwd) if _demo_plugins.installed() else True
    return 0 if bare and kept and not guarded else 1


async def _guarded(out: Console, tell: Callable[[str, str], None], cwd: Path) -> bool:
    """Run the script under the plugins; return whether the secret reached the model."""
    plugins = (HouseRules(tell), NoSecrets(tell))
    with ScriptedModel(SCRIPT) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(plugins=plugins, load_installed=False, env=home.env)
        async with Client.connect(config) as client:
            version = ".".join(map(str, client.runtime.server.server_version))
            out.print(f"Codex {version}, a read-only sandbox, a scripted model on this machine.")
            tell("you", PROMPT)
            result = await client.run(cwd, PROMPT)
            tell("codex", f"answers: {result.assistant_text}")
            report = client.latest_report
        out.print("\nWhat the model was sent:")
        last = model.requests[-1]
        tell("prompt", last.user_texts[-1])
        for step, output in zip(SCRIPT, last.tool_outputs.values(), strict=False):
            if isinstance(step, RunCommand):
                tell(step.cmd, output.rpartition("Output:\n")[2].strip())
        leaked = SECRET in last.text
        tell("model", f"was sent the secret: {_yes(leaked)}")
    out.print()
    if report is not None:
        out.print(report_table(report))
    return leaked


async def _bare(cwd: Path) -> bool:
    """Run the script without plugins; return whether the secret reached the model."""
    with ScriptedModel(SCRIPT) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(load_installed=False, env=home.env)
        async with Client.connect(config) as client:
            await client.run(cwd, PROMPT)
        return SECRET in model.requests[-1].text


def _yes(value: bool) -> str:
    return "yes" if value else "no"
