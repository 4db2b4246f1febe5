"""A relay, and ways to ask it: over its socket, and through the client as Codex starts it."""

from __future__ import annotations

import shlex
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import TYPE_CHECKING, NamedTuple

import anyio

from codex_hooks_runtime._gate._payload import Proceed
from codex_hooks_runtime._gate._relay import Relay
from codex_hooks_runtime._gate._relay_client import SOCKET_NAME, _parse

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from codex_hooks_runtime._gate._admission import Admission, Answer
    from codex_hooks_runtime._gate._payload import Reply, ToolHookEvent


class Heard(NamedTuple):
    exit_code: int
    stdout: bytes
    stderr: bytes


ALLOWED = Heard(0, b"", b"")


async def proceed(_event: ToolHookEvent) -> Reply:
    return Proceed()


class Undecided:
    """An answer that never comes; says when it was asked for, and when nobody waits any more."""

    def __init__(self) -> None:
        self.asked, self.cancelled = anyio.Event(), anyio.Event()

    async def __call__(self, _event: ToolHookEvent) -> Reply:
        self.asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            self.cancelled.set()
        return Proceed()


@asynccontextmanager
async def admitted(answer: Answer = proceed, *, deadline_s: float = 60) -> AsyncIterator[Admission]:
    """Open a relay for one thread."""
    async with Relay() as relay:
        with relay.admit(answer, deadline_s=deadline_s) as admission:
            yield admission


def key_file(admission: Admission) -> Path:
    _python, _isolated, _no_site, _client, key, *_ = shlex.split(admission.command)
    return Path(key)


def blocked(heard: Heard) -> str:
    """Return why; Codex blocks on exit code 2, and only with text on stderr."""
    assert heard.exit_code == 2, heard
    assert heard.stdout == b""
    assert heard.stderr.strip()
    return heard.stderr.decode()


async def ask(admission: Admission, payload: bytes, *, key: bytes | None = None) -> Heard:
    """Ask as the client does, without the cost of a process."""
    file = key_file(admission)
    key = file.read_bytes() if key is None else key
    parts = []
    async with await anyio.connect_unix(file.with_name(SOCKET_NAME)) as relay:
        await relay.send(key + len(payload).to_bytes(8, "big") + payload)
        try:
            async for part in relay:
                parts.append(part)  # noqa: PERF401  # what came before an error counts
        except anyio.BrokenResourceError:
            pass  # refused, with part of the event unread
    return Heard(*_parse(b"".join(parts)))


async def run_client(
    admission: Admission,
    payload: bytes,
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
) -> Heard:
    """Run the real client through a shell, as Codex does."""
    command = ["/bin/sh", "-c", admission.command]
    # From a file: a client that cannot start ends before it has read what a pipe brings.
    with TemporaryFile() as event:
        event.write(payload)
        event.seek(0)
        done = await anyio.run_process(command, stdin=event, check=False, cwd=cwd, env=env)
    return Heard(done.returncode, done.stdout, done.stderr)
