"""One thread behind the gate: its hooks armed, its requests answered, its events watched.

Two ways lead here. ``native``: Codex's own hooks ask the relay before every use, and what the
caller's approval policy asks besides is a second question (G5). ``approvals``: what Codex asks is
the only question there is, as far as it asks (see docs/tool-gate.md for the price).
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks_runtime._errors import PromptRunError, UnmediatedToolUse

from ._arming import confirm_armed
from ._requests import Requests
from ._tripwire import Tripwire

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence
    from pathlib import Path

    from codex_hooks import Run
    from codex_hooks_runtime._messages import ServerRequest
    from codex_hooks_runtime._rpc import JsonObject

    from ._admission import Admission
    from ._arming import Request
    from ._dynamic import DynamicTool
    from ._ledger import ToolUseRecord
    from ._policy import ThreadPolicy
    from ._tool_gate import Profile, ToolGate


class ThreadGate:
    """Made by `ToolGate.thread`. ``config`` goes into the opening of the thread.

    ``admission`` is there in the native way alone. ``stopped_by`` holds why a turn was stopped.
    """

    def __init__(
        self,
        owner: ToolGate,
        policy: ThreadPolicy,
        *,
        admission: Admission | None,
        config: JsonObject,
        tools: Mapping[str, DynamicTool],
        web_search: bool,
    ) -> None:
        self.policy = policy
        self.config = config
        self.turn_id: str | None = None
        self.stopped_by: dict[str, ToolUseRecord] = {}
        self._owner = owner
        self._ledger = owner.ledger
        self._admission = admission
        native = admission is not None
        self._tripwire = Tripwire(
            policy, owner.ledger, native=native, web_search=web_search, later=owner.later
        )
        self._requests = Requests(
            policy, owner.ledger, self._tripwire, owner.deciders.kernel, native=native, tools=tools
        )

    def sent(self, profile: Profile) -> Profile:
        """Return what to tell Codex of a profile: the same, unless Codex is to ask us (G1)."""
        if self._admission is None and profile.approval_policy == "never":
            asking: Profile = profile.replace(approval_policy="untrusted")
            return asking
        return profile

    async def opened(self, request: Request, *, thread_id: str, cwd: str) -> None:
        """Answer for the thread from now on: what it asks, and what it does.

        Raises `GateNotArmed` where its hooks are not in force (G6).
        """
        self.policy.thread_id = thread_id
        self._owner.add(thread_id, self)
        if self._admission is not None:
            await confirm_armed(request, thread_id=thread_id, cwd=cwd, config=self.config)

    def close(self) -> None:
        """Let nothing through any more, and forget what was."""
        if self._admission is not None:
            self._admission.close()
        for thread_id in (self.policy.thread_id, *self.policy.sub_agents):
            if thread_id is not None:
                self._ledger.close_thread(thread_id)
                self._owner.remove(thread_id)

    @asynccontextmanager
    async def turn(
        self, run: Run, *, writable: Sequence[Path], **known: str | None
    ) -> AsyncIterator[Callable[[str], None]]:
        """Let what the thread does be a part of ``run``; what is yielded takes the turn's id.

        ``known`` is what plugins are told of the turn with each tool use: fields of a context.
        ``writable`` is where the turn's commands may write. All tool uses of the turn are settled
        at the end. Raises `GateNotArmed` as `ToolGate.check_apart` does, and `UnmediatedToolUse`
        for a turn that the tripwire stopped, in the place of what the turn itself ended with.
        """
        self._owner.check_apart(writable)
        policy = self.policy
        policy.run, policy.metadata, policy.known = run, run.metadata, known
        ended: PromptRunError | None = None
        try:
            yield self._begin
        except PromptRunError as error:
            ended = error
        finally:
            with anyio.CancelScope(shield=True):
                if self.turn_id is not None:
                    await self._owner.turn_over(self.turn_id)
            found = self.stopped_by.pop(self.turn_id or "", None)
            self.turn_id = policy.run = None
        if found is not None:
            raise UnmediatedToolUse(
                f"the turn was stopped: {found.name} was used in it and {found.reason}",
                correlation_id=run.correlation_id,
            ) from ended
        if ended is not None:
            raise ended

    def _begin(self, turn_id: str) -> None:
        self.turn_id = turn_id

    async def server_request(self, request: ServerRequest) -> JsonObject | None:
        """Return the reply to what Codex asks about this thread, or None to decline."""
        return await self._requests.answer(request)

    def event(self, method: str, params: Mapping[str, Any]) -> None:
        """Hold an event of this thread, or of one of its sub-agents, against the verdicts (G7)."""
        self._tripwire.see(method, params)
