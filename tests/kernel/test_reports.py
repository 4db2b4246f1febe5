"""What is left of a run to read: K8."""

import json
import threading
from collections.abc import Generator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from codex_hooks import (
    Allow,
    Ask,
    AtPath,
    Block,
    Decision,
    HookContext,
    HookIssue,
    HookKernel,
    HookPhase,
    HookReport,
    IssueKind,
    Mutate,
    _dispatch,
)
from hooked import hooked, inline, tool_use, turn


async def test_a_report_holds_every_call_in_order() -> None:
    """K8."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Allow(), "pre_tool_use"), "a")
    kernel.register(
        inline(lambda ctx: Mutate(tool_input={"command": "pwd"}), "pre_tool_use"), "b",
        thread_id="t",
    )  # fmt: skip
    kernel.register(inline(lambda ctx: "odd", "pre_tool_use", on_error="ignore"), "c")
    outcome = await kernel.run_pre(tool_use(thread_id="t"))
    rows = [
        (call.plugin, call.scope, call.phase, call.round, call.decision, call.call_id)
        for call in outcome.report.calls
    ]
    phase = HookPhase.PRE_TOOL_USE
    assert rows == [
        ("a", "global", phase, 1, "allow", "call_1"),
        ("c", "global", phase, 1, "failed", "call_1"),
        ("b", "t", phase, 1, "mutate", "call_1"),
        ("a", "global", phase, 2, "allow", "call_1"),
        ("c", "global", phase, 2, "failed", "call_1"),
    ]
    assert all(call.microseconds >= 0 for call in outcome.report.calls)
    assert [call.digest is not None for call in outcome.report.calls] == [
        False, False, True, False, False,
    ]  # fmt: skip
    assert {issue.kind for issue in outcome.report.issues} == {IssueKind.VALIDATION}
    assert not outcome.report.is_clean


async def test_a_report_tells_states_apart_and_repeats_none_of_what_it_saw() -> None:
    """K8: no prompt text, no tool input."""
    secret = "hunter2"  # a word to look for
    kernel = HookKernel()

    def leaks(ctx: HookContext) -> None:
        raise ValueError(ctx.prompt)

    def adds(ctx: HookContext) -> Mutate:
        return Mutate(prompt=f"{ctx.prompt} {secret}", metadata={"key": secret},
                      add_attachments=[AtPath(secret)])  # fmt: skip

    kernel.register(inline(adds), "adds")
    kernel.register(inline(leaks, on_error="ignore"), "leaks")
    kernel.register(
        inline(lambda ctx: Mutate(tool_input={"command": secret}), "pre_tool_use"), "tool"
    )
    async with kernel.run() as run:
        await run.pre(turn(prompt=secret))
        await run.pre(tool_use(tool={"input": {"command": f"echo {secret}"}}))
    report = kernel.latest_report
    assert report is not None
    digests = [call.digest for call in report.calls if call.digest]
    assert len(set(digests)) == 2
    assert secret not in json.dumps(report.to_dict())
    assert secret not in repr(report)


async def test_a_report_is_plain_json_and_names_every_block() -> None:
    """K8."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Block("no"), "pre_tool_use"), "guard")
    kernel.register(inline(lambda ctx: Block("withheld"), "post_tool_use"), "censor")
    async with kernel.run("hk-1") as run:
        await run.pre(tool_use())
        await run.post(tool_use(HookPhase.POST_TOOL_USE))
    report = kernel.latest_report
    assert report is not None
    assert [block.message for block in report.blocks] == ["no", "withheld"]
    assert report.blocked == report.blocks[0]
    as_json = json.loads(json.dumps(report.to_dict()))
    assert as_json["correlation_id"] == "hk-1"
    assert [call["plugin"] for call in as_json["calls"]] == ["guard", "censor"]
    assert as_json["is_clean"] is False


async def test_what_somebody_else_found_is_in_the_report_too() -> None:
    """K8: a person's no, a use that no policy had judged."""
    for issues, blocks in ((1, 0), (0, 1)):
        run = HookKernel().run()
        for _ in range(issues):
            run.note(HookIssue("codex_hooks", HookPhase.PRE_TOOL_USE, IssueKind.INTERNAL, "seen"))
        for _ in range(blocks):
            run.block(Block("no", "approver"))
        assert not run.report.is_clean
        assert (len(run.report.issues), len(run.report.blocks)) == (issues, blocks)


async def test_a_report_says_why_also_where_nothing_came_of_it() -> None:
    """K8, K12: a policy is tried in observe mode to read what it would have said."""
    kernel = HookKernel()

    def wraps() -> Generator[None, list[Decision], list[Decision]]:
        return [*(yield), Ask("sure?")]

    kernel.register(inline(lambda ctx: Block("not this"), "pre_tool_use"), "new", mode="observe")
    kernel.register(inline(lambda ctx: Ask("may it?"), "pre_tool_use"), "asks")
    kernel.register(hooked(wraps, "pre_tool_use", wrapper=True), "wraps", mode="observe")
    kernel.register(inline(lambda ctx: None, "pre_tool_use"), "silent")
    async with kernel.run() as run:
        await run.pre(tool_use(thread_id="t"))
    report = kernel.latest_report
    assert report is not None
    assert report.blocks == ()
    assert report.thread_id == report.to_dict()["thread_id"] == "t"
    assert [(call.plugin, call.message, call.enforced) for call in report.calls] == [
        ("new", "not this", False),
        ("asks", "may it?", True),
        ("silent", None, True),
        ("wraps", "sure?", False),
    ]


async def test_a_quiet_run_has_a_clean_report() -> None:
    """K8, the control."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: None), "silent")
    async with kernel.run() as run:
        await run.pre(turn())
    assert kernel.latest_report is not None
    assert kernel.latest_report.is_clean
    assert [call.decision for call in kernel.latest_report.calls] == ["nothing"]


async def test_each_finished_report_reaches_hook_report_once() -> None:
    """K8."""
    kernel = HookKernel()
    told: list[str] = []

    async def asynchronous(report: HookReport) -> None:
        await anyio.lowlevel.checkpoint()
        told.append("async")

    def in_thread(report: HookReport) -> None:
        assert threading.current_thread() is not threading.main_thread()
        told.append(report.correlation_id)

    kernel.register(hooked(in_thread, "hook_report"), "sync")
    kernel.register(hooked(asynchronous, "hook_report"), "async")
    async with kernel.run("hk-1") as run:
        await run.pre(turn())
        await run.finish()
    assert told == ["hk-1", "async"]
    assert [report.correlation_id for report in kernel.reports()] == ["hk-1"]


async def test_nobodys_failure_in_hook_report_touches_the_run_or_the_others() -> None:
    """K8."""
    kernel = HookKernel()
    told: list[str] = []

    def raises(report: HookReport) -> None:
        raise ValueError

    async def hangs(report: HookReport) -> None:
        await anyio.sleep_forever()

    async def fails_late(report: HookReport) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(hangs_and_fails)

    async def hangs_and_fails() -> None:
        try:
            await anyio.sleep_forever()
        finally:
            raise OSError

    kernel.register(inline(raises, "hook_report"), "raises")
    kernel.register(hooked(hangs, "hook_report", timeout=0.02), "hangs")
    kernel.register(hooked(fails_late, "hook_report", timeout=0.02), "fails late")
    kernel.register(inline(lambda report: told.append("last"), "hook_report"), "last")
    with anyio.fail_after(5):
        async with kernel.run() as run:
            outcome = await run.pre(turn())
    assert outcome.blocked is None
    assert told == ["last"]
    assert kernel.report_failures == 3
    assert kernel.latest_report is not None
    assert kernel.latest_report.is_clean


async def test_hook_report_without_a_time_out_holds_up_no_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K8: it is told even of cancelled runs, and nothing else could end it then."""
    monkeypatch.setattr(_dispatch, "DEFAULT_TIMEOUT", 0.02)
    kernel = HookKernel()

    async def hangs(report: HookReport) -> None:
        await anyio.sleep_forever()

    kernel.register(hooked(hangs, "hook_report", timeout=None), "hangs")
    with anyio.fail_after(10):
        async with kernel.run():
            pass
    assert kernel.report_failures == 1


async def test_a_cancelled_run_is_reported_all_the_same() -> None:
    """K8, F2."""
    kernel = HookKernel()
    told: list[HookReport] = []

    async def observer(report: HookReport) -> None:
        await anyio.lowlevel.checkpoint()
        told.append(report)

    async def cancels(ctx: HookContext) -> None:
        scope.cancel()
        await anyio.lowlevel.checkpoint()

    kernel.register(hooked(observer, "hook_report"), "observer")
    kernel.register(hooked(cancels), "slow")
    with anyio.CancelScope() as scope:
        async with kernel.run() as run:
            await run.pre(turn())
    with anyio.CancelScope() as scope:
        await kernel.run_pre(turn())
    assert len(told) == 2
    assert not kernel._open


async def test_a_kernel_remembers_a_bounded_number_of_reports() -> None:
    """K8."""
    kernel = HookKernel()
    for number in range(200):
        await kernel.run(f"hk-{number}").finish()
    assert len(kernel.reports()) == 128
    assert kernel.latest_report is not None
    assert kernel.latest_report.correlation_id == "hk-199"


async def test_a_post_phase_finishes_the_run_that_its_pre_phase_began() -> None:
    """K8."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Mutate(metadata={"k": 1})), "adds")
    seen: list[Any] = []
    kernel.register(inline(lambda ctx: seen.append(ctx.metadata["k"]), "post_turn"), "observer")
    ctx = turn()
    await kernel.run_pre(ctx)
    assert kernel.reports() == ()
    await kernel.run_post(HookContext(phase=HookPhase.POST_TURN, correlation_id=ctx.correlation_id))
    assert seen == [1]
    assert kernel.latest_report is not None
    assert [call.phase for call in kernel.latest_report.calls] == ["pre_turn", "post_turn"]
    assert not kernel._open


async def test_a_blocked_pre_phase_finishes_its_run() -> None:
    """K8."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Block("no")), "guard")
    await kernel.run_pre(turn())
    assert kernel.latest_report is not None
    assert not kernel._open


async def test_two_pre_phases_of_one_id_at_once_are_one_run() -> None:
    """K8."""
    kernel = HookKernel()

    async def waits(ctx: HookContext) -> None:
        await anyio.lowlevel.checkpoint()

    kernel.register(hooked(waits), "waits")
    ctx = turn()
    async with anyio.create_task_group() as group:
        group.start_soon(kernel.run_pre, ctx)
        group.start_soon(kernel.run_pre, ctx)
    await kernel.run_post(HookContext(phase=HookPhase.POST_TURN, correlation_id=ctx.correlation_id))
    assert len(kernel.reports()) == 1
    assert len(kernel.reports()[0].calls) == 2


async def test_runs_that_nobody_finishes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """K8: the oldest is finished, and its report is not lost."""
    monkeypatch.setattr("codex_hooks._kernel.MAX_OPEN_RUNS", 3)
    kernel = HookKernel()
    contexts = [turn() for _ in range(5)]
    for ctx in contexts:
        await kernel.run_pre(ctx)
    assert len(kernel._open) == 3
    assert [report.correlation_id for report in kernel.reports()] == [
        ctx.correlation_id for ctx in contexts[:2]
    ]


async def test_the_correlation_id_is_bound_to_the_log_for_the_length_of_the_run() -> None:
    """R1."""
    from structlog.contextvars import get_contextvars

    kernel = HookKernel()
    seen: list[object] = []
    kernel.register(hooked(lambda ctx: seen.append(get_contextvars()["correlation_id"])), "a")
    async with kernel.run("hk-1") as run:
        await run.pre(turn())
    assert seen == ["hk-1"]
    assert "correlation_id" not in get_contextvars()


async def test_a_run_may_be_left_in_another_task_than_it_was_entered() -> None:
    """R1: a stream that is dropped is closed wherever it is."""
    run = HookKernel().run()

    async def enters() -> None:
        await run.__aenter__()

    async with anyio.create_task_group() as group:
        group.start_soon(enters)
    await run.__aexit__(None, None, None)


@pytest.mark.parametrize("changer", ["a", "b"])
async def test_phases_side_by_side_merge_their_metadata(changer: str) -> None:
    """K7: what one of them has left alone is as the other has it."""
    kernel = HookKernel()
    both = anyio.Event()
    waiting: list[str] = []

    async def adds(ctx: HookContext) -> Mutate:
        assert ctx.tool is not None
        waiting.append(ctx.tool.call_id)
        if len(waiting) == 2:
            both.set()
        await both.wait()
        changed = {"start": 2} if ctx.tool.call_id == changer else {}
        return Mutate(metadata={ctx.tool.call_id: True, **changed})

    kernel.register(hooked(adds, "pre_tool_use"), "adds")
    with anyio.fail_after(5):
        async with kernel.run(metadata={"start": 1}) as run, anyio.create_task_group() as group:
            for call_id in ("a", "b"):
                group.start_soon(
                    run.pre, tool_use(tool={"call_id": call_id}, metadata=run.metadata)
                )
    assert run.metadata == {"start": 2, "a": True, "b": True}


@pytest.mark.parametrize("phase", [HookPhase.PRE_TURN, HookPhase.POST_TURN])
async def test_pre_and_post_are_not_mixed_up(phase: HookPhase) -> None:
    run = HookKernel().run()
    with pytest.raises(ValueError, match="phase: use"):
        await (run.post if phase.is_pre else run.pre)(run.context(phase))
