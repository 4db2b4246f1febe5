"""Asking the server: what every caller needs of it with types, and all the rest by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar, overload

from pydantic import BaseModel, ValidationError

from ._errors import ConfigError, InvalidRequest, RpcError
from ._methods import check_method, check_not_hooked
from ._records import FolderSkills, Page, ThreadRecord, ThreadReply, TurnRecord

if TYPE_CHECKING:
    from pathlib import Path

    from ._rpc import JsonObject
    from ._supervisor import Supervisor

M = TypeVar("M", bound=BaseModel)

_PAGE = 100


class ThreadApi:
    """Requests that open no thread and run no turn.

    All raise an `RpcError`: what the server answered, `TransportClosed`, or `RpcTimeout`.
    """

    def __init__(self, server: Supervisor, *, gated: bool) -> None:
        self.server = server
        self._gated = gated

    @overload
    async def call(
        self,
        method: str,
        params: JsonObject | None = None,
        *,
        result: None = None,
        validate: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Any: ...
    @overload
    async def call(
        self,
        method: str,
        params: JsonObject | None = None,
        *,
        result: type[M],
        validate: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> M: ...
    async def call(
        self,
        method: str,
        params: JsonObject | None = None,
        *,
        result: type[M] | None = None,
        validate: bool = True,
        timeout: float | None = None,  # noqa: ASYNC109  # as Connection.call has it
    ) -> Any:
        """Call any method and return its result, as a ``result`` model where one is given.

        Raises `ConfigError` before anything is sent for a method that codex does not have, unless
        ``validate=False``, and behind the gate for one that would pass by the plugins.
        """
        if validate:
            check_method(method)
        if self._gated:
            check_not_hooked(method)
        reply = await self.server.call(method, params, timeout=timeout)
        return reply if result is None else parse(method, result, reply)

    async def thread_read(self, thread_id: str, *, include_turns: bool = False) -> ThreadRecord:
        """Return the record of a thread, loaded or not."""
        reply = await self.call("thread/read", {"threadId": thread_id}, result=ThreadReply)
        if not include_turns:
            return reply.thread
        return reply.thread.model_copy(update={"turns": await self.thread_turns(thread_id)})

    async def thread_turns(
        self, thread_id: str, *, last: int | None = None
    ) -> tuple[TurnRecord, ...]:
        """Return the turns of a thread with all their items, oldest first; or the ``last`` few."""
        newest_first: list[TurnRecord] = []
        params: JsonObject = {"threadId": thread_id, "itemsView": "full", "sortDirection": "desc"}
        while last is None or len(newest_first) < last:
            limit = _PAGE if last is None else min(_PAGE, last - len(newest_first))
            try:
                page = await self.call(
                    "thread/turns/list", params | {"limit": limit}, result=Page[TurnRecord]
                )
            except InvalidRequest as error:
                if "not materialized" in str(error):
                    break  # a thread has no record before its first prompt
                raise
            newest_first += page.data
            if page.next_cursor is None:
                break
            params["cursor"] = page.next_cursor
        return tuple(reversed(newest_first))

    async def thread_list(
        self,
        *,
        cwd: Path | str | None = None,
        archived: bool = False,
        search: str | None = None,
        limit: int | None = None,
        cursor: str | None = None,
    ) -> Page[ThreadRecord]:
        """Return a page of the recorded threads, newest first; ``search`` looks in titles."""
        params = {
            "cwd": None if cwd is None else str(cwd),
            "archived": archived,
            "searchTerm": search,
            "limit": limit,
            "cursor": cursor,
        }
        return await self.call("thread/list", params, result=Page[ThreadRecord])

    async def thread_loaded_list(self) -> tuple[str, ...]:
        """Return the ids of the threads that the server has in memory."""
        return (await self.call("thread/loaded/list", {}, result=Page[str])).data

    async def thread_rollback(self, thread_id: str, num_turns: int) -> ThreadRecord:
        """Take the last ``num_turns`` turns back, of a loaded thread at rest, and return it.

        What commands did to files stays done. Raises `ConfigError` where there are fewer turns.
        """
        if num_turns < 1:
            raise ConfigError(f"num_turns={num_turns}: at least one turn can be taken back")
        turns = await self.thread_turns(thread_id, last=num_turns)
        if len(turns) < num_turns:
            raise ConfigError(f"thread {thread_id} has {len(turns)} turns, not {num_turns}")
        params = {"threadId": thread_id, "beforeTurnId": turns[0].id}
        return (await self.call("thread/revert", params, result=ThreadReply)).thread

    async def skills_list(
        self, *cwds: Path | str, force_reload: bool = False
    ) -> tuple[FolderSkills, ...]:
        """Return the skills that Codex finds from each folder."""
        params = {"cwds": list(map(str, cwds)), "forceReload": force_reload}
        return (await self.call("skills/list", params, result=Page[FolderSkills])).data

    async def turn_interrupt(
        self,
        thread_id: str,
        turn_id: str,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # as Connection.call has it
    ) -> None:
        """Ask the server to stop a turn; `InvalidRequest` if it is not running."""
        params = {"threadId": thread_id, "turnId": turn_id}
        await self.call("turn/interrupt", params, timeout=timeout)


def parse(method: str, model: type[M], reply: object) -> M:
    """Return ``reply`` as a ``model``; `RpcError` if the server answered with something else."""
    try:
        return model.model_validate(reply)
    except ValidationError as error:
        fields = ", ".join(".".join(map(str, item["loc"])) for item in error.errors())
        raise RpcError(
            f"the answer to {method} is no {model.__name__} (see {fields}); "
            "call() without result= returns it as it came",
            method=method,
        ) from error
