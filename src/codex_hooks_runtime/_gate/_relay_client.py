"""What Codex starts for every tool use: it carries the event to the relay and brings the verdict.

It exits 0 only with a whole verdict that says so, from the relay of the same user. All else ends
in exit code 2 with a reason on stderr, which blocks (G2): no relay, a wrong key, no verdict, a
torn one, too large an event, an error of its own.

Run as ``python -I -S THIS_FILE KEY_FILE``, in whatever folder and environment Codex has: isolated
from ``PYTHON*`` variables, from site-packages and from the modules that a repository may hold.
Only the standard library, and of that only what starts in no time: ``socket`` and ``signal``
would take 6 ms of 14.
"""

import _socket
import os
import select
import sys

KEY_LENGTH = 64
"""Bytes of a key; its first 16 are the name of its file, beside the relay's socket."""

SOCKET_NAME = "socket"

MAX_EVENT = 32 * 1024 * 1024
"""Bytes of an event that are still asked about; the output of a tool can be of any size."""

PATIENCE_S = 86_000
"""Seconds to wait for a verdict: less than Codex's own time-out, after which it goes on."""


def peer_uid(connection: _socket.socket) -> int:
    """Return the user id of the process at the other end of a Unix socket."""
    if sys.platform == "linux":
        credentials = connection.getsockopt(_socket.SOL_SOCKET, _socket.SO_PEERCRED, 12)
    else:  # macOS and the BSDs: LOCAL_PEERCRED at the level of Unix sockets
        credentials = connection.getsockopt(0, 1, 12)
    return int.from_bytes(credentials[4:8], sys.byteorder)


def _read_event() -> bytes:
    parts, size = [], 0
    while part := os.read(0, 1 << 20):
        parts.append(part)
        size += len(part)
        if size > MAX_EVENT:
            raise ValueError(f"it is larger than {MAX_EVENT} bytes, too much to be judged")
    return b"".join(parts)


def _ask(key_file: str, event: bytes) -> tuple[int, bytes, bytes]:
    folder = os.path.dirname(key_file)  # noqa: PTH120  # pathlib takes longer than all the rest
    with open(key_file, "rb") as file:  # noqa: PTH123
        key = file.read(KEY_LENGTH)
    if len(key) != KEY_LENGTH:
        raise ValueError(f"{key_file} holds no key of a relay")
    relay = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM)
    relay.connect(f"{folder}/{SOCKET_NAME}")
    if peer_uid(relay) != os.geteuid():
        raise PermissionError("another user answers at the relay's socket")
    parts = []
    try:
        relay.sendall(key + len(event).to_bytes(8, "big") + event)
    except ConnectionError:
        pass  # a relay that refuses does not read on; its verdict says why
    _wait(relay.fileno())
    try:
        while part := relay.recv(1 << 20):
            parts.append(part)
    except ConnectionError:
        pass  # it closed with part of the event unread; whether the verdict is whole, it tells
    return _parse(b"".join(parts))


def _wait(relay: int) -> None:
    """Wait for the relay; raise if Codex, at the far end of stdout, or our patience is first.

    The shell between Codex and us is killed alone when a turn is interrupted; leaving is what
    tells the relay that nobody waits for this verdict any more.
    """
    waiting = select.poll()
    waiting.register(relay, select.POLLIN)
    waiting.register(1, 0)
    ready = [descriptor for descriptor, _ in waiting.poll(PATIENCE_S * 1000)]
    if relay not in ready:
        raise TimeoutError("codex left before the verdict" if ready else "no verdict in time")


def _parse(verdict: bytes) -> tuple[int, bytes, bytes]:
    """Take apart an exit code, two lengths of 4 bytes, and as much for stdout and for stderr."""
    out, err = int.from_bytes(verdict[1:5], "big"), int.from_bytes(verdict[5:9], "big")
    if len(verdict) < 9 or len(verdict) != 9 + out + err:
        raise ConnectionError("the relay went away before it had given a verdict")
    if verdict[0] != 0 and (verdict[0] != 2 or not err):
        raise ValueError("the relay's verdict is none that codex would obey")
    return verdict[0], verdict[9 : 9 + out], verdict[9 + out :]


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def main() -> None:
    """Ask about the event on stdin and end the process as the verdict says."""
    try:
        code, stdout, stderr = _ask(sys.argv[1], _read_event())
        _write(1, stdout)
    except BaseException as error:
        reason = f"codex-hooks blocked this tool use: {type(error).__name__}: {error}"
        code, stderr = 2, reason.encode(errors="replace")
    try:
        _write(2, stderr and stderr + b"\n")  # the shell adds a word of its own
    finally:
        os._exit(code)  # what an interpreter does on its way out could still change the code


if __name__ == "__main__":
    main()
