"""A client that cannot be had: one error with what to do, and nothing left of the attempt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks_runtime import (
    Client,
    ClientConfig,
    CodexNotFound,
    CodexUnsupported,
    ConfigError,
    RestartPolicy,
    RpcTimeout,
    StateProjectionLimits,
    TransportClosed,
)
from runtime.leftovers import children, nothing_left
from runtime.scripted_client import scripted_client

if TYPE_CHECKING:
    from pathlib import Path


def program(folder: Path, text: str, mode: int = 0o755) -> Path:
    path = folder / "codex"
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("gate", ["native", "off"])
@pytest.mark.parametrize(
    ("text", "seconds", "error", "words"),
    [
        ("exit 3", 60, TransportClosed, r"status 3(.|\n)*by hand to see why"),
        ("echo no config >&2; exit 0", 60, TransportClosed, r"status 0(.|\n)*no config"),
        ("sleep 600", 0.3, RpcTimeout, "raise initialize_timeout"),
        ("echo hello; sleep 600", 3, CodexUnsupported, "give the path of a codex binary"),
        ("kill -9 $$", 60, TransportClosed, "SIGKILL"),
        (
            'read l; echo \'{"id":1,"result":{"userAgent":"cat"}}\'; cat',
            60,
            CodexUnsupported,
            "no codex",
        ),
    ],
)
async def test_a_program_that_is_no_codex_is_one_error_and_nothing_is_left(
    gate: str,
    text: str,
    seconds: float,
    error: type[Exception],
    words: str,
    *,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F30, R6: no process, no task, no folder of the gate's."""
    async with nothing_left(tmp_path, monkeypatch):
        options: Any = {"tool_gate": gate, "initialize_timeout": seconds}
        config = ClientConfig(codex=program(tmp_path, text), load_installed=False, **options)
        with anyio.fail_after(60), pytest.raises(error, match=words):
            async with Client.connect(config):
                raise AssertionError("connected")


async def test_what_cannot_be_started_is_one_error_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F30."""
    async with nothing_left(tmp_path, monkeypatch):
        for codex in (tmp_path / "none", tmp_path, program(tmp_path, "exit", mode=0o644)):
            with pytest.raises(CodexNotFound):
                async with Client.connect(ClientConfig(codex=codex, load_installed=False)):
                    raise AssertionError("connected")


async def test_the_control_connects_and_leaves_nothing_either(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F30: what the tests above hold against, and that the looking would see a server."""
    async with (
        nothing_left(tmp_path, monkeypatch),
        scripted_client(tmp_path, tool_gate="native") as client,
    ):
        assert client.runtime.is_initialized
        (child,) = await children()
        assert "scripted_server.py" in child
        assert list((tmp_path / "g").iterdir())


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"call_timeout": 0}, "call_timeout=0: give more than 0 seconds"),
        ({"initialize_timeout": -1}, "initialize_timeout=-1"),
        ({"gate_deadline": float("nan")}, "gate_deadline=nan"),
        ({"approval_deadline": 0}, "approval_deadline=0"),
        ({"approver": bool, "gate_deadline": 300}, "less than gate_deadline=300"),
        ({"max_in_flight": 0}, "max_in_flight=0: it has to be at least 1"),
        ({"live_capacity": 0}, "live_capacity=0"),
        ({"event_sink_capacity": 0}, "event_sink_capacity=0"),
    ],
)
def test_numbers_that_cannot_work_are_refused_before_anything_is_started(
    options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        ClientConfig(**options)


def test_the_parts_of_a_configuration_check_themselves() -> None:
    for wrong in (
        lambda: RestartPolicy(max_restarts=-1),
        lambda: StateProjectionLimits(max_threads=0),
    ):
        with pytest.raises(ConfigError):
            wrong()
