"""Which methods there are, and which of them are not to be called by hand."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from ._errors import ConfigError
from ._protocol import CLIENT_REQUESTS, VERSION

OPENING: Final = {
    "thread/start": "thread_start",
    "thread/resume": "thread_resume",
    "thread/fork": "thread_fork",
}
"""What makes a thread that a model can work in, and the method of `Runtime` that does it safely."""


def check_method(method: str) -> None:
    """Raise `ConfigError` for a method that the inventory does not have; nothing was sent."""
    if method in CLIENT_REQUESTS:
        return
    meant = get_close_matches(method, CLIENT_REQUESTS, n=1)
    guess = f"did you mean {meant[0]!r}? " if meant else ""
    raise ConfigError(
        f"codex {VERSION} has no method {method!r}: {guess}"
        "validate=False sends what a newer codex may know"
    )


def check_not_opening(method: str) -> None:
    """Raise `ConfigError` for a method that would open a thread past the gate (G6)."""
    if method in OPENING:
        raise ConfigError(
            f"{method} by hand would open a thread whose tool uses no plugin sees: "
            f"use Runtime.{OPENING[method]}(), or ClientConfig(tool_gate='off')"
        )
