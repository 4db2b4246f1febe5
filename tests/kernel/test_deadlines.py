"""Time-outs and late answers: K6, F4, F5."""

import threading
import time
from collections.abc import Generator
from math import inf

import anyio
import anyio.lowlevel
import pytest

from codex_hooks import Allow, Ask, HookContext, HookKernel, IssueKind, _dispatch
from hooked import hooked, inline, turn

SHORT = 0.02
"""Seconds. A hook that never answers makes the test wait this long, and no hook needs it."""


async def test_an_async_hook_that_does_not_answer_in_time_blocks() -> None:
    """K6, F4."""
    kernel = HookKernel()

    async def hangs(ctx: HookContext) -> None:
        await anyio.sleep_forever()

    kernel.register(hooked(hangs, timeout=SHORT), "slow")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert outcome.blocked.plugin == "slow"
    (issue,) = outcome.report.issues
    assert (issue.plugin, issue.kind) == ("slow", IssueKind.TIMEOUT)
    assert issue.message == "gave no answer within 0.02 s"


async def test_an_async_hook_that_answers_in_time_does_not() -> None:
    """F4, the control."""
    kernel = HookKernel()

    async def waits(ctx: HookContext) -> Allow:
        await anyio.lowlevel.checkpoint()
        return Allow()

    kernel.register(hooked(waits, timeout=5), "quick")
    assert (await kernel.run_pre(turn())).allowed


async def test_a_sync_hook_that_does_not_answer_in_time_blocks() -> None:
    """K6, F4."""
    kernel = HookKernel()
    leave = threading.Event()
    kernel.register(hooked(lambda ctx: leave.wait(10), timeout=SHORT), "slow")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn())
    leave.set()
    assert outcome.blocked is not None
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.TIMEOUT]


async def test_inline_code_that_takes_too_long_blocks_when_it_is_done() -> None:
    """K6: nobody can stop it, and its answer comes too late all the same."""
    kernel = HookKernel()

    def busy(ctx: HookContext) -> Allow:
        ends = time.perf_counter() + 0.01
        while time.perf_counter() < ends:
            pass
        return Allow()

    kernel.register(inline(busy, timeout=0.001), "busy")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.TIMEOUT]


async def test_what_an_inline_hook_takes_is_not_on_the_next_ones_account(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K6, the control."""
    kernel = HookKernel()
    now = [0]
    monkeypatch.setattr(_dispatch, "_clock", lambda: now[0])

    def slow(ctx: HookContext) -> None:
        now[0] += 9_000_000_000

    kernel.register(inline(slow, timeout=10), "slow")
    kernel.register(inline(lambda ctx: Allow(), timeout=1), "quick")
    outcome = await kernel.run_pre(turn())
    assert [call.microseconds for call in outcome.report.calls] == [9_000_000, 0]
    assert outcome.allowed


@pytest.mark.parametrize("half", ["before", "after"])
async def test_an_inline_wrapper_that_takes_too_long_blocks_as_well(half: str) -> None:
    """K6, F4: no scope has fired, and what it says comes too late all the same."""
    kernel = HookKernel()

    def around(ctx: HookContext) -> Generator[None, object, None]:
        if half == "before":
            time.sleep(0.01)
        yield
        if half == "after":
            time.sleep(0.01)

    kernel.register(inline(around, wrapper=True, timeout=0.001), "busy")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.TIMEOUT]


async def test_those_after_a_hook_that_timed_out_are_asked_with_their_own_time_out() -> None:
    """K6."""
    kernel = HookKernel()

    async def hangs(ctx: HookContext) -> None:
        await anyio.sleep_forever()

    async def waits(ctx: HookContext) -> Ask:
        await anyio.lowlevel.checkpoint()
        return Ask("sure?")

    kernel.register(hooked(hangs, timeout=SHORT, on_error="ignore"), "slow")
    kernel.register(hooked(waits, timeout=5), "quick")
    kernel.register(hooked(hangs, timeout=SHORT, on_error="ignore"), "slow too")
    kernel.register(inline(lambda ctx: None), "inline")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn())
    assert [call.decision for call in outcome.report.calls] == [
        "failed", "ask", "failed", "nothing",
    ]  # fmt: skip
    assert outcome.report.failed_open == 2


@pytest.mark.parametrize("waits", [False, True])
async def test_the_deadline_of_a_hook_that_raised_does_not_fall_on_the_next(waits: bool) -> None:
    """K6: not on one that ends in its first step, either."""
    kernel = HookKernel()

    async def raises(ctx: HookContext) -> None:
        await anyio.lowlevel.checkpoint()
        raise ValueError

    def busy(ctx: HookContext) -> Allow:
        ends = time.perf_counter() + 2 * SHORT
        while time.perf_counter() < ends:
            pass
        return Allow()

    async def after(ctx: HookContext) -> None:
        if waits:
            await anyio.lowlevel.checkpoint()

    kernel.register(hooked(raises, timeout=SHORT, on_error="ignore"), "broken")
    kernel.register(inline(busy, timeout=5), "busy")
    kernel.register(hooked(after, timeout=5), "after")
    outcome = await kernel.run_pre(turn())
    assert [call.decision for call in outcome.report.calls] == ["failed", "allow", "nothing"]


@pytest.mark.parametrize("times", [1, 3])
async def test_a_late_allow_of_a_hook_that_swallows_its_cancellation_is_thrown_away(
    times: int,
) -> None:
    """K6, F5."""
    kernel = HookKernel()

    async def stubborn(ctx: HookContext) -> Allow:
        for _ in range(times):
            try:
                await anyio.sleep_forever()
            except anyio.get_cancelled_exc_class():
                pass  # what F5 is about
        return Allow()

    kernel.register(hooked(stubborn, timeout=SHORT), "stubborn")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert not outcome.allowed
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.TIMEOUT]


@pytest.mark.parametrize("raises", [False, True])
async def test_a_hook_that_swallows_every_cancellation_is_given_up(raises: bool) -> None:
    """K6, F5: anyio cancels again at each wait; nobody can be made to wait for ever."""
    kernel = HookKernel()
    ended: list[str] = []

    async def unstoppable(ctx: HookContext) -> None:
        try:
            while True:
                try:
                    await anyio.sleep_forever()
                except anyio.get_cancelled_exc_class():
                    pass  # what F5 is about
        finally:
            ended.append("cleaned up")
            if raises:
                raise ValueError

    kernel.register(hooked(unstoppable, timeout=SHORT), "unstoppable")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert outcome.blocked.plugin == "unstoppable"
    assert ended == ["cleaned up"]


async def test_a_hook_that_cleans_up_after_its_cancellation_is_let_finish() -> None:
    """K6, the control."""
    kernel = HookKernel()
    ended: list[str] = []

    async def tidy(ctx: HookContext) -> None:
        try:
            await anyio.sleep_forever()
        finally:
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
            ended.append("cleaned up")

    kernel.register(hooked(tidy, timeout=SHORT), "tidy")
    with anyio.fail_after(5):
        assert (await kernel.run_pre(turn())).blocked is not None
    assert ended == ["cleaned up"]


async def test_a_task_group_that_fails_as_it_is_cancelled_is_a_time_out() -> None:
    """K5, K6: its errors come along with the cancellation and do not reach the caller."""
    kernel = HookKernel()

    async def fails_at_the_end() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise OSError

    async def hook(ctx: HookContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(fails_at_the_end)
            group.start_soon(anyio.sleep_forever)

    kernel.register(hooked(hook, timeout=SHORT), "group")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.TIMEOUT]


async def test_the_callers_cancellation_wins_over_a_deadline_of_the_same_moment() -> None:
    """F2, K6."""
    kernel = HookKernel()
    outcomes: list[object] = []

    async def hangs(ctx: HookContext) -> None:
        scope.cancel()
        await anyio.sleep_forever()

    kernel.register(hooked(hangs, timeout=1e-9, on_error="ignore"), "slow")
    with anyio.fail_after(5), anyio.CancelScope() as scope:
        await kernel.run_pre(turn())
        await anyio.lowlevel.checkpoint()
        outcomes.append("allowed")
    assert outcomes == []


async def test_the_phases_own_deadline_caps_every_time_out() -> None:
    """K6."""
    kernel = HookKernel()

    async def hangs(ctx: HookContext) -> None:
        await anyio.sleep_forever()

    kernel.register(hooked(hangs, timeout=None), "slow")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn(deadline=time.monotonic() + SHORT))
    assert outcome.blocked is not None


@pytest.mark.parametrize("style", ["inline", "in a thread", "async"])
async def test_nobody_is_asked_after_the_phases_deadline(style: str) -> None:
    """K6: not asked means blocked."""
    kernel = HookKernel()
    asked: list[str] = []

    async def waits(ctx: HookContext) -> None:
        asked.append("asked")
        await anyio.lowlevel.checkpoint()

    function = waits if style == "async" else lambda ctx: asked.append("asked")
    kernel.register(hooked(function, inline=style == "inline"), "guard")
    outcome = await kernel.run_pre(turn(deadline=time.monotonic() - 1))
    assert outcome.blocked is not None
    assert "the deadline of the phase had passed" in outcome.blocked.message
    assert asked == []


async def test_no_time_out_is_no_time_out() -> None:
    """K6."""
    kernel = HookKernel()

    async def waits(ctx: HookContext) -> Allow:
        await anyio.lowlevel.checkpoint()
        return Allow()

    kernel.register(hooked(waits, timeout=None), "patient")
    assert kernel.plan("pre_turn").implementations[0].timeout == inf
    assert (await kernel.run_pre(turn())).allowed
