"""The least that drives a real ``codex app-server``: JSON lines over pipes, one at a time."""

from __future__ import annotations

import json
import subprocess
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from codex import codex_binary

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codex_hooks_runtime.testing import CodexHome

# A server that takes longer is killed, and its test fails at the end of its output.
_PATIENCE_SECONDS = 60


class AppServer:
    """A running server with one thread, whose approval policy is ``never``."""

    def __init__(self, process: subprocess.Popen[bytes], cwd: Path, sandbox: str) -> None:
        self._process = process
        self.call("initialize", {"clientInfo": {"name": "test", "title": "test", "version": "0"}})
        thread = {"cwd": str(cwd), "sandbox": sandbox, "approvalPolicy": "never"}
        self.thread_id: str = self.call("thread/start", thread)["thread"]["id"]

    def call(self, method: str, params: dict[str, Any]) -> dict[str, Any]:
        """Send one request and return its result; notifications before it are dropped."""
        assert self._process.stdin
        request = {"id": method, "method": method, "params": params}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        reply = next(message for message in self._messages() if message.get("id") == method)
        result: dict[str, Any] = reply["result"]
        return result

    def start_turn(self) -> str:
        """Start a turn and return its id."""
        prompt = [{"type": "text", "text": "go"}]
        reply = self.call("turn/start", {"threadId": self.thread_id, "input": prompt})
        turn_id: str = reply["turn"]["id"]
        return turn_id

    def rest_of_turn(self) -> list[dict[str, Any]]:
        """Return the notifications up to and with ``turn/completed``."""
        seen = []
        for message in self._messages():
            seen.append(message)
            if message.get("method") == "turn/completed":
                break
        return seen

    def _messages(self) -> Iterator[dict[str, Any]]:
        assert self._process.stdout
        for line in self._process.stdout:
            yield json.loads(line)
        raise AssertionError("codex app-server ended its output")


@contextmanager
def app_server(home: CodexHome, cwd: Path, sandbox: str = "read-only") -> Iterator[AppServer]:
    """Start codex in ``home`` with a thread in ``cwd``; end it by the end of its input."""
    process = subprocess.Popen(
        [codex_binary(), "app-server"],
        env=home.env,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    watchdog = threading.Timer(_PATIENCE_SECONDS, process.kill)
    watchdog.start()
    try:
        yield AppServer(process, cwd, sandbox)
    finally:
        process.communicate()
        watchdog.cancel()
