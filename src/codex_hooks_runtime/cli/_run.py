"""``codex-hooks run``: one prompt, with the user's own Codex and plugins."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from codex_hooks import CodexHooksError
from codex_hooks_runtime import (
    AgentMessageDelta,
    BlockedByHook,
    Client,
    ClientConfig,
    PromptRunParams,
    PromptRunResult,
)

from ._approver import terminal_approver
from ._output import complain, console, print_outcome, printable, report_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codex_hooks import HookReport
    from codex_hooks_runtime import ToolUseRecord


@dataclass(frozen=True, slots=True)
class Request:
    """What the command line asks for."""

    params: PromptRunParams
    plugins: Sequence[object]
    as_json: bool
    with_report: bool


async def run(request: Request) -> int:
    """Run the prompt, print as it goes, and return the exit code."""
    result: PromptRunResult | None = None
    error: CodexHooksError | None = None
    config = ClientConfig(plugins=request.plugins, approver=terminal_approver())
    async with Client.connect(config) as client:
        try:
            result = await _stream(client, request)
        except CodexHooksError as failure:
            error = failure
        report, uses = client.latest_report, client.tool_uses
    if request.as_json:
        print(json.dumps(_document(result, error, report, uses), indent=2))
    else:
        _print_end(error, report, with_report=request.with_report)
    if error is None:
        return 0
    return 2 if isinstance(error, BlockedByHook) else 1


async def _stream(client: Client, request: Request) -> PromptRunResult:
    async with client.runtime.stream_prompt(request.params) as stream:
        item: str | None = None
        async for event in stream:
            if isinstance(event, AgentMessageDelta) and not request.as_json:
                if item not in (None, event.item_id):
                    print()
                item = event.item_id
                sys.stdout.write(printable(event.text).plain)
                sys.stdout.flush()
        if item is not None:
            print(flush=True)  # before anything that goes to stderr
        return await stream.finish()


def _print_end(
    error: CodexHooksError | None, report: HookReport | None, *, with_report: bool
) -> None:
    err = console(stderr=True)
    if report is not None:
        print_outcome(err, report)
        if with_report:
            err.print(report_table(report))
    told = isinstance(error, BlockedByHook) and report and error.block in report.blocks
    if error is not None and not told:
        complain(str(error))


def _document(
    result: PromptRunResult | None,
    error: CodexHooksError | None,
    report: HookReport | None,
    uses: Sequence[ToolUseRecord],
) -> dict[str, Any]:
    return {
        "result": asdict(result) if result else None,
        "error": {"type": type(error).__name__, "message": str(error)} if error else None,
        "report": report.to_dict() if report else None,
        "tool_uses": [asdict(use) for use in uses],
    }
