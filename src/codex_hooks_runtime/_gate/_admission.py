"""One thread's right to ask the relay: a key, whoever answers, and how long that may take.

An answer decides the one call that it was given for, and only if it came in time and while the
admission stood; else that call is blocked (G2).
"""

from __future__ import annotations

from hmac import compare_digest
from typing import TYPE_CHECKING, Final

import anyio

from ._payload import RelayVerdict, refusal, render

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from typing import Self, TypeAlias

    from anyio.abc import ByteReceiveStream

    from ._payload import Reply, ToolHookEvent

    Answer: TypeAlias = Callable[[ToolHookEvent], Awaitable[Reply]]

_CLOSED: Final = "The gate that judges this tool use was closed. Stop here and tell the user."
_FAILED: Final = "The gate that judges this tool use failed ({}). Stop here and tell the user."
_LATE: Final = "No policy decision came within {:g} s. Do not retry at once; tell the user."


class Admission:
    """What `Relay.admit` gives out: a context manager, or to be closed with `close`.

    ``command`` is what Codex has to start for each tool use, in the words of a shell.
    """

    def __init__(
        self,
        key: bytes,
        command: str,
        answer: Answer,
        deadline_s: float,
        on_close: Callable[[], None],
    ) -> None:
        self.command = command
        self._key = key
        self._answer = answer
        self._deadline_s = deadline_s
        self._on_close = on_close
        self._calls: set[anyio.CancelScope] = set()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Block what is being asked and whatever will be; a second call does nothing."""
        self._on_close()
        for call in self._calls:
            call.cancel()

    def opens_with(self, key: bytes) -> bool:
        """Compare ``key`` in a time that says nothing about the right one."""
        return compare_digest(self._key, key)

    async def decide(self, event: ToolHookEvent, client: ByteReceiveStream) -> RelayVerdict:
        """Return the verdict on ``event``; end the asking when ``client`` leaves."""
        verdict = refusal(_CLOSED)
        with anyio.CancelScope() as call:
            self._calls.add(call)
            try:
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_cancel_when_left, client, call)
                    verdict = await self._answered(event)
                    tasks.cancel_scope.cancel()
            finally:
                self._calls.discard(call)
        # Asked of the scope, for an answer may swallow its cancellation and come nevertheless.
        return refusal(_CLOSED) if call.cancel_called else verdict

    async def _answered(self, event: ToolHookEvent) -> RelayVerdict:
        with anyio.move_on_after(self._deadline_s) as patience:
            try:
                verdict = render(event.event, await self._answer(event))
            except Exception as error:
                # The name alone: a message may hold what the model is not to see.
                return refusal(_FAILED.format(type(error).__name__))
        return refusal(_LATE.format(self._deadline_s)) if patience.cancel_called else verdict


async def _cancel_when_left(client: ByteReceiveStream, call: anyio.CancelScope) -> None:
    try:
        await client.receive(1)
    except (anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        pass  # that it has left is what we waited for; to say more is not in its part either
    call.cancel()
