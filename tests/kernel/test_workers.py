"""Sync hooks off the event loop: K6, F6."""

import subprocess
import sys
import threading

import anyio
import anyio.lowlevel
import pytest

from codex_hooks import Allow, Block, HookKernel
from codex_hooks._workers import Workers
from hooked import hooked, inline, turn

SHORT = 0.02
"""Seconds. A hook that never answers makes the test wait this long, and no hook needs it."""


async def test_sync_hooks_run_off_the_event_loop_and_inline_ones_on_it() -> None:
    """K6."""
    kernel = HookKernel()
    places: list[threading.Thread] = []
    kernel.register(hooked(lambda ctx: places.append(threading.current_thread())), "sync")
    kernel.register(inline(lambda ctx: places.append(threading.current_thread())), "inline")
    await kernel.run_pre(turn())
    assert places[0].daemon
    assert places[0] is not threading.current_thread()
    assert places[1] is threading.current_thread()


async def test_a_thousand_hung_sync_hooks_take_a_bounded_number_of_threads() -> None:
    """K6, F6: the rest is blocked as overloaded."""
    kernel = HookKernel(max_threads=4)
    leave = threading.Event()
    messages: list[str] = []
    kernel.register(hooked(lambda ctx: leave.wait(10), timeout=0.2), "hung")

    async def one() -> None:
        outcome = await kernel.run_pre(turn())
        assert outcome.blocked is not None
        messages.append(outcome.blocked.message)

    before = set(threading.enumerate())
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for _ in range(1000):
                group.start_soon(one)
    ours = [item for item in set(threading.enumerate()) - before if item.name == "codex-hooks"]
    assert len(ours) <= 4, [item.name for item in set(threading.enumerate()) - before]
    leave.set()
    assert len(messages) == 1000
    # On a busy machine a thread may not have begun in time either.
    assert sum("overloaded" in message for message in messages) >= 996


async def test_a_thread_that_is_free_again_takes_the_next_hook() -> None:
    """K6: its slot is given back by the thread itself."""
    kernel = HookKernel(max_threads=1)
    begun, leave = threading.Event(), threading.Event()

    def hang() -> None:
        begun.set()
        leave.wait(10)

    kernel.register(hooked(lambda ctx: Allow(), timeout=SHORT), "next")
    with anyio.fail_after(10):
        kernel.workers.submit(hang)
        await anyio.to_thread.run_sync(begun.wait)
        assert (await kernel.run_pre(turn())).blocked is not None
        leave.set()
        while not (await kernel.run_pre(turn())).allowed:
            pass


async def test_a_hook_that_nobody_waits_for_any_more_never_runs() -> None:
    """K6: it was withdrawn before a thread was free."""
    kernel = HookKernel(max_threads=1)
    begun, leave, ran = threading.Event(), threading.Event(), []

    def hang() -> None:
        begun.set()
        leave.wait(10)

    kernel.register(hooked(lambda ctx: ran.append(1), timeout=SHORT), "next")
    with anyio.fail_after(5):
        kernel.workers.submit(hang)
        await anyio.to_thread.run_sync(begun.wait)
        outcome = await kernel.run_pre(turn())
        leave.set()
        assert outcome.blocked is not None
        assert "overloaded" in outcome.blocked.message
        await Workers.submit(kernel.workers, lambda: None).outcome()
    assert ran == []


async def test_a_system_without_a_free_thread_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """K5, K6."""
    kernel = HookKernel()
    kernel.register(hooked(lambda ctx: None), "sync")

    def refuse(thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", refuse)
        outcome = await kernel.run_pre(turn())
    assert outcome.blocked is not None
    assert (await kernel.run_pre(turn())).blocked is None


HANGS = """
import anyio, threading
from codex_hooks import HookContext, HookKernel, HookPhase, hookimpl

class Hung:
    @hookimpl(timeout=0.05)
    def pre_turn(self, ctx):
        threading.Event().wait()

async def main():
    kernel = HookKernel()
    kernel.register(Hung())
    async with anyio.create_task_group() as group:
        for _ in range(1000):
            group.start_soon(kernel.run_pre, HookContext(phase=HookPhase.PRE_TURN))
    print(threading.active_count())

anyio.run(main)
"""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
def test_a_process_with_hung_hooks_ends(anyio_backend: str) -> None:
    """F6: one that waited for them would never end."""
    done = subprocess.run(
        [sys.executable, "-c", HANGS], stdout=subprocess.PIPE, timeout=60, check=True
    )
    assert int(done.stdout) <= 33


def test_one_kernel_serves_one_event_loop_after_another_and_two_at_once() -> None:
    """K6, K10."""
    kernel = HookKernel(max_threads=2)
    kernel.register(hooked(lambda ctx: Allow() if ctx.prompt else Block("empty")), "sync")

    async def main(prompt: str) -> bool:
        return all([(await kernel.run_pre(turn(prompt=prompt))).allowed for _ in range(50)])

    assert anyio.run(main, "hi")
    assert anyio.run(main, "hi", backend="trio")
    assert not anyio.run(main, "")
    results: list[bool] = []
    threads = [
        threading.Thread(target=lambda b=backend: results.append(anyio.run(main, "hi", backend=b)))
        for backend in ("asyncio", "trio", "asyncio")
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert results == [True, True, True]


def test_a_hook_that_outlives_its_event_loop_harms_nobody() -> None:
    """K6."""
    kernel = HookKernel(max_threads=1)
    leave = threading.Event()
    kernel.register(hooked(lambda ctx: leave.wait(10) and None, timeout=SHORT), "slow")

    async def main() -> bool:
        return (await kernel.run_pre(turn())).blocked is None

    for backend in ("asyncio", "trio"):
        leave.clear()
        assert not anyio.run(main, backend=backend)
        leave.set()
    assert any(anyio.run(main) for _ in range(100))


FORKED = """
import anyio, os
from codex_hooks import HookContext, HookKernel, HookPhase, hookimpl

class Guard:
    @hookimpl
    def pre_turn(self, ctx):
        return None

async def is_blocked():
    return (await kernel.run_pre(HookContext(phase=HookPhase.PRE_TURN))).blocked is not None

kernel = HookKernel(max_threads=1)
kernel.register(Guard())
assert not anyio.run(is_blocked)
child = os.fork()
if not child:
    os._exit(anyio.run(is_blocked))
raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
def test_a_fork_starts_threads_of_its_own(anyio_backend: str) -> None:
    """K6: those of the parent are not there, however many they were."""
    subprocess.run([sys.executable, "-c", FORKED], check=True, timeout=60)
