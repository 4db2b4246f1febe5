"""The state projection: plain code over events, and what it tells of the real codex."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codex_hooks_runtime._errors import ConfigError
from codex_hooks_runtime._messages import LiveEvent
from codex_hooks_runtime._state import (
    _FOLDS,
    ItemState,
    StateProjection,
    StateProjectionLimits,
    ThreadState,
    TurnState,
)


def projected(*events: tuple[str, dict[str, Any]], **limits: int) -> StateProjection:
    state = StateProjection(StateProjectionLimits(**limits))
    state.apply([LiveEvent(seq, method, params) for seq, (method, params) in enumerate(events, 1)])
    return state


def turn(thread: str, turn_id: str, status: str = "inProgress") -> tuple[str, dict[str, Any]]:
    method = "turn/started" if status == "inProgress" else "turn/completed"
    return method, {"threadId": thread, "turn": {"id": turn_id, "status": status}}


def item(thread: str, turn_id: str, item_id: str, **fields: Any) -> tuple[str, dict[str, Any]]:
    about = {"id": item_id, "type": "agentMessage", **fields}
    return "item/completed", {"threadId": thread, "turnId": turn_id, "item": about}


def test_threads_turns_and_items_are_known_as_the_server_tells_of_them() -> None:
    state = projected(
        ("thread/started", {"thread": {"id": "a", "status": {"type": "idle"}}}),
        ("thread/status/changed", {"threadId": "a", "status": {"type": "active"}}),
        turn("a", "t1"),
        ("item/started", {"threadId": "a", "turnId": "t1", "item": {"id": "i", "type": "plan"}}),
        item("a", "t1", "j", text="hello"),
        (
            "thread/tokenUsage/updated",
            {"threadId": "a", "tokenUsage": {"total": {"totalTokens": 7}}},
        ),
    )
    items = (
        ItemState("i", "plan", "inProgress"),
        ItemState("j", "agentMessage", "completed", "hello"),
    )
    turns = (TurnState("t1", "inProgress", None, items),)
    assert state.snapshot().threads == {"a": ThreadState("a", "active", 7, turns)}


def test_a_failed_turn_has_its_error() -> None:
    failed = {"id": "t", "status": "failed", "error": {"message": "no luck"}}
    state = projected(("turn/completed", {"threadId": "a", "turn": failed}))
    assert state.snapshot().threads["a"].turns == (TurnState("t", "failed", "no luck", ()),)


def test_what_goes_over_the_limits_is_forgotten_and_counted() -> None:
    state = projected(
        *(turn("a", f"t{number}") for number in range(4)),
        *(item("a", "t3", f"i{number}", text="long text") for number in range(4)),
        turn("b", "t"),
        turn("c", "t"),
        turn("a", "t3", "completed"),
        turn("d", "t"),
        max_threads=3,
        max_turns=2,
        max_items=2,
        max_text=4,
    )
    known = state.snapshot()
    assert list(known.threads) == ["c", "a", "d"]
    assert [one.turn_id for one in known.threads["a"].turns] == ["t2", "t3"]
    assert [(one.item_id, one.text) for one in known.threads["a"].turns[-1].items] == [
        ("i2", "long"),
        ("i3", "long"),
    ]
    assert known.evicted == 1 + 2 + 2


def test_threads_that_are_archived_or_deleted_are_gone_and_reverted_ones_begin_anew() -> None:
    state = projected(turn("a", "t"), turn("b", "t"), turn("c", "t"), turn("d", "t"))
    for method, thread in [("thread/archived", "a"), ("thread/deleted", "b")]:
        state.apply([LiveEvent(1, method, {"threadId": thread})])
    state.apply([LiveEvent(1, "thread/reverted", {"threadId": "c"})])
    state.apply([LiveEvent(1, "thread/closed", {"threadId": "d"})])
    known = state.snapshot().threads
    assert list(known) == ["c", "d"]
    assert known["c"].turns == ()
    assert known["d"].status == "closed"


def test_a_turn_of_a_server_that_died_is_lost() -> None:
    """R5."""
    state = projected(turn("a", "t1", "completed"), turn("a", "t2"))
    state.server_gone()
    thread = state.snapshot().threads["a"]
    assert (thread.status, [one.status for one in thread.turns]) == (
        "closed",
        ["completed", "lost"],
    )


def test_a_snapshot_stays_as_it_was_and_shares_what_has_not_changed() -> None:
    state = projected(turn("a", "t"), turn("b", "t"))
    before = state.snapshot()
    assert state.snapshot() is before
    state.apply([LiveEvent(1, *turn("a", "t", "completed"))])
    after = state.snapshot()
    assert after.threads["b"] is before.threads["b"]
    assert before.threads["a"].turns[0].status == "inProgress"
    assert after.threads["a"].turns[0].status == "completed"
    with pytest.raises(TypeError):
        after.threads["c"] = after.threads["a"]  # type: ignore[index]


ODD: list[Any] = [
    None,
    True,
    1,
    "a",
    [],
    ["a"],
    {},
    {"id": 1},
    {"id": "a"},
    {"id": "a", "type": []},
]
ODD += [{"id": "a", "status": value} for value in ODD] + [{"total": {"totalTokens": "7"}}]
KEYS = ["threadId", "turnId", "thread", "turn", "item", "status", "tokenUsage"]


@given(
    st.sampled_from(sorted(_FOLDS)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(KEYS, st.sampled_from(ODD))),
)
def test_events_of_any_shape_are_survived(method: str, params: dict[str, Any]) -> None:
    """R7: it is called by the reader itself."""
    projected((method, params)).snapshot()


@pytest.mark.parametrize("name", ["max_threads", "max_turns", "max_items", "max_text"])
def test_limits_of_zero_are_refused(name: str) -> None:
    with pytest.raises(ConfigError, match=f"{name}=0: it has to be at least 1"):
        replace(StateProjectionLimits(), **{name: 0})
