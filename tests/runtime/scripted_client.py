"""A client of `scripted_server`, for what would take the real codex too long or too far."""

from __future__ import annotations

import shlex
import sys
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from codex_hooks_runtime import Client, ClientConfig

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

PROGRAM = Path(__file__).with_name("scripted_server.py")


def executable(folder: Path) -> Path:
    """Return a program in ``folder`` that can be given as the codex binary."""
    path = folder / "scripted-codex"
    path.write_text(
        f'#!/bin/sh\nexec {shlex.join([sys.executable, "-I", "-S", str(PROGRAM)])} "$@"\n'
    )
    path.chmod(0o755)
    return path


@asynccontextmanager
async def scripted_client(folder: Path, **config: Any) -> AsyncIterator[Client]:
    """Connect to a server that keeps its threads in ``folder``."""
    options: dict[str, Any] = {
        "codex": executable(folder),
        "env": {"SCRIPTED_RECORD": str(folder / "record.json")},
        "load_installed": False,
        "tool_gate": "off",
    } | config
    async with Client.connect(ClientConfig(**options)) as client:
        yield client
