"""``codex-hooks run``: one prompt, with the user's own Codex and plugins.

With ``--json`` whatever becomes of it is one object on stdout; a failure is then told there alone.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from codex_hooks import CodexHooksError
from codex_hooks_runtime import (
    AgentMessageDelta,
    BlockedByHook,
    Client,
    ClientConfig,
    ConfigError,
    PromptRunParams,
    TurnFailed,
)
from codex_hooks_runtime._binary import find_codex

from ._approver import terminal_approver
from ._interrupt import run_interruptible
from ._output import complain, console, print_outcome, printable, report_table
from ._plugin_option import load_plugin

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from codex_hooks import HookReport
    from codex_hooks_runtime import LiveEvent, PromptRunResult, ToolUseRecord

FROM_STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What the command line asks for; a ``prompt`` of ``-`` stands for what comes on stdin."""

    prompt: str
    cwd: Path
    model: str | None
    plugins: Sequence[str]
    timeout: float
    codex: Path | None
    as_json: bool
    with_report: bool


@dataclass(slots=True)
class _Outcome:
    """What has become of it so far."""

    result: PromptRunResult | None = None
    error: CodexHooksError | None = None
    report: HookReport | None = None
    uses: Sequence[ToolUseRecord] = field(default=())


def run(request: Request) -> int:
    """Run the prompt, print as it goes, and return the exit code."""
    outcome = _Outcome()
    try:
        params = PromptRunParams(
            # Absolute, so that a folder whose name cannot be sent is told of before it is.
            cwd=request.cwd.absolute(),
            prompt=_prompt(request.prompt),
            model=request.model,
            timeout=request.timeout,
        )
        config = ClientConfig(
            plugins=[load_plugin(spec) for spec in request.plugins],
            codex=request.codex,
            approver=terminal_approver(),
            event_sink=_tell_of_retries,
        )
        run_interruptible(lambda: _run(config, params, outcome, streamed=not request.as_json))
    except CodexHooksError as error:
        outcome.error = error
    if request.as_json:
        print(json.dumps(_document(outcome), indent=2))
    else:
        _print_end(outcome, request)
    if outcome.error is None:
        return 0
    return 2 if isinstance(outcome.error, BlockedByHook) else 1


def _prompt(given: str) -> str:
    if given == FROM_STDIN:
        given = sys.stdin.buffer.read().decode(errors="surrogateescape")
    if not given.strip():
        raise ConfigError("the prompt is empty: say what to ask")
    return given


async def _run(
    config: ClientConfig, params: PromptRunParams, outcome: _Outcome, *, streamed: bool
) -> None:
    async with Client.connect(config) as client:
        try:
            outcome.result = await _stream(client, params, streamed=streamed)
        finally:
            outcome.report, outcome.uses = client.latest_report, client.tool_uses


async def _stream(client: Client, params: PromptRunParams, *, streamed: bool) -> PromptRunResult:
    async with client.runtime.stream_prompt(params) as stream:
        item: str | None = None
        async for event in stream:
            if isinstance(event, AgentMessageDelta) and streamed:
                if item not in (None, event.item_id):
                    print()
                item = event.item_id
                sys.stdout.write(printable(event.text).plain)
                sys.stdout.flush()
        if item is not None:
            print(flush=True)  # before anything that goes to stderr
        return await stream.finish()


async def _tell_of_retries(event: LiveEvent) -> None:
    """Say what Codex is waiting for when it tries again, which it does for minutes."""
    if event.method == "error" and event.params.get("willRetry"):
        error = event.params.get("error") or {}
        said = [str(error[key]) for key in ("message", "additionalDetails") if error.get(key)]
        console(stderr=True).print("codex: ", printable(": ".join(said)), sep="")


def _print_end(outcome: _Outcome, request: Request) -> None:
    error, report = outcome.error, outcome.report
    err = console(stderr=True)
    if report is not None:
        print_outcome(err, report)
        if request.with_report:
            err.print(report_table(report))
    told = isinstance(error, BlockedByHook) and report and error.block in report.blocks
    if error is not None and not told:
        complain(str(error))
    if isinstance(error, TurnFailed) and "401 Unauthorized" in str(error):
        err.print(f"log in with: {find_codex(request.codex)} login")


def _document(outcome: _Outcome) -> dict[str, Any]:
    return {
        "result": asdict(outcome.result) if outcome.result else None,
        "error": _error(outcome.error) if outcome.error else None,
        "report": outcome.report.to_dict() if outcome.report else None,
        "tool_uses": [asdict(use) for use in outcome.uses],
    }


def _error(error: CodexHooksError) -> dict[str, str | None]:
    return {
        "type": type(error).__name__,
        "message": str(error),
        "plugin": error.plugin,
        "hook": error.hook,
    }
