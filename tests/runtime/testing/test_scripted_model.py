"""The scripted model over HTTP: what it answers, what it refuses, and how it ends."""

from __future__ import annotations

import http.client
import json
import logging
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import anyio
import pytest

from codex_hooks_runtime import _errors
from codex_hooks_runtime.testing import Hang, ModelRequest, Say, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Callable

    from codex_hooks_runtime.testing import Step

ASK = json.dumps({"model": "m", "input": []})


def address(model: ScriptedModel) -> tuple[str, int]:
    parts = urlsplit(model.base_url)
    assert parts.hostname
    assert parts.port
    return parts.hostname, parts.port


def call(model: ScriptedModel, method: str, path: str, body: str = "") -> tuple[int, str]:
    connection = http.client.HTTPConnection(*address(model), timeout=30)
    try:
        connection.request(method, path, body)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()


def test_steps_are_played_one_a_request_and_requests_are_kept() -> None:
    with ScriptedModel([Say("one"), Say("two")]) as model:
        first = call(model, "POST", "/v1/responses", ASK)
        second = call(model, "POST", "/v1/responses", ASK)
    assert (first[0], second[0]) == (200, 200)
    assert '"delta": "one"' in first[1]
    assert '"delta": "two"' in second[1]
    assert [request.body for request in model.requests] == [json.loads(ASK)] * 2
    assert model.unexpected == ()


def test_the_list_of_models_is_empty_and_expected() -> None:
    with ScriptedModel([]) as model:
        status, body = call(model, "GET", "/v1/models")
    assert (status, json.loads(body)["data"]) == (200, [])
    assert model.unexpected == ()


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "why"),
    [
        ("POST", "/v1/responses", ASK, 400, "request 1 came, but the script has steps for 0"),
        ("POST", "/v1/responses", "not json", 400, "a request that is not JSON"),
        ("GET", "/v1/responses", "", 404, "GET /v1/responses is not served"),
        ("POST", "/v1/chat/completions", ASK, 404, "POST /v1/chat/completions is not served"),
    ],
)
def test_what_no_script_foresaw_fails_and_is_noted(
    method: str, path: str, body: str, status: int, why: str
) -> None:
    with ScriptedModel([]) as model:
        answered, text = call(model, method, path, body)
    assert answered == status
    assert why in json.loads(text)["error"]["message"]
    assert [why in sentence for sentence in model.unexpected] == [True]


def test_a_callable_answers_many_callers_at_once() -> None:
    def script(request: ModelRequest) -> Step:
        return Say(request.model)

    answers: list[bool] = []

    def ask(name: str) -> None:
        _, text = call(model, "POST", "/v1/responses", json.dumps({"model": name, "input": []}))
        answers.append(f'"delta": "{name}"' in text)

    with ScriptedModel(script) as model:
        threads = [threading.Thread(target=ask, args=(f"m{number}",)) for number in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert answers == [True] * 20


async def test_a_hanging_stream_opens_and_leaves_the_event_loop_free() -> None:
    with ScriptedModel([Hang(), Say("prompt")]) as model, anyio.fail_after(60):
        async with await anyio.connect_tcp(*address(model)) as hanging:
            await hanging.send(raw_ask())
            opened = b""
            while b"response.created" not in opened:
                opened += await hanging.receive()
            status, _ = await anyio.to_thread.run_sync(call, model, "POST", "/v1/responses", ASK)
    assert b"response.completed" not in opened
    assert status == 200


def raw_ask() -> bytes:
    head = f"POST /v1/responses HTTP/1.1\r\nHost: model\r\nContent-Length: {len(ASK)}\r\n\r\n"
    return (head + ASK).encode()


def read_until_created(client: socket.socket) -> None:
    seen = b""
    while b"response.created" not in seen:
        seen += client.recv(65536)


def ask_and_hang(client: socket.socket) -> None:
    client.sendall(raw_ask())
    read_until_created(client)


def ask_and_read_nothing_more(client: socket.socket) -> None:
    client.sendall(raw_ask())
    client.recv(1)


def say_half_a_request(client: socket.socket) -> None:
    client.sendall(raw_ask()[:20])


def say_nothing(client: socket.socket) -> None:
    pass


@pytest.mark.parametrize(
    ("step", "leave_open"),
    [
        (Hang(), ask_and_hang),
        (Say("x" * 20_000_000), ask_and_read_nothing_more),
        (Say("x"), say_half_a_request),
        (Say("x"), say_nothing),
    ],
)
def test_closing_waits_for_no_client_and_leaves_no_thread_and_no_socket(
    step: Step, leave_open: Callable[[socket.socket], None], caplog: pytest.LogCaptureFixture
) -> None:
    before = open_files()
    with ScriptedModel([step]) as model:
        there = address(model)
        client = socket.create_connection(there, timeout=30)
        leave_open(client)
    with client:
        assert ended(client)
    assert caplog.messages == []  # a server that has to wait for its clients complains
    assert "scripted-model" not in [thread.name for thread in threading.enumerate()]
    assert open_files() == before
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(there, timeout=30)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


def ended(client: socket.socket) -> bool:
    try:
        while client.recv(1 << 20):
            pass
    except ConnectionResetError:
        pass  # the other way in which a connection is over
    return True


def test_signal_handlers_and_logging_stay_as_they_are() -> None:
    def process_wide() -> Any:
        names = (None, "uvicorn", "uvicorn.error", "uvicorn.access", "uvicorn.asgi", "asyncio")
        loggers = [logging.getLogger(name) for name in names]
        return (
            [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)],
            [(log.level, list(log.handlers), log.propagate, log.disabled) for log in loggers],
        )

    before = process_wide()
    with ScriptedModel([Say("hi")]) as model:
        call(model, "POST", "/v1/responses", ASK)
        assert process_wide() == before
    assert process_wide() == before


@pytest.mark.parametrize("missing", ["starlette", "uvicorn"])
def test_without_its_extra_the_model_says_what_to_install(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in list(sys.modules):
        if name.startswith((missing, "codex_hooks_runtime.testing._")):
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(_errors.ConfigError, match=r"pip install 'codex-hooks\[testing\]'"):
        ScriptedModel([]).__enter__()


def test_the_model_has_an_address_once_entered_and_is_entered_once() -> None:
    model = ScriptedModel([])
    with pytest.raises(_errors.ConfigError, match="entered"):
        _ = model.base_url
    with model:
        assert model.base_url.startswith("http://127.0.0.1:")
    with pytest.raises(_errors.ConfigError, match="make a new one"):
        model.__enter__()


def test_importing_loads_no_server() -> None:
    code = (
        "import sys, codex_hooks_runtime.testing as t; "
        "assert t.ScriptedModel and not {'starlette', 'uvicorn'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_an_output_that_answers_no_call_is_in_the_text_alone() -> None:
    """Codex 0.169 sends some of its own accord, after a goal for one."""
    body = {
        "input": [
            {"type": "function_call_output", "output": "of nobody"},
            {"type": "function_call_output", "call_id": "call_1", "output": "of a call"},
        ]
    }
    request = ModelRequest(body, {})

    assert request.tool_outputs == {"call_1": "of a call"}
    assert "of nobody" in request.text
