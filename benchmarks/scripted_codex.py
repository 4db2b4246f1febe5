"""The scripted app-server of the tests, as a program that can be started in place of codex."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path

_SERVER = Path(__file__).parents[1] / "tests" / "runtime" / "scripted_server.py"


def scripted_codex(folder: Path) -> Path:
    """Write the program into ``folder``."""
    path = folder / "scripted-codex"
    program = shlex.join([sys.executable, "-I", "-S", str(_SERVER)])
    path.write_text(f'#!/bin/sh\nexec {program} "$@"\n')
    path.chmod(0o755)
    return path
