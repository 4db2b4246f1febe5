"""Wrappers: generator hooks around a whole phase, outermost first (K1).

What ``yield`` gives them is pluggy's: the list of what the plugins inside have decided. They may
raise, which is a failure (K5), or return an `Ask` or a `Block` of their own; they never weaken
what the list says. An async generator cannot return: it yields its decision after the list.

A wrapper is opened once, with the context that the phase begins with. It is no place for a guard
that has to see what others change: that is what plain hooks get a last look for (K3).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from codex_hooks._dispatch import Call, ask_all, attempt, attempt_shielded
from codex_hooks._plan import Style

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

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
            if fold.over:
                break
            fold.current = wrapper
            generator, failure = await attempt(
                call,
                wrapper,
                _open_async if wrapper.style is Style.ASYNC else _open_sync,
                (wrapper, fold.context),
            )
            if failure is None:
                entered.append((wrapper, generator))
                continue
            if generator is not None:  # too late, and still it has to be able to clean up
                await _abandon(workers, wrapper, generator)
            fold.fail_wrapper(wrapper, *failure, call.microseconds())
        await ask_all(fold, workers, deadline)
        while entered:
            wrapper, generator = entered[-1]
            fold.current = wrapper
            value, failure = await attempt(
                call,
                wrapper,
                _finish_async if wrapper.style is Style.ASYNC else _finish_sync,
                (generator, list(fold.decisions)),
            )
            entered.pop()
            if failure is None:
                fold.answer_wrapper(wrapper, value, call.microseconds())
            else:
                fold.fail_wrapper(wrapper, *failure, call.microseconds())
                await _abandon(workers, wrapper, generator)
    finally:
        # Left over only when something stronger than a failure ends the phase.
        for wrapper, generator in reversed(entered):
            await _abandon(workers, wrapper, generator)


async def _abandon(workers: Workers, wrapper: Implementation, generator: object) -> None:
    """Let a wrapper that nobody will resume clean up, within its time-out.

    What goes wrong then no longer matters: it has failed already, or the phase has.
    """
    close = _close_async if wrapper.style is Style.ASYNC else _close_sync
    await attempt_shielded(workers, wrapper, close, generator)


def _open_sync(argument: tuple[Implementation, object]) -> Generator[None, Any, Any]:
    wrapper, ctx = argument
    generator: Generator[None, Any, Any] = wrapper.call(ctx)
    for _ in generator:
        return generator
    raise RuntimeError("the wrapper did not yield")


def _finish_sync(argument: tuple[Generator[None, Any, Any], list[Decision]]) -> Any:
    generator, decisions = argument
    try:
        generator.send(decisions)
    except StopIteration as stop:
        return stop.value
    raise RuntimeError("the wrapper yielded twice")


def _close_sync(generator: Generator[None, Any, Any]) -> None:
    generator.close()


async def _open_async(argument: tuple[Implementation, object]) -> AsyncGenerator[Any, Any]:
    wrapper, ctx = argument
    generator: AsyncGenerator[Any, Any] = wrapper.call(ctx)
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
    raise RuntimeError("the wrapper yielded more than its decision")


async def _close_async(generator: AsyncGenerator[Any, Any]) -> None:
    await generator.aclose()
