"""The requests that wait for their replies, and what came of each. Plain data (R4, R7).

Each call is settled at most once: by its reply, by its deadline or by the end of the connection.
A reply that no open call waits for is told apart: repeated, late, or to a request that never was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, Any, TypeAlias

from ._ending import Ending
from ._messages import Garbage, Reply
from ._rpc import error_for

if TYPE_CHECKING:
    from collections.abc import Callable


class Overdue(Enum):
    """The outcome of a call that was not answered by its deadline."""

    OVERDUE = auto()


Outcome: TypeAlias = Reply | Ending | Overdue

# Enough to name every late reply of a bad hour; forgotten ids beyond it count as repeated.
_FORGOTTEN_KEPT = 4096


@dataclass(slots=True, eq=False)
class PendingCall:
    """One request; ``wake`` is called when its outcome is there, at ``deadline`` at the latest."""

    id: int
    method: str
    wake: Callable[[], object]
    deadline: float
    outcome: Outcome | None = None

    def result(self) -> Any:
        """Return the result that came, or raise what came instead: for no reply `TimeoutError`."""
        match self.outcome:
            case Reply(error=None, result=result):
                return result
            case Reply(error=dict(error)):
                raise error_for(self.method, error)
            case Ending() as ending:
                raise ending.error(self.method)
            case Overdue():
                raise TimeoutError
            case _:
                raise AssertionError(f"{self.method} was woken before it was settled")


class PendingCalls:
    """All open calls of one connection, by id. Ids count up from 1."""

    def __init__(self) -> None:
        self._calls: dict[int, PendingCall] = {}
        self._last_id = 0
        self._forgotten: dict[int, None] = {}

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def opened(self) -> int:
        """How many calls there were so far."""
        return self._last_id

    def open(self, method: str, wake: Callable[[], object], deadline: float) -> PendingCall:
        """Return a new call under the next id."""
        self._last_id += 1
        call = self._calls[self._last_id] = PendingCall(self._last_id, method, wake, deadline)
        return call

    def settle(self, reply: Reply) -> Garbage | None:
        """Hand ``reply`` to the call it answers, or say why there is none."""
        key = reply.id
        if not isinstance(key, int) or not 0 < key <= self._last_id:
            return Garbage.UNKNOWN_ID
        call = self._calls.pop(key, None)
        if call is None:
            late = key in self._forgotten
            self._forgotten.pop(key, None)
            return Garbage.LATE_REPLY if late else Garbage.REPEATED_ID
        call.outcome = reply
        call.wake()
        return None

    def forget(self, call: PendingCall) -> None:
        """Wait for ``call`` no longer; nothing happens if it is settled."""
        if self._calls.pop(call.id, None) is not None:
            self._forgotten[call.id] = None
            if len(self._forgotten) > _FORGOTTEN_KEPT:
                del self._forgotten[next(iter(self._forgotten))]

    def expire(self, now: float) -> float:
        """Settle the calls whose deadline has come; return the next one, infinity without any."""
        overdue = [call for call in self._calls.values() if call.deadline <= now]
        for call in overdue:
            self.forget(call)
            call.outcome = Overdue.OVERDUE
            call.wake()
        return min((call.deadline for call in self._calls.values()), default=math.inf)

    def end(self, ending: Ending) -> None:
        """Settle every open call with the end of the connection."""
        calls, self._calls = self._calls, {}
        for call in calls.values():
            call.outcome = ending
            call.wake()
