"""``python -m codex_hooks_guard``: the same as ``codex-hooks guard``."""

from __future__ import annotations

from codex_hooks_guard.cli import app

app(prog_name="codex-hooks guard")
