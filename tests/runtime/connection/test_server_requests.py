from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks_runtime._connection import Connection
from codex_hooks_runtime._decline import DECLINES
from codex_hooks_runtime._messages import LiveEvent, ServerRequest
from runtime.connection.fake_server import fake_server

if TYPE_CHECKING:
    from codex_hooks_runtime._live import LiveSubscription

COMMAND = "item/commandExecution/requestApproval"
ACCEPT = {"decision": "accept"}
DECLINE = {"decision": "decline"}

# Asks what is in its first call's `ask`, and tells by events what it was answered.
ASKS = """
    greet()
    def ask(id, method, params={}):
        send(id=id, method=method, params=params)
    def tell():
        answer = receive()
        send(method="answered", params=answer)
    BODY
    echo()
"""


def asks(body: str, **options: Any) -> Any:
    return fake_server(ASKS.replace("BODY", body.replace("\n", "\n    ")), **options)


async def answer(events: LiveSubscription) -> dict[str, Any]:
    with anyio.fail_after(60):
        event = await anext(events)
    assert isinstance(event, LiveEvent)
    return dict(event.params)


async def test_the_handlers_answer_is_sent() -> None:
    """R8, the control of all that is declined below."""

    async def accept(request: ServerRequest) -> dict[str, Any]:
        assert request == ServerRequest(5, COMMAND, {"threadId": "t"})
        assert request.thread_id == "t"
        return ACCEPT

    options = asks(f"ask(5, {COMMAND!r}, {{'threadId': 't'}}); tell()", handler=accept)
    connection = Connection(options)
    async with connection.subscribe_live() as events, connection:
        assert await answer(events) == {"id": 5, "result": ACCEPT}
        assert connection.counters.declined == 0


async def test_an_unknown_request_is_an_error_and_nobody_is_asked() -> None:
    """R8, F18."""

    async def accept(_: ServerRequest) -> dict[str, Any]:
        return ACCEPT

    connection = Connection(asks("ask('x', 'item/new/thing'); tell()", handler=accept))
    async with connection.subscribe_live() as events, connection:
        told = await answer(events)
        assert told["id"] == "x"
        assert told["error"]["code"] == -32601
        assert "item/new/thing" in told["error"]["message"]
        assert connection.counters.declined == 1


@pytest.mark.parametrize("method", [method for method in DECLINES if method != "currentTime/read"])
async def test_a_known_request_without_a_taker_is_declined_in_its_own_form(method: str) -> None:
    """R8, F18."""
    connection = Connection(asks(f"ask(1, {method!r}); tell()"))
    async with connection.subscribe_live() as events, connection:
        told = await answer(events)
        if DECLINES[method] is None:
            assert told["error"]["code"] == -32000
        else:
            assert told == {"id": 1, "result": DECLINES[method]}
        assert "accept" not in json.dumps(told)
        assert connection.counters.declined == 1


async def test_the_time_is_told_without_asking_anybody() -> None:
    connection = Connection(asks("ask(1, 'currentTime/read', {'threadId': 't'}); tell()"))
    async with connection.subscribe_live() as events, connection:
        told = await answer(events)
        assert told["result"]["currentTimeAt"] > 1_700_000_000
        assert connection.counters.declined == 0


@pytest.mark.parametrize("fault", ["raises", "says nothing", "a string", "no JSON"])
async def test_a_handler_that_does_not_answer_declines(fault: str) -> None:
    """R8."""

    async def handler(_: ServerRequest) -> Any:
        if fault == "raises":
            raise RuntimeError("broken")
        return {"says nothing": None, "a string": "accept", "no JSON": {"x": object()}}[fault]

    connection = Connection(asks(f"ask(1, {COMMAND!r}); tell()", handler=handler))
    async with connection.subscribe_live() as events, connection:
        assert await answer(events) == {"id": 1, "result": DECLINE}
        assert connection.counters.declined == 1


async def test_a_handler_that_overruns_is_cancelled_and_the_request_declined() -> None:
    """R8, F18."""
    cancelled = anyio.Event()

    async def hang(_: ServerRequest) -> dict[str, Any]:
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return ACCEPT

    options = asks(f"ask(1, {COMMAND!r}); tell()", handler=hang, handler_deadline=0.01)
    connection = Connection(options)
    async with connection.subscribe_live() as events, connection:
        assert await answer(events) == {"id": 1, "result": DECLINE}
        with anyio.fail_after(60):
            await cancelled.wait()


async def test_a_handler_that_will_not_be_cancelled_still_answers_too_late() -> None:
    """R8, F5: its accept, after the deadline, is thrown away."""
    late = anyio.Event()
    told_no = anyio.Event()

    async def swallow(_: ServerRequest) -> dict[str, Any]:
        with anyio.CancelScope(shield=True):
            await told_no.wait()
        late.set()
        return ACCEPT

    body = f"ask(1, {COMMAND!r}); tell(); ask(2, 'item/new/thing'); tell()"
    connection = Connection(asks(body, handler=swallow, handler_deadline=0.01))
    async with connection.subscribe_live() as events, connection:
        assert await answer(events) == {"id": 1, "result": DECLINE}
        told_no.set()
        with anyio.fail_after(60):
            await late.wait()
        assert (await answer(events))["id"] == 2
        assert await connection.call("m", {"x": 1}, timeout=60) == {"x": 1}


async def test_the_reader_waits_for_no_handler_and_no_subscriber() -> None:
    """R2, F21."""

    async def hang(_: ServerRequest) -> None:
        await anyio.sleep_forever()

    body = f"ask(1, {COMMAND!r})\nfor n in range(5000): send(method='tick', params={{'n': n}})"
    connection = Connection(asks(body, handler=hang))
    async with connection.subscribe_live(capacity=10) as never_read, connection:
        assert await connection.call("m", {"x": 1}, timeout=60) == {"x": 1}
        assert never_read.missed == 4990


async def test_no_more_handlers_run_than_the_limit_and_the_rest_is_declined_at_once() -> None:
    """R8."""
    asked, both = list[Any](), anyio.Event()

    async def hang(request: ServerRequest) -> None:
        asked.append(request.id)
        if len(asked) == 2:
            both.set()
        await anyio.sleep_forever()

    body = f"for n in range(3): ask(n, {COMMAND!r})\ntell()"
    connection = Connection(asks(body, handler=hang, handler_limit=2))
    async with connection.subscribe_live() as events, connection:
        assert await answer(events) == {"id": 2, "result": DECLINE}
        with anyio.fail_after(60):
            await both.wait()
        assert sorted(asked) == [0, 1]


async def test_the_same_request_twice_is_asked_once() -> None:
    """F15."""
    asked, first = list[Any](), anyio.Event()

    async def hang(request: ServerRequest) -> None:
        asked.append(request.id)
        first.set()
        await anyio.sleep_forever()

    body = f"ask(1, {COMMAND!r}); ask(1, {COMMAND!r})"
    async with Connection(asks(body, handler=hang)) as connection:
        await connection.call("m", timeout=60)
        assert connection.counters.garbage == {"repeated_id": 1}
        with anyio.fail_after(60):
            await first.wait()
        assert asked == [1]


async def test_a_handler_that_is_pending_when_the_server_dies_is_cancelled_and_never_heard() -> (
    None
):
    """F17."""
    asked, cancelled = anyio.Event(), anyio.Event()

    async def hang(_: ServerRequest) -> dict[str, Any]:
        asked.set()
        try:
            await anyio.sleep_forever()
        except BaseException:
            cancelled.set()
            # Not good manners, and no way to be accepted either.
            return ACCEPT
        raise AssertionError

    body = f"ask(1, {COMMAND!r}); receive(); os.kill(os.getpid(), signal.SIGKILL)"
    async with Connection(asks(body, handler=hang)) as connection:
        with anyio.fail_after(60):
            await asked.wait()
            await connection.notify("die")
            ending = await connection.wait_ended()
            await cancelled.wait()
        assert ending.exit_status == -9
        assert connection._outbox._queued.statistics().current_buffer_used == 0


async def test_a_handler_that_is_pending_when_the_owner_leaves_is_cancelled_and_never_heard(
    tmp_path: Any,
) -> None:
    """F17: what the server read after the question is written down: nothing."""
    asked = anyio.Event()

    async def hang(_: ServerRequest) -> dict[str, Any]:
        asked.set()
        try:
            await anyio.sleep_forever()
        except BaseException:
            return ACCEPT
        raise AssertionError

    heard = tmp_path / "heard"
    body = f"ask(1, {COMMAND!r}); open({str(heard)!r}, 'w').write(sys.stdin.read() + 'end')"
    with anyio.fail_after(60):
        async with Connection(asks(body, handler=hang)):
            await asked.wait()
    assert heard.read_text() == "end"
