"""Where codex-hooks logs: structlog as the application has set it up, or else `logging`.

Nothing is configured here, and structlog is loaded with the first event. An application that has
not configured structlog gets the logger ``codex_hooks`` of ``logging``, which prints nothing of
its own accord: structlog's own default would write to the stdout that answers go to.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def log() -> FilteringBoundLogger:
    """Return the logger, as things are configured now."""
    import structlog  # noqa: PLC0415  # costs more than all the rest to import

    if structlog.is_configured():
        logger: Any = structlog.get_logger("codex_hooks")
    else:
        logger = structlog.wrap_logger(
            logging.getLogger("codex_hooks"), wrapper_class=structlog.stdlib.BoundLogger
        )
    return logger  # type: ignore[no-any-return]
