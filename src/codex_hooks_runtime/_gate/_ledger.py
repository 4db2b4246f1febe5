"""Which tool uses were decided, and what of each has been seen to happen (G3). Plain data.

A decision stands for one use: of one thread and turn, under the call id that the model chose, with
the input that was judged. Every stage of a use, from its start to its output, is claimed once;
what claims a second time, or claims another input, has not been decided (F23).
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import anyio

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codex_hooks import ToolKind

MAX_RECORDS: Final = 10_000
"""How many tool uses a gate remembers, for its callers to read."""

Decided: TypeAlias = Literal["nothing", "allow", "mutate", "ask", "block", "unmediated"]
"""What was said of a tool use; ``nothing`` where no plugin had anything to say."""

Via: TypeAlias = Literal["native", "approval", "dynamic", "tripwire"]
"""How it was carried out: by Codex's hook, its approval request, our own tool, or found late."""

Stage: TypeAlias = Literal["served", "started", "ended", "finished"]
"""Our tool was called; Codex began it; Codex said how it ended; its output was judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolUseRecord:
    """One question about one tool use, and its answer (K8: no input, a digest).

    ``decided_by`` is the plugin, ``"approver"``, or None where nobody objected. ``allowed`` says
    whether Codex was let go on; ``reason`` why not, or what was amiss. A sub-agent's use has its
    parent's thread as ``parent_thread_id``.
    """

    correlation_id: str | None
    thread_id: str
    parent_thread_id: str | None
    turn_id: str
    call_id: str
    name: str
    kind: ToolKind
    digest: str
    decision: Decided
    decided_by: str | None
    allowed: bool
    via: Via
    reason: str | None = None


@dataclass(slots=True, eq=False)
class ToolUse:
    """A use that was let through, while it can still be seen; ``input`` is what was judged."""

    thread_id: str
    turn_id: str
    call_id: str
    name: str
    kind: ToolKind
    input: Mapping[str, Any]
    digest: str
    cwd: str | None = None
    model: str | None = None
    stages: set[Stage] = field(default_factory=set)
    status: str | None = None
    """Codex's own word for how it ended."""
    shown: bool = False
    """Whether the model was given what there was of its output before it had ended."""
    output: str | None = None
    """All that a command has written, once that is known."""
    told: tuple[Any, str | None] | None = None
    """The output that ``post_tool_use`` was told, and what it is to be replaced with."""
    telling: anyio.Lock = field(default_factory=anyio.Lock)


class Ledger:
    """The uses of one gate that are open, and the records of those that were asked about."""

    def __init__(self) -> None:
        self.records: deque[ToolUseRecord] = deque(maxlen=MAX_RECORDS)
        self._open: dict[tuple[str, str], dict[str, list[ToolUse]]] = {}
        # Commands that outlive their turn: their output may still be read, in a later one.
        self._running: dict[str, list[ToolUse]] = {}

    def open(self, use: ToolUse) -> None:
        """Take note of a use that was let through."""
        turn = self._open.setdefault((use.thread_id, use.turn_id), {})
        turn.setdefault(use.call_id, []).append(use)

    def find(
        self, thread_id: str, turn_id: str, call_id: str | None, fits: Callable[[ToolUse], bool]
    ) -> ToolUse | None:
        """Return an open use of a turn that ``fits``; of any call id where that is None."""
        turn = self._open.get((thread_id, turn_id), {})
        calls = turn.values() if call_id is None else [turn.get(call_id, [])]
        found = (use for uses in calls for use in uses if fits(use))
        running = (use for use in self._running.get(thread_id, ()) if use.call_id == call_id)
        return next(found, None) or next(filter(fits, running), None)

    def claim(
        self,
        stage: Stage,
        thread_id: str,
        turn_id: str,
        call_id: str,
        fits: Callable[[ToolUse], bool],
    ) -> ToolUse | None:
        """Return the use whose ``stage`` this is, once; None if none was decided."""
        use = self.find(
            thread_id, turn_id, call_id, lambda use: stage not in use.stages and fits(use)
        )
        if use is not None:
            use.stages.add(stage)
        return use

    def running(self, thread_id: str, turn_id: str) -> list[ToolUse]:
        """Return the commands of a turn that have begun and not ended."""
        turn = self._open.get((thread_id, turn_id), {})
        return [use for uses in turn.values() for use in uses if _runs_on(use)]

    def has_outlived(self, use: ToolUse) -> bool:
        """Return whether a command ran on after its turn."""
        return use in self._running.get(use.thread_id, ())

    def close_turn(self, thread_id: str, turn_id: str) -> list[ToolUse]:
        """Forget the uses of a turn that is over; return those whose output nobody judged.

        What had not begun may do so yet, where code made the call and did not wait for it; it is
        not forgotten before its thread is.
        """
        turn = self._open.pop((thread_id, turn_id), {})
        uses = [use for uses in turn.values() for use in uses if "finished" not in use.stages]
        for use in uses:
            if "started" not in use.stages:
                self.open(use)
        running = [use for use in uses if _runs_on(use)]
        if running:
            self._running.setdefault(thread_id, []).extend(running)
        return [use for use in uses if use not in running]

    def close_thread(self, thread_id: str) -> None:
        """Forget a thread."""
        self._running.pop(thread_id, None)
        for key in [key for key in self._open if key[0] == thread_id]:
            del self._open[key]


def _runs_on(use: ToolUse) -> bool:
    return use.kind == "command" and "started" in use.stages and "ended" not in use.stages


def digest_of(tool_input: Mapping[str, Any]) -> str:
    """Return what tells one input from every other, and says nothing else of it."""
    text = json.dumps(tool_input, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()
