"""What the server has recorded of a turn, for a reader who has lost events of it (R3).

Asked for page by page, newest first: a turn that somebody reads is among the latest of its thread.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from ._messages import LiveEvent

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ._connection import Connection

_PAGE: Final = 20


async def recorded_turn(
    connection: Connection, thread_id: str, turn_id: str
) -> Mapping[str, Any] | None:
    """Return the turn as the server has it, without its items; None if it is not to be found.

    Raises an ``RpcError`` where the server does not answer.
    """
    params = {"threadId": thread_id, "limit": _PAGE, "itemsView": "notLoaded"}
    page = await connection.call("thread/turns/list", params)
    return next((turn for turn in page["data"] if turn["id"] == turn_id), None)


async def recorded_message(
    connection: Connection, thread_id: str, turn_id: str
) -> LiveEvent | None:
    """Return the model's last message in a turn as the event that told of it; None without one.

    Raises an ``RpcError`` where the server does not answer.
    """
    params = {"threadId": thread_id, "turnId": turn_id, "sortDirection": "desc", "limit": _PAGE}
    while True:
        page = await connection.call("thread/items/list", params)
        for entry in page["data"]:
            if entry["item"]["type"] == "agentMessage":
                return LiveEvent(0, "item/completed", entry)
        if not page.get("nextCursor"):
            return None
        params |= {"cursor": page["nextCursor"]}
