"""What a runtime counts about itself. Plain data, taken as one snapshot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._options import ConnectionCounters
    from ._sink import SinkFeeder
    from ._supervisor import ServerStatus, Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeMetrics:
    """The counters of one runtime, from its start and over all restarts of its server."""

    status: ServerStatus
    restarts: int
    connection: ConnectionCounters
    sink_delivered: int
    sink_dropped: int
    """Events that the sink was too slow for (F21)."""
    sink_failed: int
    """Events that the sink raised at."""


def measure(server: Supervisor, sink: SinkFeeder | None) -> RuntimeMetrics:
    """Return the counters as they are now."""
    return RuntimeMetrics(
        status=server.status,
        restarts=server.restarts,
        connection=server.counters,
        sink_delivered=sink.delivered if sink else 0,
        sink_dropped=sink.dropped if sink else 0,
        sink_failed=sink.failed if sink else 0,
    )
