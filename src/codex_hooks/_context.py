"""What a hook sees: `HookContext`, frozen all the way down (F9), and the words it is made of."""

from __future__ import annotations

import os
import time
from dataclasses import MISSING, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from codex_hooks._frozen import EMPTY, freeze, freeze_mapping
from codex_hooks._patch import touched_paths

if TYPE_CHECKING:
    from collections.abc import Mapping


class HookPhase(StrEnum):
    """The eight hooks that surround a piece of work; each value is the hook's name.

    ``is_pre`` says whether the phase comes before what it is about, and so can block it.
    """

    is_pre: bool

    PRE_RUN = "pre_run"
    POST_RUN = "post_run"
    PRE_SESSION_START = "pre_session_start"
    POST_SESSION_START = "post_session_start"
    PRE_TURN = "pre_turn"
    POST_TURN = "post_turn"
    PRE_TOOL_USE = "pre_tool_use"
    POST_TOOL_USE = "post_tool_use"

    def __init__(self, value: str) -> None:
        self.is_pre = value.startswith("pre_")

    @property
    def counterpart(self) -> HookPhase:
        """The post phase of a pre phase, and the other way round."""
        before, _, name = self.value.partition("_")
        return HookPhase(f"{'post' if before == 'pre' else 'pre'}_{name}")


@dataclass(frozen=True, slots=True)
class AtPath:
    """A file given to the model as ``@path``; ``placeholder`` is the text that stands for it."""

    path: str
    placeholder: str | None = None


@dataclass(frozen=True, slots=True)
class ImageUrl:
    """An image in a ``data:`` URL, for Codex fetches none from other hosts."""

    url: str


@dataclass(frozen=True, slots=True)
class LocalImage:
    """An image file on this machine."""

    path: str


@dataclass(frozen=True, slots=True)
class Skill:
    """A skill, by its name and the path of its ``SKILL.md``."""

    name: str
    path: str


Attachment: TypeAlias = AtPath | ImageUrl | LocalImage | Skill

ToolKind: TypeAlias = Literal["command", "file_change", "mcp", "dynamic", "other"]
"""What sort of tool a use is of."""

RunStatus: TypeAlias = Literal["ok", "error", "blocked", "timeout", "interrupted", "cancelled"]
"""How what a post hook is about ended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolApproval:
    """What the agent asks a person for, beyond what its sandbox gives it (G5)."""

    kind: str
    reason: str | None = None
    grants: Mapping[str, Any] = EMPTY

    def __post_init__(self) -> None:
        object.__setattr__(self, "grants", freeze_mapping(self.grants, "approval.grants"))


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """One use of a tool.

    ``call_id`` is chosen by the model and may repeat. ``input`` is what the tool is given,
    ``output`` what it answered (in ``post_tool_use`` alone), both as frozen JSON.
    """

    call_id: str
    name: str
    kind: ToolKind
    input: Mapping[str, Any] = EMPTY
    output: Any = None
    approval: ToolApproval | None = None

    def __post_init__(self) -> None:
        if self.kind not in get_args(ToolKind):
            raise TypeError(
                f"tool.kind is {self.kind!r}: it is one of {', '.join(get_args(ToolKind))}"
            )
        object.__setattr__(self, "input", freeze_mapping(self.input, "tool.input"))
        object.__setattr__(self, "output", freeze(self.output, "tool.output"))

    @property
    def paths(self) -> tuple[str, ...]:
        """What a patch touches, as it names it: absolute, or relative to ``ctx.cwd``.

        For a command too, since an agent may hand its patch to a shell.
        """
        return touched_paths(self.input) if self.kind in {"file_change", "command"} else ()


def new_correlation_id() -> str:
    """Return a fresh id ``hk-…`` for one run."""
    return f"hk-{os.urandom(8).hex()}"


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HookContext:
    """What one hook is asked about. Nothing in it can be changed in place: return ``Mutate``.

    ``ts_ms`` is wall-clock time in milliseconds since 1970. ``deadline`` is a `time.monotonic`
    moment by which the whole phase must be decided, ``None`` where only the hooks' own time-outs
    hold. ``round`` counts the looks at this context in one phase, from 1 (K3). ``status``,
    ``result`` and ``error`` are set in post phases, ``tool`` in the two tool phases.
    """

    phase: HookPhase
    correlation_id: str = field(default_factory=new_correlation_id)
    thread_id: str | None = None
    parent_thread_id: str | None = None
    turn_id: str | None = None
    cwd: str | None = None
    model: str | None = None
    status: RunStatus | None = None
    ts_ms: int = field(default_factory=_now_ms)
    metadata: Mapping[str, Any] = EMPTY
    prompt: str = ""
    attachments: tuple[Attachment, ...] = ()
    tool: ToolCall | None = None
    result: Any = None
    error: str | None = None
    approval_policy: str | None = None
    sandbox: str | None = None
    round: int = 1
    deadline: float | None = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        if type(self.phase) is not HookPhase:
            put(self, "phase", HookPhase(self.phase))
        if self.cwd is not None and type(self.cwd) is not str:
            put(self, "cwd", os.fspath(self.cwd))
        if self.tool is None and self.phase.value.endswith("_tool_use"):
            raise TypeError(f"a {self.phase} context needs tool=ToolCall(...)")
        if self.metadata is not EMPTY:
            put(self, "metadata", freeze_mapping(self.metadata, "metadata"))
        if self.attachments:
            put(self, "attachments", check_attachments(self.attachments))
        if self.result is not None:
            put(self, "result", freeze(self.result, "result"))

    def evolve(self, **changes: Any) -> HookContext:
        """Return a copy with ``changes``; the consumer's way from one phase to the next."""
        values = {name: getattr(self, name) for name in _FIELDS}
        return HookContext(**(values | changes))


_FIELDS = tuple(item.name for item in fields(HookContext))


_ATTACHMENTS = get_args(Attachment)


def check_attachments(value: object) -> tuple[Attachment, ...]:
    """Return ``value`` as a tuple of attachments; ``TypeError`` for anything else."""
    if not isinstance(value, list | tuple):
        raise TypeError(f"attachments must be a list, not {type(value).__name__}")
    for item in value:
        if type(item) not in _ATTACHMENTS:
            raise TypeError(
                f"a {type(item).__name__} is no attachment: "
                "use AtPath, ImageUrl, LocalImage or Skill"
            )
        for part in fields(item):
            text = getattr(item, part.name)
            if not isinstance(text, str) and (text is not None or part.default is MISSING):
                raise TypeError(
                    f"{type(item).__name__}({part.name}=) takes a str, not {type(text).__name__}"
                )
    return tuple(value)
