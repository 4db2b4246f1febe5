"""Lines reach the server whole and in order, however full the pipe is and whoever leaves."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks_runtime._outbox import Outbox

if TYPE_CHECKING:
    from codex_hooks_runtime._transport import StdioTransport


class Pipe:
    """A transport that takes ``room`` bytes at once, and the rest when `open` is set."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.taken = b""
        self.open = anyio.Event()

    def write_now(self, data: bytes) -> int:
        taken = data[: self.room]
        self.room -= len(taken)
        self.taken += taken
        return len(taken)

    async def send(self, data: bytes) -> bool:
        await self.open.wait()
        self.taken += data
        return True


def outbox(room: int) -> tuple[Outbox, Pipe]:
    pipe = Pipe(room)
    transport: StdioTransport = pipe  # type: ignore[assignment]  # the two methods that are used
    return Outbox(transport), pipe


async def test_a_line_goes_at_once_where_there_is_room() -> None:
    box, pipe = outbox(room=100)
    assert box.put_now(b"one\n")
    assert box.put_now(b"two\n")
    assert pipe.taken == b"one\ntwo\n"
    box.close()


async def test_what_the_pipe_does_not_take_is_not_overtaken() -> None:
    """The second line would have room, and waits behind the rest of the first."""
    box, pipe = outbox(room=2)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.run)
        await box.put(b"one\n")
        pipe.room = 100
        await box.put(b"two\n")
        await anyio.wait_all_tasks_blocked()
        assert pipe.taken == b"on"
        pipe.open.set()
        await anyio.wait_all_tasks_blocked()
        assert pipe.taken == b"one\ntwo\n"
        assert box.put_now(b"three\n")
        assert pipe.taken == b"one\ntwo\nthree\n"
        box.close()


async def test_a_cancelled_put_leaves_no_part_of_a_line() -> None:
    """F30: neither of the line that waits for room, nor of one that is half written."""
    box, pipe = outbox(room=2)
    box.put_now(b"half\n")
    while box.put_now(b"x\n"):
        pass
    with anyio.CancelScope() as scope:
        scope.cancel()
        await box.put(b"never\n")
    assert scope.cancelled_caught
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(box.run)
        pipe.open.set()
        await anyio.wait_all_tasks_blocked()
        box.close()
    assert pipe.taken.startswith(b"half\nx\n")
    assert set(pipe.taken.split(b"\n")) == {b"half", b"x", b""}


async def test_once_closed_it_takes_nothing_from_those_who_wait_either() -> None:
    """F17."""
    box, pipe = outbox(room=0)
    while box.put_now(b"x\n"):
        pass
    refused = []

    async def wait() -> None:
        with pytest.raises(anyio.BrokenResourceError):
            await box.put(b"late\n")
        refused.append(1)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(wait)
        await anyio.wait_all_tasks_blocked()
        box.close()
    assert refused == [1]
    with pytest.raises(anyio.BrokenResourceError):
        box.put_now(b"later\n")
    assert pipe.taken == b""
