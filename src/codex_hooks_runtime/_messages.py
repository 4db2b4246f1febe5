"""What the server can say, as light data: events, requests, replies, and what is none of these."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._rpc import JsonObject, RequestId


class Garbage(StrEnum):
    """What a line was that was no message, or a reply to no open request."""

    NOT_JSON = "not_json"
    """No JSON: stray text, invalid UTF-8, NaN, more than 200 levels deep."""
    BATCH = "batch"
    NOT_OBJECT = "not_object"
    BAD_ID = "bad_id"
    """An id that is neither a string nor an integer: null, most of all."""
    BAD_SHAPE = "bad_shape"
    """An object that is neither a request, a notification nor a reply."""
    UNKNOWN_ID = "unknown_id"
    """A reply to a request that was never sent."""
    REPEATED_ID = "repeated_id"
    """A second reply, or a second server request under the id of an open one."""
    LATE_REPLY = "late_reply"
    """A reply to a request whose caller has given up."""


class LiveEvent(NamedTuple):
    """One notification. A tuple, for there are hundreds of thousands a second.

    ``seq`` counts the notifications of one connection from 1, without gaps. ``params`` is shared
    by all who get the event: to be read only.
    """

    seq: int
    method: str
    params: Mapping[str, Any]

    @property
    def thread_id(self) -> str | None:
        """The thread that it is about, where it names one as ``threadId``."""
        return _thread_id(self.params)


@dataclass(frozen=True, slots=True)
class ServerRequest:
    """Something that the server asks of its client, and waits for."""

    id: RequestId
    method: str
    params: JsonObject

    @property
    def thread_id(self) -> str | None:
        """The thread that it is about, where it names one."""
        return _thread_id(self.params)


@dataclass(frozen=True, slots=True)
class Reply:
    """The server's answer to the request ``id``: its ``error`` if there is one, or ``result``."""

    id: RequestId
    result: Any = None
    error: JsonObject | None = None


Message: TypeAlias = LiveEvent | ServerRequest | Reply | Garbage


def _thread_id(params: Mapping[str, Any]) -> str | None:
    thread_id = params.get("threadId")
    return thread_id if type(thread_id) is str else None
