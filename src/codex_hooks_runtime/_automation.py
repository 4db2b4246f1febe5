"""`Automation`: one prompt on one session at a fixed cadence, one at a time."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import anyio

from ._errors import ConfigError

if TYPE_CHECKING:
    from typing import Self

    from ._models import PromptRunResult
    from ._session import Session


class Automation:
    """Asks ``session`` the same every ``every`` seconds, at most ``count`` times; iterate over it.

    The first prompt goes at once. The next one falls due while the answer to the last is used, and
    is sent when the iterator is asked for it: turns never overlap. What fell due in the meantime
    is not made up for, and the beat stays where it was: no drift, no pile-up. An error of a turn
    ends the iteration.
    """

    def __init__(
        self, session: Session, prompt: str, *, every: float, count: int | None = None
    ) -> None:
        if not 0 <= every < math.inf or (count is not None and count < 1):
            raise ConfigError(f"every={every}, count={count}: give seconds, and at least one run")
        self.runs = 0
        self._session = session
        self._prompt = prompt
        self._every = every
        self._count = count
        self._due: float | None = None
        self._stopped = anyio.Event()

    def stop(self) -> None:
        """Start no further turn; the one under way is answered still."""
        self._stopped.set()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PromptRunResult:
        if self.runs == self._count:
            raise StopAsyncIteration
        now = anyio.current_time()
        self._due = now if self._due is None else next_beat(self._due, self._every, now)
        with anyio.move_on_after(self._due - now):
            await self._stopped.wait()
        if self._stopped.is_set():
            raise StopAsyncIteration
        self.runs += 1
        return await self._session.ask(self._prompt)


def next_beat(last: float, every: float, now: float) -> float:
    """Return when the beat that came at ``last`` comes next: after ``last``, not before ``now``."""
    beats = math.ceil((now - last) / every) if every else 1
    return last + every * max(beats, 1)
