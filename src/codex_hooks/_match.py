"""When a hook is asked at all: `HookMatcher` (K13).

A matcher only narrows what it can be sure of. Where the context does not say what a matcher asks
about (no cwd, a relative one), the hook is asked: a guard too many beats a guard too few.
"""

from __future__ import annotations

import fnmatch
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, get_args

from codex_hooks._context import HookPhase, ToolKind

if TYPE_CHECKING:
    from collections.abc import Collection

    from codex_hooks._context import HookContext


@dataclass(frozen=True, slots=True, kw_only=True)
class HookMatcher:
    """All that is given has to hold.

    ``tool_name`` is a name or a shell-style pattern (``mcp__*``). ``cwd`` holds for that folder
    and everything below it, by whole path segments after ``.`` and ``..`` are resolved; symbolic
    links are not followed, and upper case is not lower case. Raises ``TypeError`` or ``ValueError``
    for what could never match.
    """

    phases: Collection[HookPhase] | None = None
    tool_name: str | None = None
    tool_kind: ToolKind | None = None
    cwd: str | os.PathLike[str] | None = None

    def __post_init__(self) -> None:
        if self.phases is not None:
            if isinstance(self.phases, str):
                raise TypeError("HookMatcher(phases=) takes a collection of phases, not a string")
            object.__setattr__(self, "phases", frozenset(map(HookPhase, self.phases)))
            if not self.phases:
                raise ValueError("HookMatcher(phases=) is empty: nothing would ever match")
        if self.tool_name is not None and not (isinstance(self.tool_name, str) and self.tool_name):
            raise TypeError(f"HookMatcher(tool_name=) takes a name, not {self.tool_name!r}")
        if self.tool_kind is not None and self.tool_kind not in get_args(ToolKind):
            kinds = ", ".join(get_args(ToolKind))
            raise ValueError(f"HookMatcher(tool_kind=) is one of {kinds}, not {self.tool_kind!r}")
        if self.cwd is not None:
            folder = os.fspath(self.cwd)
            if not (isinstance(folder, str) and folder.startswith("/")):
                raise ValueError(f"HookMatcher(cwd=) takes an absolute path, not {folder!r}")
            object.__setattr__(self, "cwd", _normalised(folder))

    def matches(self, ctx: HookContext) -> bool:
        """Whether a hook with this matcher is to be asked about ``ctx``."""
        if self.phases is not None and ctx.phase not in self.phases:
            return False
        tool = ctx.tool
        if self.tool_name is not None and not (
            tool is not None and fnmatch.fnmatchcase(tool.name, self.tool_name)
        ):
            return False
        if self.tool_kind is not None and not (tool is not None and tool.kind == self.tool_kind):
            return False
        return self.cwd is None or _is_within(ctx.cwd, os.fspath(self.cwd))


def _is_within(cwd: str | None, folder: str) -> bool:
    if cwd is None or not cwd.startswith("/"):
        return True
    inside = _normalised(cwd)
    return inside == folder or inside.startswith(folder.rstrip("/") + "/")


def _normalised(path: str) -> str:
    # POSIX lets two leading slashes mean something else than one; here they never do.
    return os.path.normpath("/" + path.lstrip("/"))
