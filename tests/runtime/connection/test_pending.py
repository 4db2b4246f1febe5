from __future__ import annotations

import math

import pytest

from codex_hooks_runtime import _pending
from codex_hooks_runtime._ending import Ending
from codex_hooks_runtime._errors import ServerError, TransportClosed
from codex_hooks_runtime._messages import Garbage, Reply
from codex_hooks_runtime._pending import PendingCalls


def test_a_reply_reaches_the_call_of_its_id_and_no_other() -> None:
    calls, woken = PendingCalls(), list[str]()
    first = calls.open("a", lambda: woken.append("first"), math.inf)
    second = calls.open("b", lambda: woken.append("second"), math.inf)
    assert calls.settle(Reply(second.id, "two")) is None
    assert calls.settle(Reply(first.id, error={"code": 1, "message": "one"})) is None
    assert woken == ["second", "first"]
    assert second.result() == "two"
    with pytest.raises(ServerError, match="a: one"):
        first.result()
    assert len(calls) == 0


def test_a_second_reply_is_repeated_and_changes_nothing() -> None:
    """F15."""
    calls = PendingCalls()
    call = calls.open("a", lambda: None, math.inf)
    calls.settle(Reply(call.id, "first"))
    assert calls.settle(Reply(call.id, "second")) is Garbage.REPEATED_ID
    assert call.result() == "first"


def test_a_reply_to_what_was_never_sent_is_unknown() -> None:
    """F15."""
    calls = PendingCalls()
    calls.open("a", lambda: None, math.inf)
    for key in (0, -1, 2, "1"):
        assert calls.settle(Reply(key, {})) is Garbage.UNKNOWN_ID
    assert len(calls) == 1


def test_a_reply_to_a_forgotten_call_is_late_once() -> None:
    """R4."""
    calls = PendingCalls()
    call = calls.open("a", lambda: None, math.inf)
    calls.forget(call)
    assert len(calls) == 0
    assert calls.settle(Reply(call.id, {})) is Garbage.LATE_REPLY
    assert calls.settle(Reply(call.id, {})) is Garbage.REPEATED_ID


def test_what_is_remembered_of_forgotten_calls_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pending, "_FORGOTTEN_KEPT", 10)
    calls = PendingCalls()
    for _ in range(100):
        calls.forget(calls.open("a", lambda: None, math.inf))
    assert len(calls._forgotten) == 10
    assert calls.settle(Reply(100, {})) is Garbage.LATE_REPLY


def test_the_end_settles_every_call_with_an_error_of_its_own() -> None:
    """R5."""
    calls = PendingCalls()
    opened = [calls.open(method, lambda: None, math.inf) for method in ("a", "b")]
    calls.end(Ending(by_owner=False, exit_status=-9, stderr_tail="out of memory"))
    for call in opened:
        with pytest.raises(TransportClosed, match=f"{call.method}: .*SIGKILL.*(?s:.*)memory") as e:
            call.result()
        assert (e.value.method, e.value.exit_status) == (call.method, -9)
    assert len(calls) == 0


def test_calls_whose_deadline_has_come_are_overdue_and_the_next_deadline_is_told() -> None:
    """R4: their replies are late then."""
    calls, woken = PendingCalls(), list[str]()
    calls.open("a", lambda: woken.append("a"), 5)
    calls.open("b", lambda: woken.append("b"), 3)
    calls.open("c", lambda: woken.append("c"), 9)
    assert calls.expire(2) == 3
    assert calls.expire(5) == 9
    assert sorted(woken) == ["a", "b"]
    assert calls.settle(Reply(2, "late")) is Garbage.LATE_REPLY
    calls.settle(Reply(3, "in time"))
    assert calls.expire(9) == math.inf


def test_an_overdue_call_has_no_result() -> None:
    """R4."""
    calls = PendingCalls()
    call = calls.open("a", lambda: None, 1)
    calls.expire(1)
    with pytest.raises(TimeoutError):
        call.result()
