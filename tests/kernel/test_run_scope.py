"""K9: plugins of one run, and how they become a thread's."""

import anyio
import pytest

from codex_hooks import (
    Block,
    HookContext,
    HookKernel,
    HookPhase,
    HookReport,
    PluginError,
    hookimpl,
)
from codex_hooks._registry import Mode
from hooked import hooked


class Seen:
    def __init__(self) -> None:
        self.phases: list[str] = []

    @hookimpl
    async def pre_run(self, ctx: HookContext) -> None:
        self.phases.append(f"{ctx.phase} {ctx.thread_id}")

    @hookimpl
    async def pre_turn(self, ctx: HookContext) -> None:
        self.phases.append(f"{ctx.phase} {ctx.thread_id}")

    @hookimpl(inline=True)
    def hook_report(self, report: HookReport) -> None:
        self.phases.append("report")


async def test_a_runs_own_plugin_is_seen_before_the_thread_is_known_and_by_no_other_run() -> None:
    """K9."""
    kernel, mine = HookKernel(), Seen()
    async with kernel.run() as run, kernel.run() as other:
        assert run.register(mine) in kernel.registrations()
        await run.pre(run.context(HookPhase.PRE_RUN))
        await run.pre(run.context(HookPhase.PRE_TURN, thread_id="thr_1"))
        await other.pre(other.context(HookPhase.PRE_RUN))
        await other.pre(other.context(HookPhase.PRE_TURN, thread_id="thr_1"))
    assert mine.phases == ["pre_run None", "pre_turn thr_1", "report"]
    assert kernel.registrations() == ()


@pytest.mark.parametrize("mode", ["enforce", "observe"])
async def test_a_runs_own_plugin_may_be_in_observe_mode(mode: Mode) -> None:
    """K9, K12."""
    async with HookKernel().run() as run:
        run.register(hooked(lambda ctx: Block("no")), "guard", mode=mode)
        outcome = await run.pre(run.context(HookPhase.PRE_TURN))
    assert (outcome.blocked is not None) is (mode == "enforce")
    assert [call.decision for call in outcome.report.calls] == ["block"]


async def test_a_run_that_has_finished_takes_no_plugins() -> None:
    """K9: they would stay for ever."""
    kernel = HookKernel()
    async with kernel.run() as run:
        pass
    with pytest.raises(PluginError, match="has finished"):
        run.register(Seen())
    assert kernel.registrations() == ()


async def test_overlapping_runs_on_one_thread_with_one_plugin_do_not_clear_each_other() -> None:
    """K9: each registration ends with its own run."""
    kernel, mine = HookKernel(), Seen()
    async with kernel.run() as outlives:
        outlives.register(mine)
        async with kernel.run() as run:
            run.register(mine)
        await outlives.pre(outlives.context(HookPhase.PRE_RUN, thread_id="thr_1"))
    assert mine.phases == ["report", "pre_run thr_1", "report"]


async def test_what_a_run_hands_over_stays_with_the_thread_until_its_owner_ends_it() -> None:
    """K9."""
    kernel, mine = HookKernel(), Seen()
    async with kernel.run() as run:
        run.register(mine)
        await run.pre(run.context(HookPhase.PRE_RUN))
        (registration,) = run.hand_over("thr_1")
    async with kernel.run() as later:
        outcome = await later.pre(later.context(HookPhase.PRE_TURN, thread_id="thr_1"))
    async with kernel.run() as elsewhere:
        await elsewhere.pre(elsewhere.context(HookPhase.PRE_TURN, thread_id="thr_2"))
    assert mine.phases == ["pre_run None", "report", "pre_turn thr_1", "report"]
    assert [call.scope for call in outcome.report.calls] == ["thr_1"]
    registration.unregister()
    assert kernel.registrations() == ()


async def test_a_name_that_the_thread_has_already_is_refused_and_leaves_nothing_behind() -> None:
    """K9."""
    kernel = HookKernel()
    kernel.register(Seen(), name="guard", thread_id="thr_1")
    async with kernel.run() as run:
        run.register(Seen(), name="other")
        run.register(Seen(), name="guard")
        with pytest.raises(PluginError, match="guard"):
            run.hand_over("thr_1")
    assert [item.name for item in kernel.registrations()] == ["guard"]


async def test_a_cancelled_run_ends_its_own_plugins() -> None:
    """K9, F30."""
    kernel = HookKernel()
    with anyio.CancelScope() as scope:
        async with kernel.run() as run:
            run.register(Seen())
            scope.cancel()
            await anyio.sleep_forever()
    assert kernel.registrations() == ()
