from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codex_hooks_runtime._errors import (
    InvalidRequest,
    MethodNotFound,
    Overloaded,
    ResponseError,
    ServerError,
)
from codex_hooks_runtime._messages import Garbage, LiveEvent, Message, Reply, ServerRequest
from codex_hooks_runtime._rpc import error_for, notification_line, parse_line, request_line


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"method":"a","params":{"x":1},"emittedAtMs":5}', LiveEvent(9, "a", {"x": 1})),
        (b'{"method":"a"}\r', LiveEvent(9, "a", {})),
        (b'{"method":"a","id":0,"params":{}}', ServerRequest(0, "a", {})),
        (b'{"method":"a","id":"s","params":null}', ServerRequest("s", "a", {})),
        (b'{"id":1,"result":null}', Reply(1, None)),
        (b'{"error":{"code":-1},"id":1}', Reply(1, error={"code": -1})),
        (b'{"id":1,"result":{},"error":{"code":-1}}', Reply(1, error={"code": -1})),
    ],
)
def test_each_kind_of_message_is_told_apart(line: bytes, message: Message) -> None:
    assert parse_line(line, 9) == message


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"thread main panicked", Garbage.NOT_JSON),
        (b"", Garbage.NOT_JSON),
        (b'{"method":"\xff"}', Garbage.NOT_JSON),
        (b'{"method":"a","params":{"x":NaN}}', Garbage.NOT_JSON),
        (b'{"id":1,"result":' + b"[" * 10_000 + b"]" * 10_000 + b"}", Garbage.NOT_JSON),
        (b'{"id":1' + b"0" * 10_000 + b',"result":1}', Garbage.NOT_JSON),
        (b'[{"id":1,"result":{}}]', Garbage.BATCH),
        (b'"text"', Garbage.NOT_OBJECT),
        (b"null", Garbage.NOT_OBJECT),
        (b'{"id":null,"result":{}}', Garbage.BAD_ID),
        (b'{"id":true,"result":{}}', Garbage.BAD_ID),
        (b'{"id":1.0,"result":{}}', Garbage.BAD_ID),
        (b'{"id":null,"method":"a","params":{}}', Garbage.BAD_ID),
        (b"{}", Garbage.BAD_SHAPE),
        (b'{"id":1}', Garbage.BAD_SHAPE),
        (b'{"id":1,"error":"text"}', Garbage.BAD_SHAPE),
        (b'{"method":7}', Garbage.BAD_SHAPE),
        (b'{"method":"a","params":[]}', Garbage.BAD_SHAPE),
        (b'{"method":"a","id":1,"params":[]}', Garbage.BAD_SHAPE),
        (b'{"result":{}}', Garbage.BAD_SHAPE),
    ],
)
def test_what_is_no_message_has_a_kind(line: bytes, kind: Garbage) -> None:
    """F15."""
    assert parse_line(line, 9) is kind


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "method", "params", "result", "error"]), inner)
    ),
    max_leaves=8,
)


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_no_line_raises(line: bytes) -> None:
    """R7."""
    assert isinstance(parse_line(line, 9), LiveEvent | ServerRequest | Reply | Garbage)


def test_a_request_is_one_line_without_the_params_it_does_not_have() -> None:
    assert request_line(1, "a", None) == b'{"id":1,"method":"a"}\n'
    assert request_line(2, "a", {"t": "x\ny"}) == b'{"id":2,"method":"a","params":{"t":"x\\ny"}}\n'
    assert notification_line("initialized", None) == b'{"method":"initialized"}\n'


@pytest.mark.parametrize("value", [float("inf"), float("nan"), "\ud800", object(), b"bytes"])
def test_what_the_server_could_not_read_is_not_sent(value: Any) -> None:
    with pytest.raises((TypeError, ValueError)):
        request_line(1, "a", {"x": value})


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": -32001, "message": "Server overloaded; retry later."}, Overloaded),
        ({"code": -32600, "message": "thread not found"}, InvalidRequest),
        ({"code": -32602, "message": "bad params"}, InvalidRequest),
        ({"code": -32601, "message": "what?"}, MethodNotFound),
        ({"code": -32600, "message": "Invalid request: unknown variant `a/b`"}, MethodNotFound),
        ({"code": -32600, "message": "Invalid request: unknown variant `x`"}, InvalidRequest),
        ({"code": -32603, "message": "internal"}, ServerError),
        ({}, ServerError),
        ({"code": "text", "message": ["x"]}, ServerError),
    ],
)
def test_an_error_becomes_the_exception_of_its_code(
    error: dict[str, Any], kind: type[ResponseError]
) -> None:
    exception = error_for("a/b", {**error, "data": [1]})
    assert type(exception) is kind
    assert exception.method == "a/b"
    assert exception.data == [1]
    assert "a/b" in str(exception)
