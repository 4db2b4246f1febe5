"""What a request makes at the server does not stay there for a caller who was cancelled (F30).

A request that has been sent cannot be taken back: the server acts on it, and only its reply says
what there is to undo. So a cancelled caller waits for that reply a moment longer; and where it
comes later still, the connection has it undone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, TypeVar

import anyio

from codex_hooks._log import log

from ._ending import Ending
from ._errors import RpcError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._connection import Connection

T = TypeVar("T")

GRACE_SECONDS: Final = 0.5
"""How long a cancelled caller waits for the reply, and then for the undoing."""


async def made_or_undone(
    connection: Connection,
    make: Callable[[], Awaitable[T]],
    undo: Callable[[T], Awaitable[object]],
) -> T:
    """Return what ``make`` returns, or raise what it raises; it asks ``connection``.

    Of a caller who is cancelled before that, ``undo`` is given what was made, be it after the
    caller has gone: it stays for `GRACE_SECONDS` at most, twice.
    """
    if connection.ending is not None:
        return await make()  # which says so
    made: list[T] = []
    failed: list[Exception] = []
    done, undone = anyio.Event(), anyio.Event()
    left = False

    async def work() -> None:
        try:
            made.append(await make())
        except Exception as error:  # raised again where it can be caught as what it is
            failed.append(error)
        finally:
            done.set()
        if left:
            await undo_it()

    async def undo_it() -> None:
        try:
            for thing in made:
                await undo(thing)
        except RpcError:
            pass  # the server has ended it already, or has ended itself
        except Exception as error:  # there is nobody to raise it to
            log().warning("a cancelled request was not undone", error=type(error).__name__)
        undone.set()

    connection.start_soon(work)
    try:
        await done.wait()
    except anyio.get_cancelled_exc_class():
        left = True
        with anyio.CancelScope(shield=True) as patience:
            patience.deadline = anyio.current_time() + GRACE_SECONDS
            if not done.is_set():
                await done.wait()
                patience.deadline = anyio.current_time() + GRACE_SECONDS
                await undone.wait()
            else:
                await undo_it()
        raise
    for error in failed:
        raise error
    if not made:
        raise (connection.ending or Ending(by_owner=True)).error()
    return made[0]
