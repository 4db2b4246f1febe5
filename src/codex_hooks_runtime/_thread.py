"""A thread that the server has loaded, and what we have to remember of it."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import anyio

from ._errors import ConfigError
from ._sandbox import sandbox_name

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from codex_hooks import Run

    from ._gate._admission import Admission
    from ._gate._policy import ThreadGate
    from ._models import PromptRunParams, RunProfile
    from ._records import ThreadRecord


@dataclass(slots=True, eq=False)
class LoadedThread:
    """One loaded thread; ``admission`` is its right to ask the gate while it is loaded.

    ``model`` is the one that it was opened with, to which a turn that names none returns.
    ``under_way`` is the run of the present turn, and what the turn was started with.
    """

    record: ThreadRecord
    cwd: Path
    profile: RunProfile
    model: str | None
    gate: ThreadGate
    admission: Admission | None
    under_way: tuple[Run, PromptRunParams] | None = None
    # One turn at a time: a second turn/start would steer the first instead of waiting for it.
    turns: anyio.Lock = field(default_factory=anyio.Lock)

    @property
    def thread_id(self) -> str:
        """The thread's id."""
        return self.record.id

    def check(self, profile: RunProfile) -> None:
        """Raise `ConfigError` for a run that wants what only the opening of a thread can give."""
        for name in ("base_instructions", "developer_instructions", "interactive", "web_search"):
            wanted = getattr(profile, name)
            if wanted and wanted != getattr(self.profile, name):
                raise ConfigError(
                    f"thread {self.thread_id} was opened without this {name}, and a turn cannot "
                    "change it: start, or fork, a thread with it"
                )

    @contextmanager
    def turn_of(self, run: Run, params: PromptRunParams) -> Iterator[None]:
        """Let the gate put what the thread does before the plugins as a part of ``run``."""
        self.under_way = run, params
        self.gate.run = run
        self.gate.approval_policy = params.approval_policy
        self.gate.sandbox = sandbox_name(params.sandbox_policy)
        try:
            yield
        finally:
            self.gate.run = self.under_way = None

    def close(self) -> None:
        """Block whatever it still does."""
        if self.admission is not None:
            self.admission.close()
