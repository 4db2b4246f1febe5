"""``codex-hooks doctor``: what is mediated on this machine, shown on the installed Codex itself.

The real Codex is started offline with a scripted model that asks for a tool of every kind, under a
plugin that blocks all of them, and again under one that allows all of them.
"""

from __future__ import annotations

import json
import platform
import sys
import tempfile
from dataclasses import asdict, dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

from codex_hooks import Allow, Block, CodexHooksError, Decision, HookContext, HookPhase, hookimpl
from codex_hooks_runtime import Client, ClientConfig, ConfigError, SessionConfig
from codex_hooks_runtime.testing import CodexHome, RunCommand, ScriptedModel

from ._output import console, headed
from ._probes import ANSWER, CHILD_TASK, DENIED, PROBES, Probe, furnish, play

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from codex_hooks_runtime.testing import Step

_DEFAULT_MODEL: Final = "gpt-5.5"
_SERVER: Final = (
    f"\n[mcp_servers.probe]\ncommand = {json.dumps(sys.executable)}\n"
    f"args = [{json.dumps(str(Path(__file__).with_name('_probe_server.py')))}]\n"
    "required = true\nstartup_timeout_sec = 60\n"
)


@dataclass(slots=True)
class Finding:
    """What was seen of one probe; ``mediated`` if it could be stopped, and is seen when it runs."""

    label: str
    tool: str
    asked_before: bool = False
    stopped: bool = False
    ran_when_allowed: bool = False
    asked_after: bool = False
    note: str = ""

    @property
    def mediated(self) -> bool:
        """Whether a policy decides about this kind of tool use."""
        return self.asked_before and self.stopped and self.ran_when_allowed and self.asked_after


@dataclass(slots=True)
class Diagnosis:
    """All findings for one codex."""

    codex: str
    system: str
    findings: list[Finding] = field(default_factory=list)
    doors: dict[str, bool] = field(default_factory=dict)

    @property
    def healthy(self) -> bool:
        """Whether everything is mediated, and what cannot be is shut."""
        return all(item.mediated for item in self.findings) and all(self.doors.values())


class _Judge:
    """Blocks in folders called ``blocked``, allows everywhere else, and remembers both."""

    def __init__(self) -> None:
        self.only_commands = False
        self.seen: list[tuple[HookPhase, str]] = []

    @hookimpl(recheck=False)
    async def pre_tool_use(self, ctx: HookContext) -> Decision:
        tool = ctx.tool
        if tool is not None and tool.approval is None:
            self.seen.append((ctx.phase, tool.name))
        exempt = self.only_commands and tool is not None and tool.kind != "command"
        blocks = Path(ctx.cwd or "").name == "blocked" and not exempt
        return Block(DENIED) if blocks else Allow()

    @hookimpl(recheck=False)
    async def post_tool_use(self, ctx: HookContext) -> None:
        if ctx.tool is not None:
            self.seen.append((ctx.phase, ctx.tool.name))


async def doctor(codex: Path | None, *, as_json: bool) -> int:
    """Examine ``codex``, or the one that would be used; print it and return the exit code."""
    with console(stderr=True).status("starting codex") as status:
        diagnosis = await examine(codex, lambda label: status.update(f"trying: {label}"))
    if as_json:
        print(json.dumps(_document(diagnosis), indent=2))
    else:
        _print(diagnosis)
    return 0 if diagnosis.healthy else 1


async def examine(codex: Path | None, tell: Callable[[str], None]) -> Diagnosis:
    """Run every probe on the real codex and tell which; raises what starting it raises."""
    if find_spec("mcp") is None:
        raise ConfigError("the doctor probes MCP tools too: pip install 'codex-hooks[testing]'")
    diagnosis = Diagnosis("", f"{platform.system()} {platform.machine()}")
    with tempfile.TemporaryDirectory(prefix="codex-hooks-doctor-") as folder:
        root = Path(folder).resolve()  # noqa: ASYNC240  # once, before anything runs
        for model in dict.fromkeys(probe.model for probe in PROBES):
            probes = [probe for probe in PROBES if probe.model == model]
            await _examine_with(model or _DEFAULT_MODEL, codex, probes, root, diagnosis, tell)
    return diagnosis


async def _examine_with(
    model_name: str,
    codex: Path | None,
    probes: Sequence[Probe],
    root: Path,
    diagnosis: Diagnosis,
    tell: Callable[[str], None],
) -> None:
    scripts: dict[str, Sequence[Step]] = {}
    judge = _Judge()
    with (
        ScriptedModel(lambda request: play(scripts, request)) as model,
        CodexHome(model.base_url, model_name, _SERVER) as home,
    ):
        config = ClientConfig(plugins=[judge], load_installed=False, codex=codex, env=home.env)
        async with Client.connect(config) as client:
            diagnosis.codex = ".".join(map(str, client.runtime.server.server_version))
            for probe in probes:
                tell(probe.label)
                diagnosis.findings.append(
                    await _examine_probe(client, model, judge, probe, root, scripts)
                )
            if model_name == _DEFAULT_MODEL:
                await _try_doors(client, model, root, scripts, diagnosis)


async def _examine_probe(
    client: Client,
    model: ScriptedModel,
    judge: _Judge,
    probe: Probe,
    root: Path,
    scripts: dict[str, Sequence[Step]],
) -> Finding:
    finding = Finding(probe.label, probe.tool)
    judge.only_commands = probe.only_commands
    for way in ("blocked", "allowed"):
        cwd = root / probe.label.replace(" ", "-") / way
        furnish(cwd)
        prompt = f"{probe.label}, {way}"
        before = len(model.requests)
        scripts[prompt] = probe.steps(cwd)
        judge.seen.clear()
        session = SessionConfig(
            cwd=cwd,
            approval_policy="on-request",
            sandbox_policy="workspace-write",
            tools=(ANSWER,),
            timeout=60,
        )
        try:
            async with await client.start_session(session) as started:
                await started.ask(prompt)
        except CodexHooksError as error:
            finding.note = f"{way}: {error}"
        sent = _sent_in(model, prompt, before)
        happened = probe.happened(cwd, sent)
        if way == "blocked":
            finding.asked_before = (HookPhase.PRE_TOOL_USE, probe.tool) in judge.seen
            finding.stopped = not happened and DENIED in sent
        else:
            finding.ran_when_allowed = happened
            finding.asked_after = (HookPhase.POST_TOOL_USE, probe.tool) in judge.seen
    return finding


def _sent_in(model: ScriptedModel, prompt: str, since: int) -> str:
    """Return what the model was sent in the thread of ``prompt``, and in those of sub-agents."""
    return "\n".join(
        request.text
        for request in model.requests[since:]
        if prompt in request.user_texts or any(CHILD_TASK in text for text in request.user_texts)
    )


async def _try_doors(
    client: Client,
    model: ScriptedModel,
    root: Path,
    scripts: dict[str, Sequence[Step]],
    diagnosis: Diagnosis,
) -> None:
    """See that what no hook is asked about cannot be used (G8)."""
    prompt = "a terminal"
    scripts[prompt] = [RunCommand("cat secret", {"tty": True})]
    cwd = root / "doors"
    furnish(cwd)
    await client.run(cwd, prompt)
    last = next(item for item in reversed(model.requests) if prompt in item.user_texts)
    offered = [tool.get("type") for tool in last.body.get("tools", [])]
    diagnosis.doors["terminal input (write_stdin) is shut"] = "TTY" in last.text
    diagnosis.doors["hosted web search is off"] = not any(
        "web_search" in str(kind) for kind in offered
    )


def _print(diagnosis: Diagnosis) -> None:
    out = console()
    table = Table(title=f"codex {diagnosis.codex} on {diagnosis.system}", title_justify="left")
    table.add_column("tool use", no_wrap=True)
    for name in ("asked before", "block stops it", "runs if allowed", "asked after"):
        table.add_column(name)
    for item in diagnosis.findings:
        table.add_row(
            item.label,
            *map(
                _mark,
                (item.asked_before, item.stopped, item.ran_when_allowed, item.asked_after),
            ),
        )
    out.print(table)
    for door, shut in diagnosis.doors.items():
        out.print(Text.assemble(_mark(shut), " ", door))
    for item in diagnosis.findings:
        if item.note:
            out.print(headed(f"{item.label}: ", "yellow", item.note))
    verdict = "every tool use is mediated" if diagnosis.healthy else "NOT EVERYTHING IS MEDIATED"
    out.print(Text(verdict, "green" if diagnosis.healthy else "bold red"))


def _mark(value: bool) -> Text:
    return Text("yes", "green") if value else Text("NO", "bold red")


def _document(diagnosis: Diagnosis) -> dict[str, Any]:
    return {
        "codex": diagnosis.codex,
        "system": diagnosis.system,
        "healthy": diagnosis.healthy,
        "tool_uses": [asdict(item) | {"mediated": item.mediated} for item in diagnosis.findings],
        "doors": diagnosis.doors,
    }
