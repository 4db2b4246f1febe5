"""How deep hooks may start runs inside one another (K15)."""

from __future__ import annotations

import contextvars
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from codex_hooks._plan import Implementation

MAX_DEPTH: Final = 4
"""How many hooks may be waiting, each for a run that the next one is a part of."""


class Asking:
    """Something that asks plugins: how deep it is nested, and whom it is asking now."""

    __slots__ = ("current", "depth")

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.current: Implementation | None = None


inside: Final[contextvars.ContextVar[Asking | None]] = contextvars.ContextVar(
    "codex_hooks_inside", default=None
)
"""What the running code is a hook of; it travels into the tasks and threads that it starts."""


def depth_here() -> int:
    """Return how deep nested something is that begins to ask plugins now, from 1."""
    outer = inside.get()
    return 1 if outer is None else outer.depth + 1
