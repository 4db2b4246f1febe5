"""A server that is kept running, on small servers that crash as told."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks_runtime._errors import CodexNotFound, RpcTimeout, TransportClosed
from codex_hooks_runtime._live import LiveEvent, Restarted
from codex_hooks_runtime._restart import RestartPolicy
from codex_hooks_runtime._state import StateProjection, StateProjectionLimits
from codex_hooks_runtime._supervisor import ServerStatus, Supervisor
from runtime.connection.fake_server import fake_server, lifeline

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime._options import ConnectionOptions

AT_ONCE = RestartPolicy(max_restarts=3, first_delay=0, longest_delay=0)

# Replies to everything, and does what the method says.
OBEDIENT = """
    greet()
    send(method="up")
    while True:
        request = receive()
        if request.get("method") == "crash":
            os.kill(os.getpid(), signal.SIGKILL)
        if request.get("method") == "leave":
            sys.exit(0)
        if request.get("method") != "never":
            reply(request, os.getpid())
"""


def supervised(options: ConnectionOptions, policy: RestartPolicy = AT_ONCE) -> Supervisor:
    return Supervisor(options, policy, StateProjection(StateProjectionLimits()))


def on_nth_start(folder: Path, *bodies: str) -> ConnectionOptions:
    """A server that does as ``bodies[n]`` on its n-th start, as the last on all later ones."""
    program = "".join(
        f"\ndef start_{number}():\n" + "\n".join(f"    {line}" for line in body.splitlines())
        for number, body in enumerate(bodies)
    )
    count = "open(sys.argv[1], 'a').write('x'); n = len(open(sys.argv[1]).read()) - 1"
    options = fake_server(
        f"{program}\n{count}\nglobals()[f'start_{{min(n, {len(bodies) - 1})}}']()"
    )
    return replace(options, argv=(*options.argv, str(folder / "starts")))


async def until(server: Supervisor, status: ServerStatus) -> None:
    with anyio.fail_after(60):
        while server.status is not status:
            await server._turn_of_events.wait()


async def test_a_crashed_server_is_started_again_and_calls_go_on() -> None:
    """R5: what was in flight fails at once, what comes after goes to the new server."""
    async with supervised(fake_server(OBEDIENT)) as server:
        with anyio.fail_after(60):
            first = await server.call("m")
            with pytest.raises(TransportClosed, match=r"crash: .*SIGKILL; try again"):
                await server.call("crash", timeout=3600)
            assert await server.call("m") not in {first, None}
        assert (server.status, server.restarts) == (ServerStatus.RUNNING, 1)


async def test_every_call_in_flight_fails_at_once() -> None:
    """R5, F17."""
    async with supervised(fake_server(OBEDIENT)) as server:
        failed = []

        async def ask() -> None:
            with pytest.raises(TransportClosed) as error:
                await server.call("never", timeout=3600)
            failed.append(error.value.exit_status)

        with anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                for _ in range(3):
                    tasks.start_soon(ask)
                await anyio.wait_all_tasks_blocked()
                os.kill(server.pid, signal.SIGKILL)
        assert failed == [-signal.SIGKILL] * 3


async def test_a_call_waits_for_a_server_that_is_started_again_within_its_own_time_out() -> None:
    """R5."""
    slowly = RestartPolicy(first_delay=3600, longest_delay=3600, jitter=0)
    async with supervised(fake_server(OBEDIENT), slowly) as server:
        with anyio.fail_after(60):
            await server.notify("crash")
            await until(server, ServerStatus.RESTARTING)
            with pytest.raises(TransportClosed, match=r"m: the codex server crashed .*0\.05 s"):
                await server.call("m", timeout=0.05)


async def test_a_server_that_crashes_in_a_loop_ends_dead_and_callers_hear_it_at_once(
    tmp_path: Path,
) -> None:
    """R5, F20: those who wait as well as those who come later, and subscribers."""
    options = on_nth_start(tmp_path, OBEDIENT, "sys.stderr.write('no disk'); sys.exit(3)")
    server = supervised(options)
    async with server.subscribe_live() as events, server:
        with anyio.fail_after(60):
            await server.notify("crash")
            await until(server, ServerStatus.RESTARTING)
            for method in ("waiting", "later"):
                with pytest.raises(TransportClosed) as error:
                    await server.call(method, timeout=3600)
                assert error.value.exit_status == 3
                said = str(error.value)
                assert f"{method}: the codex server could not be started again" in said
                assert "after 3 restarts in a row" in said
                assert "no disk" in said
            assert [event async for event in reading(events)] == [LiveEvent(1, "up", {}), "closed"]
        assert (server.status, server.restarts) == (ServerStatus.DEAD, 0)
    assert (tmp_path / "starts").read_text() == "xxxx"


async def test_a_server_that_hangs_at_initialize_counts_as_crashed(tmp_path: Path) -> None:
    """R5, F20."""
    options = on_nth_start(tmp_path, OBEDIENT, "signal.pause()", OBEDIENT)
    options = replace(options, initialize_timeout=3, exit_grace=0)
    async with supervised(options) as server:
        with anyio.fail_after(60):
            await server.notify("crash")
            await until(server, ServerStatus.RESTARTING)
            assert await server.call("m")
        assert (server.restarts, (tmp_path / "starts").read_text()) == (1, "xxx")


async def test_a_server_that_exits_by_itself_is_not_started_again() -> None:
    """R5: and everybody is told, at once."""
    async with supervised(fake_server(OBEDIENT)) as server, server.subscribe_live() as events:
        with anyio.fail_after(60):
            await server.notify("leave")
            await until(server, ServerStatus.STOPPED)
            with pytest.raises(TransportClosed, match="exits by itself is not started again"):
                await server.call("m")
            assert [event async for event in reading(events)][-1] == "closed"
        assert server.restarts == 0


async def test_a_first_start_that_fails_is_the_callers_to_know(tmp_path: Path) -> None:
    """R5: nothing is tried again that never worked."""
    options = on_nth_start(tmp_path, "sys.exit(1)")
    with pytest.raises(TransportClosed, match="status 1"):
        async with supervised(options):
            pass
    assert (tmp_path / "starts").read_text() == "x"
    with pytest.raises(RpcTimeout):
        async with supervised(fake_server("signal.pause()", initialize_timeout=0.2, exit_grace=0)):
            pass
    with pytest.raises(CodexNotFound):
        async with supervised(replace(options, argv=(str(tmp_path / "none"),))):
            pass


async def test_a_subscription_outlives_a_restart_and_is_told_of_it() -> None:
    """R5, R3: for one thread as for all of them."""
    body = OBEDIENT.replace('send(method="up")', 'send(method="up", params={"threadId": "t"})')
    up = LiveEvent(1, "up", {"threadId": "t"})
    server = supervised(fake_server(body))
    async with (
        server.subscribe_live() as everything,
        server.subscribe_live(thread_id="t") as of_thread,
        server.subscribe_live(thread_id="other") as of_another,
        server,
    ):
        with anyio.fail_after(60):
            await server.call("m")
            await server.notify("crash")
            await until(server, ServerStatus.RESTARTING)
            await server.call("m")
        await server.shutdown()
        assert [event async for event in everything] == [up, Restarted(1), up]
        assert [event async for event in of_thread] == [up, Restarted(1), up]
        assert [event async for event in of_another] == [Restarted(1)]


async def test_counters_are_added_up_over_restarts() -> None:
    async with supervised(fake_server(OBEDIENT)) as server:
        with anyio.fail_after(60):
            for _ in range(2):
                await server.call("m")
                with pytest.raises(TransportClosed):
                    await server.call("crash")
            await server.call("m")
        # Each time: initialize, m, and but for the last time crash; and one event.
        assert (server.counters.requests, server.counters.events) == (8, 3)


async def test_shutdown_ends_everything_and_can_be_said_again() -> None:
    """R6: also while a restart is awaited."""
    slowly = RestartPolicy(first_delay=3600, longest_delay=3600)
    for crash_first in (False, True):
        async with supervised(fake_server(OBEDIENT), slowly) as server:
            with anyio.fail_after(60):
                if crash_first:
                    await server.notify("crash")
                    await until(server, ServerStatus.RESTARTING)
                await server.shutdown()
                await server.shutdown()
                assert server.status is ServerStatus.CLOSED
                with pytest.raises(ProcessLookupError):
                    os.kill(server.pid, 0)
                with pytest.raises(TransportClosed, match="closed by its owner"):
                    await server.call("m")


async def test_a_cancelled_owner_leaves_no_server() -> None:
    """R6, F30: while it runs, and while it is started."""
    pids = []
    with anyio.CancelScope() as scope:
        async with supervised(fake_server(OBEDIENT)) as server:
            pids.append(server.pid)
            scope.cancel()
            await anyio.sleep_forever()
    with anyio.move_on_after(0.2) as scope:
        async with supervised(fake_server("signal.pause()", exit_grace=0)) as server:
            pass
    assert scope.cancelled_caught
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


async def test_a_server_that_ignores_everything_is_killed_with_its_children(tmp_path: Path) -> None:
    """R6, F19."""
    body = """
        greet()
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        held = os.open(sys.argv[1], os.O_WRONLY)
        os.set_inheritable(held, True)
        ignore = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); signal.pause()"
        subprocess.Popen([sys.executable, "-I", "-S", "-c", ignore], close_fds=False)
        send(method="up")
        while True:
            signal.pause()
    """
    with lifeline(tmp_path) as (path, all_gone):
        options = fake_server(body, exit_grace=0.1, term_grace=0.1)
        server = supervised(replace(options, argv=(*options.argv, str(path))))
        async with server.subscribe_live() as events, server:
            with anyio.fail_after(60):
                await anext(events)
        await all_gone()


async def reading(events: Any) -> Any:
    """Yield the events, and at last how the subscription ended."""
    try:
        async for event in events:
            yield event
    except TransportClosed:
        yield "closed"
