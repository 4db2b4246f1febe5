"""What a shell hook's command is told, and what its answer means: plain code, no I/O (K14).

The command gets the context as one JSON object on stdin: the fields of `HookContext` by their
names, but for ``deadline``. ``tool`` is an object, with the ``paths`` that it touches, or null, and
each attachment has a ``type``: ``at_path``, ``image_url``, ``local_image`` or ``skill``.
It answers like this:

* exit status 0 and nothing on stdout: nothing to say;
* exit status 0 and one JSON object: ``{"action": "allow"}``, ``{"action": "ask", "message": …}``,
  ``{"action": "block", "message": …}``, or ``{"action": "mutate", …}`` with any of ``prompt``,
  ``model``, ``add_attachments``, ``metadata``, ``tool_input`` and ``tool_output``;
* exit status 2: block, with what it wrote to stderr as the message.

Anything else is a failure (K5): another status, a signal, text that is not such an object, keys
that are unknown or come twice, more than a mebibyte of output, the time-out.
"""

from __future__ import annotations

import json
from dataclasses import fields
from typing import TYPE_CHECKING, Any, Final

from codex_hooks._context import AtPath, Attachment, ImageUrl, LocalImage, Skill, ToolCall
from codex_hooks._decisions import Allow, Ask, Block, Decision, InvalidDecision, Mutate

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from codex_hooks._command import Finished
    from codex_hooks._context import HookContext

_ATTACHMENTS: Final[dict[str, type[Attachment]]] = {
    "at_path": AtPath,
    "image_url": ImageUrl,
    "local_image": LocalImage,
    "skill": Skill,
}
_TYPES: Final = {kind: word for word, kind in _ATTACHMENTS.items()}

_MAX_MESSAGE: Final = 4000
"""How many characters of stderr make a message."""


def context_json(ctx: HookContext) -> bytes:
    """Return ``ctx`` as a command sees it: one line of JSON in ASCII."""
    plain = {item.name: getattr(ctx, item.name) for item in fields(ctx) if item.name != "deadline"}
    return json.dumps(plain, default=_plain, allow_nan=False).encode() + b"\n"


def decision_of(finished: Finished) -> Decision | None:
    """Return what a command has decided; `InvalidDecision` for one that gave no valid answer.

    What the command wrote is never repeated in the error, since it may hold the prompt (K8).
    """
    if finished.status == 2:
        message = finished.stderr.decode(errors="replace").strip()
        return Block(message[:_MAX_MESSAGE] or "the command blocked this without saying why")
    if finished.status < 0:
        raise InvalidDecision(f"the command was ended by signal {-finished.status}")
    if finished.status:
        raise InvalidDecision(
            f"the command exited with status {finished.status}: only 0 and 2 are answers"
        )
    if not finished.stdout.strip():
        return None
    return _decision(_object(finished.stdout))


def _object(text: bytes) -> dict[str, Any]:
    try:
        answer = json.loads(text.decode(), object_pairs_hook=_unique)
    except UnicodeDecodeError:
        raise InvalidDecision("the command printed text that is not UTF-8") from None
    except (ValueError, RecursionError):
        raise InvalidDecision("the command printed something else than one JSON object") from None
    if not isinstance(answer, dict):
        raise InvalidDecision("the command printed JSON that is no object")
    return answer


def _decision(answer: dict[str, Any]) -> Decision:
    action = answer.pop("action", None)
    match action:
        case "allow":
            _check_keys(answer, action, ())
            return Allow()
        case "ask" | "block":
            _check_keys(answer, action, ("message",))
            message = answer.get("message", "")
            return Ask(message) if action == "ask" else Block(message)
        case "mutate":
            _check_keys(answer, action, tuple(item.name for item in fields(Mutate)))
            answer["add_attachments"] = _attachments(answer.get("add_attachments"))
            return Mutate(**answer)
    raise InvalidDecision("the command's answer needs an action: allow, ask, block or mutate")


def _check_keys(answer: Mapping[str, Any], action: str, known: Collection[str]) -> None:
    if unknown := sorted(answer.keys() - set(known)):
        raise InvalidDecision(
            f"the command's answer has {len(unknown)} key(s) that {action!r} does not take: "
            f"it takes {', '.join(known) or 'none'}"
        )


def _attachments(given: Any) -> tuple[Attachment, ...]:
    try:
        return tuple(_ATTACHMENTS[item["type"]](**_fields(item)) for item in _list(given))
    except (TypeError, KeyError, AttributeError):
        raise InvalidDecision(
            f"add_attachments takes objects with a type, one of {', '.join(_ATTACHMENTS)}, "
            "and the fields of that type"
        ) from None


def _list(given: Any) -> list[Any]:
    if not isinstance(given, list | None):
        raise TypeError("attachments that are no list")
    return given or []


def _fields(item: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in item.items() if key != "type" and value is not None}


def _plain(item: Any) -> dict[str, Any]:
    values = {field.name: getattr(item, field.name) for field in fields(item)}
    if isinstance(item, ToolCall):
        values["paths"] = item.paths
    return {"type": _TYPES[type(item)], **values} if type(item) in _TYPES else values


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # A script that pastes a prompt between quotes lets the prompt add a second "action".
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key comes twice")
    return found
