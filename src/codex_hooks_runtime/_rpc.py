"""One line of the server's, read as one JSON-RPC message; and the lines that are sent to it.

Codex leaves out the ``jsonrpc`` field. Whatever the server writes, `parse_line` returns: what is
no message is a kind of `Garbage`, to be counted (R7).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, TypeAlias

from pydantic_core import from_json

from ._errors import InvalidRequest, MethodNotFound, Overloaded, ResponseError, ServerError
from ._messages import Garbage, LiveEvent, Reply, ServerRequest

if TYPE_CHECKING:
    from ._messages import Message

OVERLOADED = -32001
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602

RequestId: TypeAlias = int | str
JsonObject: TypeAlias = dict[str, Any]


def parse_line(line: bytes, seq: int) -> Message:
    """Say what ``line`` is: if an event, the one numbered ``seq``. Raises nothing."""
    try:
        value = from_json(line, allow_inf_nan=False, cache_strings="keys")
    except ValueError:
        return Garbage.NOT_JSON
    if type(value) is not dict:
        return Garbage.BATCH if type(value) is list else Garbage.NOT_OBJECT
    if "method" not in value:
        return _reply(value)
    method = value["method"]
    params = value.get("params")
    if params is None:
        params = {}
    if type(method) is not str or type(params) is not dict:
        return Garbage.BAD_SHAPE
    if "id" not in value:
        return LiveEvent(seq, method, params)
    request_id = value["id"]
    return ServerRequest(request_id, method, params) if _is_id(request_id) else Garbage.BAD_ID


def _reply(value: JsonObject) -> Reply | Garbage:
    if "id" not in value:
        return Garbage.BAD_SHAPE
    if not _is_id(value["id"]):
        return Garbage.BAD_ID
    error = value.get("error")
    if error is not None:
        return Reply(value["id"], error=error) if type(error) is dict else Garbage.BAD_SHAPE
    return Reply(value["id"], value["result"]) if "result" in value else Garbage.BAD_SHAPE


def _is_id(value: object) -> bool:
    # Exact types: true would otherwise be the same key as 1.
    return type(value) is int or type(value) is str


def request_line(request_id: int, method: str, params: JsonObject | None) -> bytes:
    """Return the line of a request; ``params`` None leaves them out, as Codex wants them then.

    Raises ``TypeError`` or ``ValueError`` for what JSON cannot carry: objects of other types,
    infinity, half a surrogate pair.
    """
    return _line({"id": request_id, **_call(method, params)})


def notification_line(method: str, params: JsonObject | None) -> bytes:
    """Return the line of a notification; for ``params`` see `request_line`."""
    return _line(_call(method, params))


def result_line(request_id: RequestId, result: JsonObject) -> bytes:
    """Return the line that answers a server request; for ``result`` see `request_line`."""
    return _line({"id": request_id, "result": result})


def error_line(request_id: RequestId, code: int, message: str) -> bytes:
    """Return the line that refuses a server request."""
    return _line({"id": request_id, "error": {"code": code, "message": message}})


def _call(method: str, params: JsonObject | None) -> JsonObject:
    return {"method": method} if params is None else {"method": method, "params": params}


# Strict where others are lenient: a server that cannot read a line never answers it. Made once,
# for `json.dumps` would make one for every line.
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def check_json(value: object) -> None:
    """Raise ``TypeError`` or ``ValueError`` for what no line can carry; see `request_line`."""
    _line(value)


def _line(message: object) -> bytes:
    return _JSON.encode(message).encode() + b"\n"


def error_for(method: str, error: JsonObject) -> ResponseError:
    """Return the exception that stands for the ``error`` which ``method`` was answered with."""
    code = error.get("code")
    code = code if type(code) is int else 0
    said = str(error.get("message", ""))
    data = error.get("data")
    # Codex reads method and params as one tagged value, so an unknown method is invalid to it.
    if code == METHOD_NOT_FOUND or f"unknown variant `{method}`" in said:
        return MethodNotFound(
            f"this codex server has no method {method!r}; another version of codex may have it",
            method=method,
            code=code,
            data=data,
        )
    if code == OVERLOADED:
        message = f"{method}: the codex server is overloaded; send fewer requests at once ({said})"
        return Overloaded(message, method=method, code=code, data=data)
    kind = InvalidRequest if code in (INVALID_REQUEST, INVALID_PARAMS) else ServerError
    return kind(f"{method}: {said} (code {code})", method=method, code=code, data=data)
