"""The real client as a real process, wherever Codex may start it."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest
from anyio import to_thread

from codex_hooks_runtime._gate import _relay_client
from codex_hooks_runtime._gate._payload import Deny, Proceed, Reply, ToolHookEvent, Withhold
from codex_hooks_runtime._gate._relay import Relay
from runtime.gate.asking import ALLOWED, Heard, Undecided, admitted, blocked, key_file, run_client
from runtime.gate.tool_events import after, before

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codex_hooks_runtime._gate._admission import Admission

REAL_PYTHON = os.path.realpath(sys.executable)


def start(admission: Admission) -> subprocess.Popen[bytes]:
    """Start the command as Codex does, give it an event, and leave it waiting."""
    process = subprocess.Popen(
        ["/bin/sh", "-c", admission.command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin
    process.stdin.write(before())
    process.stdin.close()
    process.stdin = None
    return process


def client_of(shell: subprocess.Popen[bytes]) -> int:
    """Return the id of the client's process, the shell's only child."""
    listing = subprocess.run(["pgrep", "-P", str(shell.pid)], capture_output=True, check=True)
    return int(listing.stdout)


async def test_the_client_brings_the_verdict_home() -> None:
    """G2, G4."""

    async def answer(event: ToolHookEvent) -> Reply:
        match event.tool_use_id:
            case "denied":
                return Deny("nein, völlig 🚫")
            case "withheld":
                return Withhold("it held a password")
        return Proceed()

    async with admitted(answer) as admission:
        assert await run_client(admission, before()) == ALLOWED
        denied = await run_client(admission, before(tool_use_id="denied"))
        assert (denied.exit_code, denied.stderr) == (0, b"")
        assert "nein, völlig 🚫".encode() in denied.stdout
        withheld = await run_client(admission, after(tool_use_id="withheld"))
        assert withheld.stdout == b'{"decision":"block","reason":"it held a password"}'


async def test_the_client_blocks_with_a_wrong_key_and_with_none() -> None:
    """G2, F22."""
    async with admitted() as admission:
        assert await run_client(admission, before()) == ALLOWED  # the control
        key_file(admission).write_bytes(b"0" * 64)
        assert "closed" in blocked(await run_client(admission, before()))
        key_file(admission).write_bytes(b"")
        assert "no key" in blocked(await run_client(admission, before()))
        key_file(admission).unlink()
        assert "No such file" in blocked(await run_client(admission, before()))


async def test_the_client_blocks_when_the_socket_or_the_relay_is_gone() -> None:
    """G2, F22."""
    async with admitted() as admission:
        assert await run_client(admission, before()) == ALLOWED  # the control
        key_file(admission).with_name(_relay_client.SOCKET_NAME).unlink()
        assert "No such file" in blocked(await run_client(admission, before()))
    assert "no verdict" in blocked(await run_client(admission, before()))


async def test_the_client_blocks_when_the_relay_dies_without_a_word() -> None:
    """G2, F22: nobody listens at a socket that is still there."""
    async with admitted() as admission:
        path = key_file(admission).with_name(_relay_client.SOCKET_NAME)
        path.unlink()
        await (await anyio.create_unix_listener(path)).aclose()
        assert path.exists()
        assert "refused" in blocked(await run_client(admission, before()))


@pytest.mark.parametrize(
    "verdict",
    [
        b"",
        b"\0",
        bytes(8),
        b"\0" + (5).to_bytes(4, "big") + bytes(4) + b"torn",
        bytes(9) + b"too much",
        b"\1" + bytes(3) + b"\1" + bytes(4) + b"x",
        b"\2" + bytes(8),
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
async def test_the_client_blocks_on_a_verdict_that_is_not_whole(verdict: bytes) -> None:
    """G2, F22."""

    async def serve(client: anyio.abc.SocketStream) -> None:
        async with client:
            await client.receive()
            await client.send(verdict)

    async with admitted() as admission:
        path = key_file(admission).with_name(_relay_client.SOCKET_NAME)
        path.unlink()
        async with (
            await anyio.create_unix_listener(path) as impostor,
            anyio.create_task_group() as tasks,
        ):
            tasks.start_soon(impostor.serve, serve)
            blocked(await run_client(admission, before()))
            tasks.cancel_scope.cancel()


async def test_the_client_believes_no_other_user() -> None:
    """G2: whoever makes the folder anew once the relay is gone."""
    async with admitted() as admission:
        code = (
            "import os, sys\n"
            "os.geteuid = lambda: os.getuid() + 1\n"
            "from codex_hooks_runtime._gate._relay_client import main\n"
            "main()"
        )
        argv = [sys.executable, "-c", code, str(key_file(admission))]
        done = await anyio.run_process(argv, input=before(), check=False)
        assert "another user" in blocked(Heard(done.returncode, done.stdout, done.stderr))


async def test_a_client_that_is_killed_blocks() -> None:
    """F22: only a killed shell, or none at all, lets Codex go on; that is the tripwire's (G7)."""
    async with Relay() as relay:
        for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV):
            asked = anyio.Event()

            async def answer(_event: ToolHookEvent, asked: anyio.Event = asked) -> Reply:
                asked.set()
                await anyio.sleep_forever()
                return Proceed()

            with relay.admit(answer, deadline_s=60) as admission, anyio.fail_after(60):
                shell = start(admission)
                await asked.wait()
                os.kill(client_of(shell), number)
                stdout, stderr = await to_thread.run_sync(shell.communicate)
                assert "no verdict" in blocked(Heard(shell.returncode, stdout, stderr))


async def test_a_client_whose_shell_was_killed_leaves_and_ends_the_question() -> None:
    """R1: this is what Codex does when a turn is interrupted."""
    answer = Undecided()
    async with Relay() as relay:
        with (
            relay.admit(answer, deadline_s=60) as admission,
            anyio.fail_after(60),
            start(admission) as shell,
        ):
            await answer.asked.wait()
            shell.kill()
            assert shell.stdout
            shell.stdout.close()
            await answer.cancelled.wait()


async def test_a_large_event_is_judged_and_a_huge_one_blocked() -> None:
    """G2."""
    sizes: list[int] = []

    async def answer(event: ToolHookEvent) -> Reply:
        sizes.append(len(event.tool_response))
        return Proceed()

    async with admitted(answer) as admission:
        large = after(tool_response="x" * 8_000_000)
        assert await run_client(admission, large) == ALLOWED
        command = f"head -c 100000000 /dev/zero | ({admission.command})"
        done = await anyio.run_process(["/bin/sh", "-c", command], check=False)
        assert "too much" in blocked(Heard(done.returncode, done.stdout, done.stderr))
    assert sizes == [8_000_000]


async def test_a_hostile_folder_and_environment_have_no_say(tmp_path: Path) -> None:
    """G2, F24: a repository's modules, ``PYTHON*`` variables, programs on PATH."""
    marker = tmp_path / "ran"
    names = "sitecustomize usercustomize os io abc select _socket socket json codecs encodings"
    for name in [*names.split(), "__future__", "client"]:
        (tmp_path / f"{name}.py").write_text(
            f"import _io\n_io.open({str(marker)!r}, 'a').write('{name} ')\n"
        )
    for name in ("python", "python3", "sh", "echo"):
        (tmp_path / name).write_text(f"#!/bin/sh\n: > {marker}\n")
        (tmp_path / name).chmod(0o755)
    env = {
        "PATH": str(tmp_path),
        "PYTHONPATH": str(tmp_path),
        "PYTHONHOME": str(tmp_path),
        "PYTHONSTARTUP": str(tmp_path / "client.py"),
        "PYTHONUSERBASE": str(tmp_path),
        "PYTHONINSPECT": "1",
        "PYTHONWARNINGS": "error",
        "PYTHONVERBOSE": "1",
    }
    async with admitted() as admission:
        assert await run_client(admission, before(), cwd=tmp_path, env=env) == ALLOWED
    assert not marker.exists()
    # The control: with a plain interpreter the same folder does have a say.
    plain = [sys.executable, "-c", "import json"]
    await anyio.run_process(plain, env={"PYTHONPATH": str(tmp_path)}, check=False)
    assert marker.exists()


@pytest.fixture
def odd_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="it's $HOME `x` \"&;") as folder:
        yield Path(folder)


async def test_odd_paths_are_quoted(monkeypatch: pytest.MonkeyPatch, odd_folder: Path) -> None:
    """G2."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(odd_folder))
    async with admitted() as admission:
        assert key_file(admission).parent.parent == odd_folder
        assert await run_client(admission, before()) == ALLOWED


async def test_the_client_is_a_copy_run_by_the_real_interpreter() -> None:
    """G2: an agent may write the virtual environment and the sources in its workspace."""
    async with admitted() as admission:
        python, isolated, no_site, client, *_ = shlex.split(admission.command)
        assert python == REAL_PYTHON
        assert (isolated, no_site) == ("-I", "-S")
        assert client == str(key_file(admission).with_name("client.pyc"))
        assert client != _relay_client.__file__


def test_the_client_loads_nothing_that_takes_its_time() -> None:
    """Section 6: ``socket``, ``signal``, ``pathlib`` and ``json`` would be most of its time."""
    command = [sys.executable, "-I", "-S", "-X", "importtime", _relay_client.__file__]
    done = subprocess.run(command, capture_output=True, check=False, stdin=subprocess.DEVNULL)
    loaded = {line.rpartition(b"|")[2].strip() for line in done.stderr.splitlines()}
    assert b"_socket" in loaded
    assert not loaded & {b"socket", b"signal", b"enum", b"re", b"typing", b"pathlib", b"json"}
