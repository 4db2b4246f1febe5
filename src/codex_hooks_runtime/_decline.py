"""How to say no to each thing that the server can ask (R8). Plain data.

Every method of the server's has one entry: the reply that declines it in its own form, or None
where the protocol has no such form and only a JSON-RPC error says no. A test holds the table
against the schema of the real binary.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._rpc import METHOD_NOT_FOUND, error_line, result_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._messages import ServerRequest
    from ._rpc import JsonObject

_DECLINED = -32000
_NOBODY = "the client declined: nobody there has approved this"

DECLINES: Mapping[str, JsonObject | None] = {
    "item/commandExecution/requestApproval": {"decision": "decline"},
    "item/fileChange/requestApproval": {"decision": "decline"},
    # What is granted is what is listed: nothing.
    "item/permissions/requestApproval": {"permissions": {}, "scope": "turn"},
    "item/tool/call": {
        "contentItems": [{"type": "inputText", "text": _NOBODY}],
        "success": False,
    },
    "item/tool/requestUserInput": {"answers": {}},
    "mcpServer/elicitation/request": {"action": "decline", "content": None, "_meta": None},
    "execCommandApproval": {"decision": {"denied": {"rejection": _NOBODY}}},
    "applyPatchApproval": {"decision": {"denied": {"rejection": _NOBODY}}},
    "account/chatgptAuthTokens/refresh": None,
    "attestation/generate": None,
    "currentTime/read": None,
}


def declining_line(request: ServerRequest) -> bytes:
    """Return the line that declines ``request``: for an unknown method, an error that says so."""
    if request.method not in DECLINES:
        message = f"this client does not know {request.method}"
        return error_line(request.id, METHOD_NOT_FOUND, message)
    reply = DECLINES[request.method]
    if reply is None:
        return error_line(request.id, _DECLINED, _NOBODY)
    return result_line(request.id, reply)
