"""Wrappers: generator hooks around a whole phase, outermost first (K1).

What ``yield`` gives them is pluggy's: the list of what the plugins inside have decided. They may
raise, which is a failure (K5), or return an `Ask` or a `Block` of their own; they never weaken
what the list says. An async generator cannot return: it yields its decision after the list.

A wrapper is opened once, with the context that the phase begins with. It is no place for a guard
that has to see what others change: that is what plain hooks get a last look for (K3).
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from codex_hooks._dispatch import Call, ask_all, attempt, attempt_shielded
from codex_hooks._plan import Style

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, Generator

    from codex_hooks._context import HookContext
    from codex_hooks._decisions import Decision
    from codex_hooks._fold import Fold
    from codex_hooks._plan import Implementation, Plan
    from codex_hooks._workers import Workers


async def ask_within_wrappers(
    fold: Fold, plan: Plan, workers: Workers, deadline: float | None
) -> None:
    """Run the phase of ``fold`` inside the plan's wrappers."""
    call = Call(workers, deadline)
    entered: list[_Sync | _Async] = []
    try:
        for wrapper in plan.wrappers:
            if fold.over:
                break
            fold.current = wrapper
            kind = _Async if wrapper.style is Style.ASYNC else _Sync
            entered.append(kind(wrapper, fold.context))
            _, failure = await attempt(call, wrapper, entered[-1].open, None)
            if failure is not None:
                fold.fail_wrapper(wrapper, *failure, call.microseconds())
                # Perhaps it is only too late: it has to be able to clean up all the same.
                await _abandon(workers, entered.pop())
        await ask_all(fold, workers, deadline)
        while entered:
            opened = entered[-1]
            fold.current = opened.wrapper
            decisions = list(fold.decisions)
            value, failure = await attempt(call, opened.wrapper, opened.finish, decisions)
            entered.pop()
            if failure is None:
                fold.answer_wrapper(opened.wrapper, value, call.microseconds())
            else:
                fold.fail_wrapper(opened.wrapper, *failure, call.microseconds())
                await _abandon(workers, opened)
    finally:
        # Left over only when something stronger than a failure ends the phase.
        for opened in reversed(entered):
            await _abandon(workers, opened)


async def _abandon(workers: Workers, opened: _Sync | _Async) -> None:
    """Let a wrapper that nobody will resume clean up, within its time-out.

    What goes wrong then no longer matters: it has failed already, or the phase has.
    """
    opened.abandoned = True
    if opened.is_open:
        await attempt_shielded(workers, opened.wrapper, opened.close, None)


class _Sync:
    """A wrapper that is a generator.

    A thread may still be opening it when nobody waits any more: then it closes it, too.
    """

    def __init__(self, wrapper: Implementation, ctx: HookContext) -> None:
        self.wrapper = wrapper
        self.abandoned = False
        self._generator: Generator[None, Any, Any] = wrapper.call(ctx)

    @property
    def is_open(self) -> bool:
        return inspect.getgeneratorstate(self._generator) == inspect.GEN_SUSPENDED

    def open(self, _: None) -> None:
        for _yielded in self._generator:
            if self.abandoned:
                self._generator.close()
            return
        raise RuntimeError("the wrapper did not yield")

    def finish(self, decisions: list[Decision]) -> Any:
        try:
            self._generator.send(decisions)
        except StopIteration as stop:
            return stop.value
        raise RuntimeError("the wrapper yielded twice")

    def close(self, _: None) -> None:
        self._generator.close()


class _Async:
    """A wrapper that is an async generator."""

    is_open = True  # whether it really is makes no difference to aclose()

    def __init__(self, wrapper: Implementation, ctx: HookContext) -> None:
        self.wrapper = wrapper
        self.abandoned = False
        self._generator: AsyncGenerator[Any, Any] = wrapper.call(ctx)

    async def open(self, _: None) -> None:
        async for _yielded in self._generator:
            return
        raise RuntimeError("the wrapper did not yield")

    async def finish(self, decisions: list[Decision]) -> Any:
        value = None
        try:
            value = await self._generator.asend(decisions)
            await self._generator.asend(None)
        except StopAsyncIteration:
            return value
        raise RuntimeError("the wrapper yielded more than its decision")

    async def close(self, _: None) -> None:
        await self._generator.aclose()
