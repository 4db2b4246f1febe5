"""An HTTP server on loopback, in a thread of its own.

It serves asyncio, trio and plain callers alike. Stopping it is bounded whatever its clients do,
and leaves no thread and no socket. It leaves the process' signal handlers alone, and its logging.
"""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import uvicorn

if TYPE_CHECKING:
    from starlette.types import ASGIApp

# Aborted connections end their tasks at once; this only bounds what would be a fault of ours.
_GRACE_SECONDS = 5


class LoopbackServer:
    """``app`` served on a free port of 127.0.0.1, from construction until ``stop``."""

    def __init__(self, app: ASGIApp) -> None:
        config = uvicorn.Config(
            app,
            loop="asyncio",
            http="h11",
            ws="none",
            lifespan="off",
            log_config=None,
            proxy_headers=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        config.load()
        self._server = _AbortingServer(config)
        # Listening starts here, so that a client that comes before the thread does is not refused.
        listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = listener.getsockname()[1]
        self._thread = threading.Thread(
            target=self._server.run, args=([listener],), name="scripted-model", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Abort every connection, close the socket and wait for the thread to end."""
        self._server.should_exit = True
        self._thread.join()


class _AbortingServer(uvicorn.Server):
    """A server whose shutdown does not wait for clients: a hanging stream is meant to hang."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        for connection in tuple(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)
