"""What must not be left behind: processes, tasks, the gate's folder."""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import anyio
from anyio import get_running_tasks

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    import pytest


@asynccontextmanager
async def nothing_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """Let the gate work in ``folder``; at the end no child, task or folder may be there more."""
    gate = folder / "g"
    gate.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(gate))
    tasks = len(get_running_tasks())
    yield
    assert await children() == []
    assert os.listdir(gate) == []  # noqa: PTH208  # a list to show
    with anyio.fail_after(60):
        while len(get_running_tasks()) > tasks:
            await anyio.lowlevel.checkpoint()


async def children() -> list[str]:
    """Return what this process has started and not waited for, but for the asking itself."""
    listing = await anyio.run_process(["ps", "-ewwo", "ppid=,pid=,stat=,args="])
    lines = [line.split(None, 1) for line in listing.stdout.decode().splitlines()]
    own = [rest for ppid, rest in lines if int(ppid) == os.getpid()]
    return [rest for rest in own if "ps -ewwo" not in rest]
