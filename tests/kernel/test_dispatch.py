"""What becomes of a hook that fails: K5, F1, F2, F3."""

import asyncio
from collections.abc import Callable
from typing import Any
from unittest.mock import Mock

import anyio
import pytest

from codex_hooks import Allow, Block, HookContext, HookKernel, HookPhase, IssueKind, Mutate
from hooked import hooked, inline, tool_use, turn

Register = Callable[..., object]


def in_coroutine(function: Callable[..., object], hook: str = "pre_turn", **options: Any) -> object:
    """Return a plugin whose hook suspends before it does what ``function`` does."""

    async def suspends(ctx: HookContext) -> object:
        await anyio.lowlevel.checkpoint()
        return function(ctx)

    return hooked(suspends, hook, **options)


each_style = pytest.mark.parametrize("style", [inline, hooked, in_coroutine])


def raises(error: BaseException) -> Callable[[HookContext], object]:
    def hook(ctx: HookContext) -> object:
        raise error

    return hook


@each_style
@pytest.mark.parametrize(
    "error",
    [
        ValueError("secret prompt"),
        StopIteration(1),
        StopAsyncIteration(),
        TimeoutError(),
        RecursionError(),
        MemoryError(),
        AssertionError(),
        SystemExit("secret prompt"),
        ExceptionGroup("several", [OSError(), KeyError()]),
    ],
    ids=lambda error: type(error).__name__,
)
async def test_a_guard_that_raises_blocks_and_is_named(
    style: Register, error: BaseException
) -> None:
    """K5, F1; and the report does not repeat its words (K8)."""
    kernel = HookKernel()
    kernel.register(style(raises(error)), "broken")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert (outcome.blocked.plugin, outcome.blocked.phase) == ("broken", HookPhase.PRE_TURN)
    (issue,) = outcome.report.issues
    assert (issue.plugin, issue.kind) == ("broken", IssueKind.EXECUTION)
    assert "secret" not in repr(outcome.report)


@each_style
async def test_a_guard_that_does_not_raise_does_not_block(style: Register) -> None:
    """F1, the control."""
    kernel = HookKernel()
    kernel.register(style(lambda ctx: None), "sound")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is None
    assert outcome.report.is_clean


@each_style
async def test_a_failure_that_may_pass_is_an_issue_and_is_counted(style: Register) -> None:
    """K5."""
    kernel = HookKernel()
    kernel.register(style(raises(ValueError()), on_error="ignore"), "optional")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is None
    assert outcome.report.failed_open == 1
    assert not outcome.report.is_clean


async def test_what_may_fail_may_not_be_disobeyed() -> None:
    """K5: on_error="ignore" is about failures, not about decisions."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Block("no"), on_error="ignore"), "optional")
    assert (await kernel.run_pre(turn())).blocked is not None


@each_style
@pytest.mark.parametrize("on_error", [None, "block", "ignore"])
async def test_a_failure_in_a_post_phase_is_recorded_and_the_others_are_told(
    style: Register, on_error: str | None
) -> None:
    """K5: there is nothing to block, and nothing that was let pass."""
    kernel = HookKernel()
    told: list[str] = []
    kernel.register(style(raises(ValueError()), "post_turn", on_error=on_error), "broken")
    kernel.register(inline(lambda ctx: told.append("observer"), "post_turn"), "observer")
    outcome = await kernel.run_post(HookContext(phase=HookPhase.POST_TURN))
    assert outcome.withheld is None
    assert told == ["observer"]
    assert [issue.plugin for issue in outcome.report.issues] == ["broken"]
    assert outcome.report.blocked is None
    assert outcome.report.failed_open == 0


@pytest.mark.parametrize(("on_error", "withholds"), [("block", True), (None, False)])
async def test_a_failure_after_a_tool_use_withholds_its_output_if_the_hook_says_so(
    on_error: str | None, withholds: bool
) -> None:
    """K5, with its control."""
    kernel = HookKernel()
    kernel.register(inline(raises(ValueError()), "post_tool_use", on_error=on_error), "redactor")
    outcome = await kernel.run_post(tool_use(HookPhase.POST_TOOL_USE))
    assert (outcome.withheld is not None) is withholds


async def test_a_block_where_nothing_is_left_to_block_is_a_failure() -> None:
    """K5: post_run cannot undo the run."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Block("no"), "post_run"), "late")
    outcome = await kernel.run_post(HookContext(phase=HookPhase.POST_RUN))
    assert outcome.withheld is None
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.VALIDATION]


class Poses:
    """Something that says it is an `Allow`."""

    __class__ = Allow  # type: ignore[assignment]


async def later() -> Allow:
    return Allow()


@each_style
@pytest.mark.parametrize(
    "answer",
    [
        lambda ctx: True,
        lambda ctx: {"action": "allow"},
        lambda ctx: "allow",
        lambda ctx: Allow,
        lambda ctx: (Allow(),),
        lambda ctx: NotImplemented,
        lambda ctx: Mock(spec=Allow),
        lambda ctx: Poses(),
        lambda ctx: later(),
    ],
    ids=["true", "dict", "str", "class", "tuple", "other", "mock", "poses", "coroutine"],
)
async def test_anything_else_than_a_decision_blocks(
    style: Register, answer: Callable[[HookContext], object]
) -> None:
    """K5, F3."""
    kernel = HookKernel()
    kernel.register(style(answer), "odd")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert not outcome.allowed
    (issue,) = outcome.report.issues
    assert (issue.plugin, issue.kind) == ("odd", IssueKind.VALIDATION)


@each_style
@pytest.mark.parametrize("error", [KeyboardInterrupt, GeneratorExit])
async def test_what_is_stronger_than_an_exception_propagates(
    style: Register, error: type[BaseException]
) -> None:
    """K5, F2: it is never an allow, and never a block either."""
    kernel = HookKernel()
    kernel.register(style(raises(error()), on_error="ignore"), "stop")
    outcome = None
    with pytest.raises(error):
        outcome = await kernel.run_pre(turn())
    assert outcome is None


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_keyboard_interrupt_in_a_hooks_task_group_propagates(backend: str) -> None:
    """F2."""
    outcomes: list[object] = []

    async def interrupted() -> None:
        raise KeyboardInterrupt

    async def hook(ctx: HookContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(interrupted)

    async def main() -> None:
        kernel = HookKernel()
        kernel.register(hooked(hook, on_error="ignore"), "group")
        outcomes.append(await kernel.run_pre(turn()))

    with pytest.raises((KeyboardInterrupt, BaseExceptionGroup)):
        anyio.run(main, backend=backend)
    assert outcomes == []


async def test_errors_of_a_hooks_task_group_are_a_failure() -> None:
    """K5."""
    kernel = HookKernel()

    async def fails() -> None:
        raise OSError

    async def hook(ctx: HookContext) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(fails)
            await anyio.sleep_forever()

    kernel.register(hooked(hook), "group")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert "ExceptionGroup" in outcome.blocked.message


def interrupted(asked: Callable[[], object], instead: str) -> Callable[[HookContext], Any]:
    """Return a hook that waits for ever, and what it does when it is cancelled."""

    async def hook(ctx: HookContext) -> Allow:
        asked()
        try:
            await anyio.sleep_forever()
        except anyio.get_cancelled_exc_class():
            if instead == "pass on":
                raise
        if instead == "fail":
            raise ValueError
        return Allow()

    return hook


each_reaction = pytest.mark.parametrize("instead", ["pass on", "answer", "fail"])


@each_reaction
async def test_cancelling_the_caller_cancels_the_hook_and_is_no_decision(instead: str) -> None:
    """K5, F2: whatever the hook does instead, nobody gets to hear of it."""
    kernel = HookKernel()
    asked, outcomes = anyio.Event(), []

    async def caller() -> None:
        outcomes.append(await kernel.run_pre(turn()))

    kernel.register(hooked(interrupted(asked.set, instead), on_error="ignore"), "slow")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(caller)
            await asked.wait()
            group.cancel_scope.cancel()
    assert outcomes == []


async def test_cancelling_the_caller_of_a_sync_hook_does_not_wait_for_the_hook() -> None:
    """F2."""
    import threading

    kernel = HookKernel()
    began, leave = anyio.Event(), threading.Event()
    token = anyio.lowlevel.current_token()

    def hook(ctx: HookContext) -> None:
        anyio.from_thread.run_sync(began.set, token=token)
        leave.wait(10)

    kernel.register(hooked(hook), "slow")
    with anyio.fail_after(5):
        async with anyio.create_task_group() as group:
            group.start_soon(kernel.run_pre, turn())
            await began.wait()
            group.cancel_scope.cancel()
    leave.set()


@each_reaction
def test_a_native_cancellation_is_no_decision_either(instead: str) -> None:
    """F2, on asyncio without anyio's scopes: that is how it hands on Ctrl-C, too."""

    async def main() -> None:
        kernel = HookKernel()
        asked = asyncio.Event()
        kernel.register(hooked(interrupted(asked.set, instead), on_error="ignore"), "slow")
        task = asyncio.ensure_future(kernel.run_pre(turn()))
        await asked.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert kernel.latest_report is not None

    asyncio.run(main())


def test_a_hook_may_cancel_what_is_its_own() -> None:
    """F2, the control: also in a caller who has been cancelled and is cleaning up."""

    async def hook(ctx: HookContext) -> Allow:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.001):
                await asyncio.Event().wait()
        with anyio.move_on_after(0.001):
            await anyio.sleep_forever()
        child = asyncio.ensure_future(asyncio.Event().wait())
        child.cancel()
        with pytest.raises(asyncio.CancelledError):
            await child
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(fails())
                group.create_task(asyncio.Event().wait())
        except* OSError:
            done.append("group")
        return Allow()

    async def fails() -> None:
        raise OSError

    done: list[str] = []

    async def main() -> None:
        kernel = HookKernel()
        kernel.register(hooked(hook), "own")
        assert (await kernel.run_pre(turn())).allowed
        try:
            asyncio.current_task().cancel()  # type: ignore[union-attr]
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            assert (await kernel.run_pre(turn())).allowed

    asyncio.run(main())
    assert done == ["group", "group"]


async def test_a_hook_may_use_scopes_and_task_groups_of_its_own() -> None:
    """K6: they nest inside the phase's scope, before and after it is armed."""
    kernel = HookKernel()
    done: list[str] = []

    async def child(name: str) -> None:
        await anyio.lowlevel.checkpoint()
        done.append(name)

    async def hook(ctx: HookContext) -> Mutate:
        with anyio.move_on_after(0) as own:
            await anyio.sleep_forever()
        assert own.cancelled_caught
        async with anyio.create_task_group() as group:
            group.start_soon(child, ctx.prompt)
            with anyio.CancelScope(shield=True):
                await anyio.lowlevel.checkpoint()
        return Mutate(prompt=ctx.prompt + "x")

    kernel.register(hooked(hook, timeout=5), "one")
    kernel.register(hooked(hook, timeout=5), "two")
    outcome = await kernel.run_pre(turn(prompt="x"))
    assert outcome.report.is_clean
    assert outcome.context.prompt == "xxx"
    assert done == ["x", "xx"]


async def test_a_scope_that_a_hook_never_leaves_blocks() -> None:
    """K5: the kernel does not go on with a broken nesting as if nothing were."""
    kernel = HookKernel()
    left_open: list[anyio.CancelScope] = []

    async def hook(ctx: HookContext) -> Allow:
        left_open.append(anyio.CancelScope().__enter__())
        await anyio.lowlevel.checkpoint()
        return Allow()

    kernel.register(hooked(hook), "careless")
    outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert not outcome.allowed
