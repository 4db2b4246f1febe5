"""What a server has started, told by a mark in its environment, wherever it has got to (R6, F19).

Codex runs each command in a session of its own, so the server's process group does not hold it; and
once the server is dead nobody remembers whose child it was. What a process is started with stays
readable, and is handed down.

Linux alone tells the environment of a process; elsewhere the process group is all that is ended.
What clears its environment is not found, nor what runs as another user.
"""

from __future__ import annotations

import os
import secrets
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# No word in it by which Codex would keep it from commands, as it does with keys and tokens.
NAME: Final = "CODEX_HOOKS_SERVER"
# What is forking while it is looked for may be seen one round later.
_ROUNDS: Final = 10
_PROC: Final = Path("/proc")


class Mark:
    """The mark of one server: to be in its `environment`, and ended by with `kill_all`."""

    def __init__(self) -> None:
        self._value = secrets.token_hex(16)

    def environment(self, env: Mapping[str, str]) -> dict[str, str]:
        """Return ``env`` with the mark."""
        return {**env, NAME: self._value}

    def kill_all(self) -> None:
        """Send SIGKILL to every process that has the mark; it takes some milliseconds to look."""
        for _ in range(_ROUNDS):
            if not sum(map(self._kill, _processes())):
                return

    def _kill(self, pid: int) -> bool:
        try:
            # Held while it is looked at, so that its number cannot become another's meanwhile.
            held = os.pidfd_open(pid)
        except OSError:
            return False
        try:
            environment = (_PROC / str(pid) / "environ").read_bytes().split(b"\0")
            if f"{NAME}={self._value}".encode() not in environment:
                return False
            signal.pidfd_send_signal(held, signal.SIGKILL)
        except OSError:
            return False  # gone, or somebody else's
        else:
            return True
        finally:
            os.close(held)


def _processes() -> Iterator[int]:
    if hasattr(os, "pidfd_open") and _PROC.is_dir():
        yield from (int(entry.name) for entry in _PROC.iterdir() if entry.name.isdecimal())
