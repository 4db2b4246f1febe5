"""A step as the reply of a Responses API, in the shapes that Codex reads.

Plain functions from parts to text; nothing is sent from here.
"""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from ._steps import ApplyPatch, CallTool, Fail, Hang, RunCode, RunCommand, Say

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ._steps import OutputItem, Part

# Codex wants token counts; ones so small never make it compact the conversation.
_USAGE = {
    "input_tokens": 1,
    "input_tokens_details": {"cached_tokens": 0},
    "output_tokens": 1,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 2,
}


@dataclass(frozen=True, slots=True)
class Reply:
    """What goes over HTTP: event-stream ``text`` with status 200, else JSON.

    Where it ``hangs``, the response stays open after ``text``.
    """

    text: str
    status: int = 200
    hangs: bool = False


def reply_with(parts: Sequence[Part], new_call_id: Callable[[], str]) -> Reply:
    """Return the reply that plays ``parts``: the response as created, its items, its end.

    ``new_call_id`` is asked for each tool call that has no id. Raises ``TypeError`` or
    ``ValueError`` for tool arguments that are not JSON.
    """
    match parts:
        case (Fail(message, code, int(status)),):
            error = {"message": message, "type": code, "param": None, "code": code}
            return Reply(json.dumps({"error": error}), status)
    stream = "".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
        for event in _events(parts, new_call_id)
    )
    return Reply(stream, hangs=any(isinstance(part, Hang) for part in parts))


def _events(parts: Sequence[Part], new_call_id: Callable[[], str]) -> Iterator[dict[str, Any]]:
    response_id = uuid4().hex
    response = {"id": f"resp_{response_id}", "object": "response"}
    yield {"type": "response.created", "response": {**response, "status": "in_progress"}}
    for index, part in enumerate(parts):
        match part:
            case Say() | CallTool() | RunCommand() | ApplyPatch() | RunCode():
                yield from _item_events(part, index, f"item_{response_id}_{index}", new_call_id)
            case Fail(message, code):
                error = {"code": code, "message": message}
                yield {
                    "type": "response.failed",
                    "response": {**response, "status": "failed", "error": error},
                }
                return
            case Hang():
                return
    yield {
        "type": "response.completed",
        "response": {**response, "status": "completed", "usage": _USAGE},
    }


def _item_events(
    item: OutputItem, index: int, item_id: str, new_call_id: Callable[[], str]
) -> Iterator[dict[str, Any]]:
    done = {"id": item_id, "status": "completed", **_item(item, new_call_id)}
    added = {**done, "status": "in_progress"}
    if isinstance(item, Say):
        added["content"] = []
    yield {"type": "response.output_item.added", "output_index": index, "item": added}
    if isinstance(item, Say):
        for delta in _deltas(item):
            yield {
                "type": "response.output_text.delta",
                "item_id": item_id,
                "output_index": index,
                "content_index": 0,
                "delta": delta,
            }
    yield {"type": "response.output_item.done", "output_index": index, "item": done}


def _item(item: OutputItem, new_call_id: Callable[[], str]) -> dict[str, Any]:
    if isinstance(item, Say):
        content = {"type": "output_text", "text": item.text, "annotations": []}
        return {"type": "message", "role": "assistant", "content": [content]}
    call_id = new_call_id() if item.call_id is None else item.call_id
    if isinstance(item, ApplyPatch):
        return _custom_call(call_id, "apply_patch", item.patch)
    if isinstance(item, RunCode):
        return _custom_call(call_id, "exec", item.code)
    if isinstance(item, RunCommand):
        item = CallTool("exec_command", {"cmd": item.cmd, **item.options})
    group = {} if item.namespace is None else {"namespace": item.namespace}
    return {
        "type": "function_call",
        "call_id": call_id,
        "name": item.name,
        "arguments": json.dumps(dict(item.arguments)),
        **group,
    }


def _custom_call(call_id: str, name: str, text: str) -> dict[str, Any]:
    return {"type": "custom_tool_call", "call_id": call_id, "name": name, "input": text}


def _deltas(say: Say) -> Iterator[str]:
    count = min(say.chunks, len(say.text))
    cuts = [len(say.text) * part // count for part in range(count + 1)] if count else []
    for start, end in itertools.pairwise(cuts):
        yield say.text[start:end]
