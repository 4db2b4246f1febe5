"""The server's process and its three pipes.

However its owner leaves, cancelled or not, no process is left (R6): stdin is closed, then SIGTERM,
then SIGKILL go to the whole process group, each after a bounded wait; last, what the server has
started outside of its group is killed too.
"""

from __future__ import annotations

import os
import re
import signal
from subprocess import PIPE
from typing import TYPE_CHECKING

import anyio

from ._errors import CodexNotFound
from ._mark import Mark

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from typing import Self

    from anyio.abc import ByteReceiveStream, Process

_CHUNK = 256 * 1024
_STDERR_KEPT = 8 * 1024
# After SIGKILL only the kernel can keep a process; after its exit only a stranger the pipe.
_KERNEL_GRACE = 1.0
_BROKEN = (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.EndOfStream, OSError)
_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[^\n\t\x20-\x7e\xa0-\U0010ffff]")


class StdioTransport:
    """A running process that leads a session and process group of its own.

    It has no tasks: its owner runs `drain_stderr` in one, and has one sender and one receiver.
    """

    def __init__(
        self, process: Process, stdin: int, mark: Mark, *, exit_grace: float, term_grace: float
    ) -> None:
        if process.stdout is None or process.stderr is None:
            raise ValueError("a StdioTransport needs both output pipes of its process")
        self._process = process
        self._mark = mark
        self._stdin: int | None = stdin
        self._stdout: ByteReceiveStream = process.stdout
        self._stderr: ByteReceiveStream = process.stderr
        self._exit_grace = exit_grace
        self._term_grace = term_grace
        self._tail = b""
        self._stderr_ended = anyio.Event()
        self._swept = False

    @classmethod
    async def start(
        cls,
        argv: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None = None,
        exit_grace: float = 2.0,
        term_grace: float = 1.0,
    ) -> Self:
        """Start ``argv`` with ``env`` and its mark; the graces are seconds, for `aclose`.

        Raises ``CodexNotFound`` if it cannot be started, which names the file that stands in
        the way: the program or ``cwd``.
        """
        mark = Mark()
        # A pipe of our own, for it can be written without a task and its turn on the event loop.
        servers_end, stdin = os.pipe()
        os.set_blocking(stdin, False)
        # Shielded: a caller cancelled halfway would leave a process that nobody knows.
        with anyio.CancelScope(shield=True):
            try:
                process = await anyio.open_process(
                    argv,
                    stdin=servers_end,
                    stdout=PIPE,
                    stderr=PIPE,
                    env=mark.environment(env),
                    cwd=cwd,
                    start_new_session=True,
                )
            except OSError as error:
                os.close(stdin)
                raise CodexNotFound(
                    f"{argv[0]} cannot be started: {error}; give the path of a codex binary for "
                    "this machine and a working directory that exists"
                ) from error
            except BaseException:  # asyncio's own cancellation, and nobody will close it
                os.close(stdin)
                raise
            finally:
                os.close(servers_end)
        return cls(process, stdin, mark, exit_grace=exit_grace, term_grace=term_grace)

    @property
    def pid(self) -> int:
        """The process's id, which is that of its group too."""
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """The exit status, negative for a signal, or None while it runs."""
        return self._process.returncode

    @property
    def stderr_tail(self) -> str:
        """The last 8 KiB of its stderr, without what a terminal would take for a command."""
        return _ESCAPES.sub("", self._tail.decode(errors="replace")).strip()

    async def send(self, data: bytes) -> bool:
        """Write ``data``; False if the process no longer reads.

        Cancelled halfway it leaves half of ``data`` written: only the owner's end may do that.
        """
        rest = memoryview(data)
        try:
            while rest:
                rest = rest[self._write(rest) :]
                if rest and self._stdin is not None:
                    await anyio.wait_writable(self._stdin)
        except _BROKEN:
            return False
        return True

    def write_now(self, data: bytes) -> int:
        """Write what the pipe takes of ``data`` without waiting; return how many bytes it took.

        That is none where something is wrong too: `send` then tells.
        """
        try:
            return self._write(data)
        except OSError:
            return 0

    async def receive(self) -> bytes:
        """Return what has come on stdout, or nothing when no more will come."""
        try:
            return await self._stdout.receive(_CHUNK)
        except _BROKEN:
            return b""

    async def drain_stderr(self) -> None:
        """Keep reading stderr, so that the process never waits for it, and keep its end."""
        try:
            while True:
                self._tail = (self._tail + await self._stderr.receive())[-_STDERR_KEPT:]
        except _BROKEN:
            self._stderr_ended.set()

    async def wait(self) -> int:
        """Wait for the process to exit, end what is left of its group, return its status.

        By then `stderr_tail` is all there will be.
        """
        status = await self._process.wait()
        self._sweep()
        with anyio.move_on_after(_KERNEL_GRACE):
            await self._stderr_ended.wait()
        return status

    async def aclose(self) -> None:
        """End the process and its group, then close the pipes; nobody may be reading from them.

        It cannot be cancelled; where asyncio does so all the same, the group is killed at once.
        """
        with anyio.CancelScope(shield=True):
            try:
                # A process that is about to exit may first have to get rid of its output.
                async with anyio.create_task_group() as drains:
                    drains.start_soon(self._drain_stdout)
                    drains.start_soon(self.drain_stderr)
                    await self._end()
                    drains.cancel_scope.cancel()
            finally:
                self._close_stdin()
                self._sweep()
                await self._process.aclose()

    async def _end(self) -> None:
        self._close_stdin()
        if not await self._exits_within(self._exit_grace):
            self._signal_group(signal.SIGTERM)
            await self._exits_within(self._term_grace)
        self._sweep()
        await self._exits_within(_KERNEL_GRACE)

    def _write(self, data: bytes | memoryview) -> int:
        if self._stdin is None:
            raise BrokenPipeError("the pipe was closed by its owner")
        try:
            return os.write(self._stdin, data)
        except BlockingIOError:
            return 0

    def _close_stdin(self) -> None:
        if self._stdin is not None:
            anyio.notify_closing(self._stdin)
            os.close(self._stdin)
            self._stdin = None

    async def _exits_within(self, seconds: float) -> bool:
        with anyio.move_on_after(seconds):
            await self._process.wait()
        return self.exit_status is not None

    async def _drain_stdout(self) -> None:
        while await self.receive():
            pass

    def _sweep(self) -> None:
        """Kill what is left of it: once, for later the group's number may be another's."""
        if not self._swept:
            self._swept = True
            self._signal_group(signal.SIGKILL)
            self._mark.kill_all()

    def _signal_group(self, number: signal.Signals) -> None:
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            pass  # nobody is left; macOS says "not permitted" when only a zombie is
