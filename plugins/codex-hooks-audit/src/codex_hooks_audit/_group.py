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
        self._is_writing = False
        self._changed = threading.Condition()

    def append(self, body: Mapping[str, Any]) -> None:
        """Return when ``body`` is in the log; raise what the log raises if it is not."""
        entry = _Entry(body)
        with self._changed:
            self._waiting.append(entry)
            self._changed.wait_for(lambda: entry.done or not self._is_writing)
            if not entry.done:
                self._is_writing = True
                batch, self._waiting = self._waiting, []
        if not entry.done:
            self._write(batch)
        if entry.error is not None:
            raise entry.error

    def close(self) -> None:
        """Close the log, once whoever is writing has done."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_writing)
            self._log.close()

    def _write(self, batch: list[_Entry]) -> None:
        error: BaseException | None = None
        try:
            self._log.append([entry.body for entry in batch])
        except BaseException as raised:  # each of those who wait has to hear of it
            error = raised
        with self._changed:
            for entry in batch:
                entry.error = error
                entry.done = True
            self._is_writing = False
            self._changed.notify_all()
