"""What Codex asks of its client before it acts, read as one shape, and how to say yes to it (G5).

Plain data. A yes is for this one time: whatever would be remembered is never sent. How to say no
is in ``_decline``.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from codex_hooks import ToolApproval

from ._items import as_name, script_of
from ._ledger import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codex_hooks import ToolKind
    from codex_hooks_runtime._messages import ServerRequest
    from codex_hooks_runtime._rpc import JsonObject

    from ._ledger import ToolUse

WRITE_STDIN: Final = "write_stdin"


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalAsked:
    """One approval request.

    ``call_id`` is None where Codex does not say which call it is about. ``input`` is what the
    request itself tells of the tool's input, ``fits`` whether a verdict is about the same use,
    ``yes`` the reply that accepts.
    """

    thread_id: str
    turn_id: str
    call_id: str | None
    name: str
    kind: ToolKind
    input: Mapping[str, Any]
    fits: Callable[[ToolUse], bool]
    approval: ToolApproval
    yes: JsonObject


# What Codex asks that is not whether a tool may be used.
_NOT_ABOUT_TOOLS: Final = frozenset(
    {
        "item/tool/requestUserInput",
        "account/chatgptAuthTokens/refresh",
        "attestation/generate",
    }
)


def is_for_the_gate(request: ServerRequest) -> bool:
    """Whether the gate alone answers ``request``; in doubt it does."""
    if request.method == "mcpServer/elicitation/request":
        return _asks_about_mcp_call(request.params)
    return request.method not in _NOT_ABOUT_TOOLS


def read_request(request: ServerRequest) -> ApprovalAsked | None:
    """Return what is asked for, or None for a request that only a no can answer."""
    params = request.params
    thread_id, turn_id, item_id = (params.get(key) for key in ("threadId", "turnId", "itemId"))
    if not isinstance(thread_id, str) or not isinstance(turn_id, str):
        return None
    match request.method:
        case "item/commandExecution/requestApproval" if params.get("kind") == "writeStdin":
            return ApprovalAsked(
                thread_id=thread_id,
                turn_id=turn_id,
                call_id=str(item_id),  # of the command that is written to
                name=WRITE_STDIN,
                kind="command",
                input=_typed(str(params.get("command"))),
                fits=lambda use: use.name == "Bash",
                approval=_approval("write_stdin", params, outside_sandbox=True),
                yes={"decision": "accept"},
            )
        case "item/commandExecution/requestApproval":
            command = params.get("command")
            script = {"command": script_of(command)} if isinstance(command, str) else {}
            return ApprovalAsked(
                thread_id=thread_id,
                turn_id=turn_id,
                call_id=str(item_id),
                name="Bash",
                kind="command",
                input=script,
                fits=_same_input(script) if script else lambda use: use.kind == "command",
                approval=_approval("command", params, outside_sandbox=True),
                yes={"decision": "accept"},
            )
        case "item/fileChange/requestApproval":
            return ApprovalAsked(
                thread_id=thread_id,
                turn_id=turn_id,
                call_id=str(item_id),
                name="apply_patch",
                kind="file_change",
                input={},
                fits=lambda use: use.kind in {"file_change", "command"},
                approval=_approval("file_change", params, outside_sandbox=True),
                yes={"decision": "accept"},
            )
        case "item/permissions/requestApproval":
            wanted = params.get("permissions") or {}
            return ApprovalAsked(
                thread_id=thread_id,
                turn_id=turn_id,
                call_id=str(item_id),
                name="request_permissions",
                kind="other",
                input={"permissions": wanted},
                fits=lambda use: "request_permissions" in use.name,
                approval=_approval("permissions", params),
                yes={"permissions": wanted, "scope": "turn"},
            )
        case "mcpServer/elicitation/request":
            return _mcp_call(thread_id, turn_id, params)
    return None


def _mcp_call(thread_id: str, turn_id: str, params: Mapping[str, Any]) -> ApprovalAsked | None:
    if not _asks_about_mcp_call(params):
        return None  # a question of the server's own, with a form to fill in
    meta = params["_meta"]
    given = meta.get("tool_params")
    given = given if isinstance(given, dict) else {}
    same = _same_input(given)
    server, message = as_name(params.get("serverName")), as_name(params.get("message"))
    # Codex 0.163 names the tool in its sentence alone: ...to run tool "NAME"?
    tool = as_name(meta.get("tool_name")) or message.rpartition("_run_tool__")[2].rstrip("_")
    name = f"mcp__{server}__{tool}"
    return ApprovalAsked(
        thread_id=thread_id,
        turn_id=turn_id,
        call_id=None,
        name=name,
        kind="mcp",
        input=given,
        fits=lambda use: use.name == name and "finished" not in use.stages and same(use),
        approval=_approval("mcp", {"reason": params.get("message")}),
        yes={"action": "accept", "content": {}, "_meta": None},
    )


def _asks_about_mcp_call(params: Mapping[str, Any]) -> bool:
    meta = params.get("_meta")
    return isinstance(meta, dict) and meta.get("codex_approval_kind") == "mcp_tool_call"


def _typed(command: str) -> dict[str, Any]:
    """Read ``write_stdin --session-id N 'TEXT'`` as the input of a late question is."""
    words = shlex.split(command)
    return write_stdin_input(words[2], words[3]) if len(words) == 4 else {"command": command}


def write_stdin_input(process_id: str, text: str) -> dict[str, Any]:
    """Return what is written into a running command, as a command of its own."""
    return {"command": text, "process_id": process_id}


def _approval(
    kind: str, params: Mapping[str, Any], *, outside_sandbox: bool = False
) -> ToolApproval:
    """Say what a yes would grant.

    Codex may run what was accepted outside the sandbox, at once or after a denial, and does not
    tell which: so it counts as without one.
    """
    names = ("additionalPermissions", "networkApprovalContext", "permissions", "grantRoot")
    grants: dict[str, Any] = {name: params[name] for name in names if params.get(name)}
    if outside_sandbox:
        grants["outsideSandbox"] = True
    return ToolApproval(kind=kind, reason=params.get("reason"), grants=grants)


def _same_input(given: Mapping[str, Any]) -> Callable[[ToolUse], bool]:
    digest = digest_of(given)
    return lambda use: use.digest == digest
