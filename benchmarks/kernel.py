"""What asking plugins costs, beside raw pluggy, apluggy and the Claude agent SDK's callbacks.

All parties are measured in turn, in many short rounds of one process, and the best round counts:
on a busy machine absolute figures swing, ratios of minima hold. Run it with ``make bench``; it
prints a table, then the same as JSON.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Awaitable, Callable
from types import FunctionType, SimpleNamespace
from typing import Any

import anyio
import apluggy
import pluggy
from claude_agent_sdk._internal.query import Query

from codex_hooks import Block, HookContext, HookKernel, HookPhase, Mutate, hookimpl

ROUNDS = 40
SECONDS_A_ROUND = 0.004
SCOPED = 10_000

Dispatch = Callable[[], Awaitable[object]]

ctx = HookContext(phase=HookPhase.PRE_TURN, prompt="hi", thread_id="unscoped")
mark = pluggy.HookimplMarker("bench")
spec = pluggy.HookspecMarker("bench")


class Specs:
    """The one hook of the other parties."""

    @spec
    def pre_turn(self, ctx: HookContext) -> None:
        """Before a turn."""


async def nothing() -> None:
    """Return at once."""


async def at_once(ctx: HookContext) -> None:
    """Have no await."""


async def awaits(ctx: HookContext) -> None:
    """Await what is ready."""
    await nothing()


async def suspends(ctx: HookContext) -> None:
    """Let the event loop go round once."""
    await anyio.lowlevel.checkpoint()


def sync(ctx: HookContext) -> None:
    """Have nothing to say."""


def blocks(ctx: HookContext) -> Block:
    """Stop the phase."""
    return Block("no")


def changes(ctx: HookContext) -> Mutate | None:
    """Change the prompt, once."""
    return Mutate(prompt="changed") if ctx.round == 1 else None


def plugin(function: Any, marker: Any = hookimpl, **options: Any) -> object:
    """Return a plugin of its own that does what ``function`` does."""
    own = FunctionType(function.__code__, globals(), argdefs=function.__defaults__)
    return SimpleNamespace(pre_turn=marker(**options)(own))


def raw_pluggy(count: int) -> Dispatch:
    """Return pluggy's own sync call, inside the coroutine that all parties need."""
    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(Specs)
    for _ in range(count):
        manager.register(plugin(sync, mark))

    async def dispatch() -> object:
        return manager.hook.pre_turn(ctx=ctx)

    return dispatch


def asynchronous_pluggy(count: int, function: Any = at_once) -> Dispatch:
    """Return apluggy's call of async hooks, which runs them side by side in tasks."""
    manager = apluggy.PluginManager("bench")
    manager.add_hookspecs(Specs)
    for _ in range(count):
        manager.register(plugin(function, mark))

    async def dispatch() -> object:
        return await manager.ahook.pre_turn(ctx=ctx)

    return dispatch


def claude_agent_sdk(count: int) -> Dispatch:
    """Return the SDK's handling of one hook_callback request per plugin, as its CLI sends them."""

    class Nowhere:
        async def write(self, data: str) -> None:
            """Take the reply."""

    async def callback(data: Any, tool_use_id: str | None, context: Any) -> dict[str, Any]:
        return {}

    query = Query(transport=Nowhere(), is_streaming_mode=True)  # type: ignore[arg-type]
    requests: list[Any] = []
    for number in range(count):
        query.hook_callbacks[f"hook_{number}"] = callback
        request = {"subtype": "hook_callback", "callback_id": f"hook_{number}", "input": {}}
        requests.append({"type": "control_request", "request_id": "1", "request": request})

    async def dispatch() -> None:
        for request in requests:
            await query._handle_control_request(request)

    return dispatch


def ours(*plugins: object, scoped: int = 0, context: HookContext = ctx) -> Dispatch:
    """Return `HookKernel.run_pre`, each time of a run of its own."""
    kernel = HookKernel()
    for number, item in enumerate(plugins):
        kernel.register(item, f"plugin {number}")
    for number in range(scoped):
        kernel.register(plugin(sync, inline=True), "scoped", thread_id=f"thread {number}")
    opened = kernel._open

    async def dispatch() -> object:
        outcome = await kernel.run_pre(context)
        opened.clear()
        return outcome

    return dispatch


def inline(count: int) -> list[object]:
    """Return sync plugins that run on the event loop."""
    return [plugin(sync, inline=True) for _ in range(count)]


def cases() -> dict[str, Dispatch]:
    """Return everything that is measured, by name."""
    block = plugin(blocks, inline=True)
    mixed = [*inline(2), plugin(at_once), plugin(awaits), plugin(suspends)]
    found: dict[str, Dispatch] = {}
    for count in (0, 1, 5, 20):
        found |= {
            f"pluggy, {count}": raw_pluggy(count),
            f"apluggy, {count}": asynchronous_pluggy(count),
            f"claude-agent-sdk, {count}": claude_agent_sdk(count),
            f"ours, {count} inline": ours(*inline(count)),
            f"ours, {count} async": ours(*(plugin(at_once) for _ in range(count))),
            f"ours, {count} async that await": ours(*(plugin(awaits) for _ in range(count))),
        }
    return found | {
        "apluggy, 5 that await": asynchronous_pluggy(5, awaits),
        "apluggy, 5 that suspend": asynchronous_pluggy(5, suspends),
        "ours, 5 async that suspend": ours(*(plugin(suspends) for _ in range(5))),
        "ours, 1 sync in a thread": ours(plugin(sync)),
        "ours, 5 sync in threads": ours(*(plugin(sync) for _ in range(5))),
        "ours, 5 mixed, no threads": ours(*mixed),
        "ours, 5 inline, blocked at first": ours(block, *inline(4)),
        "ours, 5 inline, blocked at last": ours(*inline(4), block),
        "ours, 5 inline, last look": ours(*inline(4), plugin(changes, inline=True)),
        f"ours, 5 inline, {SCOPED} scoped elsewhere": ours(*inline(5), scoped=SCOPED),
        "ours, 5 inline and 1 scoped": ours(
            *inline(5), scoped=SCOPED, context=ctx.evolve(thread_id="thread 7")
        ),
    }


async def measure(*parties: str) -> dict[str, float]:
    """Return the best time of each case of ``parties``, in microseconds a dispatch."""
    dispatches = {name: case for name, case in cases().items() if name.split(",")[0] in parties}
    best = dict.fromkeys(dispatches, float("inf"))
    loops = dict.fromkeys(dispatches, 10)
    for _ in range(ROUNDS):
        for name, dispatch in dispatches.items():
            began = time.perf_counter()
            for _ in range(loops[name]):
                await dispatch()
            each = (time.perf_counter() - began) / loops[name]
            best[name] = min(best[name], each * 1e6)
            loops[name] = max(10, int(SECONDS_A_ROUND / each))
    return best


def bytes_per_scoped_thread() -> float:
    """Return what a thread with one plugin of its own holds, its plan compiled."""
    kernel = HookKernel()
    items = [plugin(sync, inline=True) for _ in range(1000)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number, item in enumerate(items):
        kernel.register(item, "scoped", thread_id=f"thread {number}")
        kernel.plan("pre_turn", f"thread {number}")
    held = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return held / len(items)


def import_milliseconds(module: str) -> float:
    """Return what a process that imports ``module`` and ends takes, at best."""
    best = float("inf")
    for _ in range(10):
        began = time.perf_counter()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        best = min(best, time.perf_counter() - began)
    return best * 1000


def main() -> None:
    """Measure and print."""
    times = {
        "asyncio": asyncio.run(measure("pluggy", "apluggy", "claude-agent-sdk", "ours")),
        "trio": anyio.run(measure, "pluggy", "ours", backend="trio"),
    }
    for backend, found in times.items():
        print(f"{f'one dispatch on {backend}':<45}{'µs':>9}{'x pluggy':>10}")
        for name, value in found.items():
            count = next(word for word in name.replace(",", "").split() if word.isdigit())
            print(f"{name:<45}{value:>9.2f}{value / found[f'pluggy, {count}']:>10.1f}")
        print()
    imports = {
        module: import_milliseconds(module)
        for module in ("sys", "pluggy", "codex_hooks", "claude_agent_sdk")
    }
    memory = bytes_per_scoped_thread()
    print(f"{'a scoped thread, bytes':<45}{memory:>9.0f}")
    for module, value in imports.items():
        print(f"{f'a process that imports {module}, ms':<45}{value:>9.1f}")
    print(json.dumps({"us": times, "bytes_per_scoped_thread": memory, "import_ms": imports}))


if __name__ == "__main__":
    main()
