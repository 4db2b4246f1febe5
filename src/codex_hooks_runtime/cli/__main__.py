"""``python -m codex_hooks_runtime.cli``: the command where its script is not on PATH."""

from __future__ import annotations

from . import main

main()
