"""`Runtime`: threads, turns and prompt runs on one codex app-server, inside the hooks.

Reads from top to bottom as one prompt run goes: run hooks, the thread with its session hooks and
its gate, the turn with its turn hooks, the answer.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, ExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import anyio

from codex_hooks import HookPhase

from ._binary import find_codex
from ._bracket import bracket
from ._errors import ConfigError
from ._gate._tool_gate import MAX_REQUESTS, ToolGate
from ._handle import ThreadHandle
from ._models import PromptRunParams, PromptRunResult, RunProfile
from ._opening import ThreadOpener
from ._options import ConnectionOptions
from ._sandbox import sandbox_name
from ._server_view import ServerView
from ._sink import SinkFeeder
from ._state import StateProjection
from ._supervisor import Supervisor
from ._thread_api import ThreadApi
from ._turns import changed, conclude, hooked_turn, prompt_context
from ._wire import check_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from codex_hooks import HookKernel, HookReport, Registration, Run

    from ._config import ClientConfig
    from ._models import SessionConfig
    from ._opening import How
    from ._stream import PromptRunStream
    from ._thread import LoadedThread


class Runtime(ThreadApi, ServerView):
    """A running server and the kernel whose hooks surround what it does.

    A server that crashed is started again; its threads are opened anew, behind their gate, when
    they are next used (R5, G6).
    """

    def __init__(
        self,
        server: Supervisor,
        kernel: HookKernel,
        gate: ToolGate | None,
        state: StateProjection,
        sink: SinkFeeder | None,
    ) -> None:
        super().__init__(server, gated=gate is not None)
        self.kernel = kernel
        self.gate = gate
        self._state = state
        self._sink = sink
        self._opener = ThreadOpener(server, gate)
        self._threads: dict[str, LoadedThread] = {}
        self._plugins: dict[str, list[Registration]] = {}
        self._opening: dict[str, anyio.Lock] = {}

    @classmethod
    @asynccontextmanager
    async def spawn_local(cls, config: ClientConfig, kernel: HookKernel) -> AsyncIterator[Runtime]:
        """Start codex, and its tool gate, for the ``async with`` block; leave neither behind.

        Raises `CodexNotFound`, `CodexUnsupported` or another of the tree, each with what to do.
        """
        argv = (str(find_codex(config.codex)), "app-server")
        async with AsyncExitStack() as stack:
            gate = None
            if config.tool_gate != "off":
                gate = await stack.enter_async_context(
                    ToolGate(
                        kernel,
                        mode=config.tool_gate,
                        deadline=config.gate_deadline,
                        approver=config.approver,
                        approval_deadline=config.approval_deadline,
                        on_unmediated=config.on_unmediated,
                    )
                )
            options = ConnectionOptions(
                argv=argv,
                env=config.environment(),
                call_timeout=config.call_timeout,
                initialize_timeout=config.initialize_timeout,
                handler=gate.server_request if gate is not None else None,
                handler_deadline=config.gate_deadline,
                handler_limit=MAX_REQUESTS,
                max_in_flight=config.max_in_flight,
                live_capacity=config.live_capacity,
            )
            state = StateProjection(config.state_limits)
            server = Supervisor(options, config.restart, state)
            sink = None
            if config.event_sink is not None:
                events = server.subscribe_live(capacity=config.event_sink_capacity)
                sink = SinkFeeder(config.event_sink, events)
                await stack.enter_async_context(sink.at_work())
            # After the gate, so that the server, which may ask it, is gone before it.
            await stack.enter_async_context(server)
            if gate is not None:
                await stack.enter_async_context(gate.watching(server))
            runtime = cls(server, kernel, gate, state, sink)
            stack.callback(runtime._forget_all)
            yield runtime

    async def shutdown(self) -> None:
        """End the server now instead of at the end of the block; again, it only waits (R6).

        Turns that are under way end with `TransportClosed`, and so does all that is asked later.
        """
        self._forget_all()
        await self.server.shutdown()

    async def run_prompt_simple(self, cwd: Path | str, prompt: str) -> PromptRunResult:
        """Run one prompt in a new thread, with the defaults: nothing can be written or asked."""
        return await self.run_prompt(RunProfile().prompt_in(cwd, prompt))

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

    async def run_prompt_on_loaded_thread(
        self, thread_id: str, params: PromptRunParams
    ) -> PromptRunResult:
        """Run one prompt in a thread that is loaded; `ConfigError` if it is not."""
        if thread_id not in self._threads:
            raise ConfigError(
                f"thread {thread_id} is not loaded here: thread_resume() it, or use "
                "run_prompt_in_thread(), which does that"
            )
        return await self.run_prompt_in_thread(thread_id, params)

    @asynccontextmanager
    async def stream_prompt(
        self, params: PromptRunParams, *, thread_id: str | None = None
    ) -> AsyncIterator[PromptRunStream]:
        """Like `run_prompt`, with the events of the turn as they come.

        Leaving the block early interrupts the turn. The post hooks have run when it is left.
        """
        params = params.replace(cwd=check_run(params, params.cwd))
        if thread_id in self._threads:
            self._threads[thread_id].check(params)
        async with self.kernel.run() as run:
            _register(run, params)
            async with bracket(
                run, prompt_context(run, HookPhase.PRE_RUN, params, thread_id)
            ) as whole:
                params = changed(params, whole.context)
                profile = params.profile(plugins=(), attachments=())
                thread = await self.loaded(run, thread_id, profile, params.cwd)
                whole.learn(thread_id=thread.thread_id)
                async with hooked_turn(run, thread, params) as stream:
                    yield stream
                conclude(whole, stream)

    async def thread_start(self, config: SessionConfig) -> ThreadHandle:
        """Start a thread, with its session hooks, its gate and its plugins.

        Raises `BlockedByHook`, `GateNotArmed`, an `RpcError`, or `ConfigError` before anything is
        sent.
        """
        return await self._open_with_plugins("start", None, config)

    async def thread_resume(self, thread_id: str, config: SessionConfig) -> ThreadHandle:
        """Resume a thread of the server's record, like `thread_start`.

        One that is loaded here already passes the session hooks and stays as it is.
        """
        return await self._open_with_plugins("resume", thread_id, config)

    async def thread_fork(
        self, thread_id: str, config: SessionConfig | None = None
    ) -> ThreadHandle:
        """Start a thread with what was said in another, like `thread_start`.

        ``config`` may be left out for a thread that is loaded here: its own is taken, without its
        plugins. In the session hooks the other thread is ``ctx.parent_thread_id``.
        """
        if config is None:
            source = self._threads.get(thread_id)
            if source is None:
                raise ConfigError(
                    f"thread {thread_id} is not loaded here, so there is no telling in which "
                    "folder and sandbox its fork is to work: give a SessionConfig"
                )
            config = source.profile.session_in(source.cwd)
        return await self._open_with_plugins("fork", thread_id, config)

    async def thread_archive(self, thread_id: str) -> None:
        """Archive a thread; nothing it still does is let through the gate, and its plugins end."""
        thread = self._threads.pop(thread_id, None)
        if thread is not None:
            thread.close()
        try:
            await self.call("thread/archive", {"threadId": thread_id})
        finally:
            _end(self._plugins.pop(thread_id, []))

    def register_hooks(self, plugin: object, name: str | None = None) -> Registration:
        """Make one more plugin active for everything from now on."""
        return self.kernel.register(plugin, name)

    def hook_report_snapshot(self) -> HookReport | None:
        """Return what the hooks did in the run that finished last."""
        return self.kernel.latest_report

    async def _open_with_plugins(
        self, how: How, thread_id: str | None, config: SessionConfig
    ) -> ThreadHandle:
        cwd = check_run(config, config.cwd)
        async with self.kernel.run() as run, self._alone_with(thread_id):
            _register(run, config)
            thread = await self._open(run, how, thread_id, config.profile(plugins=()), cwd)
            plugins = self._plugins.setdefault(thread.thread_id, [])
            plugins += run.hand_over(thread.thread_id)
            return ThreadHandle(self, thread)

    async def loaded(
        self, run: Run, thread_id: str | None, profile: RunProfile, cwd: Path
    ) -> LoadedThread:
        """Return a thread that is ready for a turn: a new one, or ``thread_id``.

        One that is not loaded is resumed, in ``run``; if it was loaded, on a server that has
        crashed since, then as it was opened there, not as ``profile`` and ``cwd`` say.
        """
        if thread_id is None:
            return await self._open(run, "start", None, profile, cwd)
        async with self._alone_with(thread_id):
            known = self._threads.get(thread_id)
            if known is None:
                return await self._open(run, "resume", thread_id, profile, cwd)
            if not known.is_lost:
                return known
            return await self._open(run, "resume", thread_id, known.profile, known.cwd)

    async def _open(
        self, run: Run, how: How, thread_id: str | None, profile: RunProfile, cwd: Path
    ) -> LoadedThread:
        before = run.context(
            HookPhase.PRE_SESSION_START,
            thread_id=None if how == "fork" else thread_id,
            parent_thread_id=thread_id if how == "fork" else None,
            cwd=str(cwd),
            model=profile.model,
            approval_policy=profile.approval_policy,
            sandbox=sandbox_name(profile.sandbox_policy),
        )
        async with bracket(run, before) as stage:
            thread = self._threads.get(thread_id or "") if how == "resume" else None
            if thread is None or thread.is_lost:
                if thread is not None:
                    thread.close()
                thread = await self._opener.open(
                    how, thread_id, profile, cwd, model=stage.context.model
                )
            stage.learn(thread_id=thread.thread_id)
            self._threads[thread.thread_id] = thread
            return thread

    @asynccontextmanager
    async def _alone_with(self, thread_id: str | None) -> AsyncIterator[None]:
        """Keep two callers from opening one thread twice: Codex would arm the first gate alone."""
        if thread_id is None:
            yield
            return
        lock = self._opening.setdefault(thread_id, anyio.Lock())
        try:
            async with lock:
                yield
        finally:
            if not lock.locked() and not lock.statistics().tasks_waiting:
                self._opening.pop(thread_id, None)

    def _forget_all(self) -> None:
        for thread in self._threads.values():
            thread.close()
        for plugins in self._plugins.values():
            _end(plugins)


def _register(run: Run, profile: RunProfile) -> None:
    for plugin in profile.plugins:
        run.register(plugin)


def _end(plugins: list[Registration]) -> None:
    with ExitStack() as ended:
        for plugin in plugins:
            ended.enter_context(plugin)
