"""A thread that the server has loaded, and what we have to remember of it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from ._errors import ConfigError
from ._sandbox import sandbox_name, writable_roots

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from codex_hooks import Run

    from ._connection import Connection
    from ._gate._thread_gate import ThreadGate
    from ._models import PromptRunParams, RunProfile
    from ._records import ThreadRecord


@dataclass(slots=True, eq=False)
class LoadedThread:
    """One loaded thread, behind its ``gate`` if the runtime has one.

    It is loaded on one server, that of its ``connection``, and is used on no other: only there are
    its hooks armed (G6).
    ``model`` is the one that it was opened with, to which a turn that names none returns.
    ``under_way`` is the run of the present turn, and what the turn was started with.
    """

    connection: Connection
    record: ThreadRecord
    cwd: Path
    profile: RunProfile
    model: str | None
    gate: ThreadGate | None
    under_way: tuple[Run, PromptRunParams] | None = None
    # One turn at a time: a second turn/start would steer the first instead of waiting for it.
    turns: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def thread_id(self) -> str:
        """The thread's id."""
        return self.record.id

    @property
    def is_lost(self) -> bool:
        """Whether its server is gone, so that it has to be opened anew."""
        return self.connection.ending is not None

    def check(self, profile: RunProfile) -> None:
        """Raise `ConfigError` for a run that wants what only the opening of a thread can give."""
        for name in (
            "base_instructions",
            "developer_instructions",
            "interactive",
            "web_search",
            "tools",
        ):
            wanted = getattr(profile, name)
            if wanted and wanted != getattr(self.profile, name):
                raise ConfigError(
                    f"thread {self.thread_id} was opened without this {name}, and a turn cannot "
                    "change it: start, or fork, a thread with it"
                )

    async def begin_turn(self) -> None:
        """Wait for the turn that is under way; ``turns`` is to be released after this one.

        Raises `ConfigError` instead of waiting for the task's own turn for ever.
        """
        try:
            self.turns.acquire_nowait()
        except anyio.WouldBlock:
            await self.turns.acquire()
        except RuntimeError:
            raise ConfigError(
                f"thread {self.thread_id} is at a turn of this very task's: leave its block first, "
                "say more into it with turn_steer(), or use another task"
            ) from None

    @asynccontextmanager
    async def turn_of(
        self, run: Run, params: PromptRunParams
    ) -> AsyncIterator[Callable[[str], None]]:
        """Let what the thread does be a part of ``run``; what is yielded takes the turn's id."""
        self.under_way = run, params
        try:
            if self.gate is None:
                yield lambda _turn_id: None
                return
            async with self.gate.turn(
                run,
                cwd=str(params.cwd),
                model=params.model,
                approval_policy=params.approval_policy,
                sandbox=sandbox_name(params.sandbox_policy),
                writable=writable_roots(params.sandbox_policy, params.cwd),
            ) as begun:
                yield begun
        finally:
            self.under_way = None

    def sent(self, params: PromptRunParams) -> PromptRunParams:
        """Return what the server is told of ``params``."""
        return params if self.gate is None else self.gate.sent(params)

    def close(self) -> None:
        """Block whatever it still does."""
        if self.gate is not None:
            self.gate.close()
