"""When a server that crashed is started again, and when no more (R5). Plain code without a clock.

Crashes are counted in a row: one after the other, each soon after the restart before it. A server
that has run well for a while ends the row.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True, kw_only=True)
class RestartPolicy:
    """How often and how soon a crashed server is started again. Times are in seconds.

    ``max_restarts`` is the budget: after so many in a row the server is dead; with 0 it is never
    started again. The first restart waits ``first_delay``, each further one twice as long, up to
    ``longest_delay``; of that, a random part up to the fraction ``jitter`` is left out. A server
    that ran for ``healthy_after`` gives the whole budget back.
    """

    max_restarts: int = 5
    first_delay: float = 0.1
    longest_delay: float = 10.0
    jitter: float = 0.5
    healthy_after: float = 60.0

    def __post_init__(self) -> None:
        if self.max_restarts < 0:
            raise ConfigError(f"max_restarts={self.max_restarts}: 0 for never, or a number above")
        if not 0 <= self.first_delay <= self.longest_delay:
            raise ConfigError(
                f"first_delay={self.first_delay:g}, longest_delay={self.longest_delay:g}: the "
                "first cannot be negative, nor longer than the longest"
            )
        if not 0 <= self.jitter <= 1:
            raise ConfigError(f"jitter={self.jitter:g}: it is a fraction, from 0 to 1")
        if self.healthy_after <= 0:
            raise ConfigError(f"healthy_after={self.healthy_after:g}: give more than 0 seconds")


class RestartBudget:
    """What is left of a policy's restarts. ``chance`` returns a number from 0 to 1."""

    def __init__(self, policy: RestartPolicy, chance: Callable[[], float] = random.random) -> None:
        self._policy = policy
        self._chance = chance
        self.spent = 0

    def pause_after(self, ran_for: float) -> float | None:
        """Return how long to wait after a crash, or None if that was one too many.

        ``ran_for`` is how long the server had been at work: 0 if it was not even initialised.
        """
        policy = self._policy
        if ran_for >= policy.healthy_after:
            self.spent = 0
        if self.spent >= policy.max_restarts:
            return None
        # Doubling further would overflow long before a generous budget is spent.
        doubled = policy.first_delay * 2.0 ** min(self.spent, 32)
        self.spent += 1
        return min(doubled, policy.longest_delay) * (1 - policy.jitter * self._chance())
