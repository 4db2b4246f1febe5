"""One command, from its start to its certain end (K14).

Whatever happens, the command's whole process group is gone when `run_command` returns, raises or
is cancelled. What the command says is what it has written when it ends: somebody who still holds
its pipes then is not waited for. It may write a lot, read nothing, or end before it is fed.
"""

from __future__ import annotations

import os
import signal
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Final, NamedTuple

import anyio

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anyio.abc import Process

MAX_OUTPUT: Final = 1 << 20
"""How many bytes a command may write, to stdout and to stderr each."""

_CHUNK: Final = 1 << 16

# Killed processes are gone at once, but for one that the system itself holds up.
_REAP_SECONDS: Final = 1.0


class TooMuchOutput(Exception):
    """The command wrote more than `MAX_OUTPUT` bytes; it was ended."""


class Finished(NamedTuple):
    """How a command ended: its exit status, negative for a signal, and what it wrote."""

    status: int
    stdout: bytes
    stderr: bytes


async def run_command(argv: Sequence[str], *, env: Mapping[str, str], given: bytes) -> Finished:
    """Run ``argv`` in a session of its own, with ``given`` on stdin.

    Raises ``OSError`` for a command that cannot be started, and `TooMuchOutput`.
    """
    # Pipes of our own: those of asyncio delay the news of an exit until the last holder of a pipe
    # is gone too, and buffer without a bound what is written to them.
    with ExitStack() as files:
        child_in, stdin = _pipe(files)
        stdout, child_out = _pipe(files)
        stderr, child_err = _pipe(files)
        for ours in (stdin, stdout, stderr):
            os.set_blocking(ours.fileno(), False)
        # Shielded: a cancellation in the middle would lose the process that was just started.
        with anyio.CancelScope(shield=True):
            process = await anyio.open_process(
                argv,
                stdin=child_in,
                stdout=child_out,
                stderr=child_err,
                env=env,
                start_new_session=True,
            )
        for theirs in (child_in, child_out, child_err):
            theirs.close()
        outputs = _Output(stdout), _Output(stderr)
        try:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(_feed, stdin, given)
                for output in outputs:
                    tasks.start_soon(output.collect, tasks.cancel_scope)
                await process.wait()
                tasks.cancel_scope.cancel()
        finally:
            await _end(process)
        for output in outputs:
            output.drain()
            if output.overflowed:
                raise TooMuchOutput
        status = await process.wait()
        return Finished(status, *(bytes(output.data) for output in outputs))


class _Output:
    """What comes out of one pipe, up to a bound."""

    def __init__(self, pipe: IO[bytes]) -> None:
        self.data = bytearray()
        self._pipe = pipe

    @property
    def overflowed(self) -> bool:
        return len(self.data) > MAX_OUTPUT

    async def collect(self, everything: anyio.CancelScope) -> None:
        """Read to the end; cancel ``everything`` when it is too much."""
        while not self.overflowed:
            await anyio.wait_readable(self._pipe)
            if not self.drain():
                return
        everything.cancel()

    def drain(self) -> bool:
        """Read what is there, without waiting; return whether more can come."""
        while not self.overflowed:
            chunk = self._pipe.read(_CHUNK)
            if not chunk:
                return chunk is None
            self.data += chunk
        return True


async def _feed(pipe: IO[bytes], given: bytes) -> None:
    rest = memoryview(given)
    with pipe:
        while rest:
            await anyio.wait_writable(pipe)
            try:
                rest = rest[pipe.write(rest[:_CHUNK]) or 0 :]
            except BrokenPipeError:
                return  # it does not want to know, which is its right


async def _end(process: Process) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        pass  # nobody is left; macOS says so with EPERM while the dead are not yet collected
    with anyio.move_on_after(_REAP_SECONDS, shield=True):
        await process.aclose()


def _pipe(files: ExitStack) -> tuple[IO[bytes], IO[bytes]]:
    reading, writing = os.pipe()
    return (
        files.enter_context(os.fdopen(reading, "rb", buffering=0)),
        files.enter_context(os.fdopen(writing, "wb", buffering=0)),
    )
