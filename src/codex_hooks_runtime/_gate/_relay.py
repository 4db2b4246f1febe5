"""The Unix socket at which every tool use of the gated threads asks for its verdict.

Whatever goes wrong here ends in a block (G2): another user, a wrong key, half an event, an answer
that raises or comes too late, a relay that closes meanwhile. Each connection brings one event and
gets one verdict, for itself alone: nothing that is said on one of them is remembered for another.

Who could cheat. Other users: kept out by the folder's mode, the peer's user id on both sides, and
a key that stands in a file rather than in the process list. A command that the model runs: it can
read the key, for the sandbox hides no files, but the sandbox lets it neither connect to a socket,
unless it has the network, nor write to the folder, as long as the folder is not in its workspace;
without a sandbox it could as well stop this process. A repository: the client is a copy in the
folder, started with the real path of the interpreter, so that neither a virtual environment nor an
editable installation inside the workspace has a say in it.

What stays open. Codex goes on when its shell is killed or cannot be started, as in a folder that
is gone. Then there is no verdict for the tripwire to find (G7), and `went_unheard` tells it sooner.
"""

from __future__ import annotations

import json
import os
import pwd
import py_compile
import secrets
import shlex
import sys
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Final

import anyio
from anyio.abc import SocketAttribute
from anyio.streams.buffered import BufferedByteReceiveStream

from codex_hooks_runtime._errors import GateNotArmed

from . import _relay_client
from ._admission import Admission
from ._folder import private_folder
from ._payload import Deny, parse_event, refusal, render
from ._relay_client import KEY_LENGTH, MAX_EVENT, SOCKET_NAME, peer_uid

if TYPE_CHECKING:
    from pathlib import Path
    from typing import Self

    from anyio.abc import SocketListener, SocketStream, TaskGroup

    from ._admission import Answer
    from ._payload import RelayVerdict, ToolHookEvent

_CLIENT: Final = "client.pyc"
_NAME_LENGTH: Final = 16
# A client sends its event in one go; one that has not within this time was stopped.
_REQUEST_S: Final = 60.0
_SEND_S: Final = 5.0
_PROOF_S: Final = 10.0
_BREATHER_S: Final = 0.05
# Whatever becomes of the client, a missing interpreter included, the shell's last word is a block.
_LAST_WORD: Final = "echo 'codex-hooks blocked this tool use: there was no verdict.' >&2; exit 2"


class Relay:
    """The socket and its folder while the ``async with`` block lasts; to be entered once.

    Entering it raises `GateNotArmed` unless a client, started as Codex would start it, brought
    back a verdict (G6). On leaving, calls that still wait are blocked.
    """

    _folder: Path

    def __init__(self) -> None:
        self._stack = AsyncExitStack()
        self._admissions: dict[bytes, Admission] = {}

    async def __aenter__(self) -> Self:
        try:
            self._folder = self._stack.enter_context(private_folder(SOCKET_NAME))
            # Compiled, which saves each tool use two milliseconds of it.
            py_compile.compile(
                _relay_client.__file__, str(self._folder / _CLIENT), doraise=True, optimize=2
            )
            listener = await anyio.create_unix_listener(self._folder / SOCKET_NAME, mode=0o600)
            await self._stack.enter_async_context(listener)
            tasks = await self._stack.enter_async_context(anyio.create_task_group())
            self._stack.callback(tasks.cancel_scope.cancel)
            tasks.start_soon(self._accept, listener, tasks)
            await self._prove()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        # Not told of the exception, so that the task group does not put it into a group.
        await self._stack.aclose()

    @property
    def folder(self) -> Path:
        """The private folder with the socket, the keys and the client."""
        return self._folder

    def admit(self, answer: Answer, *, deadline_s: float) -> Admission:
        """Let one more thread ask; ``answer`` has ``deadline_s`` seconds for each of its events.

        It is cancelled when its client has left, as on an interrupted turn. Raises `GateNotArmed`
        if the relay's folder is gone.
        """
        key = secrets.token_hex(KEY_LENGTH // 2).encode()
        name = key[:_NAME_LENGTH]
        key_file = self._folder / name.decode()
        try:
            key_file.touch(mode=0o600, exist_ok=False)
            key_file.write_bytes(key)
        except OSError as error:
            raise GateNotArmed(f"the gate's relay is closed or lost its folder: {error}") from error

        def withdraw() -> None:
            self._admissions.pop(name, None)
            key_file.unlink(missing_ok=True)

        admission = Admission(key, self._command(key_file), answer, deadline_s, withdraw)
        self._admissions[name] = admission
        return admission

    def _command(self, key_file: Path) -> str:
        python = os.path.realpath(sys.executable)
        client = [python, "-I", "-S", str(self._folder / _CLIENT), str(key_file)]
        return f"{shlex.join(client)} || {shlex.join(['/bin/sh', '-c', _LAST_WORD])}"

    async def _accept(self, listener: SocketListener, tasks: TaskGroup) -> None:
        while True:
            try:
                client = await listener.accept()
            except (OSError, anyio.BrokenResourceError):
                # Out of file descriptors: the next client keeps its place in the queue.
                await anyio.sleep(_BREATHER_S)
                continue
            tasks.start_soon(self._serve, client)

    async def _serve(self, client: SocketStream) -> None:
        verdict = refusal("The gate that judges this tool use is shutting down. Stop here.")
        async with client:
            try:
                verdict = await self._verdict(client)
            except Exception as error:
                verdict = refusal(f"The gate could not judge this tool use: {error}")
            finally:
                with anyio.move_on_after(_SEND_S, shield=True):
                    try:
                        await client.send(_frame(verdict))
                    except (anyio.BrokenResourceError, anyio.ClosedResourceError):
                        pass  # the client has left: Codex waits for this verdict no more

    async def _verdict(self, client: SocketStream) -> RelayVerdict:
        peer = client.extra(SocketAttribute.raw_socket)  # noqa: S610  # a stream, not Django's
        if peer_uid(peer) != os.geteuid():
            return refusal("The gate does not answer to another user.")
        request = BufferedByteReceiveStream(client)
        with anyio.fail_after(_REQUEST_S):
            key = await request.receive_exactly(KEY_LENGTH)
            admission = self._admissions.get(key[:_NAME_LENGTH])
            if admission is None or not admission.opens_with(key):
                return refusal("The gate of this thread is closed. Stop here and tell the user.")
            size = int.from_bytes(await request.receive_exactly(8), "big")
            if size > MAX_EVENT:
                return refusal("This tool use is too large to be judged.")
            payload = await request.receive_exactly(size)
        return await admission.decide(parse_event(payload), client)

    async def _prove(self) -> None:
        """Have the shell that Codex uses run the client once: what cannot run blocks nothing."""
        expected = Deny(secrets.token_hex(8))

        async def answer(_event: ToolHookEvent) -> Deny:
            return expected

        shell = _login_shell()
        with self.admit(answer, deadline_s=_PROOF_S) as admission:
            argv = [shell, "-c", admission.command]
            # From a file: a process may end before it has read what a pipe brings.
            proof = self._folder / "proof"
            proof.write_bytes(_PROOF_EVENT)
            try:
                with anyio.fail_after(_PROOF_S), proof.open("rb") as event:
                    done = await anyio.run_process(argv, stdin=event, check=False)
            except (OSError, TimeoutError) as error:
                raise GateNotArmed(f"{shell} does not run the gate's client: {error!r}") from error
        if done.returncode != 0 or done.stdout != render("PreToolUse", expected).stdout:
            said = done.stderr.decode(errors="replace").strip()
            raise GateNotArmed(
                f"{shell} does not run the gate's client (exit code {done.returncode}: {said}); "
                f"see what the same user gets from: {shlex.join(argv[:2])} true"
            )


def _login_shell() -> str:
    """Return the shell that Codex runs hooks with: the user's login shell, not ``SHELL``."""
    try:
        return pwd.getpwuid(os.getuid()).pw_shell or "/bin/sh"
    except KeyError:
        return "/bin/sh"  # as in a container that runs under a number without a name


def _frame(verdict: RelayVerdict) -> bytes:
    """Return ``verdict`` as the client takes it apart: exit code, two lengths, two texts."""
    lengths = len(verdict.stdout).to_bytes(4, "big") + len(verdict.stderr).to_bytes(4, "big")
    return bytes([verdict.exit_code]) + lengths + verdict.stdout + verdict.stderr


_PROOF_EVENT: Final = json.dumps(
    {
        "hook_event_name": "PreToolUse",
        "session_id": "proof",
        "turn_id": "proof",
        "cwd": "/",
        "model": "none",
        "permission_mode": "default",
        "tool_name": "proof",
        "tool_input": {},
        "tool_use_id": "proof",
    }
).encode()
