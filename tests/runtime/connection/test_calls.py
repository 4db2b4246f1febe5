from __future__ import annotations

import os
import signal

import anyio
import pytest

from codex_hooks_runtime._connection import Connection
from codex_hooks_runtime._errors import InvalidRequest, Overloaded, RpcTimeout, ServerError
from runtime.connection.fake_server import fake_server


async def test_replies_find_their_callers_in_any_order() -> None:
    body = """
        greet()
        first, second = receive(), receive()
        reply(second, second["params"])
        reply(first, first["params"])
        echo()
    """
    results = []
    async with Connection(fake_server(body)) as connection:

        async def ask(value: int) -> None:
            results.append((value, await connection.call("m", {"v": value})))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, 1)
                tasks.start_soon(ask, 2)
    assert sorted(results, key=str) == [(1, {"v": 1}), (2, {"v": 2})]


async def test_a_reply_that_never_comes_ends_with_the_time_out_and_a_late_one_is_counted() -> None:
    """R4."""
    body = """
        greet()
        slow, prompt = receive(), receive()
        reply(slow, "late")
        reply(prompt, "in time")
        echo()
    """
    async with Connection(fake_server(body)) as connection:
        with pytest.raises(RpcTimeout, match=r"slow/one was not answered within 0\.01 s") as error:
            await connection.call("slow/one", timeout=0.01)
        assert error.value.method == "slow/one"
        assert await connection.call("m", timeout=60) == "in time"
        assert connection.counters.late_replies == 1
        assert connection.counters.garbage == {}


async def test_the_default_time_out_is_the_options() -> None:
    """R4."""
    options = fake_server("greet(); signal.pause()", call_timeout=0.01, exit_grace=0)
    async with Connection(options) as connection:
        with pytest.raises(RpcTimeout):
            await connection.call("m")


async def test_a_cancelled_caller_leaves_nothing_behind() -> None:
    """R4, F30."""
    options = fake_server("greet(); receive(); echo()", max_in_flight=1)
    async with Connection(options) as connection:
        with anyio.move_on_after(0.01):
            await connection.call("m", timeout=60)
        assert len(connection._caller._pending) == 0
        with anyio.fail_after(60):
            assert await connection.call("m", {"x": 1}) == {"x": 1}


async def test_calls_beyond_the_cap_wait_and_their_waiting_counts() -> None:
    """R4."""
    body = """
        greet()
        held = [receive(), receive()]
        send(method="holding")
        while True:
            request = receive()
            if request["method"] == "go":
                break
        for request in held:
            reply(request, "held")
        echo()
    """
    async with Connection(fake_server(body, max_in_flight=2)) as connection:
        held = []

        async def hold() -> None:
            held.append(await connection.call("m", timeout=60))

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks, connection.subscribe_live() as events:
                tasks.start_soon(hold)
                tasks.start_soon(hold)
                assert (await anext(events)).method == "holding"  # type: ignore[union-attr]
                with pytest.raises(RpcTimeout):
                    await connection.call("third", timeout=0.01)
                # The third was never sent: what the server reads next is this.
                await connection.notify("go")
            assert await connection.call("m", {"free": True}) == {"free": True}
        assert held == ["held", "held"]
        assert connection.counters.late_replies == 0


async def test_an_overloaded_server_is_asked_again() -> None:
    """R4."""
    body = """
        greet()
        refuse(receive(), -32001, "Server overloaded; retry later.")
        refuse(receive(), -32001, "Server overloaded; retry later.")
        echo()
    """
    async with Connection(fake_server(body)) as connection:
        assert await connection.call("m", {"x": 1}, timeout=60) == {"x": 1}
        assert connection.counters.retries == 2


async def test_a_server_that_stays_overloaded_is_given_up_within_the_time_out() -> None:
    """R4."""
    body = """
        greet()
        while True:
            refuse(receive(), -32001, "Server overloaded; retry later.")
    """
    async with Connection(fake_server(body)) as connection:
        with anyio.fail_after(60), pytest.raises(Overloaded, match="send fewer requests") as error:
            await connection.call("m", timeout=2)
        assert error.value.code == -32001
        assert connection.counters.retries >= 1


async def test_other_errors_are_not_retried() -> None:
    body = """
        greet()
        refuse(receive(), -32600, "thread not found: x")
        refuse(receive(), -1, "odd")
        echo()
    """
    async with Connection(fake_server(body)) as connection:
        with pytest.raises(InvalidRequest, match="thread/read: thread not found: x"):
            await connection.call("thread/read", {"threadId": "x"})
        with pytest.raises(ServerError, match=r"m: odd \(code -1\)"):
            await connection.call("m")
        assert connection.counters.retries == 0


async def test_params_that_json_cannot_carry_are_the_callers_error_and_leave_nothing() -> None:
    async with Connection(fake_server("greet(); echo()", max_in_flight=1)) as connection:
        with pytest.raises(ValueError, match="not JSON compliant"):
            await connection.call("m", {"x": float("inf")})
        assert len(connection._caller._pending) == 0
        assert await connection.call("m", {"x": 1}, timeout=60) == {"x": 1}


async def test_a_large_request_is_not_torn_by_a_cancelled_caller() -> None:
    """F30: its line is sent to the end, or the next request would be glued to a half."""
    body = """
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
        greet()
        signal.sigwait({signal.SIGUSR1})
        echo()
    """
    async with Connection(fake_server(body)) as connection:
        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(connection.call, "large", {"text": "x" * 4_000_000})
                await anyio.wait_all_tasks_blocked()
                tasks.cancel_scope.cancel()
            os.kill(connection.pid, signal.SIGUSR1)
            assert await connection.call("small", {"x": 1}) == {"x": 1}
        assert connection.counters.late_replies == 1
