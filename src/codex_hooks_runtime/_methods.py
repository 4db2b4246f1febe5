"""Which methods there are, and which of them are not to be called by hand."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Final

from ._errors import ConfigError
from ._protocol import CLIENT_REQUESTS, VERSION

_THREAD: Final = "open a thread whose tool uses no plugin sees"
_PROMPT: Final = "send a prompt that no plugin sees"

HOOKED: Final = {
    "thread/start": (_THREAD, "Runtime.thread_start()"),
    "thread/resume": (_THREAD, "Runtime.thread_resume()"),
    "thread/fork": (_THREAD, "Runtime.thread_fork()"),
    "turn/start": (_PROMPT, "ThreadHandle.turn_start()"),
    "turn/steer": (_PROMPT, "ThreadHandle.turn_steer()"),
    "thread/queue/add": (_PROMPT, "Runtime.run_prompt_in_thread()"),
    "thread/queue/update": (_PROMPT, "Runtime.run_prompt_in_thread()"),
}
"""What would pass by the plugins if it were called by hand: how, and what does it inside hooks."""


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


def check_not_hooked(method: str) -> None:
    """Raise `ConfigError` for a method that would pass by the plugins (G6, R1)."""
    if method in HOOKED:
        harm, instead = HOOKED[method]
        raise ConfigError(
            f"{method} by hand would {harm}: use {instead}, or ClientConfig(tool_gate='off')"
        )
