"""What the audit log costs: records a second, latency of a tool use, speed of `verify`.

Each figure is the best of several rounds: on a busy machine absolute figures swing, and the disk's
share of them with the disk. Run it with ``make bench`` or ``python benchmarks/audit.py``; it prints
a table, then the same as JSON.
"""

from __future__ import annotations

import json
import sys
import tempfile
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, get_args

import anyio
from codex_hooks_audit import Audit, AuditLog, Options, verify
from codex_hooks_audit._chain import START, seal
from codex_hooks_audit._group import GroupCommit
from codex_hooks_audit._log import Durability

from codex_hooks import HookContext, HookKernel, HookPhase, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS: Final = 5
THREADS: Final = 32
"""As many as the kernel has for hooks."""
LOG_RECORDS: Final = 200_000

BODY: Final = {
    "ts": 1_700_000_000_000,
    "kind": "intent",
    "run": "hk-0123456789abcdef",
    "thread": "019a0000-0000-7000-8000-000000000000",
    "turn": "019a0000-0000-7000-8000-000000000001",
    "call": "call_1",
    "tool": "Bash",
    "tool_kind": "command",
    "input": {"bytes": 20, "hmac": "0" * 64},
}


def in_new_folder(measure: Callable[[Path], float]) -> float:
    """Return the best of the rounds, each in a folder of its own."""
    results = []
    for _ in range(ROUNDS):
        with tempfile.TemporaryDirectory(prefix="codex-hooks-bench-") as folder:
            results.append(measure(Path(folder) / "audit"))
    return min(results)


def alone(durability: Durability, count: int, folder: Path) -> float:
    """Return the seconds a record takes one thread."""
    log = AuditLog(folder, durability=durability)
    log.append([BODY])
    began = time.perf_counter()
    for _ in range(count):
        log.append([BODY])
    return (time.perf_counter() - began) / count


def together(durability: Durability, count: int, folder: Path) -> float:
    """Return the seconds a record takes when many threads write at once (group commit)."""
    group = GroupCommit(AuditLog(folder, durability=durability))
    group.append(BODY)
    each = count // THREADS

    def append() -> None:
        for _ in range(each):
            group.append(BODY)

    threads = [threading.Thread(target=append) for _ in range(THREADS)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return (time.perf_counter() - began) / (each * THREADS)


def tool_use(durability: Durability | None, count: int, folder: Path) -> float:
    """Return the seconds of one tool use in the kernel, before and after it, in one run."""
    return anyio.run(_tool_uses, durability, count, folder)


async def _tool_uses(durability: Durability | None, count: int, folder: Path) -> float:
    kernel = HookKernel()
    if durability is not None:
        kernel.register(Audit(Options(path=folder, durability=durability)), "audit")
    command = {"command": "git status --short"}
    before = ToolCall(call_id="call_1", name="Bash", kind="command", input=command)
    after = ToolCall(
        call_id="call_1", name="Bash", kind="command", input=command, output="M README.md\n" * 80
    )
    async with kernel.run() as run:
        asked = run.context(HookPhase.PRE_TOOL_USE, thread_id="thr", tool=before)
        told = run.context(HookPhase.POST_TOOL_USE, thread_id="thr", tool=after)
        await _once(run, asked, told)
        began = time.perf_counter()
        for _ in range(count):
            await _once(run, asked, told)
        return (time.perf_counter() - began) / count


async def _once(run: Any, asked: HookContext, told: HookContext) -> None:
    await run.pre(asked)
    await run.post(told)


def verifying(folder: Path) -> float:
    """Return the seconds to go through a log of `LOG_RECORDS`."""
    log = AuditLog(folder)
    for _ in range(LOG_RECORDS // 10_000):
        log.append([BODY] * 10_000)
    began = time.perf_counter()
    verdict = verify(folder)
    seconds = time.perf_counter() - began
    if verdict.records != LOG_RECORDS or not verdict.intact:
        sys.exit(f"the log is not what was written: {verdict}")
    return seconds


def measure() -> dict[str, float]:
    """Return every figure by its name."""
    figures: dict[str, float] = {}
    nothing = in_new_folder(partial(tool_use, None, 2_000))
    for durability, count in zip(get_args(Durability), (3_000, 300), strict=True):
        one = in_new_folder(partial(alone, durability, count))
        many = in_new_folder(partial(together, durability, 32 * count // 8))
        added = in_new_folder(partial(tool_use, durability, count)) - nothing
        figures |= {
            f"{durability}: records/s, one thread": 1 / one,
            f"{durability}: records/s, {THREADS} threads": 1 / many,
            f"{durability}: µs added to a tool use, before and after together": added * 1e6,
        }
    seconds = in_new_folder(verifying)
    line = len(seal(BODY, START)[0])
    figures["verify: records/s"] = LOG_RECORDS / seconds
    figures["verify: MB/s"] = LOG_RECORDS * line / seconds / 1e6
    return figures


def main() -> None:
    """Print the table and the JSON."""
    figures = measure()
    for name, value in figures.items():
        print(f"{name:<64}{value:>14,.0f}")
    print(json.dumps({name: round(value, 1) for name, value in figures.items()}))


if __name__ == "__main__":
    main()
