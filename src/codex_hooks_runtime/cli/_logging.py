"""Where it goes what is logged while a command runs: warnings to stderr, through `logging`.

structlog left to itself prints on stdout, which belongs to the answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import structlog

if TYPE_CHECKING:
    from structlog.typing import EventDict


def log_to_stderr() -> None:
    """Set structlog up for this process; a plugin that sets it up itself has the last word."""
    structlog.configure(
        processors=[
            _leave_out_what_is_printed,
            structlog.processors.KeyValueRenderer(key_order=["event"]),
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
    )


def _leave_out_what_is_printed(_logger: object, _method: str, event: EventDict) -> EventDict:
    # The commands say it themselves, from the report or the list.
    if event["event"] == "plugin skipped":
        raise structlog.DropEvent
    return event
