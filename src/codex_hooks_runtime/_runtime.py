"""`Runtime`: threads, turns and prompt runs on one codex app-server, inside the hooks.

Reads from top to bottom as one prompt run goes: run hooks, the thread with its session hooks and
its gate, the turn with its turn hooks, the answer.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks import HookContext, HookKernel, HookPhase

from ._binary import find_codex
from ._bracket import Stage, bracket
from ._connection import Connection
from ._errors import ConfigError, GateNotArmed, RpcError
from ._gate._arming import confirm_armed, hook_config
from ._gate._policy import ThreadGate
from ._gate._relay import Relay
from ._models import PromptRunParams, PromptRunResult, RunProfile
from ._options import ConnectionOptions
from ._stream import PromptRunStream, started_turn
from ._thread import LoadedThread
from ._wire import check_attachments, check_folder, check_privilege, thread_start_params

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from codex_hooks import Run

    from ._config import ClientConfig


class Runtime:
    """A running server and the kernel whose hooks surround what it does."""

    def __init__(
        self,
        connection: Connection,
        kernel: HookKernel,
        relay: Relay | None,
        config: ClientConfig,
    ) -> None:
        self.connection = connection
        self.kernel = kernel
        self._relay = relay
        self._config = config
        self._threads: dict[str, LoadedThread] = {}

    @classmethod
    @asynccontextmanager
    async def spawn_local(cls, config: ClientConfig, kernel: HookKernel) -> AsyncIterator[Runtime]:
        """Start codex, and the gate's relay, for the ``async with`` block; leave neither behind.

        Raises `CodexNotFound`, `CodexUnsupported` or another of the tree, each with what to do.
        """
        options = ConnectionOptions(
            argv=(str(find_codex(config.codex)), "app-server"),
            env=config.environment(),
            call_timeout=config.call_timeout,
            initialize_timeout=config.initialize_timeout,
        )
        async with AsyncExitStack() as stack:
            relay = None
            if config.tool_gate == "native":
                relay = await stack.enter_async_context(Relay())
            # After the relay, so that the server, which may ask it, is gone before it.
            connection = await stack.enter_async_context(Connection(options))
            yield cls(connection, kernel, relay, config)

    async def run_prompt(self, params: PromptRunParams) -> PromptRunResult:
        """Run one prompt in a new thread and return the answer.

        Raises `BlockedByHook`, another `PromptRunError`, an `RpcError`, or `ConfigError` before
        anything is sent.
        """
        async with self.stream_prompt(params) as stream:
            return await stream.finish()

    async def run_prompt_in_thread(
        self, thread_id: str, params: PromptRunParams
    ) -> PromptRunResult:
        """Run one prompt in a thread that exists, resumed first if it is not loaded."""
        async with self.stream_prompt(params, thread_id=thread_id) as stream:
            return await stream.finish()

    @asynccontextmanager
    async def stream_prompt(
        self, params: PromptRunParams, *, thread_id: str | None = None
    ) -> AsyncIterator[PromptRunStream]:
        """Like `run_prompt`, with the events of the turn as they come.

        Leaving the block early interrupts the turn. The post hooks have run when it is left.
        """
        params = _checked(params)
        async with self.kernel.run() as run:
            before = _context(run, HookPhase.PRE_RUN, params, thread_id)
            async with bracket(run, before) as whole:
                params = _applied(params, whole)
                thread = await self._open(run, thread_id, params, params.cwd)
                whole.learn(thread_id=thread.thread_id)
                async with self._turn(run, thread, params) as stream:
                    yield stream
                _conclude(whole, stream)

    async def thread_start(self, profile: RunProfile, cwd: Path) -> LoadedThread:
        """Start a thread, with its session hooks and its gate.

        Raises `BlockedByHook`, `GateNotArmed`, an `RpcError`, or `ConfigError` before anything is
        sent.
        """
        async with self.kernel.run() as run:
            return await self._open(run, None, profile, check_folder(cwd))

    async def thread_resume(self, thread_id: str, profile: RunProfile, cwd: Path) -> LoadedThread:
        """Resume a thread of the server's record, with its session hooks and its gate."""
        async with self.kernel.run() as run:
            return await self._open(run, thread_id, profile, check_folder(cwd))

    async def thread_archive(self, thread_id: str) -> None:
        """Archive a thread; nothing it still does is let through the gate."""
        thread = self._threads.pop(thread_id, None)
        if thread is not None and thread.admission is not None:
            thread.admission.close()
        await self.connection.call("thread/archive", {"threadId": thread_id})

    async def turn_interrupt(self, thread_id: str, turn_id: str) -> None:
        """Ask the server to stop a turn."""
        await self.connection.call("turn/interrupt", {"threadId": thread_id, "turnId": turn_id})

    async def _open(
        self, run: Run, thread_id: str | None, profile: RunProfile, cwd: Path
    ) -> LoadedThread:
        if thread_id in self._threads:
            return self._threads[thread_id]
        check_privilege(profile)
        before = run.context(
            HookPhase.PRE_SESSION_START,
            thread_id=thread_id,
            cwd=str(cwd),
            model=profile.model,
            approval_policy=profile.approval_policy,
            sandbox=profile.sandbox_policy,
        )
        async with bracket(run, before) as stage:
            thread = await self._load(thread_id, profile, cwd, model=stage.context.model)
            stage.learn(thread_id=thread.thread_id)
            self._threads[thread.thread_id] = thread
            return thread

    async def _load(
        self, thread_id: str | None, profile: RunProfile, cwd: Path, *, model: str | None
    ) -> LoadedThread:
        gate = ThreadGate(
            self.kernel, approval_policy=profile.approval_policy, sandbox=profile.sandbox_policy
        )
        async with AsyncExitStack() as undo:
            admission = None
            config: dict[str, Any] = {}
            if self._relay is not None:
                admission = self._relay.admit(gate.answer, deadline_s=self._config.gate_deadline)
                undo.callback(admission.close)
                config = hook_config(admission.command)
            params = thread_start_params(profile, cwd, model=model, config=config)
            if thread_id is None:
                reply = await self.connection.call("thread/start", params)
            else:
                resume = {"threadId": thread_id, "excludeTurns": True}
                reply = await self.connection.call("thread/resume", params | resume)
            loaded = str(reply["thread"]["id"])
            if thread_id not in (None, loaded):
                raise ConfigError(f"asked for thread {thread_id}, the server resumed {loaded}")
            gate.thread_id = loaded
            if admission is not None:
                await self._confirm(loaded, cwd, config)
            undo.pop_all()
        return LoadedThread(loaded, cwd, profile, gate, admission)

    async def _confirm(self, thread_id: str, cwd: Path, config: dict[str, Any]) -> None:
        """Refuse a thread whose hooks are not in force, and do not leave it loaded (G6)."""
        try:
            await confirm_armed(
                self.connection.call, thread_id=thread_id, cwd=str(cwd), config=config
            )
        except (GateNotArmed, RpcError) as error:
            with anyio.CancelScope(shield=True):
                try:
                    await self.connection.call("thread/unsubscribe", {"threadId": thread_id})
                except RpcError as second:
                    error.add_note(f"the thread stays loaded without a turn: {second}")
            raise

    @asynccontextmanager
    async def _turn(
        self, run: Run, thread: LoadedThread, params: PromptRunParams
    ) -> AsyncIterator[PromptRunStream]:
        async with thread.turns:
            before = _context(run, HookPhase.PRE_TURN, params, thread.thread_id)
            async with bracket(run, before) as stage:
                params = _applied(params, stage)
                thread.gate.run = run
                try:
                    overrides = thread.take_overrides(params)
                    async with started_turn(
                        self.connection, thread.thread_id, params, overrides
                    ) as stream:
                        stage.learn(turn_id=stream.turn_id)
                        yield stream
                finally:
                    thread.gate.run = None
                _conclude(stage, stream)


def _checked(params: PromptRunParams) -> PromptRunParams:
    cwd = check_folder(params.cwd)
    check_privilege(params)
    check_attachments(cwd, params.attachments)
    return params.replace(cwd=cwd)


def _applied(params: PromptRunParams, stage: Stage) -> PromptRunParams:
    """Return ``params`` with what the plugins changed; what they attached is checked like ours."""
    ctx = stage.context
    check_attachments(params.cwd, ctx.attachments)
    return params.replace(prompt=ctx.prompt, model=ctx.model, attachments=ctx.attachments)


def _context(
    run: Run, phase: HookPhase, params: PromptRunParams, thread_id: str | None
) -> HookContext:
    return run.context(
        phase,
        thread_id=thread_id,
        cwd=str(params.cwd),
        model=params.model,
        prompt=params.prompt,
        attachments=params.attachments,
        approval_policy=params.approval_policy,
        sandbox=params.sandbox_policy,
    )


def _conclude(stage: Stage, stream: PromptRunStream) -> None:
    """Tell the post phase how the turn ended, for a reader who left without `finish`."""
    ending = stream.ending
    if isinstance(ending, PromptRunResult):
        stage.learn(result=ending.assistant_text, turn_id=ending.turn_id)
    elif ending is None:
        stage.learn(status="interrupted", turn_id=stream.turn_id)
    else:
        stage.fail(ending)
