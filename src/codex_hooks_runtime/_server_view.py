"""What there is to see of a runtime's server while it runs: events, state, counters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._metrics import measure
from ._supervisor import ServerStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._live import LiveSubscription
    from ._metrics import RuntimeMetrics
    from ._sink import SinkFeeder
    from ._state import RuntimeState, StateProjection
    from ._supervisor import Supervisor


class ServerView:
    """The observing half of `Runtime`. Nothing here waits for the server, or sends anything."""

    server: Supervisor
    _state: StateProjection
    _sink: SinkFeeder | None

    def subscribe_live(
        self, *, capacity: int | None = None, thread_id: str | None = None
    ) -> LiveSubscription:
        """Return a subscription to every event, or to those of one thread; `async with` it (R3).

        It yields `LiveEvent`, a `Lagged` where it was too slow, and a `Restarted` where the server
        was restarted. It ends with `shutdown`, and raises `TransportClosed` once the server is
        given up. ``capacity`` is how many unread events it holds.
        """
        return self.server.subscribe_live(capacity=capacity, thread_id=thread_id)

    @property
    def is_initialized(self) -> bool:
        """Whether a server is there and has been initialised."""
        return self.server.status is ServerStatus.RUNNING

    @property
    def server_user_agent(self) -> str:
        """What the server that was started last calls itself, its version included."""
        return str(self.server.initialize_result["userAgent"])

    def initialize_result_snapshot(self) -> Mapping[str, Any]:
        """Return what the server that was started last said of itself."""
        return dict(self.server.initialize_result)

    def state_snapshot(self) -> RuntimeState:
        """Return what is known of threads, turns and items: as it is now, and stays."""
        return self._state.snapshot()

    def metrics_snapshot(self) -> RuntimeMetrics:
        """Return the counters as they are now."""
        return measure(self.server, self._sink)
