"""What a hook may answer, from weakest to strongest (K4).

A hook that has nothing to say returns ``None``. That is not `Allow`, which answers a question.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias, final, get_args

from codex_hooks._context import Attachment, HookContext, HookPhase, check_attachments
from codex_hooks._errors import CodexHooksError
from codex_hooks._frozen import freeze, freeze_mapping, same

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class InvalidDecision(CodexHooksError, TypeError):
    """A decision that cannot be carried out as it stands: wrong types, or wrong for its phase."""


@final
@dataclass(frozen=True, slots=True)
class Allow:
    """Nothing to object to; accepts where an approval is asked for (G5)."""

    strength: ClassVar[int] = 1
    word: ClassVar[str] = "allow"


@final
@dataclass(frozen=True, slots=True, kw_only=True)
class Mutate:
    """Go on, with these changes; what is left out stays as it is (K7).

    ``metadata`` merges key by key and travels to the later phases of the run. Raises
    `InvalidDecision` for values of the wrong type.
    """

    strength: ClassVar[int] = 2
    word: ClassVar[str] = "mutate"

    prompt: str | None = None
    model: str | None = None
    add_attachments: Sequence[Attachment] = ()
    metadata: Mapping[str, Any] | None = None
    tool_input: Mapping[str, Any] | None = None
    tool_output: Any = None

    def __post_init__(self) -> None:
        put = object.__setattr__
        for name in ("prompt", "model"):
            value = getattr(self, name)
            if value is not None and not isinstance(value, str):
                raise InvalidDecision(f"Mutate({name}=) takes a str, not {type(value).__name__}")
        try:
            put(self, "add_attachments", check_attachments(self.add_attachments))
            if self.metadata is not None:
                put(self, "metadata", freeze_mapping(self.metadata, "metadata"))
            if self.tool_input is not None:
                put(self, "tool_input", freeze_mapping(self.tool_input, "tool_input"))
            put(self, "tool_output", freeze(self.tool_output, "tool_output"))
        except TypeError as error:
            raise InvalidDecision(f"Mutate: {error}") from None


@final
@dataclass(frozen=True, slots=True)
class Ask:
    """Let a person decide; ``message`` is the question. Without an approver it is a no (G4)."""

    strength: ClassVar[int] = 3
    word: ClassVar[str] = "ask"

    message: str
    plugin: str | None = None

    def __post_init__(self) -> None:
        _check_message(self)


@final
@dataclass(frozen=True, slots=True)
class Block:
    """Stop here. ``message`` says why, to the person and to the model.

    ``plugin`` and ``phase`` are filled in by the kernel.
    """

    strength: ClassVar[int] = 4
    word: ClassVar[str] = "block"

    message: str
    plugin: str | None = None
    phase: HookPhase | None = None

    def __post_init__(self) -> None:
        _check_message(self)


Decision: TypeAlias = Allow | Mutate | Ask | Block


def _check_message(decision: Ask | Block) -> None:
    if not isinstance(decision.message, str) or not decision.message.strip():
        name = type(decision).__name__
        given = type(decision.message).__name__
        raise InvalidDecision(
            f"{name} needs a message that says why, not an empty one or a {given}"
        )


# What each phase can carry; anything else in a Mutate is refused (K7).
_PROMPT = ("prompt", "model", "add_attachments", "metadata")
_CARRIES: dict[HookPhase, tuple[str, ...]] = {
    HookPhase.PRE_RUN: _PROMPT,
    HookPhase.PRE_SESSION_START: ("model", "metadata"),
    HookPhase.PRE_TURN: _PROMPT,
    HookPhase.PRE_TOOL_USE: ("tool_input", "metadata"),
    HookPhase.POST_TOOL_USE: ("tool_output", "metadata"),
    HookPhase.POST_RUN: ("metadata",),
    HookPhase.POST_SESSION_START: ("metadata",),
    HookPhase.POST_TURN: ("metadata",),
}


_DECISIONS = frozenset(get_args(Decision))


def checked(value: object, phase: HookPhase) -> Decision:
    """Return ``value`` if it is a decision that ``phase`` can carry (K7).

    Raises `InvalidDecision` otherwise. The type has to be the very one: something that only poses
    as an `Allow`, a mock say, is none (F3).
    """
    if type(value) not in _DECISIONS:
        raise InvalidDecision(f"returned {type(value).__name__}, which is no decision")
    decision: Decision = value  # type: ignore[assignment]
    if isinstance(decision, Mutate):
        for name in ("prompt", "model", "add_attachments", "tool_input", "tool_output"):
            nothing = () if name == "add_attachments" else None
            if getattr(decision, name) != nothing and name not in _CARRIES[phase]:
                possible = ", ".join(_CARRIES[phase])
                raise InvalidDecision(f"{phase} cannot change {name}; it can change: {possible}")
    elif not phase.is_pre and isinstance(decision, _impossible_after(phase)):
        name = type(decision).__name__
        raise InvalidDecision(f"{phase} cannot return {name}: what it is about has happened")
    return decision


def _impossible_after(phase: HookPhase) -> tuple[type[Decision], ...]:
    return (Ask,) if phase is HookPhase.POST_TOOL_USE else (Ask, Block)


def apply(change: Mutate, ctx: HookContext) -> HookContext:
    """Return ``ctx`` with ``change`` made, or ``ctx`` itself where it comes to the same."""
    changes: dict[str, Any] = {}
    if change.prompt is not None and change.prompt != ctx.prompt:
        changes["prompt"] = change.prompt
    if change.model is not None and change.model != ctx.model:
        changes["model"] = change.model
    if added := [item for item in change.add_attachments if item not in ctx.attachments]:
        changes["attachments"] = ctx.attachments + tuple(dict.fromkeys(added))
    if change.metadata is not None:
        merged = freeze_mapping({**ctx.metadata, **change.metadata}, "metadata")
        if not same(merged, ctx.metadata):
            changes["metadata"] = merged
    tool = ctx.tool
    if tool is not None:
        if change.tool_input is not None and not same(change.tool_input, tool.input):
            tool = replace(tool, input=change.tool_input)
        if change.tool_output is not None and not same(change.tool_output, tool.output):
            tool = replace(tool, output=change.tool_output)
        if tool is not ctx.tool:
            changes["tool"] = tool
    return ctx.evolve(**changes) if changes else ctx
