"""What can go wrong between a caller, the hooks and the codex server, as one tree.

``ConfigError`` is the caller's to mend before anything is sent, ``RpcError`` is about one request
or the connection, ``PromptRunError`` about one prompt run. All are ``CodexHooksError``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from codex_hooks import CodexHooksError

if TYPE_CHECKING:
    from codex_hooks import Block


class ConfigError(CodexHooksError):
    """The caller's configuration cannot work; nothing has been sent."""


class CodexNotFound(ConfigError):
    """There is no codex binary to start."""


class CodexUnsupported(ConfigError):
    """The program found is no codex app-server, or one of a version that is too old."""


class GateNotArmed(CodexHooksError):
    """Codex would not put this thread's tool uses before the hooks, so it was not started (G6)."""


class RpcError(CodexHooksError):
    """A request to the server did not succeed. ``method`` names it."""

    def __init__(self, message: str, *, method: str | None = None) -> None:
        super().__init__(message)
        self.method = method


class RpcTimeout(RpcError):
    """No reply came in time (R4)."""


class TransportClosed(RpcError):
    """The server's process or its pipe is gone; what was in flight will not be answered (R5).

    ``exit_status`` is the process's, negative for a signal, None when it was not seen to exit;
    ``stderr_tail`` is the end of what it wrote to stderr, as text that is safe on a terminal.
    """

    def __init__(
        self,
        message: str,
        *,
        method: str | None = None,
        exit_status: int | None = None,
        stderr_tail: str = "",
    ) -> None:
        super().__init__(message, method=method)
        self.exit_status = exit_status
        self.stderr_tail = stderr_tail


class ResponseError(RpcError):
    """The server answered with a JSON-RPC error: its ``code``, message and ``data``."""

    def __init__(self, message: str, *, method: str | None, code: int, data: Any = None) -> None:
        super().__init__(message, method=method)
        self.code = code
        self.data = data


class InvalidRequest(ResponseError):
    """The server did not accept the request or its parameters (-32600, -32602)."""


class MethodNotFound(ResponseError):
    """This server does not know the method (-32601, or -32600 from the servers of today)."""


class Overloaded(ResponseError):
    """The server was still overloaded after the last retry (-32001)."""


class ServerError(ResponseError):
    """Any other error that the server answered with."""


class PromptRunError(CodexHooksError):
    """A prompt run that did not end with an answer."""


class AttachmentNotFound(PromptRunError):
    """An attached path does not exist; nothing was sent."""


class BlockedByHook(PromptRunError):
    """A plugin blocked the run, its session or its turn: ``block`` is its decision."""

    def __init__(self, block: Block, *, correlation_id: str | None = None) -> None:
        phase = block.phase.value if block.phase else None
        super().__init__(
            f"blocked by plugin {block.plugin!r} in {phase}: {block.message}",
            plugin=block.plugin,
            hook=phase,
            correlation_id=correlation_id,
        )
        self.block = block


@dataclass(frozen=True, slots=True)
class PromptTurnFailure:
    """How a turn came to have no answer.

    ``source_method`` is the message of the server's that told it, ``code`` the server's own word
    for the reason, where it gave one.
    """

    terminal_state: Literal["failed", "completed_without_assistant_text"]
    source_method: str
    message: str
    code: str | None = None


class _TurnError(PromptRunError):
    """``turn_id`` names the turn, ``failure`` says how it ended."""

    def __init__(self, message: str, *, turn_id: str, failure: PromptTurnFailure) -> None:
        super().__init__(message)
        self.turn_id = turn_id
        self.failure = failure

    @property
    def code(self) -> str | None:
        """The server's own word for why, where it gave one."""
        return self.failure.code


class TurnFailed(_TurnError):
    """The turn ended as failed."""


class TurnInterrupted(PromptRunError):
    """The turn was interrupted before it had an answer."""


class UnmediatedToolUse(TurnInterrupted):
    """The turn was stopped: a tool was used in it that no policy had judged (G7)."""


class TurnTimeout(PromptRunError):
    """The turn did not end within the run's time-out; it was interrupted."""


class TurnCompletedWithoutAssistantText(_TurnError):
    """The turn completed, but an error took the place of the answer."""


class EmptyAssistantText(PromptRunError):
    """The turn completed with no answer text and no error."""
