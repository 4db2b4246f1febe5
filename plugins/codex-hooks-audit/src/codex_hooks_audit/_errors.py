"""What can go wrong with an audit log; every message says what to do next."""

from __future__ import annotations

from codex_hooks import CodexHooksError


class AuditError(CodexHooksError):
    """A record could not be written, or a log not be read."""


class UnsafePath(AuditError):
    """The log's place is one that somebody else could change or redirect (F29)."""


class NoPlainFile(AuditError):
    """Something else stands where a file of the log should be."""


class LogTampered(AuditError):
    """The log is not as it was left, so nothing is added to it."""
