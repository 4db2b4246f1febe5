"""How a connection is to be made, and what it counts. Plain data."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ._bounds import check_counts, check_times
from ._framing import DEFAULT_LINE_LIMIT
from ._handshake import ClientInfo
from ._live import DEFAULT_CAPACITY

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
    live_capacity: int = DEFAULT_CAPACITY
    """How many events a subscriber may leave unread before it loses the oldest (R3)."""
    line_limit_bytes: int = DEFAULT_LINE_LIMIT
    exit_grace: float = 2.0
    """From closed stdin to SIGTERM (R6)."""
    term_grace: float = 1.0
    """From SIGTERM to SIGKILL (R6)."""

    def __post_init__(self) -> None:
        check_counts(self, "handler_limit", "max_in_flight", "live_capacity", "line_limit_bytes")
        check_times(self, "handler_deadline", "initialize_timeout", "call_timeout")


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionCounters:
    """What was said and what went wrong so far; to be added up over connections."""

    events: int = 0
    """Notifications of the server."""
    requests: int = 0
    """Requests to it, those that were sent again included."""
    retries: int = 0
    """Requests sent again because the server was overloaded."""
    garbage: Mapping[Garbage, int] = field(default_factory=dict)
    """Lines that were no message, and replies to no open call, by kind (R7)."""
    late_replies: int = 0
    dropped_lines: int = 0
    """Lines over the limit."""
    declined: int = 0
    """Server requests that were refused, for whatever reason (R8)."""

    def __add__(self, other: ConnectionCounters) -> ConnectionCounters:
        return ConnectionCounters(
            events=self.events + other.events,
            requests=self.requests + other.requests,
            retries=self.retries + other.retries,
            garbage=Counter(self.garbage) + Counter(other.garbage),
            late_replies=self.late_replies + other.late_replies,
            dropped_lines=self.dropped_lines + other.dropped_lines,
            declined=self.declined + other.declined,
        )
