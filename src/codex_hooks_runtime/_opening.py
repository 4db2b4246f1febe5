"""Threads as they are opened on the server: each behind its gate before its first turn (G6)."""

from __future__ import annotations

from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, TypeAlias

import anyio

from ._errors import GateNotArmed, RpcError
from ._gate._arming import confirm_armed, hook_config
from ._gate._policy import ThreadGate
from ._records import Page, ThreadReply
from ._sandbox import sandbox_name
from ._thread import LoadedThread
from ._thread_api import parse
from ._wire import thread_params

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks import HookKernel

    from ._connection import Connection
    from ._gate._relay import Relay
    from ._models import RunProfile
    from ._rpc import JsonObject

How: TypeAlias = Literal["start", "resume", "fork"]


class ThreadOpener:
    """Opens threads on one server, and its ``relay`` to them; without one they have no gate.

    ``gate_deadline`` is in seconds: by when each tool use must be decided.
    """

    def __init__(
        self,
        connection: Connection,
        kernel: HookKernel,
        relay: Relay | None,
        *,
        gate_deadline: float,
    ) -> None:
        self._connection = connection
        self._kernel = kernel
        self._relay = relay
        self._gate_deadline = gate_deadline

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
        gate = ThreadGate(
            self._kernel,
            approval_policy=profile.approval_policy,
            sandbox=sandbox_name(profile.sandbox_policy),
        )
        config: JsonObject = {}
        admission = None
        with ExitStack() as undo:
            if self._relay is not None:
                if how == "resume":
                    await self._check_not_loaded(thread_id)
                admission = self._relay.admit(gate.answer, deadline_s=self._gate_deadline)
                undo.callback(admission.close)
                config = hook_config(
                    admission.command,
                    interactive=profile.interactive,
                    web_search=profile.web_search,
                )
            params = thread_params(profile, cwd, model=model, config=config)
            if thread_id is not None:
                params |= {"threadId": thread_id, "excludeTurns": True}
            method = f"thread/{how}"
            reply = parse(method, ThreadReply, await self._connection.call(method, params))
            opened = gate.thread_id = reply.thread.id
            try:
                if how == "resume" and opened != thread_id:
                    raise RpcError(
                        f"asked for thread {thread_id}, the server resumed {opened}", method=method
                    )
                if admission is not None:
                    await confirm_armed(
                        self._connection.call, thread_id=opened, cwd=str(cwd), config=config
                    )
            except (GateNotArmed, RpcError) as error:
                await self._let_go(opened, error)
                raise
            undo.pop_all()
        return LoadedThread(reply.thread, cwd, profile, reply.model, gate, admission)

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
