"""A pre phase, the work it is about, and its post phase, which runs exactly once (R1).

The post phase follows on success, error, time-out, cancellation and drop, and after a block too,
so that a plugin can rely on it to end what it began.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks._log import log

from ._errors import BlockedByHook, TurnInterrupted, TurnTimeout

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from codex_hooks import HookContext, PreOutcome, Run, RunStatus

    from ._approver import Deciders


class Stage:
    """What is known about the work so far; the post phase is told."""

    def __init__(self, context: HookContext) -> None:
        self.context = context
        self._outcome: dict[str, Any] = {"status": "ok"}

    def learn(self, **fields: Any) -> None:
        """Add what became known meanwhile, such as ``thread_id`` or ``result``."""
        self._outcome |= fields

    def fail(self, error: BaseException) -> None:
        """Say that the work ended with ``error``."""
        self.learn(status=_status(error), error=str(error) or type(error).__name__)

    def after(self, run: Run) -> HookContext:
        """Return the context of the post phase."""
        return self.context.evolve(
            phase=self.context.phase.counterpart, metadata=run.metadata, **self._outcome
        )


@asynccontextmanager
async def bracket(deciders: Deciders, run: Run, before: HookContext) -> AsyncIterator[Stage]:
    """Run the work of the ``async with`` block between ``before.phase`` and its counterpart.

    Raises `BlockedByHook` instead of running it when a plugin blocks, or wants a person to decide
    who does not say yes. The stage's ``context`` has every change that plugins made.
    """
    stage = Stage(before)
    try:
        outcome = await run.pre(before)
        stage.context = outcome.context
        await check_passed(deciders, outcome)
        yield stage
    except BaseException as error:
        stage.fail(error)
        raise
    finally:
        # Also when cancelled: the hooks' own time-outs bound how long this takes.
        with anyio.CancelScope(shield=True):
            after = stage.after(run)
            await run.post(after)
            _log_end(after)


async def check_passed(deciders: Deciders, outcome: PreOutcome) -> None:
    """Raise `BlockedByHook` unless what was asked about may go on.

    What a plugin wants a person to decide goes on when the approver says yes (K4).
    """
    refusal = outcome.blocked or await deciders.refusal(outcome)
    if refusal is not None:
        raise BlockedByHook(refusal, correlation_id=outcome.run.correlation_id)


def _log_end(after: HookContext) -> None:
    """Say that a run, a session start or a turn is over: who and how, nothing of what was said."""
    log().info(
        f"{after.phase.value.removeprefix('post_')} ended",
        status=after.status,
        correlation_id=after.correlation_id,
        thread_id=after.thread_id,
        turn_id=after.turn_id,
    )


def _status(error: BaseException) -> RunStatus:
    if isinstance(error, BlockedByHook):
        return "blocked"
    if isinstance(error, TurnTimeout):
        return "timeout"
    if isinstance(error, TurnInterrupted):
        return "interrupted"
    return "error" if isinstance(error, Exception) else "cancelled"
