"""Secrets do not reach the model: a codex-hooks plugin, and the function behind it."""

from __future__ import annotations

from codex_hooks_redact._detector import RedactionError
from codex_hooks_redact._masking import Found
from codex_hooks_redact._options import Options
from codex_hooks_redact._plugin import Redact
from codex_hooks_redact._redactor import Redacted, RedactedJson, Redactor, redact

__all__ = [
    "Found",
    "Options",
    "Redact",
    "Redacted",
    "RedactedJson",
    "RedactionError",
    "Redactor",
    "redact",
]
