"""Why a connection is over: said once, raised as often as somebody is waiting."""

from __future__ import annotations

import signal
from dataclasses import dataclass

from ._errors import TransportClosed

_QUOTED = 1000


@dataclass(frozen=True, slots=True)
class Ending:
    """How the server's process, or the talk with it, came to its end.

    ``exit_status`` is negative for a signal and None for a process that was not seen to exit.
    ``advice`` is what somebody can do who meets it. ``reason`` is said where the exit status
    alone does not tell what happened.
    """

    by_owner: bool
    exit_status: int | None = None
    stderr_tail: str = ""
    advice: str = "try again"
    reason: str = ""

    def error(self, method: str | None = None) -> TransportClosed:
        """Return a new exception for one who waits: for ``method``, or for events."""
        about = f"{method}: " if method else ""
        return TransportClosed(
            f"{about}{self.what}; {self.advice}{self.last_words}",
            method=method,
            exit_status=self.exit_status,
            stderr_tail=self.stderr_tail,
        )

    @property
    def what(self) -> str:
        """What happened, as the beginning of a sentence."""
        if self.reason:
            return self.reason
        if self.by_owner:
            return "the connection was closed by its owner"
        if self.exit_status is None:
            return "the codex server closed its pipe"
        if self.exit_status < 0:
            return f"the codex server was ended by {_signal_name(-self.exit_status)}"
        return f"the codex server exited with status {self.exit_status}"

    @property
    def last_words(self) -> str:
        """The end of its stderr, as the end of a message; empty if it said nothing."""
        return f"\nits last words were: {self.stderr_tail[-_QUOTED:]}" if self.stderr_tail else ""


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:  # a real-time signal has no name
        return f"signal {number}"
