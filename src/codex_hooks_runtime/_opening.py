"""Threads as they are opened on the server: each behind its gate before its first turn (G6)."""

from __future__ import annotations

from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

import anyio

from ._errors import ConfigError, GateNotArmed, RpcError
from ._records import Page, ThreadReply
from ._sandbox import writable_roots
from ._thread import LoadedThread
from ._thread_api import parse
from ._undo import made_or_undone
from ._wire import thread_params

if TYPE_CHECKING:
    from pathlib import Path

    from ._connection import Connection
    from ._gate._tool_gate import ToolGate
    from ._models import RunProfile
    from ._rpc import JsonObject
    from ._supervisor import Supervisor

# Of the threads that were released: by far more than Codex still has loaded of them.
_REMEMBERED: Final = 10_000

How: TypeAlias = Literal["start", "resume", "fork"]


class ThreadOpener:
    """Opens threads on one server, behind its ``gate`` if it has one."""

    def __init__(self, server: Supervisor, gate: ToolGate | None) -> None:
        self._server = server
        self._gate = gate
        self._released: dict[str, None] = {}

    async def open(
        self,
        how: How,
        thread_id: str | None,
        profile: RunProfile,
        cwd: Path,
        *,
        model: str | None,
    ) -> LoadedThread:
        """Start a thread, or resume or fork ``thread_id``.

        Raises `GateNotArmed` where its tool uses would not be put before the plugins, `ConfigError`
        for tools that nobody would serve, or an `RpcError`; a thread that the server opened
        nevertheless can then use no tool.

        A caller who is cancelled meanwhile leaves no thread that could use a tool (F30).
        """
        connection = await self._server.connection(f"thread/{how}")
        return await made_or_undone(
            connection,
            partial(self._open, connection, how, thread_id, profile, cwd, model=model),
            self.release,
        )

    async def release(self, thread: LoadedThread) -> None:
        """Block whatever the thread still does, and let the server unload it when it is idle."""
        thread.close()
        await self._release(thread.connection, thread.thread_id)

    async def _open(
        self,
        connection: Connection,
        how: How,
        thread_id: str | None,
        profile: RunProfile,
        cwd: Path,
        *,
        model: str | None,
    ) -> LoadedThread:
        gate = self._gate
        thread_gate = None
        config: JsonObject = {}
        if gate is None and profile.tools:
            raise ConfigError("tools= are served behind the gate: leave tool_gate='off' out")
        with ExitStack() as undo:
            if gate is not None:
                if how == "resume":
                    await self._check_not_loaded(connection, thread_id)
                gate.check_apart(writable_roots(profile.sandbox_policy, cwd))
                thread_gate = gate.thread(
                    interactive=profile.interactive,
                    web_search=profile.web_search,
                    tools=profile.tools,
                )
                undo.callback(thread_gate.close)
                config = thread_gate.config
            sent = thread_gate.sent(profile) if thread_gate is not None else profile
            params = thread_params(sent, cwd, model=model, config=config)
            if how == "start" and profile.tools:
                params["dynamicTools"] = [tool.spec() for tool in profile.tools]
            if thread_id is not None:
                params |= {"threadId": thread_id, "excludeTurns": True}
            method = f"thread/{how}"
            reply = parse(method, ThreadReply, await connection.call(method, params))
            opened = reply.thread.id
            try:
                if how == "resume" and opened != thread_id:
                    raise RpcError(
                        f"asked for thread {thread_id}, the server resumed {opened}", method=method
                    )
                if thread_gate is not None:
                    await thread_gate.opened(connection.call, thread_id=opened, cwd=str(cwd))
            except (GateNotArmed, RpcError) as error:
                await self._let_go(connection, opened, error)
                raise
            undo.pop_all()
        return LoadedThread(connection, reply.thread, cwd, profile, reply.model, thread_gate)

    async def _check_not_loaded(self, connection: Connection, thread_id: str | None) -> None:
        """Refuse a thread that somebody else loaded: the server would leave it as it is (G6).

        One that we have released it opens anew, with what it is told then.
        """
        if thread_id in self._released:
            return
        reply = await connection.call("thread/loaded/list", {})
        if thread_id in parse("thread/loaded/list", Page[str], reply).data:
            raise GateNotArmed(
                f"thread {thread_id} is loaded already, by another hand than this runtime's, and "
                "Codex does not arm a loaded thread: work in a fork of it, or in a new client"
            )

    async def _let_go(self, connection: Connection, thread_id: str, error: Exception) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self._release(connection, thread_id)
            except RpcError as second:
                error.add_note(f"the thread stays loaded without a turn: {second}")

    async def _release(self, connection: Connection, thread_id: str) -> None:
        await connection.call("thread/unsubscribe", {"threadId": thread_id})
        self._released[thread_id] = None
        if len(self._released) > _REMEMBERED:
            del self._released[next(iter(self._released))]
