"""What the events of one turn come to. Plain code: events in, stream events and an ending out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._errors import (
    EmptyAssistantText,
    PromptRunError,
    PromptTurnFailure,
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
    from collections.abc import Iterable, Mapping
    from typing import Any, Literal

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
        self._last_error: Mapping[str, Any] = {}

    def push(self, event: LiveEvent) -> PromptRunStreamEvent | None:
        """Take one event of the thread; return what a reader of the turn is to know of it."""
        params = event.params
        match event.method:
            case "item/agentMessage/delta" if params.get("turnId") == self.turn_id:
                return self._delta(params)
            case "item/completed" if params.get("turnId") == self.turn_id:
                self._listen([params.get("item")])
            case "error" if params.get("turnId") == self.turn_id and not params.get("willRetry"):
                self._last_error = params.get("error") or {"message": "unknown error"}
            case "turn/completed":
                turn = params.get("turn") or {}
                if turn.get("id") == self.turn_id:
                    return self.end(turn)
        return None

    def end(
        self, turn: Mapping[str, Any], *, source: str = "turn/completed"
    ) -> PromptRunStreamEvent | None:
        """Take the turn as the server records it; ``None`` while it is still in progress.

        ``source`` is the method that the record came by.
        """
        self._listen(turn.get("items") or ())
        ids = (self.thread_id, self.turn_id)
        match turn.get("status"):
            case "completed":
                self.ending = self._answer()
                return TurnCompleted(*ids, self._text.strip())
            case "interrupted":
                self.ending = TurnInterrupted(f"turn {self.turn_id} was interrupted")
                return TurnStopped(*ids)
            case "failed":
                error = turn.get("error") or self._last_error
                failure = _failure("failed", source, error)
                self.ending = TurnFailed(
                    f"the turn failed: {failure.message}", turn_id=self.turn_id, failure=failure
                )
                return TurnFailure(*ids, failure.message, failure.code)
        return None

    def _delta(self, params: Mapping[str, Any]) -> AgentMessageDelta:
        item_id = str(params.get("itemId"))
        if item_id != self._message_id:
            self._message_id = item_id
            self._text = ""
        text = str(params.get("delta") or "")
        self._text += text
        return AgentMessageDelta(self.thread_id, self.turn_id, item_id, text)

    def _listen(self, items: Iterable[Any]) -> None:
        for item in items:
            if isinstance(item, dict) and item.get("type") == "agentMessage":
                self._text = str(item.get("text") or "")

    def _answer(self) -> PromptRunResult | PromptRunError:
        if text := self._text.strip():
            return PromptRunResult(self.thread_id, self.turn_id, text)
        if self._last_error:
            failure = _failure("completed_without_assistant_text", "error", self._last_error)
            return TurnCompletedWithoutAssistantText(
                f"the turn completed without an answer: {failure.message}",
                turn_id=self.turn_id,
                failure=failure,
            )
        return EmptyAssistantText("the turn completed, and the model said nothing")


def _failure(
    state: Literal["failed", "completed_without_assistant_text"],
    source: str,
    error: Mapping[str, Any],
) -> PromptTurnFailure:
    message = str(error.get("message") or "the server gave no reason")
    return PromptTurnFailure(state, source, message, _code(error.get("codexErrorInfo")))


def _code(info: object) -> str | None:
    """Codex names an error by a word, or by an object with that word as its one key."""
    if isinstance(info, dict):
        return next(iter(info), None)
    return info if isinstance(info, str) else None
