"""Asking the plugins of one phase: calls, deadlines and failures (K5, K6).

What an answer means is not decided here but in `Fold`. Implementations that run inline are asked
without an event loop's help. The first one that has to be waited for opens a cancel scope, which
those after it share, since entering a scope costs more than a call.
"""

from __future__ import annotations

import math
import sys
import time
import traceback
from functools import partial
from types import CoroutineType, coroutine
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import anyio
import anyio.lowlevel

from codex_hooks._decisions import InvalidDecision
from codex_hooks._plan import Style
from codex_hooks._report import IssueKind
from codex_hooks._specs import DEFAULT_TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Generator

    from codex_hooks._fold import Fold
    from codex_hooks._plan import Implementation
    from codex_hooks._workers import Job, Workers

MAX_STEPS_AFTER: Final = 256
"""How often an async hook may wait again after its time-out: enough to clean up, not for ever."""

# A plugin does not end the process: its sys.exit() is a failure like any other (K5).
FAILURES: Final = (Exception, SystemExit)

_clock = time.perf_counter_ns


class Failure(NamedTuple):
    """Why a call has no answer."""

    kind: IssueKind
    message: str


async def ask_all(fold: Fold, workers: Workers, deadline: float | None) -> None:
    """Ask whom ``fold`` names until the phase is over.

    ``deadline`` is a `time.monotonic` moment that caps every time-out. Cancellation and
    ``KeyboardInterrupt`` propagate (F2).
    """
    while (waited_for := _ask_inline(fold, deadline)) is not None:
        # A scope that has fired is spent: those who come after get a fresh one.
        call = Call(workers, deadline)
        scope = anyio.CancelScope()
        try:
            with scope:
                await _ask_waiting(fold, waited_for, call, scope)
        except FAILURES as error:
            # What a task group raised beside its cancellation, which the scope has taken out, or
            # a scope that a hook entered and never left.
            failure = call.overrun() if scope.cancel_called else describe(error)
            fold.fail(*failure, call.microseconds())
        else:
            if scope.cancelled_caught:
                fold.fail(*call.overrun(), call.microseconds())


def _ask_inline(fold: Fold, deadline: float | None) -> Implementation | None:
    """Ask up to the first that has to be waited for, and return that one."""
    began = _clock()
    while (implementation := fold.next()) is not None and implementation.style is Style.INLINE:
        timeout = implementation.timeout
        if deadline is not None:
            timeout = min(timeout, deadline - time.monotonic())
        failure: Failure | None = None
        answer = None
        try:
            if timeout > 0:
                answer = implementation.call(fold.context)
        except FAILURES as error:  # whatever a plugin raises is a failure of that plugin (K5)
            failure = describe(error)
        ended = _clock()
        _settle(fold, answer, failure, (ended - began) / 1000, timeout)
        began = ended
    return implementation


async def _ask_waiting(
    fold: Fold, waited_for: Implementation, call: Call, scope: anyio.CancelScope
) -> None:
    """Ask ``waited_for`` and all after it, until ``scope`` has fired."""
    implementation: Implementation | None = waited_for
    fired = False
    while implementation is not None and not fired:
        failure: Failure | None = None
        answer = None
        try:
            answer = await call.make(implementation, implementation.call, fold.context, scope)
        except FAILURES as error:  # as above
            failure = describe(error)
        if fired := scope.cancel_called:  # the hook has swallowed its cancellation (F5)
            failure = call.overrun()
        _settle(fold, answer, failure, call.microseconds(), call.timeout)
        if not fired:
            implementation = _ask_inline(fold, call.deadline)


def _settle(
    fold: Fold, answer: object, failure: Failure | None, microseconds: float, timeout: float
) -> None:
    if type(answer) is CoroutineType:
        answer.close()  # a sync hook returned one: it is refused below, not left unawaited
    if failure is not None:
        fold.fail(*failure, microseconds)
    elif microseconds > timeout * 1_000_000:  # late is late, even if it never waited (F4)
        fold.fail(*_overrun(timeout), microseconds)
    else:
        fold.answer(answer, microseconds)


async def attempt(
    call: Call, implementation: Implementation, function: Callable[..., Any], argument: object
) -> tuple[Any, Failure | None]:
    """Make one call in a scope of its own; return its value and why that does not count."""
    value = None
    failure: Failure | None = None
    scope = anyio.CancelScope()
    try:
        with scope:
            value = await call.make(implementation, function, argument, scope)
    except FAILURES as error:  # a plugin's, or what is left of a task group's: as in ask_all
        failure = describe(error)
    if scope.cancel_called or call.microseconds() > call.timeout * 1_000_000:
        failure = call.overrun()
    return value, failure


async def attempt_shielded(
    workers: Workers, implementation: Implementation, function: Callable[..., Any], argument: object
) -> Failure | None:
    """Make one call even if the caller is cancelled; return why it failed, if it did.

    A hook without a time-out has the usual one here, or nothing could end it.
    """
    deadline = None
    if implementation.timeout == math.inf:
        deadline = time.monotonic() + DEFAULT_TIMEOUT
    with anyio.CancelScope(shield=True):
        _, failure = await attempt(Call(workers, deadline), implementation, function, argument)
    return failure


class Call:
    """The call that is under way: how it is made, and by when it has to be done."""

    __slots__ = ("_began", "_interrupted", "_job", "_requests", "_workers", "deadline", "timeout")

    def __init__(self, workers: Workers, deadline: float | None = None) -> None:
        self.deadline = deadline
        self.timeout = 0.0
        self._workers = workers
        self._job: Job[Any] | None = None
        self._interrupted = False
        self._requests: int | None = None
        self._began = 0

    async def make(
        self,
        implementation: Implementation,
        function: Callable[..., Any],
        argument: object,
        scope: anyio.CancelScope,
    ) -> Any:
        """Call ``function`` in the implementation's style; arm ``scope`` if it suspends."""
        self._began = _clock()
        self._job = None
        self.timeout = implementation.timeout
        if self.deadline is not None:
            self.timeout = min(self.timeout, self.deadline - time.monotonic())
            if self.timeout <= 0:
                return None
        if implementation.style is Style.INLINE:
            return function(argument)
        if implementation.style is Style.ASYNC:
            steps = function(argument)
        else:
            steps = self._in_thread(partial(function, argument))
        try:
            wanted = steps.send(None)
        except StopIteration as done:
            return done.value
        self._interrupted = False
        self._requests = _cancel_requests()
        try:
            return await self._armed(steps, wanted, scope)
        finally:
            # trio throws nothing in: it hands over what raises only inside the hook.
            if (self._interrupted or self._requests is None) and not scope.cancel_called:
                await _pass_on_cancellation(self._requests)

    def _interrupt(self, steps: Coroutine[Any, Any, Any], thrown: BaseException) -> object:
        self._interrupted = True
        try:
            return steps.throw(thrown)
        finally:
            # Before Python 3.13 a TaskGroup that is waiting for its children, and fails with one
            # of them, asks for a cancellation that it never takes back.
            if self._requests is not None and _went_through_task_group(thrown):
                self._requests += 1

    def microseconds(self) -> float:
        """How long the call has taken so far."""
        return (_clock() - self._began) / 1000

    def overrun(self) -> Failure:
        """Say how the call missed its time-out."""
        return _overrun(self.timeout, self._job)

    async def _in_thread(self, function: Callable[[], Any]) -> Any:
        self._job = job = self._workers.submit(function)
        try:
            return await job.outcome()
        finally:
            self._workers.withdraw(job)

    @coroutine
    def _armed(
        self, steps: Coroutine[Any, Any, Any], wanted: object, scope: anyio.CancelScope
    ) -> Generator[Any, Any, Any]:
        """Await the rest of ``steps``, which wait for ``wanted``, until the call's time-out.

        By hand what ``await`` does, for two reasons: ``await`` cannot tell a coroutine that
        suspends from one that does not, and it never gives up one that cannot be cancelled.
        """
        scope.deadline = anyio.current_time() + self.timeout - self.microseconds() / 1_000_000
        steps_after = 0
        try:
            while True:
                given, thrown = None, None
                try:
                    given = yield wanted
                except BaseException as error:  # handed on to the coroutine, as await does
                    thrown = error
                steps_after += scope.cancel_called
                if steps_after > MAX_STEPS_AFTER:
                    _give_up(steps)
                    if thrown is not None:
                        raise thrown
                    return None
                wanted = steps.send(given) if thrown is None else self._interrupt(steps, thrown)
        except StopIteration as done:
            return done.value
        finally:
            scope.deadline = math.inf
            thrown = None  # or the frame and the exception would hold each other


def _went_through_task_group(error: BaseException) -> bool:
    names = (frame.f_globals.get("__name__") for frame, _ in traceback.walk_tb(error.__traceback__))
    return "asyncio.taskgroups" in names


async def _pass_on_cancellation(requests: int | None) -> None:
    """Raise the caller's cancellation if a hook has kept it to itself: it is no decision (F2)."""
    await anyio.lowlevel.checkpoint_if_cancelled()
    if requests is not None and (_cancel_requests() or 0) > requests:
        raise anyio.get_cancelled_exc_class()


def _cancel_requests() -> int | None:
    """Count what asyncio was asked to cancel this task; ``None`` on trio, which has scopes alone.

    Scopes and time-outs that the hook itself has opened take theirs back as it leaves them.
    """
    asyncio = sys.modules.get("asyncio")
    try:
        task = asyncio.current_task() if asyncio else None
    except RuntimeError:  # no loop of asyncio's runs here
        return None
    return task.cancelling() if task else None


def _give_up(steps: Coroutine[Any, Any, Any]) -> None:
    """End a hook that cannot be cancelled; that its scope has fired says the rest."""
    try:
        steps.close()
    except Exception:
        return  # it fails as it ends, or holds on even now: it is never resumed


def _overrun(timeout: float, job: Job[Any] | None = None) -> Failure:
    if timeout <= 0:
        message = "was not asked: the deadline of the phase had passed"
    elif job is not None and not job.begun:
        message = f"overloaded: no thread was free within {timeout:g} s"
    else:
        message = f"gave no answer within {timeout:g} s"
    return Failure(IssueKind.TIMEOUT, message)


def describe(error: BaseException) -> Failure:
    """Say what was raised and where, without its text: that may hold a prompt (K8)."""
    if isinstance(error, InvalidDecision):
        return Failure(IssueKind.VALIDATION, str(error))
    place = ""
    for frame, line in traceback.walk_tb(error.__traceback__):
        place = f" at {frame.f_code.co_filename}:{line}"
    return Failure(IssueKind.EXECUTION, f"raised {type(error).__name__}{place}")
