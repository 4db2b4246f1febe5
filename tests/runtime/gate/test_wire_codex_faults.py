"""What becomes of a tool use of the real codex when the wire is cut, or somebody else is on it."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks_runtime._gate._arming import hook_config, went_unheard
from codex_hooks_runtime._gate._payload import (
    Deny,
    Proceed,
    Reply,
    ToolHookEvent,
)
from codex_hooks_runtime._gate._relay_client import SOCKET_NAME
from codex_hooks_runtime.testing import RunCommand, Say
from runtime.gate.asking import Undecided, admitted, key_file
from runtime.gate.bare_server import READ, SECRET, codex, only_before

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex


async def test_with_the_socket_gone_nothing_runs_and_the_model_is_told(tmp_path: Path) -> None:
    """G2, F22."""
    async with codex(READ, tmp_path) as server, admitted() as admission:
        thread_id = await server.start(hook_config(admission.command))
        key_file(admission).with_name(SOCKET_NAME).unlink()
        await server.turn(thread_id)
        assert "codex-hooks blocked this tool use" in server.told()
        assert not server.saw(SECRET)


async def test_with_the_relay_gone_nothing_runs_and_the_model_is_told(tmp_path: Path) -> None:
    """G2, F22."""
    async with codex(READ, tmp_path) as server:
        async with admitted() as admission:
            thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert "there was no verdict" in server.told()
        assert not server.saw(SECRET)


async def child_of(pid: int, mark: str) -> int:
    """Return the id of the child process with ``mark`` in its command line."""
    done = await anyio.run_process(["pgrep", "-P", str(pid), "-f", mark])
    return int(done.stdout)


async def test_a_killed_client_blocks(tmp_path: Path) -> None:
    """F22: the shell that Codex waits for outlives it."""

    async def answer(_event: ToolHookEvent) -> Reply:
        key = str(key_file(admission))
        shell = await child_of(server.connection.pid, key)
        os.kill(await child_of(shell, key), signal.SIGKILL)
        return Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert "there was no verdict" in server.told()
        assert not server.saw(SECRET)


async def test_a_killed_shell_lets_the_command_run_and_is_seen(tmp_path: Path) -> None:
    """F22: Codex fails open here, so its own word on the hook is what the tripwire has."""

    async def answer(event: ToolHookEvent) -> Reply:
        if event.event == "PreToolUse":
            shell = await child_of(server.connection.pid, str(key_file(admission)))
            os.kill(shell, signal.SIGKILL)
            return Deny("this comes from an orphan")
        return Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        first, _after = await server.turn(thread_id)
        assert first["run"]["eventName"] == "preToolUse"
        assert went_unheard(first)
        assert SECRET in server.told()


async def test_a_folder_that_is_gone_lets_the_command_run_and_is_seen(tmp_path: Path) -> None:
    """F22: Codex cannot start a shell there, and fails open."""
    cwd = tmp_path / "repo"
    cwd.mkdir()
    script: list[Step] = [RunCommand("echo ran", {"workdir": "/"}), Say("done")]
    async with codex(script, cwd) as server, admitted(only_before(Deny("no"))) as admission:
        thread_id = await server.start(hook_config(admission.command))
        shutil.rmtree(cwd)
        runs = await server.turn(thread_id)
        assert ["No such file" in (went_unheard(run) or "") for run in runs] == [True, True]
        assert "ran" in server.told()


async def test_an_interrupted_turn_ends_the_question(tmp_path: Path) -> None:
    """R1."""
    answer = Undecided()
    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        turn_id = await server.call_turn(thread_id)
        await answer.asked.wait()
        interrupt = {"threadId": thread_id, "turnId": turn_id}
        await server.connection.call("turn/interrupt", interrupt)
        await answer.cancelled.wait()
        assert not server.saw(SECRET)


@pytest.mark.parametrize("sandbox", ["read-only", "workspace-write"])
async def test_a_sandboxed_command_reaches_neither_the_relay_nor_its_folder(
    tmp_path: Path, sandbox: str
) -> None:
    """G2: even though it can read the key."""
    async with admitted() as admission:
        key = key_file(admission)
        path = key.with_name(SOCKET_NAME)
        code = (
            "import socket\n"
            f"print(len(open({str(key)!r}).read()))\n"
            f"relay = socket.socket(socket.AF_UNIX)\nrelay.connect({str(path)!r})\n"
            "print('connected')"
        )
        connect = shlex.join([os.path.realpath(sys.executable), "-I", "-c", code])  # noqa: ASYNC240
        write = shlex.join(["touch", str(key.with_name("made"))])
        script: list[Step] = [RunCommand(f"{connect}; {write}"), Say("done")]
        async with codex(script, tmp_path) as server:
            await server.turn(await server.start(hook_config(admission.command), sandbox))
            told = server.told()
        assert "64" in told
        assert "Operation not permitted" in told
        assert "connected" not in told
        assert "Read-only file system" in told
        # The control: outside the sandbox the same command does both.
        done = await anyio.run_process(["/bin/sh", "-c", f"{connect}; {write}"])
        assert b"connected" in done.stdout
        assert key.with_name("made").exists()
