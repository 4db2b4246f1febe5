"""What the events tell of threads, turns and items, as a snapshot to look at. Plain code.

It knows what was said since the runtime was started, and of that no more than its limits allow:
the threads that nothing was heard of for longest go first, and the oldest turns and items. Text as
it is streamed is left to subscribers; an item has its text when it is complete.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from ._bounds import check_counts

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._messages import LiveEvent

V = TypeVar("V")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateProjectionLimits:
    """How much is kept: threads, turns of a thread, items of a turn, characters of a text."""

    max_threads: int = 1000
    max_turns: int = 50
    max_items: int = 200
    max_text: int = 4000

    def __post_init__(self) -> None:
        check_counts(self, "max_threads", "max_turns", "max_items", "max_text")


@dataclass(frozen=True, slots=True)
class ItemState:
    """One item of a turn. ``kind`` and ``status`` are the server's words."""

    item_id: str
    kind: str
    status: str
    text: str = ""


@dataclass(frozen=True, slots=True)
class TurnState:
    """One turn; its ``status`` is the server's word, or ``lost`` if the server died meanwhile."""

    turn_id: str
    status: str
    error: str | None
    items: tuple[ItemState, ...]


@dataclass(frozen=True, slots=True)
class ThreadState:
    """One thread: its ``status`` is ``idle``, ``active``, ``closed`` or another server's word."""

    thread_id: str
    status: str
    total_tokens: int
    turns: tuple[TurnState, ...]


@dataclass(frozen=True, slots=True)
class RuntimeState:
    """All that is known, by thread id, in the order in which threads were last heard of."""

    threads: Mapping[str, ThreadState]
    evicted: int
    """Threads, turns and items that went over the limits."""


@dataclass(slots=True)
class _Turn:
    status: str = "inProgress"
    error: str | None = None
    items: dict[str, ItemState] = field(default_factory=dict)


@dataclass(slots=True)
class _Thread:
    status: str = "idle"
    total_tokens: int = 0
    turns: dict[str, _Turn] = field(default_factory=dict)
    snapshot: ThreadState | None = None


class StateProjection:
    """Folds events into what is known. Events of any shape: what does not fit changes nothing."""

    def __init__(self, limits: StateProjectionLimits) -> None:
        self._limits = limits
        self._threads: dict[str, _Thread] = {}
        self._evicted = 0
        self._snapshot: RuntimeState | None = None

    def apply(self, events: Sequence[LiveEvent]) -> None:
        """Take ``events`` into account."""
        for _, method, params in events:
            fold = _FOLDS.get(method)
            if fold is not None:
                fold(self, params)

    def server_gone(self) -> None:
        """Take into account that no turn is under way any more, nor a thread loaded."""
        self._snapshot = None
        for thread in self._threads.values():
            thread.snapshot = None
            thread.status = "closed"
            for turn in thread.turns.values():
                if turn.status == "inProgress":
                    turn.status = "lost"

    def snapshot(self) -> RuntimeState:
        """Return what is known now; built anew only as far as it has changed."""
        if self._snapshot is None:
            threads = {key: _thread_state(key, thread) for key, thread in self._threads.items()}
            self._snapshot = RuntimeState(MappingProxyType(threads), self._evicted)
        return self._snapshot

    def _thread(self, thread_id: str) -> _Thread:
        """Return a thread that has something new, as the one heard of last."""
        self._snapshot = None
        thread = self._threads.pop(thread_id, None) or _Thread()
        thread.snapshot = None
        self._threads[thread_id] = thread
        self._keep(self._threads, self._limits.max_threads)
        return thread

    def _turn(self, thread_id: str, turn_id: str) -> _Turn:
        turns = self._thread(thread_id).turns
        turn = turns.setdefault(turn_id, _Turn())
        self._keep(turns, self._limits.max_turns)
        return turn

    def _keep(self, things: dict[str, V], limit: int) -> None:
        while len(things) > limit:
            del things[next(iter(things))]
            self._evicted += 1

    def _thread_started(self, params: Mapping[str, Any]) -> None:
        match params:
            case {"thread": {"id": str(thread_id), "status": {"type": str(status)}}}:
                self._thread(thread_id).status = status

    def _thread_status(self, params: Mapping[str, Any]) -> None:
        match params:
            case {"threadId": str(thread_id), "status": {"type": str(status)}}:
                self._thread(thread_id).status = status

    def _thread_closed(self, params: Mapping[str, Any]) -> None:
        match params:
            case {"threadId": str(thread_id)}:
                self._thread(thread_id).status = "closed"

    def _thread_gone(self, params: Mapping[str, Any]) -> None:
        match params:
            case {"threadId": str(thread_id)}:
                self._snapshot = None
                self._threads.pop(thread_id, None)

    def _thread_reverted(self, params: Mapping[str, Any]) -> None:
        match params:
            case {"threadId": str(thread_id)}:
                # Which turns are left is not said.
                self._thread(thread_id).turns.clear()

    def _tokens(self, params: Mapping[str, Any]) -> None:
        match params:
            case {
                "threadId": str(thread_id),
                "tokenUsage": {"total": {"totalTokens": int(total)}},
            }:
                self._thread(thread_id).total_tokens = total

    def _turn_changed(self, params: Mapping[str, Any]) -> None:
        match params:
            case {"threadId": str(thread_id), "turn": {"id": str(turn_id), "status": str(status)}}:
                turn = self._turn(thread_id, turn_id)
                turn.status = status
                match params["turn"]:
                    case {"error": {"message": str(message)}}:
                        turn.error = message[: self._limits.max_text]

    def _item_started(self, params: Mapping[str, Any]) -> None:
        self._item(params, "inProgress")

    def _item_completed(self, params: Mapping[str, Any]) -> None:
        self._item(params, "completed")

    def _item(self, params: Mapping[str, Any], status: str) -> None:
        match params:
            case {
                "threadId": str(thread_id),
                "turnId": str(turn_id),
                "item": {"id": str(item_id), "type": str(kind)},
            }:
                item = params["item"]
                said, text = item.get("status"), item.get("text")
                items = self._turn(thread_id, turn_id).items
                items[item_id] = ItemState(
                    item_id,
                    kind,
                    said if isinstance(said, str) else status,
                    text[: self._limits.max_text] if isinstance(text, str) else "",
                )
                self._keep(items, self._limits.max_items)


_FOLDS: dict[str, Callable[[StateProjection, Mapping[str, Any]], None]] = {
    "thread/started": StateProjection._thread_started,  # noqa: SLF001
    "thread/status/changed": StateProjection._thread_status,  # noqa: SLF001
    "thread/closed": StateProjection._thread_closed,  # noqa: SLF001
    "thread/archived": StateProjection._thread_gone,  # noqa: SLF001
    "thread/deleted": StateProjection._thread_gone,  # noqa: SLF001
    "thread/reverted": StateProjection._thread_reverted,  # noqa: SLF001
    "thread/tokenUsage/updated": StateProjection._tokens,  # noqa: SLF001
    "turn/started": StateProjection._turn_changed,  # noqa: SLF001
    "turn/completed": StateProjection._turn_changed,  # noqa: SLF001
    "item/started": StateProjection._item_started,  # noqa: SLF001
    "item/completed": StateProjection._item_completed,  # noqa: SLF001
}


def _thread_state(thread_id: str, thread: _Thread) -> ThreadState:
    if thread.snapshot is None:
        turns = tuple(
            TurnState(turn_id, turn.status, turn.error, tuple(turn.items.values()))
            for turn_id, turn in thread.turns.items()
        )
        thread.snapshot = ThreadState(thread_id, thread.status, thread.total_tokens, turns)
    return thread.snapshot
