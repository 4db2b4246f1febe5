"""An append-only, hash-chained record of every decision and tool use: a codex-hooks plugin."""

from __future__ import annotations

from codex_hooks_audit._errors import AuditError, LogTampered, UnsafePath
from codex_hooks_audit._log import AuditLog
from codex_hooks_audit._options import Options, default_path
from codex_hooks_audit._plugin import Audit
from codex_hooks_audit._verify import Problem, Verdict, verify

__all__ = [
    "Audit",
    "AuditError",
    "AuditLog",
    "LogTampered",
    "Options",
    "Problem",
    "UnsafePath",
    "Verdict",
    "default_path",
    "verify",
]
