"""The same promises, kept with the real codex binary."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks_runtime._binary import find_codex
from codex_hooks_runtime._connection import Connection
from codex_hooks_runtime._decline import DECLINES
from codex_hooks_runtime._errors import InvalidRequest, MethodNotFound, TransportClosed
from codex_hooks_runtime._messages import LiveEvent
from codex_hooks_runtime._options import ConnectionOptions
from codex_hooks_runtime.testing import CodexHome

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.codex

# Nobody listens there: these tests never get as far as a model.
NO_MODEL = "http://127.0.0.1:9/v1"


@contextmanager
def codex_options(**options: Any) -> Iterator[ConnectionOptions]:
    with CodexHome(NO_MODEL) as home:
        yield ConnectionOptions(
            argv=(str(find_codex()), "app-server"), env=home.env, cwd=home.path, **options
        )


async def test_the_handshake_works() -> None:
    with codex_options() as options:
        async with Connection(options) as connection:
            assert connection.server_version >= (0, 163, 0)
            assert connection.initialize_result["codexHome"] == options.env["CODEX_HOME"]
            assert connection.counters.garbage == {}


async def test_a_thread_starts_and_is_announced_to_its_subscribers() -> None:
    """R3."""
    with codex_options() as options:
        connection = Connection(options)
        async with connection.subscribe_live() as events, connection:
            params = {"cwd": str(options.cwd), "sandbox": "read-only", "approvalPolicy": "never"}
            started = await connection.call("thread/start", params)
            with anyio.fail_after(60):
                async for event in events:
                    assert isinstance(event, LiveEvent)
                    if event.method == "thread/started":
                        assert event.params["thread"]["id"] == started["thread"]["id"]
                        break
            loaded = await connection.call("thread/loaded/list", {})
            assert loaded["data"] == [started["thread"]["id"]]


async def test_errors_of_the_server_are_told_apart() -> None:
    with codex_options() as options:
        async with Connection(options) as connection:
            with pytest.raises(InvalidRequest, match=r"thread/start: .*bogus"):
                await connection.call("thread/start", {"sandbox": "bogus"})
            # Codex answers -32600 to a method that it does not know.
            with pytest.raises(MethodNotFound, match="no method 'thread/rollback'") as error:
                await connection.call("thread/rollback", {})
            assert error.value.code == -32600


async def test_a_hundred_calls_at_a_time_are_all_answered() -> None:
    """R4."""
    with codex_options(max_in_flight=16) as options:
        async with Connection(options) as connection:
            answered = 0

            async def ask() -> None:
                nonlocal answered
                await connection.call("thread/loaded/list", {})
                answered += 1

            async with anyio.create_task_group() as tasks:
                for _ in range(100):
                    tasks.start_soon(ask)
            assert answered == 100


async def test_shutdown_leaves_no_process_and_needs_no_force() -> None:
    """R6."""
    with codex_options() as options:
        async with Connection(options) as connection:
            pid = connection.pid
        assert connection._transport.exit_status == 0
    with pytest.raises(ProcessLookupError):
        os.killpg(pid, 0)


async def test_a_server_killed_while_a_call_is_pending_fails_it_at_once() -> None:
    """R5, F17."""
    with codex_options() as options:
        async with Connection(options) as connection:
            # Stopped, so that the call is pending for certain.
            os.kill(connection.pid, signal.SIGSTOP)
            os.waitpid(connection.pid, os.WUNTRACED)  # noqa: ASYNC222  # at once
            with anyio.fail_after(60):
                async with anyio.create_task_group() as tasks:
                    tasks.start_soon(_kill_when_pending, connection)
                    with pytest.raises(TransportClosed, match="SIGKILL") as error:
                        await connection.call("thread/loaded/list", {}, timeout=3600)
            assert error.value.exit_status == -signal.SIGKILL


async def _kill_when_pending(connection: Connection) -> None:
    await anyio.wait_all_tasks_blocked()
    os.kill(connection.pid, signal.SIGKILL)


async def test_a_codex_that_exits_at_once_is_reported_in_its_own_words() -> None:
    with codex_options() as options:
        wrong = replace(options, argv=(*options.argv, "--no-such-flag"))
        with pytest.raises(TransportClosed, match=r"(?s)--no-such-flag.*by hand to see") as error:
            async with Connection(wrong):
                pass
        assert error.value.exit_status == 2


def test_the_table_of_declines_knows_all_that_the_binary_can_ask(tmp_path: Path) -> None:
    """R8: fails when codex learns to ask something new."""
    argv = [str(find_codex()), "app-server", "generate-json-schema", "--experimental", "--out"]
    with CodexHome(NO_MODEL) as home:
        subprocess.run([*argv, str(tmp_path)], env=home.env, check=True, capture_output=True)
    schema = json.loads((tmp_path / "ServerRequest.json").read_text())
    methods = {one["properties"]["method"]["enum"][0] for one in schema["oneOf"]}
    assert methods == DECLINES.keys()
