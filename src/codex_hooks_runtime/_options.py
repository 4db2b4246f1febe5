"""How a connection is to be made, and what it counts. Plain data."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._framing import DEFAULT_LINE_LIMIT
from ._handshake import ClientInfo

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from ._messages import Garbage
    from ._server_requests import ServerRequestHandler


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionOptions:
    """How to start a server and how to talk to it. All times are in seconds.

    ``argv`` is the whole command (``(str(find_codex()), "app-server")``) and ``env`` its whole
    environment; without ``cwd`` it gets this process's.
    """

    argv: Sequence[str]
    env: Mapping[str, str]
    cwd: Path | None = None
    client: ClientInfo = field(default_factory=ClientInfo)
    handler: ServerRequestHandler | None = None
    """Asked about server requests of known methods; without it all are declined (R8)."""
    handler_deadline: float = 120.0
    handler_limit: int = 64
    initialize_timeout: float = 15.0
    call_timeout: float = 30.0
    max_in_flight: int = 128
    """Calls at a time (R4): with a thousand, Codex leaves some without any reply."""
    line_limit_bytes: int = DEFAULT_LINE_LIMIT
    exit_grace: float = 2.0
    """From closed stdin to SIGTERM (R6)."""
    term_grace: float = 1.0
    """From SIGTERM to SIGKILL (R6)."""


@dataclass(frozen=True, slots=True)
class ConnectionCounters:
    """What went wrong so far and was survived."""

    garbage: Mapping[Garbage, int]
    """Lines that were no message, and replies to no open call, by kind (R7)."""
    late_replies: int
    dropped_lines: int
    """Lines over the limit."""
    retries: int
    """Requests sent again because the server was overloaded."""
    declined: int
    """Server requests that were refused, for whatever reason (R8)."""
