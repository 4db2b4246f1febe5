"""Wrappers: generator hooks around a whole phase, outermost first (K1).

What ``yield`` gives them is pluggy's: the list of what the plugins inside have decided. They may
raise, which is a failure (K5), or return an `Ask` or a `Block` of their own; they never weaken
what the list says. An async generator cannot return: it yields its decision after the list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks._dispatch import Call, ask_all, describe
from codex_hooks._plan import Style
from codex_hooks._report import IssueKind

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Callable, Generator

    from codex_hooks._decisions import Decision
    from codex_hooks._fold import Fold
    from codex_hooks._plan import Implementation, Plan
    from codex_hooks._workers import Workers


async def ask_within_wrappers(
    fold: Fold, plan: Plan, workers: Workers, deadline: float | None
) -> None:
    """Run the phase of ``fold`` inside the plan's wrappers."""
    call = Call(workers, deadline)
    entered: list[tuple[Implementation, Any]] = []
    try:
        for wrapper in plan.wrappers:
            fold.current = wrapper
            opening = _open_async if wrapper.style is Style.ASYNC else _open_sync
            ok, generator = await _section(fold, call, wrapper, opening, wrapper.call)
            if ok:
                entered.append((wrapper, generator))
            elif fold.over:
                break
        if not fold.over:
            await ask_all(fold, plan, workers, deadline)
        while entered:
            wrapper, generator = entered.pop()
            fold.current = wrapper
            closing = _finish_async if wrapper.style is Style.ASYNC else _finish_sync
            ok, value = await _section(
                fold, call, wrapper, closing, (generator, list(fold.decisions))
            )
            if ok:
                fold.answer_wrapper(wrapper, value, call.microseconds())
    finally:
        # Left over only when the phase was cancelled. Sync generators end as they are dropped.
        for wrapper, generator in reversed(entered):
            if wrapper.style is Style.ASYNC:
                with anyio.move_on_after(wrapper.timeout, shield=True):
                    await generator.aclose()


async def _section(
    fold: Fold,
    call: Call,
    wrapper: Implementation,
    function: Callable[..., Any],
    argument: object,
) -> tuple[bool, Any]:
    """Run one half of a wrapper under its time-out; return whether it held, and its value."""
    failure: tuple[IssueKind, str] | None = None
    value = None
    if function is _open_sync or function is _open_async:
        argument = (argument, fold.context)
    with anyio.CancelScope() as scope:
        try:
            value = await call.make(wrapper, function, argument, scope)
        except Exception as error:  # a wrapper may raise: that is a failure like any other (K5)
            failure = describe(error)
    if scope.cancel_called or call.microseconds() > call.timeout * 1_000_000:
        failure = IssueKind.TIMEOUT, call.overrun()
    if failure is not None:
        fold.fail_wrapper(wrapper, *failure, call.microseconds())
    return failure is None, value


def _open_sync(argument: tuple[Callable[..., Generator[None, Any, Any]], object]) -> Any:
    function, ctx = argument
    generator = function(ctx)
    for _ in generator:
        return generator
    raise RuntimeError("the wrapper did not yield")


def _finish_sync(argument: tuple[Generator[None, Any, Any], list[Decision]]) -> Any:
    generator, decisions = argument
    try:
        generator.send(decisions)
    except StopIteration as stop:
        return stop.value
    generator.close()
    raise RuntimeError("the wrapper yielded twice")


async def _open_async(argument: tuple[Callable[..., AsyncGenerator[Any, Any]], object]) -> Any:
    function, ctx = argument
    generator = function(ctx)
    async for _ in generator:
        return generator
    raise RuntimeError("the wrapper did not yield")


async def _finish_async(argument: tuple[AsyncGenerator[Any, Any], list[Decision]]) -> Any:
    generator, decisions = argument
    value = None
    try:
        value = await generator.asend(decisions)
        await generator.asend(None)
    except StopAsyncIteration:
        return value
    await generator.aclose()
    raise RuntimeError("the wrapper yielded more than its decision")
