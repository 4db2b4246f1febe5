"""Asking the plugins of one phase: calls, deadlines and failures (K5, K6).

What an answer means is not decided here but in `Fold`. One cancel scope serves a whole phase and
is armed only when an implementation really suspends, since arming costs more than a call.
"""

from __future__ import annotations

import time
import traceback
from functools import partial
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks._decisions import InvalidDecision
from codex_hooks._plan import Style
from codex_hooks._report import IssueKind

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from codex_hooks._fold import Fold
    from codex_hooks._plan import Implementation, Plan
    from codex_hooks._workers import Job, Workers


async def ask_all(fold: Fold, plan: Plan, workers: Workers, deadline: float | None) -> None:
    """Ask whom ``fold`` names until the phase is over.

    ``deadline`` is a `time.monotonic` moment that caps every time-out. Cancellation and
    ``KeyboardInterrupt`` propagate (F2).
    """
    call = Call(workers, deadline)
    over = False
    while not over:
        if not plan.suspends:
            over = await _ask(fold, call, None)
            continue
        # A scope that has fired is spent: those who come after get a fresh one.
        with anyio.CancelScope() as scope:
            over = await _ask(fold, call, scope)
        if scope.cancelled_caught:
            fold.fail(IssueKind.TIMEOUT, call.overrun(), call.microseconds())


async def _ask(fold: Fold, call: Call, scope: anyio.CancelScope | None) -> bool:
    """Return whether the phase is over; if not, ``scope`` has fired."""
    while (implementation := fold.next()) is not None:
        failure: tuple[IssueKind, str] | None = None
        answer = None
        try:
            answer = await call.make(implementation, implementation.call, fold.context, scope)
        except Exception as error:  # whatever a plugin raises is a failure of that plugin (K5)
            failure = describe(error)
        microseconds = call.microseconds()
        fired = scope is not None and scope.cancel_called
        # Late is late, whether the hook was cancelled, swallowed that, or never yielded (F4, F5).
        if fired or microseconds > call.timeout * 1_000_000:
            failure = IssueKind.TIMEOUT, call.overrun()
        if type(answer) is CoroutineType:
            answer.close()  # a sync hook returned one: it is refused below, not left unawaited
        if failure is None:
            fold.answer(answer, microseconds)
        else:
            fold.fail(*failure, microseconds)
        if fired:
            return False
    return True


class Call:
    """The call that is under way: how it is made, and by when it has to be done."""

    __slots__ = ("_began", "_deadline", "_job", "_workers", "timeout")

    def __init__(self, workers: Workers, deadline: float | None) -> None:
        self._workers = workers
        self._deadline = deadline
        self._job: Job[Any] | None = None
        self._began = 0
        self.timeout = 0.0

    async def make(
        self,
        implementation: Implementation,
        function: Callable[..., Any],
        argument: object,
        scope: anyio.CancelScope | None,
    ) -> Any:
        """Call ``function`` in the implementation's style; arm ``scope`` if it suspends."""
        self._began = time.perf_counter_ns()
        self._job = None
        self.timeout = implementation.timeout
        if self._deadline is not None:
            self.timeout = min(self.timeout, self._deadline - time.monotonic())
            if self.timeout <= 0:
                raise TimeoutError
        if implementation.style is Style.INLINE:
            return function(argument)
        if scope is None:
            raise AssertionError("an implementation that suspends needs a scope")
        if implementation.style is Style.ASYNC:
            return await _armed(function(argument), scope, self.timeout)
        self._job = job = self._workers.submit(partial(function, argument))
        try:
            return await _armed(job.outcome(), scope, self.timeout)
        finally:
            self._workers.withdraw(job)

    def microseconds(self) -> float:
        """How long the call has taken so far."""
        return (time.perf_counter_ns() - self._began) / 1000

    def overrun(self) -> str:
        """Say how the call missed its time-out."""
        if self.timeout <= 0:
            return "was not asked: the deadline of the phase had passed"
        if self._job is not None and not self._job.begun:
            return f"overloaded: no thread was free within {self.timeout:g} s"
        return f"gave no answer within {self.timeout:g} s"


@coroutine
def _armed(
    steps: Coroutine[Any, Any, Any], scope: anyio.CancelScope, timeout: float
) -> Generator[Any, Any, Any]:
    """Await ``steps``; set the scope's deadline only if its first step does not finish it.

    By hand what ``await`` does, since ``await`` cannot tell a coroutine that suspends from one
    that does not.
    """
    try:
        wanted = steps.send(None)
    except StopIteration as done:
        return done.value
    scope.deadline = anyio.current_time() + timeout
    while True:
        try:
            given = yield wanted
        except BaseException as error:  # handed on to the coroutine, as await does
            step = partial(steps.throw, error)
        else:
            step = partial(steps.send, given)
        try:
            wanted = step()
        except StopIteration as done:
            scope.deadline = float("inf")
            return done.value


def describe(error: Exception) -> tuple[IssueKind, str]:
    """Say what was raised and where, without its text: that may hold a prompt (K8)."""
    if isinstance(error, InvalidDecision):
        return IssueKind.VALIDATION, str(error)
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        place = f" at {frame.f_code.co_filename}:{line}"
    return IssueKind.EXECUTION, f"raised {type(error).__name__}{place}"
