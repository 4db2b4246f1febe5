"""What the events of one turn come to. Plain code: events in, stream events and an ending out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import (
    EmptyAssistantText,
    PromptRunError,
    TurnCompletedWithoutAssistantText,
    TurnFailed,
    TurnInterrupted,
)
from ._models import (
    AgentMessageDelta,
    PromptRunResult,
    PromptRunStreamEvent,
    TurnCompleted,
    TurnFailure,
    TurnStopped,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from ._live import LiveEvent


class TurnCollector:
    """Reads the events of one turn until it has ended.

    ``ending`` is then the `PromptRunResult` or the error. The answer is the model's last message;
    what it said before its tools were used is streamed and not part of it.
    """

    def __init__(self, thread_id: str, turn_id: str) -> None:
        self.thread_id = thread_id
        self.turn_id = turn_id
        self.ending: PromptRunResult | PromptRunError | None = None
        self._message_id: str | None = None
        self._text = ""
        self._last_error: str | None = None

    def push(self, event: LiveEvent) -> PromptRunStreamEvent | None:
        """Take one event of the thread; return what a reader of the turn is to know of it."""
        params = event.params
        match event.method:
            case "item/agentMessage/delta" if params.get("turnId") == self.turn_id:
                return self._delta(params)
            case "item/completed" if params.get("turnId") == self.turn_id:
                item = params.get("item") or {}
                if item.get("type") == "agentMessage":
                    self._text = item.get("text") or ""
            case "error" if params.get("turnId") == self.turn_id and not params.get("willRetry"):
                error = params.get("error") or {}
                self._last_error = error.get("message") or "unknown error"
            case "turn/completed":
                turn = params.get("turn") or {}
                if turn.get("id") == self.turn_id:
                    return self.end(turn)
        return None

    def end(self, turn: Mapping[str, Any]) -> PromptRunStreamEvent | None:
        """Take the turn as the server records it; ``None`` while it is still in progress."""
        status = turn.get("status")
        ids = (self.thread_id, self.turn_id)
        if status == "completed":
            self.ending = self._answer()
            return TurnCompleted(*ids, self._text.strip())
        if status == "interrupted":
            self.ending = TurnInterrupted(f"turn {self.turn_id} was interrupted")
            return TurnStopped(*ids)
        if status == "failed":
            error = turn.get("error") or {}
            message = error.get("message") or self._last_error or "the server gave no reason"
            code = _code(error.get("codexErrorInfo"))
            self.ending = TurnFailed(f"the turn failed: {message}", turn_id=self.turn_id, code=code)
            return TurnFailure(*ids, message, code)
        return None

    def _delta(self, params: Mapping[str, Any]) -> AgentMessageDelta:
        item_id = str(params.get("itemId"))
        if item_id != self._message_id:
            self._message_id = item_id
            self._text = ""
        text = str(params.get("delta") or "")
        self._text += text
        return AgentMessageDelta(self.thread_id, self.turn_id, item_id, text)

    def _answer(self) -> PromptRunResult | PromptRunError:
        if text := self._text.strip():
            return PromptRunResult(self.thread_id, self.turn_id, text)
        if self._last_error:
            return TurnCompletedWithoutAssistantText(
                f"the turn completed without an answer: {self._last_error}"
            )
        return EmptyAssistantText("the turn completed, and the model said nothing")


def _code(info: object) -> str | None:
    """Codex names an error by a word, or by an object with that word as its one key."""
    if isinstance(info, dict):
        return next(iter(info), None)
    return info if isinstance(info, str) else None
