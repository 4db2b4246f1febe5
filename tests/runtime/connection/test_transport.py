from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks_runtime._errors import CodexNotFound
from codex_hooks_runtime._transport import StdioTransport
from runtime.connection.fake_server import fake_argv, lifeline

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

# A server and a child of its, which both ignore SIGTERM and the end of stdin, and both hold the
# pipes and the lifeline.
STUBBORN = """
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    held = os.open(sys.argv[1], os.O_WRONLY)
    os.set_inheritable(held, True)
    program = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
    subprocess.Popen([sys.executable, "-I", "-S", "-c", program], close_fds=False)
    write(b"up\\n")
    while True:
        signal.pause()
"""


async def read_all(transport: StdioTransport) -> bytes:
    parts = []
    while part := await transport.receive():
        parts.append(part)
    return b"".join(parts)


async def test_a_server_that_exits_at_the_end_of_stdin_gets_no_signal() -> None:
    """R6, the control: none of the harder steps is needed."""
    transport = await StdioTransport.start(fake_argv("echo()"), env={})
    with anyio.fail_after(60):
        await transport.aclose()
    assert transport.exit_status == 0


async def test_a_server_that_ignores_the_end_of_stdin_gets_sigterm() -> None:
    """R6."""
    body = "signal.signal(signal.SIGTERM, lambda *_: sys.exit(7)); write(b'up\\n'); signal.pause()"
    transport = await StdioTransport.start(fake_argv(body), env={}, exit_grace=0.05)
    with anyio.fail_after(60):
        assert await transport.receive() == b"up\n"
        await transport.aclose()
    assert transport.exit_status == 7


async def test_a_server_that_ignores_sigterm_is_killed_with_its_grandchild(tmp_path: Path) -> None:
    """R6, F19."""
    with lifeline(tmp_path) as (path, all_gone):
        transport = await StdioTransport.start(
            [*fake_argv(STUBBORN), str(path)], env={}, exit_grace=0.05, term_grace=0.05
        )
        with anyio.fail_after(60):
            assert await transport.receive() == b"up\n"
            await transport.aclose()
        assert transport.exit_status == -9
        await all_gone()


async def test_a_grandchild_does_not_outlive_a_server_that_exits_by_itself(tmp_path: Path) -> None:
    """R6, F19."""
    body = STUBBORN.replace("signal.pause()\n", "sys.exit(3)\n").replace("while True:", "if True:")
    with lifeline(tmp_path) as (path, all_gone):
        transport = await StdioTransport.start([*fake_argv(body), str(path)], env={})
        with anyio.fail_after(60):
            assert await transport.wait() == 3
            await all_gone()
            await transport.aclose()


async def test_a_cancelled_owner_leaves_no_process(tmp_path: Path) -> None:
    """R6, F30."""
    with lifeline(tmp_path) as (path, all_gone):
        transport = await StdioTransport.start(
            [*fake_argv(STUBBORN), str(path)], env={}, exit_grace=0.05, term_grace=0.05
        )
        assert await transport.receive() == b"up\n"
        with anyio.CancelScope() as scope:
            scope.cancel()
            await transport.aclose()
        assert transport.exit_status == -9
        await all_gone()


def test_a_cancellation_by_asyncio_itself_which_no_shield_stops_leaves_no_process(
    tmp_path: Path,
) -> None:
    """R6, F30: what `asyncio.timeout` does to a shutdown that takes too long."""

    async def close_in_vain(path: Path, all_gone: Callable[[], Awaitable[None]]) -> None:
        transport = await StdioTransport.start([*fake_argv(STUBBORN), str(path)], env={})
        assert await transport.receive() == b"up\n"
        closing = asyncio.create_task(transport.aclose())
        await anyio.wait_all_tasks_blocked()
        closing.cancel()
        with pytest.raises(asyncio.CancelledError):
            await closing
        assert transport.exit_status == -9
        await all_gone()

    with lifeline(tmp_path) as (path, all_gone):
        asyncio.run(close_in_vain(path, all_gone))


async def test_a_server_that_must_first_get_rid_of_its_output_exits_by_itself() -> None:
    """R6."""
    body = "sys.stdin.read(); write(b'x' * 2_000_000); sys.stderr.write('y' * 2_000_000)"
    transport = await StdioTransport.start(fake_argv(body), env={}, exit_grace=10)
    with anyio.fail_after(60):
        await transport.aclose()
    assert transport.exit_status == 0


async def test_the_environment_is_exactly_what_was_given(tmp_path: Path) -> None:
    body = "write(json.dumps([os.environ.get('A'), 'PATH' in os.environ, os.getcwd()]).encode())"
    transport = await StdioTransport.start(fake_argv(body), env={"A": "1"}, cwd=tmp_path)
    with anyio.fail_after(60):
        assert await read_all(transport) == f'["1", false, "{tmp_path}"]'.encode()
        await transport.aclose()


async def test_the_server_leads_a_process_group_of_its_own() -> None:
    body = "write(b'%d %d' % (os.getpid(), os.getpgrp()))"
    transport = await StdioTransport.start(fake_argv(body), env={})
    with anyio.fail_after(60):
        assert await read_all(transport) == b"%d %d" % (transport.pid, transport.pid)
        await transport.aclose()


async def test_stderr_never_blocks_the_server_and_its_end_is_kept_safe_to_print() -> None:
    """F28."""
    body = r"""
        sys.stderr.write("x" * 2_000_000 + "\x1b[31mred\x1b[0m\a\x1b]0;title\a end\n")
        sys.exit(1)
    """
    transport = await StdioTransport.start(fake_argv(body), env={})
    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.drain_stderr)
            assert await transport.wait() == 1
        assert transport.stderr_tail.endswith("xxxred]0;title end")
        assert len(transport.stderr_tail) <= 8 * 1024
        await transport.aclose()


async def test_writing_to_a_server_that_is_gone_is_no_error() -> None:
    transport = await StdioTransport.start(fake_argv("sys.exit()"), env={})
    with anyio.fail_after(60):
        await transport.wait()
        while await transport.send(b"x" * 65536):
            pass
        assert await transport.receive() == b""
        await transport.aclose()
        assert not await transport.send(b"x")


async def test_what_cannot_be_started_is_named(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.write_text("no program")
    text.chmod(0o755)
    for argv, cwd, named in [
        ([str(tmp_path / "none")], tmp_path, "none"),
        ([str(text)], tmp_path, "text"),
        ([sys.executable], tmp_path / "nowhere", "nowhere"),
    ]:
        with pytest.raises(CodexNotFound, match=named):
            await StdioTransport.start(argv, env={}, cwd=cwd)
