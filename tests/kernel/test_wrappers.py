"""Generator hooks around a phase: K1, K5, F7."""

import contextlib
import threading
from collections.abc import AsyncGenerator, Callable, Generator
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from codex_hooks import (
    Allow,
    Ask,
    Block,
    Decision,
    HookContext,
    HookKernel,
    HookPhase,
    IssueKind,
    Mutate,
    PluginError,
    _dispatch,
)
from hooked import hooked, inline, tool_use, turn

Make = Callable[..., object]
SHORT = 0.02


def returning(value: object, **options: Any) -> object:
    """Return a sync wrapper that makes ``value`` of whatever was decided inside."""

    def around(ctx: HookContext) -> Generator[None, list[Decision], object]:
        yield
        return value

    return inline(around, wrapper=True, **options)


def returning_in_thread(value: object, **options: Any) -> object:
    def around(ctx: HookContext) -> Generator[None, list[Decision], object]:
        yield
        return value

    return hooked(around, wrapper=True, **options)


def yielding(value: object, **options: Any) -> object:
    """Return an async wrapper that does the same."""

    async def around(ctx: HookContext) -> AsyncGenerator[object, list[Decision]]:
        await anyio.lowlevel.checkpoint()
        yield None
        await anyio.lowlevel.checkpoint()
        yield value

    return hooked(around, wrapper=True, **options)


each_kind = pytest.mark.parametrize("wrapper", [returning, returning_in_thread, yielding])


@each_kind
@pytest.mark.parametrize("value", [None, [], Allow(), [Allow()]])
async def test_a_wrapper_cannot_turn_a_block_into_an_allow(wrapper: Make, value: object) -> None:
    """K1, F7."""
    kernel = HookKernel()
    kernel.register(wrapper(value), "wrapper")
    kernel.register(inline(lambda ctx: Block("no")), "guard")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked == Block("no", "guard", HookPhase.PRE_TURN)
    assert not outcome.allowed


@each_kind
async def test_an_allow_of_a_wrapper_answers_nothing(wrapper: Make) -> None:
    """K1, F7: it may add to what was decided, and an allow adds nothing."""
    kernel = HookKernel()
    kernel.register(wrapper(Allow()), "wrapper")
    outcome = await kernel.run_pre(turn())
    assert not outcome.allowed
    assert outcome.report.is_clean
    assert [(call.plugin, call.decision) for call in outcome.report.calls] == [("wrapper", "allow")]


@each_kind
@pytest.mark.parametrize("answer", [Block("no"), [Ask("sure?"), Block("no")]])
async def test_a_wrapper_may_block_what_nobody_else_has(wrapper: Make, answer: object) -> None:
    """K1, F7, the control."""
    kernel = HookKernel()
    kernel.register(wrapper(answer), "wrapper")
    kernel.register(inline(lambda ctx: Mutate(prompt="changed")), "mutator")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert outcome.blocked == Block("no", "wrapper", HookPhase.PRE_TURN)
    assert outcome.context.prompt == "hi"
    assert [(call.plugin, call.decision) for call in outcome.report.calls] == [
        ("mutator", "mutate"),
        ("wrapper", "block"),
    ]


async def test_a_wrapper_sees_what_was_decided_inside_and_may_hand_it_on() -> None:
    """K1."""
    kernel = HookKernel()
    seen: list[object] = []

    def around(ctx: HookContext) -> Generator[None, list[Decision], object]:
        decisions = yield
        seen.append(list(decisions))
        decisions.clear()
        return decisions

    kernel.register(inline(around, wrapper=True), "wrapper")
    kernel.register(inline(lambda ctx: Mutate(prompt="x")), "mutator")
    kernel.register(inline(lambda ctx: Ask("sure?")), "asker")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert seen == [[Mutate(prompt="x"), Ask("sure?", "asker")]]
    assert outcome.context.prompt == "x"
    assert outcome.asked == (Ask("sure?", "asker"),)


async def test_a_wrapper_may_add_its_own_to_the_list_that_it_hands_on() -> None:
    """K1, F7: what others have decided stands before it and hides nothing."""
    kernel = HookKernel()

    def around(ctx: HookContext) -> Generator[None, list[Decision], object]:
        decisions = yield
        return [*decisions, Block("no")]

    kernel.register(inline(around, wrapper=True), "wrapper")
    kernel.register(inline(lambda ctx: Mutate(prompt="x")), "mutator")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked == Block("no", "wrapper", HookPhase.PRE_TURN)


async def test_an_async_wrapper_with_nothing_to_say_may_yield_once() -> None:
    """K1, K5: that it ends is no failure."""
    kernel = HookKernel()

    async def around(ctx: HookContext) -> AsyncGenerator[None, list[Decision]]:
        yield

    kernel.register(hooked(around, wrapper=True), "wrapper")
    outcome = await kernel.run_pre(turn())
    assert outcome.report.is_clean
    assert [(call.plugin, call.decision) for call in outcome.report.calls] == [
        ("wrapper", "nothing")
    ]


@each_kind
@pytest.mark.parametrize("value", [Mutate(prompt="x"), "garbage", [Ask("sure?"), True], 0])
async def test_a_wrapper_that_returns_anything_else_blocks(wrapper: Make, value: object) -> None:
    """K5, F3."""
    kernel = HookKernel()
    kernel.register(wrapper(value), "wrapper")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.VALIDATION]
    assert [call.decision for call in outcome.report.calls] == ["failed"]


async def test_a_wrapper_cannot_block_what_has_happened() -> None:
    """K5, K7: post_run has nothing to withhold, post_tool_use has."""
    kernel = HookKernel()
    kernel.register(returning(Block("no"), hook="post_run"), "wrapper")
    kernel.register(returning(Block("no"), hook="post_tool_use"), "tool wrapper")
    outcome = await kernel.run_post(HookContext(phase=HookPhase.POST_RUN))
    assert outcome.withheld is None
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.VALIDATION]
    assert (await kernel.run_post(tool_use(HookPhase.POST_TOOL_USE))).withheld is not None


def failing(where: str, *, is_async: bool) -> Callable[[HookContext], Any]:
    def around(ctx: HookContext) -> Generator[None, list[Decision], None]:
        if where == "before":
            raise ValueError
        if where == "never yields":
            return
        yield
        if where == "after":
            raise ValueError
        yield

    async def async_around(ctx: HookContext) -> AsyncGenerator[None, list[Decision]]:
        for _ in around(ctx):
            yield
            yield

    return async_around if is_async else around


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("where", ["before", "never yields", "after", "yields twice"])
async def test_a_wrapper_that_fails_blocks_and_the_others_are_closed(
    where: str, is_async: bool
) -> None:
    """K1, K5: it may raise, and that is a failure like any other."""
    kernel = HookKernel()
    done: list[str] = []

    def noting(name: str) -> object:
        def around(ctx: HookContext) -> Generator[None, list[Decision], None]:
            yield
            done.append(name)

        return inline(around, wrapper=True)

    kernel.register(noting("outer"), "outer")
    kernel.register(hooked(failing(where, is_async=is_async), wrapper=True), "broken")
    kernel.register(noting("inner"), "inner")
    kernel.register(inline(lambda ctx: done.append("hook")), "hook")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert outcome.blocked.plugin == "broken"
    assert [issue.plugin for issue in outcome.report.issues] == ["broken"]
    opens = where not in ("before", "never yields")
    assert done == (["hook", "inner", "outer"] if opens else ["outer"])


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_wrapper_that_yields_too_often_is_closed_before_the_phase_ends(
    is_async: bool,
) -> None:
    """K1, K5."""
    kernel = HookKernel()
    ended: list[str] = []

    def around(ctx: HookContext) -> Generator[None, list[Decision], None]:
        try:
            yield
            yield
            yield
        finally:
            ended.append("closed")

    async def async_around(ctx: HookContext) -> AsyncGenerator[None, list[Decision]]:
        with contextlib.closing(around(ctx)) as steps:
            for _ in steps:
                yield

    kernel.register(hooked(async_around if is_async else around, wrapper=True), "broken")
    outcome = await kernel.run_pre(turn())
    assert ended == ["closed"]
    assert outcome.blocked is not None


async def test_a_wrapper_whose_failure_may_pass_leaves_the_phase_to_the_others() -> None:
    """K5."""
    kernel = HookKernel()
    kernel.register(
        hooked(failing("before", is_async=False), wrapper=True, on_error="ignore"), "optional"
    )
    kernel.register(inline(lambda ctx: Allow()), "hook")
    outcome = await kernel.run_pre(turn())
    assert outcome.allowed
    assert outcome.report.failed_open == 1


@pytest.mark.parametrize("half", ["before", "after"])
@pytest.mark.parametrize("swallows", [False, True])
async def test_either_half_of_a_wrapper_has_the_time_out_and_is_cleaned_up(
    half: str, swallows: bool
) -> None:
    """K6, F4, F5."""
    kernel = HookKernel()
    ended: list[str] = []

    async def hang() -> None:
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            if not swallows:
                raise

    async def around(ctx: HookContext) -> AsyncGenerator[object, list[Decision]]:
        try:
            if half == "before":
                await hang()
            yield None
            if half == "after":
                await hang()
            yield Allow()
        finally:
            ended.append("closed")

    kernel.register(hooked(around, wrapper=True, timeout=SHORT), "slow")
    with anyio.fail_after(5):
        outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.TIMEOUT]
    assert ended == ["closed"]


async def test_a_wrapper_in_observe_mode_blocks_nothing() -> None:
    """K12."""
    kernel = HookKernel()
    kernel.register(returning(Block("no")), "wrapper", mode="observe")
    kernel.register(hooked(failing("after", is_async=True), wrapper=True), "b", mode="observe")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is None
    assert outcome.report.failed_open == 0


@pytest.mark.parametrize("is_async", [False, True])
async def test_wrappers_are_closed_when_the_phase_is_cancelled(is_async: bool) -> None:
    """F2: whatever they raise then, the cancellation goes on."""
    kernel = HookKernel()
    ended: list[str] = []

    def around(ctx: HookContext) -> Generator[None, list[Decision], None]:
        try:
            yield
        finally:
            ended.append(threading.current_thread().name)
            raise ValueError

    async def async_around(ctx: HookContext) -> AsyncGenerator[None, list[Decision]]:
        try:
            yield
        finally:
            await anyio.lowlevel.checkpoint()
            ended.append("async")
            raise ValueError

    async def hangs(ctx: HookContext) -> None:
        scope.cancel()
        await anyio.sleep_forever()

    kernel.register(hooked(async_around if is_async else around, wrapper=True), "wrapper")
    kernel.register(hooked(hangs), "slow")
    with anyio.fail_after(5), anyio.CancelScope() as scope:
        await kernel.run_pre(turn())
        await anyio.lowlevel.checkpoint()
    assert scope.cancelled_caught
    assert ended == ["async" if is_async else "codex-hooks"]


@pytest.mark.parametrize("gives_up", ["timeout", "cancellation"])
async def test_a_wrapper_that_a_thread_opens_too_late_is_closed_by_it(gives_up: str) -> None:
    """F2, K6: nobody else could, and it may hold a lock."""
    kernel = HookKernel()
    begun, leave, closed = threading.Event(), threading.Event(), threading.Event()

    def around(ctx: HookContext) -> Generator[None, list[Decision], None]:
        begun.set()
        leave.wait(10)
        try:
            yield
        finally:
            closed.set()

    timeout = SHORT if gives_up == "timeout" else None
    kernel.register(hooked(around, wrapper=True, timeout=timeout), "slow")
    with anyio.fail_after(10):
        while not begun.is_set():  # a busy machine may not even begin in time
            async with anyio.create_task_group() as group:
                group.start_soon(kernel.run_pre, turn())
                if gives_up == "cancellation":
                    await anyio.to_thread.run_sync(begun.wait, 5)
                    group.cancel_scope.cancel()
        leave.set()
        assert await anyio.to_thread.run_sync(closed.wait, 5)


async def test_a_wrapper_without_a_time_out_holds_up_no_cancellation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F2, K6: its clean-up is shielded, so that it has a time-out even if the wrapper has none."""
    monkeypatch.setattr(_dispatch, "DEFAULT_TIMEOUT", SHORT)
    kernel = HookKernel()

    async def around(ctx: HookContext) -> AsyncGenerator[None, list[Decision]]:
        try:
            yield
        finally:
            await anyio.sleep_forever()

    async def hangs(ctx: HookContext) -> None:
        scope.cancel()
        await anyio.sleep_forever()

    kernel.register(hooked(around, wrapper=True, timeout=None), "wrapper")
    kernel.register(hooked(hangs), "slow")
    with anyio.fail_after(10), anyio.CancelScope() as scope:
        await kernel.run_pre(turn())
    assert scope.cancelled_caught


@pytest.mark.parametrize(
    ("function", "options", "problem"),
    [
        (lambda ctx: None, {"wrapper": True}, "has to be a generator function"),
        (failing("x", is_async=False), {}, "has to be marked wrapper=True"),
        (failing("x", is_async=True), {}, "has to be marked wrapper=True"),
        (failing("x", is_async=False), {"wrapper": True, "specname": "hook_report"}, "phases"),
    ],
)
def test_what_is_half_a_wrapper_is_refused_at_load(
    function: Callable[..., object], options: dict[str, Any], problem: str
) -> None:
    """K11."""
    with pytest.raises(PluginError, match=problem):
        HookKernel().register(hooked(function, **options), "odd")
