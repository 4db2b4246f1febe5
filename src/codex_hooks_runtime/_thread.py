"""A thread that the server has loaded, and what we have to remember of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import anyio

from ._wire import sandbox_policy

if TYPE_CHECKING:
    from pathlib import Path

    from ._gate._admission import Admission
    from ._gate._policy import ThreadGate
    from ._models import RunProfile


@dataclass(slots=True, eq=False)
class LoadedThread:
    """One loaded thread; ``admission`` is its right to ask the gate while it is loaded."""

    thread_id: str
    cwd: Path
    profile: RunProfile
    gate: ThreadGate
    admission: Admission | None
    # One turn at a time: a second turn/start would steer the first instead of waiting for it.
    turns: anyio.Lock = field(default_factory=anyio.Lock)

    def take_overrides(self, profile: RunProfile) -> dict[str, Any]:
        """Return what to tell the server where ``profile`` differs from the turn before."""
        overrides: dict[str, Any] = {}
        if profile.approval_policy != self.profile.approval_policy:
            overrides["approvalPolicy"] = profile.approval_policy
        if profile.sandbox_policy != self.profile.sandbox_policy:
            overrides["sandboxPolicy"] = sandbox_policy(profile.sandbox_policy)
        self.profile = profile
        self.gate.approval_policy = profile.approval_policy
        self.gate.sandbox = profile.sandbox_policy
        return overrides
