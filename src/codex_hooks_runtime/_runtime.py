"""`Runtime`: threads, turns and prompt runs on one codex app-server, inside the hooks.

Reads from top to bottom as one prompt run goes: run hooks, the thread with its session hooks and
its gate, the turn with its turn hooks, the answer.
"""

from __future__ import annotations

from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

from codex_hooks import HookPhase

from ._approver import Deciders
from ._binary import find_codex
from ._bracket import bracket
from ._errors import ConfigError
from ._gate._tool_gate import MAX_REQUESTS, ToolGate
from ._handle import ThreadHandle
from ._models import PromptRunParams, PromptRunResult, RunProfile
from ._opening import ThreadOpener
from ._options import ConnectionOptions
from ._server_view import ServerView
from ._sink import SinkFeeder
from ._state import StateProjection
from ._supervisor import Supervisor
from ._thread_api import ThreadApi
from ._threads import OpenThreads
from ._turns import changed, conclude, hooked_turn, prompt_context
from ._wire import check_run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from codex_hooks import HookKernel, HookReport, Registration

    from ._config import ClientConfig
    from ._models import SessionConfig
    from ._opening import How
    from ._stream import PromptRunStream


class Runtime(ThreadApi, ServerView):
    """A running server and the kernel whose hooks surround what it does.

    A server that crashed is started again; its threads are opened anew, behind their gate, when
    they are next used (R5, G6).
    """

    def __init__(
        self,
        server: Supervisor,
        deciders: Deciders,
        gate: ToolGate | None,
        state: StateProjection,
        sink: SinkFeeder | None,
    ) -> None:
        super().__init__(server, gated=gate is not None)
        self.deciders = deciders
        self.gate = gate
        self._state = state
        self._sink = sink
        self.threads = OpenThreads(ThreadOpener(server, gate), deciders)

    @classmethod
    @asynccontextmanager
    async def spawn_local(cls, config: ClientConfig, kernel: HookKernel) -> AsyncIterator[Runtime]:
        """Start codex, and its tool gate, for the ``async with`` block; leave neither behind.

        Raises `CodexNotFound`, `CodexUnsupported` or another of the tree, each with what to do.
        """
        argv = (str(find_codex(config.codex)), "app-server")
        deciders = Deciders(
            kernel=kernel, approver=config.approver, approval_deadline=config.approval_deadline
        )
        async with AsyncExitStack() as stack:
            gate = None
            if config.tool_gate != "off":
                gate = await stack.enter_async_context(
                    ToolGate(
                        deciders,
                        mode=config.tool_gate,
                        deadline=config.gate_deadline,
                        on_unmediated=config.on_unmediated,
                    )
                )
            options = ConnectionOptions(
                argv=argv,
                env=config.environment(),
                call_timeout=config.call_timeout,
                initialize_timeout=config.initialize_timeout,
                client=config.client_info,
                handler=gate.answering(config.server_requests) if gate else config.server_requests,
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
            runtime = cls(server, deciders, gate, state, sink)
            stack.callback(runtime.threads.close_all)
            yield runtime

    @property
    def kernel(self) -> HookKernel:
        """The kernel whose plugins are asked."""
        return self.deciders.kernel

    async def shutdown(self) -> None:
        """End the server now instead of at the end of the block; again, it only waits (R6).

        Turns that are under way end with `TransportClosed`, and so does all that is asked later.
        """
        self.threads.close_all()
        await self.server.shutdown()

    async def run_prompt_simple(self, cwd: Path | str, prompt: str) -> PromptRunResult:
        """Run one prompt in a new thread, with the defaults: nothing can be written or asked."""
        return await self.run_prompt(RunProfile().prompt_in(cwd, prompt))

    async def run_prompt(self, params: PromptRunParams) -> PromptRunResult:
        """Run one prompt in a new thread, which stays loaded, and return the answer.

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
        if self.threads.get(thread_id) is None:
            raise ConfigError(
                f"thread {thread_id} is not loaded here: thread_resume() it, or use "
                "run_prompt_in_thread(), which does that"
            )
        return await self.run_prompt_in_thread(thread_id, params)

    @asynccontextmanager
    async def stream_prompt(
        self,
        params: PromptRunParams,
        *,
        thread_id: str | None = None,
        keep_loaded: bool = True,
    ) -> AsyncIterator[PromptRunStream]:
        """Like `run_prompt`, with the events of the turn as they come.

        Leaving the block early interrupts the turn. The post hooks have run when it is left, and
        the thread is let go of (`thread_release`) unless it is to be kept loaded.
        """
        params = params.replace(cwd=check_run(params, params.cwd))
        if known := self.threads.get(thread_id):
            known.check(params)
        async with self.kernel.run(metadata=params.metadata) as run:
            for plugin in params.plugins:
                run.register(plugin)
            before = prompt_context(run, HookPhase.PRE_RUN, params, thread_id)
            async with bracket(self.deciders, run, before) as whole:
                params = changed(params, whole.context)
                profile = params.profile(plugins=(), attachments=())
                async with self.threads.at_turn(
                    run, thread_id, profile, params.cwd, keep=keep_loaded
                ) as thread:
                    whole.learn(thread_id=thread.thread_id)
                    async with hooked_turn(self.deciders, run, thread, params) as stream:
                        yield stream
                conclude(whole, stream)

    async def thread_start(self, config: SessionConfig) -> ThreadHandle:
        """Start a thread, with its session hooks, its gate and its plugins.

        Raises `BlockedByHook`, `GateNotArmed`, an `RpcError`, or `ConfigError` before anything is
        sent.
        """
        return await self._open("start", None, config)

    async def thread_resume(self, thread_id: str, config: SessionConfig) -> ThreadHandle:
        """Resume a thread of the server's record, like `thread_start`.

        One that is loaded here already passes the session hooks and stays as it is.
        """
        return await self._open("resume", thread_id, config)

    async def thread_fork(
        self, thread_id: str, config: SessionConfig | None = None
    ) -> ThreadHandle:
        """Start a thread with what was said in another, like `thread_start`.

        ``config`` may be left out for a thread that is loaded here: its own is taken, without its
        plugins. In the session hooks the other thread is ``ctx.parent_thread_id``.
        """
        if config is None:
            source = self.threads.get(thread_id)
            if source is None:
                raise ConfigError(
                    f"thread {thread_id} is not loaded here, so there is no telling in which "
                    "folder and sandbox its fork is to work: give a SessionConfig"
                )
            config = source.profile.session_in(source.cwd)
        return await self._open("fork", thread_id, config)

    async def thread_release(self, thread_id: str) -> None:
        """Let go of a thread: Codex unloads it when it has been idle, and it can be resumed.

        A turn that is under way is waited for. After it nothing that it has left running is let
        through the gate, and its plugins end.
        """
        try:
            await self.threads.release(thread_id)
        finally:
            if self.threads.get(thread_id) is None:  # not where the wait for it was cancelled
                self.threads.end_plugins(thread_id)

    async def thread_archive(self, thread_id: str) -> None:
        """Archive a thread; nothing it still does is let through the gate, and its plugins end."""
        async with self.threads.closing(thread_id):
            try:
                await self.call("thread/archive", {"threadId": thread_id})
            finally:
                self.threads.end_plugins(thread_id)

    def register_hooks(self, plugin: object, name: str | None = None) -> Registration:
        """Make one more plugin active for everything from now on."""
        return self.kernel.register(plugin, name)

    def hook_report_snapshot(self) -> HookReport | None:
        """Return what the hooks did in the run that finished last."""
        return self.kernel.latest_report

    async def _open(self, how: How, thread_id: str | None, config: SessionConfig) -> ThreadHandle:
        cwd = check_run(config, config.cwd)
        async with self.kernel.run(metadata=config.metadata) as run:
            for plugin in config.plugins:
                run.register(plugin)
            profile = config.profile(plugins=())
            return ThreadHandle(self, await self.threads.open(run, how, thread_id, profile, cwd))
