"""What Codex's own tool hooks are told and what they may answer, as plain data.

`parse_event` takes nothing half: what is not whole is a `MalformedEvent`. `render` never gives
Codex an answer that it would shrug off: a hook's output that Codex cannot use lets the tool use
happen, so all that cannot be said in a form it obeys becomes a block (G2, G4).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeAlias

from pydantic_core import from_json

EventName: TypeAlias = Literal["PreToolUse", "PostToolUse"]

BLOCKED: Final = 2
"""The exit code that blocks a tool use, if there is text on stderr as well."""

MAX_REASON: Final = 4_000
"""The most characters of a reason that reach the model; Codex would repeat any number."""

# Codex's parser gives up, and the call goes through as it was, some 127 levels down.
_MAX_DEPTH: Final = 100

_UNSAID: Final = "A policy of this machine does not allow this. Do not retry it; tell the user."


class MalformedEvent(ValueError):
    """What arrived is no tool-hook event of Codex's."""


@dataclass(frozen=True, slots=True)
class ToolHookEvent:
    """One tool use, before (``PreToolUse``) or after it (``PostToolUse``), in Codex's own words.

    ``session_id`` is the thread's id, for a sub-agent the parent thread's; only sub-agents have
    ``agent_id`` and ``agent_type``. ``tool_use_id`` is the model's to choose and can repeat.
    ``tool_response`` is None before the use.
    """

    event: EventName
    session_id: str
    turn_id: str
    cwd: str
    model: str
    permission_mode: str
    tool_name: str
    tool_input: Mapping[str, Any]
    tool_use_id: str
    tool_response: Any = None
    agent_id: str | None = None
    agent_type: str | None = None


@dataclass(frozen=True, slots=True)
class Proceed:
    """Codex goes on as if nobody had been asked."""


@dataclass(frozen=True, slots=True)
class Deny:
    """The tool use does not happen, and the model is told ``reason``."""

    reason: str


@dataclass(frozen=True, slots=True)
class Rewrite:
    """The tool is used with ``tool_input``, a mapping, instead; Codex's own rules judge that."""

    tool_input: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Withhold:
    """The model sees ``reason`` instead of what the tool gave back."""

    reason: str


Reply: TypeAlias = Proceed | Deny | Rewrite | Withhold


@dataclass(frozen=True, slots=True)
class RelayVerdict:
    """How the hook's process has to end: what it writes, and its exit code, 0 or 2."""

    stdout: bytes = b""
    stderr: bytes = b""
    exit_code: int = 0


def parse_event(payload: bytes) -> ToolHookEvent:
    """Read the JSON of a hook's stdin; keys of a newer Codex are passed over.

    Raises `MalformedEvent` naming what is missing or of the wrong type.
    """
    try:
        fields = from_json(payload, allow_inf_nan=False)
    except ValueError as error:
        raise MalformedEvent(f"the event is not JSON: {error}") from error
    if not isinstance(fields, dict):
        raise MalformedEvent("the event is not a JSON object")
    event = fields.get("hook_event_name")
    if event not in ("PreToolUse", "PostToolUse"):
        raise MalformedEvent(f"the event is {event!r}, which is no use of a tool")
    for name in ("tool_input", "tool_response") if event == "PostToolUse" else ("tool_input",):
        if name not in fields:
            raise MalformedEvent(f"the event has no {name}")
    return ToolHookEvent(
        event=event,
        session_id=_text(fields, "session_id"),
        turn_id=_text(fields, "turn_id"),
        cwd=_text(fields, "cwd"),
        model=_text(fields, "model"),
        permission_mode=_text(fields, "permission_mode"),
        tool_name=_text(fields, "tool_name"),
        tool_input=_input(fields["tool_input"]),
        tool_use_id=_text(fields, "tool_use_id"),
        tool_response=fields.get("tool_response"),
        agent_id=_text(fields, "agent_id") if "agent_id" in fields else None,
        agent_type=_text(fields, "agent_type") if "agent_type" in fields else None,
    )


def _input(value: object) -> dict[str, Any]:
    """Return a tool's input; a model may give null where a tool takes no arguments."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise MalformedEvent(f"its arguments are {type(value).__name__}, not a JSON object")
    return value


def _text(fields: dict[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise MalformedEvent(f"the event's {name} is {type(value).__name__}, not a text")
    return value


def render(event: EventName, reply: Reply) -> RelayVerdict:
    """Say ``reply`` as Codex obeys it; raises nothing.

    A reply that does not fit the event, or that Codex could not read, is a block (G4): before
    the use the tool is not used, after it the output is withheld.
    """
    match reply:
        case Proceed():
            return RelayVerdict()
        case Deny(reason) | Withhold(reason) if event == "PreToolUse":
            decision = {"permissionDecision": "deny", "permissionDecisionReason": _plain(reason)}
            return _output({"hookSpecificOutput": {"hookEventName": event, **decision}})
        case Deny(reason) | Withhold(reason):
            return _output({"decision": "block", "reason": _plain(reason)})
        case Rewrite(tool_input) if event == "PreToolUse":
            return _rewrite(tool_input)
    return refusal(f"the gate answered {event} with {type(reply).__name__}, which does not fit it")


def refusal(reason: str) -> RelayVerdict:
    """Return the verdict that blocks whatever was asked, in the way that needs least of Codex."""
    return RelayVerdict(stderr=_plain(reason).encode(), exit_code=BLOCKED)


def _rewrite(tool_input: object) -> RelayVerdict:
    try:
        if not isinstance(tool_input, Mapping):
            raise TypeError(f"it is {type(tool_input).__name__}, not a mapping")
        decision = {"permissionDecision": "allow", "updatedInput": _jsonable(tool_input)}
        return _output({"hookSpecificOutput": {"hookEventName": "PreToolUse", **decision}})
    except (TypeError, ValueError, OverflowError) as error:
        return refusal(f"a policy rewrote this tool use into what Codex cannot read: {error}")


def _output(output: dict[str, Any]) -> RelayVerdict:
    # Not ASCII: encoding is what finds half a surrogate pair, which Codex could not read.
    text = json.dumps(output, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return RelayVerdict(stdout=text.encode())


def _jsonable(value: object, depth: int = 1) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError(f"it is nested more than {_MAX_DEPTH} levels deep")
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise TypeError("it has a key that is not a string")
        return {key: _jsonable(member, depth + 1) for key, member in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(member, depth + 1) for member in value]
    return value


def _plain(reason: str) -> str:
    """Return ``reason`` without what a terminal would act on, bounded, and never empty.

    Codex ignores a deny whose reason is empty or white space of any script.
    """
    cut = reason if len(reason) <= MAX_REASON else reason[: MAX_REASON - 1] + "…"
    return "".join(c if c == "\n" or c.isprintable() else " " for c in cut).strip() or _UNSAID
