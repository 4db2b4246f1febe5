"""What a request makes at the server does not stay there for a caller who was cancelled (F30).

A request that has been sent cannot be taken back: the server acts on it, and only its reply says
what there is to undo. So a cancelled caller waits for that reply a moment longer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from ._errors import RpcError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")

GRACE_SECONDS: Final = 0.5
"""How long a cancelled caller waits for the reply, and then for the undoing."""


async def made_or_undone(
    make: Callable[[], Awaitable[T]], undo: Callable[[T], Awaitable[object]]
) -> T:
    """Return what ``make`` returns, or raise what it raises.

    A caller who is cancelled before that stays for `GRACE_SECONDS` at most: ``undo`` is given what
    was made until then. An ``RpcError`` of ``undo`` is nobody's to handle any more.
    """
    made: list[T] = []
    failed: list[Exception] = []
    done = anyio.Event()
    patience = anyio.CancelScope(shield=True)

    async def work() -> None:
        with patience:
            try:
                made.append(await make())
            except Exception as error:  # raised again where it can be caught as what it is
                failed.append(error)
        done.set()

    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(work)
            try:
                await done.wait()
            finally:
                patience.deadline = anyio.current_time() + GRACE_SECONDS
    except anyio.get_cancelled_exc_class():
        for thing in made:
            with anyio.move_on_after(GRACE_SECONDS, shield=True):
                try:
                    await undo(thing)
                except RpcError:
                    pass  # the server has ended it already, or has ended itself
        raise
    for error in failed:
        raise error
    return made[0]
