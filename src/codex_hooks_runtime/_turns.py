"""A turn inside its hooks: as it is started, and as more is said into it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from codex_hooks import HookContext, HookPhase

from ._bracket import bracket, check_passed
from ._errors import ConfigError
from ._models import PromptRunResult
from ._records import SteerReply
from ._sandbox import sandbox_name
from ._stream import started_turn
from ._thread_api import parse
from ._wire import check_attachments, turn_input

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from codex_hooks import Attachment, Run

    from ._approver import Deciders
    from ._bracket import Stage
    from ._models import PromptRunParams
    from ._stream import PromptRunStream
    from ._thread import LoadedThread


@asynccontextmanager
async def hooked_turn(
    deciders: Deciders, run: Run, thread: LoadedThread, params: PromptRunParams
) -> AsyncIterator[PromptRunStream]:
    """Run one turn of ``thread``, which is at rest, as a part of ``run``.

    Raises `BlockedByHook`, or what `PromptRunStream` raises; the turn is over when this is left.
    """
    thread.check(params)
    # Said to the plugins as well: what a turn names no model for, runs with the thread's.
    params = params.replace(model=params.model or thread.model)
    before = prompt_context(run, HookPhase.PRE_TURN, params, thread.thread_id)
    async with bracket(deciders, run, before) as stage:
        params = changed(params, stage.context)
        async with thread.turn_of(run, params) as begun:
            sent = thread.sent(params)
            async with started_turn(thread.connection, thread.thread_id, sent) as stream:
                begun(stream.turn_id)
                stage.learn(turn_id=stream.turn_id)
                yield stream
        conclude(stage, stream)


async def steer_turn(
    deciders: Deciders,
    thread: LoadedThread,
    turn_id: str,
    prompt: str,
    attachments: tuple[Attachment, ...],
) -> str:
    """Say more into the turn ``turn_id``, which is under way; return its id.

    What is said passes ``pre_turn`` like the turn's beginning, with ``ctx.turn_id`` set; the one
    ``post_turn`` is at the turn's end (R1). Raises `BlockedByHook`, `ConfigError` or an `RpcError`.
    """
    if thread.under_way is None:
        raise ConfigError(f"no turn is under way in thread {thread.thread_id}: start one")
    run, params = thread.under_way
    params = params.replace(prompt=prompt, attachments=attachments)
    check_attachments(params.cwd, params.attachments)
    before = prompt_context(run, HookPhase.PRE_TURN, params, thread.thread_id, turn_id=turn_id)
    outcome = await run.pre(before)
    await check_passed(deciders, outcome)
    if outcome.context.model != before.model:
        raise ConfigError(
            f"a plugin wants the model {outcome.context.model!r}, and a turn under way keeps its "
            "own: interrupt it, and start another"
        )
    params = changed(params, outcome.context)
    reply = await thread.connection.call(
        "turn/steer",
        {
            "threadId": thread.thread_id,
            "expectedTurnId": turn_id,
            "input": turn_input(params.cwd, params.prompt, params.attachments),
        },
    )
    return parse("turn/steer", SteerReply, reply).turn_id


def prompt_context(
    run: Run,
    phase: HookPhase,
    params: PromptRunParams,
    thread_id: str | None,
    *,
    turn_id: str | None = None,
) -> HookContext:
    """Return what plugins are to know of a prompt before it is sent."""
    return run.context(
        phase,
        thread_id=thread_id,
        turn_id=turn_id,
        cwd=str(params.cwd),
        model=params.model,
        prompt=params.prompt,
        attachments=params.attachments,
        approval_policy=params.approval_policy,
        sandbox=sandbox_name(params.sandbox_policy),
    )


def changed(params: PromptRunParams, ctx: HookContext) -> PromptRunParams:
    """Return ``params`` with what the plugins changed; what they attached is checked like ours."""
    check_attachments(params.cwd, ctx.attachments)
    return params.replace(prompt=ctx.prompt, model=ctx.model, attachments=ctx.attachments)


def conclude(stage: Stage, stream: PromptRunStream) -> None:
    """Tell the post phase how the turn ended, for a reader who left without `finish`."""
    ending = stream.ending
    if isinstance(ending, PromptRunResult):
        stage.learn(result=ending.assistant_text, turn_id=ending.turn_id)
    elif ending is not None:
        stage.fail(ending)
