"""Servers that misbehave as told: small Python programs, run as real child processes."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks_runtime._options import ConnectionOptions

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator
    from pathlib import Path

_PRELUDE = r"""
import json, os, signal, subprocess, sys

def write(data):
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()

def send(**message):
    write(json.dumps(message).encode() + b"\n")

def receive():
    line = sys.stdin.readline()
    if not line:
        sys.exit()
    return json.loads(line)

def reply(request, result=None):
    send(id=request["id"], result=result)

def refuse(request, code, message="no"):
    send(id=request["id"], error={"code": code, "message": message})

def greet(version="0.163.0"):
    reply(receive(), {"userAgent": f"codex-hooks/{version} (Fake 1; none)"})
    receive()

def echo():
    while True:
        request = receive()
        reply(request, request.get("params"))
"""


def fake_argv(body: str) -> tuple[str, ...]:
    return (sys.executable, "-I", "-S", "-c", _PRELUDE + dedent(body))


def fake_server(body: str, **options: Any) -> ConnectionOptions:
    return ConnectionOptions(argv=fake_argv(body), env={}, **options)


@contextmanager
def lifeline(folder: Path) -> Iterator[tuple[Path, Callable[[], Awaitable[None]]]]:
    """A path for processes to open for writing, and a wait for the last of them to be gone."""
    path = folder / "lifeline"
    os.mkfifo(path)
    end = os.open(path, os.O_RDONLY | os.O_NONBLOCK)

    async def all_gone() -> None:
        with anyio.fail_after(60):
            await anyio.wait_readable(end)
        assert os.read(end, 1) == b""

    try:
        yield path, all_gone
    finally:
        os.close(end)
