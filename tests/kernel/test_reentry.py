"""Hooks that start runs of their own: K15, F14."""

from collections.abc import AsyncGenerator

import anyio
import pytest

from codex_hooks import Block, Decision, HookContext, HookKernel, HookPhase, HookReport
from codex_hooks._nesting import MAX_DEPTH
from hooked import hooked, inline, tool_use, turn


async def test_a_hook_that_starts_runs_without_end_is_blocked_in_the_innermost() -> None:
    """K15, F14."""
    kernel = HookKernel()
    blocks: list[Block | None] = []

    async def recurses(ctx: HookContext) -> None:
        blocks.append((await kernel.run_pre(turn())).blocked)

    kernel.register(hooked(recurses), "recursive")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn())
    assert len(blocks) == MAX_DEPTH
    assert blocks[0] is not None
    assert blocks[0].plugin == "recursive"
    assert "more than 4 deep" in blocks[0].message
    assert blocks[1:] == [None] * (MAX_DEPTH - 1)
    assert outcome.blocked is None
    innermost = kernel.reports()[0]
    assert not innermost.is_clean
    assert innermost.blocked == blocks[0]


@pytest.mark.parametrize("half", ["before", "after"])
async def test_a_wrapper_that_starts_runs_without_end_is_the_one_that_is_named(half: str) -> None:
    """K15: not the hook that was asked before it."""
    kernel = HookKernel()
    blocks: list[Block | None] = []

    async def recurses(ctx: HookContext) -> AsyncGenerator[None, list[Decision]]:
        if half == "after":
            yield
        blocks.append((await kernel.run_pre(turn())).blocked)
        if half == "before":
            yield

    async def quiet(ctx: HookContext) -> AsyncGenerator[None, list[Decision]]:
        yield

    kernel.register(hooked(quiet, wrapper=True), "outer")
    kernel.register(hooked(recurses, wrapper=True), "recursive")
    kernel.register(hooked(quiet, wrapper=True), "inner")
    kernel.register(inline(lambda ctx: None), "hook")
    with anyio.fail_after(5):
        await kernel.run_pre(turn())
    assert blocks[0] is not None
    assert blocks[0].plugin == "recursive"


async def test_a_hook_may_start_a_run_of_its_own() -> None:
    """K15, the control: one level, as often as it likes."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: None, "pre_run"), "other")

    async def asks(ctx: HookContext) -> Decision | None:
        for _ in range(10):
            assert not (await kernel.run_pre(HookContext(phase=HookPhase.PRE_RUN))).blocked
        return None

    kernel.register(hooked(asks), "nested")
    for _ in range(10):
        assert (await kernel.run_pre(turn())).blocked is None


async def test_depth_is_counted_through_threads_and_task_groups() -> None:
    """K15."""
    kernel = HookKernel()
    depths: list[int] = []

    def in_thread(ctx: HookContext) -> None:
        depths.append(1)
        anyio.run(kernel.run_pre, turn())

    async def in_task(ctx: HookContext) -> None:
        depths.append(1)
        async with anyio.create_task_group() as group:
            group.start_soon(kernel.run_pre, turn())

    kernel.register(hooked(in_thread, "pre_turn"), "thread")
    with anyio.fail_after(20):
        await kernel.run_pre(turn())
    assert len(depths) == MAX_DEPTH
    kernel.close()
    kernel.register(hooked(in_task, "pre_turn"), "task")
    await kernel.run_pre(turn())
    assert len(depths) == 2 * MAX_DEPTH


async def test_a_post_tool_use_that_is_too_deep_is_withheld() -> None:
    """K15: in doubt closed."""
    kernel = HookKernel()
    withheld: list[bool] = []

    async def recurses(ctx: HookContext) -> None:
        outcome = await kernel.run_post(tool_use(HookPhase.POST_TOOL_USE))
        withheld.append(outcome.withheld is not None)

    kernel.register(hooked(recurses, "post_tool_use"), "recursive")
    await kernel.run_post(tool_use(HookPhase.POST_TOOL_USE))
    assert withheld == [True] + [False] * (MAX_DEPTH - 1)


async def test_an_observer_of_reports_that_starts_runs_is_limited_too() -> None:
    """K15: each of its runs ends in a report of its own."""
    kernel = HookKernel()
    told: list[str] = []

    async def observes(report: HookReport) -> None:
        told.append(report.correlation_id)
        async with kernel.run() as run:
            await run.pre(turn())

    kernel.register(hooked(observes, "hook_report"), "curious")
    with anyio.fail_after(5):
        async with kernel.run():
            pass
    assert len(told) == MAX_DEPTH
    assert kernel.report_failures == 1


async def test_runs_side_by_side_are_not_nested() -> None:
    """K15, the control."""
    kernel = HookKernel()
    together = anyio.Event()
    waiting: list[int] = []

    async def waits(ctx: HookContext) -> None:
        waiting.append(1)
        if len(waiting) == 3 * MAX_DEPTH:
            together.set()
        await together.wait()

    kernel.register(hooked(waits), "waits")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            for _ in range(3 * MAX_DEPTH):
                group.start_soon(kernel.run_pre, turn())
    assert len(waiting) == 3 * MAX_DEPTH


@pytest.mark.parametrize("phase", [HookPhase.POST_TURN])
async def test_a_post_phase_that_is_too_deep_is_left_out_and_said(phase: HookPhase) -> None:
    """K15."""
    kernel = HookKernel()

    async def recurses(ctx: HookContext) -> None:
        await kernel.run_post(HookContext(phase=phase))

    kernel.register(hooked(recurses, phase), "recursive")
    await kernel.run_post(HookContext(phase=phase))
    (issue,) = kernel.reports()[0].issues
    assert issue.plugin == "recursive"
