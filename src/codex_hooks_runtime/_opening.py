"""Threads as they are opened on the server: each behind its gate before its first turn (G6)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, TypeAlias

import anyio

from ._errors import GateNotArmed, RpcError
from ._records import Page, ThreadReply
from ._sandbox import writable_roots
from ._thread import LoadedThread
from ._thread_api import parse
from ._wire import thread_params

if TYPE_CHECKING:
    from pathlib import Path

    from ._connection import Connection
    from ._gate._tool_gate import ToolGate
    from ._models import RunProfile
    from ._rpc import JsonObject

How: TypeAlias = Literal["start", "resume", "fork"]


class ThreadOpener:
    """Opens threads on one server, behind its ``gate`` if it has one."""

    def __init__(self, connection: Connection, gate: ToolGate | None) -> None:
        self._connection = connection
        self._gate = gate

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

        Raises `GateNotArmed` where its tool uses would not be put before the plugins, or an
        `RpcError`; a thread that the server opened nevertheless can then use no tool.
        """
        gate = self._gate
        thread_gate = None
        config: JsonObject = {}
        with ExitStack() as undo:
            if gate is not None:
                if how == "resume":
                    await self._check_not_loaded(thread_id)
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
            reply = parse(method, ThreadReply, await self._connection.call(method, params))
            opened = reply.thread.id
            try:
                if how == "resume" and opened != thread_id:
                    raise RpcError(
                        f"asked for thread {thread_id}, the server resumed {opened}", method=method
                    )
                if thread_gate is not None:
                    await thread_gate.opened(self._connection.call, thread_id=opened, cwd=str(cwd))
            except (GateNotArmed, RpcError) as error:
                await self._let_go(opened, error)
                raise
            undo.pop_all()
        return LoadedThread(reply.thread, cwd, profile, reply.model, thread_gate)

    async def _check_not_loaded(self, thread_id: str | None) -> None:
        """Refuse a thread that somebody else loaded: the server would leave it as it is (G6)."""
        reply = await self._connection.call("thread/loaded/list", {})
        if thread_id in parse("thread/loaded/list", Page[str], reply).data:
            raise GateNotArmed(
                f"thread {thread_id} is loaded already, by another hand than this runtime's, and "
                "Codex does not arm a loaded thread: work in a fork of it, or in a new client"
            )

    async def _let_go(self, thread_id: str, error: Exception) -> None:
        with anyio.CancelScope(shield=True):
            try:
                await self._connection.call("thread/unsubscribe", {"threadId": thread_id})
            except RpcError as second:
                error.add_note(f"the thread stays loaded without a turn: {second}")
