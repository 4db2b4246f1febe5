"""What a scripted model can do in answer to one request, as plain data.

A step is one part, or a sequence of parts that arrive in a single response. ``parts_of`` is the
one place that says which of them go together.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias


@dataclass(frozen=True, slots=True)
class Say:
    """The assistant's text, streamed in ``chunks`` deltas of about the same length.

    A text shorter than ``chunks`` characters has one delta a character; an empty one has none.
    """

    text: str
    chunks: int = 1

    def __post_init__(self) -> None:
        if self.chunks < 1:
            raise ValueError(f"Say is streamed in at least one chunk, not {self.chunks}")


@dataclass(frozen=True, slots=True)
class CallTool:
    """A call of the function tool ``name``: a Codex tool, an MCP tool or a dynamic one.

    Without a ``call_id`` the model makes ``call_1``, ``call_2``, … in the order of its calls. A
    given one is sent as it is, so two calls may carry the same: real models can do that too. Tools
    that Codex offers in a group need its ``namespace``: ``"mcp__SERVER"``, ``"multi_agent_v1"``.
    """

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict)
    call_id: str | None = None
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class RunCommand:
    """A call of ``exec_command``, Codex's tool for shell commands.

    ``options`` are further arguments of the tool, such as ``{"workdir": "src", "tty": True}``.
    """

    cmd: str
    options: Mapping[str, Any] = field(default_factory=dict)
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class ApplyPatch:
    r"""A call of ``apply_patch``; ``patch`` runs from ``*** Begin Patch`` to ``*** End Patch``."""

    patch: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class RunCode:
    """A call of ``exec``, the one tool of models in code mode (``gpt-5.6-sol``, say).

    ``code`` is JavaScript: ``text(await tools.exec_command({cmd: "ls"}))``.
    """

    code: str
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Fail:
    """A request that does not succeed: the turn ends as ``failed``.

    Without a ``status`` the stream opens and ends in a ``response.failed`` event; with one (an
    HTTP status, 400 to 599) the response is that status and a JSON error. ``code`` is the API's
    own word for the reason, such as ``rate_limit_exceeded`` or ``context_length_exceeded``. Codex
    repeats ``message`` to its client, except for a few codes and statuses (429, 500) that it has
    a sentence of its own for.
    """

    message: str = "the scripted model fails here"
    code: str = "server_error"
    status: int | None = None

    def __post_init__(self) -> None:
        if self.status is not None and not 400 <= self.status <= 599:
            raise ValueError(f"Fail takes an HTTP status from 400 to 599, not {self.status}")


@dataclass(frozen=True, slots=True)
class Hang:
    """A stream that opens and then stays silent until the caller leaves or the model closes."""


OutputItem: TypeAlias = Say | CallTool | RunCommand | ApplyPatch | RunCode
Part: TypeAlias = OutputItem | Fail | Hang
Step: TypeAlias = Part | Sequence[Part]
"""What answers one request: a part, or several in one response; none at all is empty output."""


def parts_of(step: object) -> tuple[Part, ...]:
    """Return the parts of one response, in the order in which they are streamed.

    ``Hang`` and a ``Fail`` without a status may end a sequence; a ``Fail`` with a status stands
    alone, because nothing can be streamed before it. Raises ``TypeError`` for all else that is no
    ``Step``: a script may be a callable, so this is where its answers are checked.
    """
    parts: tuple[Any, ...] = (step,)
    if isinstance(step, Sequence) and not isinstance(step, str):
        parts = tuple(step)
    for part in parts:
        if not isinstance(part, Part):
            raise TypeError(f"a step is made of Say, CallTool, …, and {part!r} is none of them")
    for part in parts[:-1]:
        if isinstance(part, Fail | Hang):
            raise TypeError(f"{part!r} ends a response, so nothing can follow it in a step")
    if len(parts) > 1 and isinstance(parts[-1], Fail) and parts[-1].status is not None:
        raise TypeError(f"{parts[-1]!r} has an HTTP status, so it must be a step of its own")
    return parts
