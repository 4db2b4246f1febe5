from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks_runtime._connection import Connection
from codex_hooks_runtime._errors import (
    CodexNotFound,
    CodexUnsupported,
    RpcTimeout,
    TransportClosed,
)
from codex_hooks_runtime._messages import LiveEvent
from codex_hooks_runtime._options import ConnectionOptions
from runtime.connection.fake_server import fake_server, lifeline

if TYPE_CHECKING:
    from pathlib import Path


async def test_the_handshake_is_initialize_then_initialized() -> None:
    body = """
        hello = receive()
        reply(hello, {"userAgent": "codex-hooks/0.163.0 (Fake)"})
        ready = receive()
        reply(receive(), [hello, ready])
        echo()
    """
    async with Connection(fake_server(body)) as connection:
        hello, ready = await connection.call("m", timeout=60)
        assert hello["method"] == "initialize"
        assert hello["params"]["clientInfo"]["name"] == "codex-hooks"
        assert ready == {"method": "initialized"}
        assert connection.server_version == (0, 163, 0)
        assert connection.initialize_result == {"userAgent": "codex-hooks/0.163.0 (Fake)"}


async def test_events_count_from_one_and_a_subscription_made_early_misses_none() -> None:
    """R3."""
    body = """
        send(method="early", params={"threadId": "t"})
        greet()
        send(method="later")
        echo()
    """
    connection = Connection(fake_server(body))
    async with connection.subscribe_live() as events, connection:
        with anyio.fail_after(60):
            assert await anext(events) == LiveEvent(1, "early", {"threadId": "t"})
            assert await anext(events) == LiveEvent(2, "later", {})


async def test_garbage_is_counted_by_kind_and_the_reader_lives() -> None:
    """R7, F15."""
    body = r"""
        greet()
        write(b"panicked at main.rs\n\xff\xfe\n")
        write(b'[{"id":1,"result":{}}]\n{"id":null,"result":1}\n{"id":999,"result":1}\n{}\n7\n')
        request = receive()
        reply(request, "first")
        reply(request, "second")
        echo()
    """
    async with Connection(fake_server(body)) as connection:
        assert await connection.call("m", timeout=60) == "first"
        assert await connection.call("m", {"x": 1}, timeout=60) == {"x": 1}
        assert connection.counters.garbage == {
            "not_json": 2,
            "batch": 1,
            "bad_id": 1,
            "unknown_id": 1,
            "bad_shape": 1,
            "not_object": 1,
            "repeated_id": 1,
        }


async def test_a_line_over_the_limit_is_dropped_and_the_rest_arrives() -> None:
    """R7, F16."""
    body = r"""
        greet()
        write(b'{"method":"big","params":{"x":"' + b"x" * 33_000_000 + b'"}}\n')
        echo()
    """
    async with Connection(fake_server(body, line_limit_bytes=32_000_000)) as connection:
        assert await connection.call("m", {"x": 1}, timeout=60) == {"x": 1}
        assert connection.counters.dropped_lines == 1


async def test_a_line_of_32_mib_and_one_byte_at_a_time_arrive() -> None:
    """R7, F16."""
    body = r"""
        greet()
        request = receive()
        for byte in b'{"id":%d,"result":"slow"}\n' % request["id"]:
            write(bytes([byte]))
        reply(receive(), "x" * 32 * 1024 * 1024)
        echo()
    """
    async with Connection(fake_server(body)) as connection:
        assert await connection.call("m", timeout=60) == "slow"
        assert len(await connection.call("m", timeout=60)) == 32 * 1024 * 1024


async def test_the_death_of_the_server_fails_every_call_at_once_and_says_why() -> None:
    """R5, F17."""
    body = """
        greet()
        for _ in range(3):
            receive()
        sys.stderr.write("thread 'main' panicked: out of luck")
        sys.stderr.flush()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    errors = []
    async with Connection(fake_server(body)) as connection:

        async def ask(method: str) -> None:
            with pytest.raises(TransportClosed) as error:
                await connection.call(method, timeout=3600)
            errors.append(error.value)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for method in ("a", "b", "c"):
                    tasks.start_soon(ask, method)
        assert sorted(str(error.method) for error in errors) == ["a", "b", "c"]
        for error in errors:
            assert (error.exit_status, error.stderr_tail) == (
                -9,
                "thread 'main' panicked: out of luck",
            )
            assert "SIGKILL" in str(error)
            assert "out of luck" in str(error)
        with pytest.raises(TransportClosed, match="d: the codex server was ended by SIGKILL"):
            await connection.call("d")
        with pytest.raises(TransportClosed, match="e: the codex server was ended by SIGKILL"):
            await connection.notify("e")


async def test_the_servers_last_words_arrive_before_its_end() -> None:
    """R5."""
    body = """
        greet()
        request = receive()
        send(method="bye")
        reply(request, "done")
        sys.exit(4)
    """
    connection = Connection(fake_server(body))
    async with connection.subscribe_live() as events, connection:
        with anyio.fail_after(60):
            assert await connection.call("m") == "done"
            assert (await connection.wait_ended()).exit_status == 4
            assert await events.receive_batch() == [LiveEvent(1, "bye", {})]
            with pytest.raises(TransportClosed, match="status 4"):
                await events.receive_batch()


async def test_a_dead_server_whose_child_holds_the_pipe_is_dead(tmp_path: Path) -> None:
    """R5, F19."""
    body = """
        greet()
        held = os.open(sys.argv[1], os.O_WRONLY)
        os.set_inheritable(held, True)
        program = "import signal; signal.pause()"
        subprocess.Popen([sys.executable, "-I", "-S", "-c", program], close_fds=False)
        receive()
        os.kill(os.getpid(), signal.SIGKILL)
    """
    with lifeline(tmp_path) as (path, all_gone):
        options = fake_server(body)
        argv = (*options.argv, str(path))
        async with Connection(ConnectionOptions(argv=argv, env={})) as connection:
            with anyio.fail_after(60):
                with pytest.raises(TransportClosed):
                    await connection.call("m", timeout=3600)
                await all_gone()


async def test_a_server_that_closes_its_output_and_lives_is_gone_too() -> None:
    """R5."""
    body = "greet(); receive(); os.close(1); signal.pause()"
    async with Connection(fake_server(body, exit_grace=0)) as connection:
        with anyio.fail_after(60), pytest.raises(TransportClosed, match="closed its pipe") as error:
            await connection.call("m", timeout=3600)
        assert error.value.exit_status is None


async def test_calls_that_wait_for_a_server_that_does_not_read_end_with_it() -> None:
    """R5: those in the queue to be sent as well as those sent."""
    body = "greet(); send(method='up'); signal.pause()"
    async with Connection(fake_server(body, max_in_flight=1000)) as connection:
        ended = 0

        async def ask() -> None:
            nonlocal ended
            with pytest.raises(TransportClosed):
                await connection.call("m", {"text": "x" * 1000}, timeout=3600)
            ended += 1

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for _ in range(1000):
                    tasks.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                os.kill(connection.pid, 9)
        assert ended == 1000


async def test_leaving_ends_calls_subscriptions_and_the_process() -> None:
    """R6."""
    connection = Connection(fake_server("greet(); receive(); sys.stdin.read()"))
    outcomes = []

    async def ask() -> None:
        with pytest.raises(TransportClosed, match="closed by its owner"):
            await connection.call("m")
        outcomes.append("call")

    async def listen() -> None:
        async with connection.subscribe_live() as events:
            outcomes.extend(["event" async for _ in events])
        outcomes.append("events")

    with anyio.fail_after(60):
        async with anyio.create_task_group() as tasks, connection:
            tasks.start_soon(ask)
            tasks.start_soon(listen)
            await anyio.wait_all_tasks_blocked()
    assert sorted(outcomes) == ["call", "events"]
    with pytest.raises(ProcessLookupError):
        os.kill(connection.pid, 0)
    with pytest.raises(
        TransportClosed, match="m: the connection was closed by its owner; try again"
    ):
        await connection.call("m")
    with pytest.raises(
        TransportClosed, match="n: the connection was closed by its owner; try again"
    ):
        await connection.notify("n")


async def test_what_the_body_raises_comes_out_as_it_is() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with Connection(fake_server("greet(); echo()")):
            raise KeyError("mine")


async def test_a_cancelled_body_leaves_no_process() -> None:
    """R6, F30."""
    pids = []
    with anyio.CancelScope() as scope:
        async with Connection(fake_server("greet(); echo()")) as connection:
            pids.append(connection.pid)
            scope.cancel()
            await anyio.sleep_forever()
    (pid,) = pids
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


async def test_a_cancelled_start_leaves_no_process(tmp_path: Path) -> None:
    """R6, F30."""
    body = "held = os.open(sys.argv[1], os.O_WRONLY); send(method='up'); signal.pause()"
    with lifeline(tmp_path) as (path, all_gone):
        argv = (*fake_server(body).argv, str(path))
        connection = Connection(ConnectionOptions(argv=argv, env={}, exit_grace=0))
        async with connection.subscribe_live() as events:
            with anyio.fail_after(60):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(connection.__aenter__)
                    await anext(events)
                    tasks.cancel_scope.cancel()
        await all_gone()


async def test_connections_follow_one_another() -> None:
    """R5: what a supervisor does."""
    for status in (1, 2):
        options = fake_server(f"greet(); receive(); sys.exit({status})")
        async with Connection(options) as connection:
            await connection.notify("die")
            with anyio.fail_after(60):
                assert (await connection.wait_ended()).exit_status == status


async def test_a_program_that_exits_at_once_is_reported_with_its_last_words() -> None:
    body = "sys.stderr.write('config.toml: expected a table'); sys.exit(2)"
    with anyio.fail_after(60), pytest.raises(TransportClosed) as error:
        async with Connection(fake_server(body)):
            pass
    assert error.value.exit_status == 2
    assert error.value.method == "initialize"
    for words in (sys.executable, "status 2", "expected a table", "by hand to see why"):
        assert words in str(error.value)


async def test_a_program_that_writes_something_else_is_no_codex() -> None:
    options = fake_server(
        "write(b'Welcome to cat\\n'); signal.pause()", initialize_timeout=3, exit_grace=0
    )
    with anyio.fail_after(60), pytest.raises(CodexUnsupported, match="something else than the app"):
        async with Connection(options):
            pass


async def test_a_program_that_never_answers_is_given_up() -> None:
    body = "sys.stderr.write('thinking'); sys.stderr.flush(); signal.pause()"
    options = fake_server(body, initialize_timeout=3, exit_grace=0)
    with anyio.fail_after(60), pytest.raises(RpcTimeout, match=r"within 3 s.*(?s:.*)thinking"):
        async with Connection(options):
            pass


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("greet('0.99.0'); echo()", r"codex 0\.99\.0, and 0\.163\.0"),
        ("reply(receive(), {'userAgent': 'cat'}); echo()", "no codex app-server"),
        ("reply(receive(), None); echo()", "no codex app-server"),
        ("refuse(receive(), -32601); echo()", "would not be initialised"),
    ],
)
async def test_a_server_that_is_not_ours_to_talk_to_is_refused(body: str, words: str) -> None:
    with anyio.fail_after(60), pytest.raises(CodexUnsupported, match=words):
        async with Connection(fake_server(body)):
            pass


async def test_a_missing_program_is_an_error_before_anything_is_started(tmp_path: Any) -> None:
    with pytest.raises(CodexNotFound):
        async with Connection(ConnectionOptions(argv=(str(tmp_path / "none"),), env={})):
            pass
