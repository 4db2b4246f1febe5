"""Group commit: hooks that come together are written together.

While one thread writes, the others queue up; the next one takes all of them along in one write
and, with durability ``power``, one sync.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from codex_hooks_audit._log import AuditLog


class _Entry:
    __slots__ = ("body", "done", "error")

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.body = body
        self.done = False
        self.error: BaseException | None = None


class GroupCommit:
    """A log that any number of threads may append to."""

    def __init__(self, log: AuditLog) -> None:
        self._log = log
        self._waiting: list[_Entry] = []
        self._queue = threading.Lock()
        self._writing = threading.Lock()

    def append(self, body: Mapping[str, Any]) -> None:
        """Return when ``body`` is in the log; raise what the log raises if it is not."""
        entry = _Entry(body)
        with self._queue:
            self._waiting.append(entry)
        with self._writing:
            if not entry.done:
                self._write_all_waiting()
        if entry.error is not None:
            raise entry.error

    def close(self) -> None:
        """Close the log, once whoever is writing has done."""
        with self._writing:
            self._log.close()

    def _write_all_waiting(self) -> None:
        with self._queue:
            batch, self._waiting = self._waiting, []
        error: BaseException | None = None
        try:
            self._log.append([entry.body for entry in batch])
        except BaseException as raised:  # each of those who wait has to hear of it
            error = raised
        for entry in batch:
            entry.error = error
            entry.done = True
