"""What callers give and get: parameters with safe defaults, results, stream events."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003  # pydantic needs it at run time
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from codex_hooks import Attachment  # noqa: TC001  # pydantic needs it at run time
from codex_hooks._frozen import freeze_mapping

from ._errors import ConfigError
from ._gate._dynamic import DynamicTool  # noqa: TC001  # pydantic needs it at run time
from ._rpc import check_json
from ._sandbox import SandboxPolicy  # noqa: TC001  # pydantic needs it at run time

ApprovalPolicy: TypeAlias = Literal["never", "on-request", "untrusted"]
"""When Codex asks before it acts."""

ReasoningEffort: TypeAlias = Literal[
    "none", "minimal", "low", "medium", "high", "xhigh", "max", "ultra"
]
"""How long the model thinks; a model knows some of these."""


class _Frozen(BaseModel):
    """Parameters that cannot change under whoever holds them; a mistake is a `ConfigError`."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True
    )

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = "; ".join(
                _complaint(item["loc"], item["msg"].removeprefix("Value error, "))
                for item in error.errors()
            )
            raise ConfigError(f"{type(self).__name__}: {problems}") from None

    @model_validator(mode="after")
    def _can_be_sent(self) -> Self:
        for name, value in self:
            texts = [value] if isinstance(value, str | Path) else ()
            if name == "attachments":
                texts = [text for item in value for text in astuple(item) if text is not None]
            if not all(_is_text(str(text)) for text in texts):
                raise ValueError(
                    f"{name}: it is no valid UTF-8 text, which is all that can be sent"
                )
        return self

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes``, validated like the original."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**(values | changes))


def _complaint(place: tuple[int | str, ...], message: str) -> str:
    return f"{'.'.join(map(str, place))}: {message}" if place else message


def _is_text(value: str) -> bool:
    """Whether ``value`` has no lone surrogate, which Python makes of a byte that it cannot read."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _as_json(value: dict[str, Any]) -> dict[str, Any]:
    try:
        check_json(value)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"it cannot be sent as JSON: {error}") from None
    return value


def _frozen(value: Mapping[str, Any]) -> Mapping[str, Any]:
    try:
        return freeze_mapping(value, "metadata")
    except TypeError as error:
        raise ValueError(str(error)) from None


class RunProfile(_Frozen):
    """How turns are run. ``timeout`` is in seconds, for a whole turn.

    The defaults let nothing happen that cannot be undone: nobody is asked (``never``), the
    sandbox is ``read-only``. A sandbox that keeps nothing from the agent needs
    ``privileged_escalation_approved`` and another approval policy (R9).

    ``plugins`` are active for the run alone, those of a `SessionConfig` for the session (K9).
    ``metadata`` is what plugins see as ``ctx.metadata`` from the first hook on; Codex is not told.

    The last five belong to a thread and are settled when it is started, resumed or forked; a run
    in a thread that has them otherwise is refused. ``base_instructions`` take the place of
    Codex's own, ``developer_instructions`` are added to them. ``interactive`` lets commands have
    a terminal, whose input no hook sees, and ``web_search`` the provider's own search (G8).
    ``tools`` are served by this process.
    """

    model: str | None = None
    effort: ReasoningEffort | None = "medium"
    service_tier: str | None = None
    approval_policy: ApprovalPolicy = "never"
    sandbox_policy: SandboxPolicy = "read-only"
    privileged_escalation_approved: bool = False
    attachments: tuple[Attachment, ...] = ()
    timeout: float = Field(default=120.0, gt=0)
    output_schema: Annotated[dict[str, Any], AfterValidator(_as_json)] | None = None
    plugins: tuple[object, ...] = ()
    metadata: Annotated[Mapping[str, Any], AfterValidator(_frozen)] = {}
    base_instructions: str | None = None
    developer_instructions: str | None = None
    interactive: bool = False
    web_search: bool = False
    tools: tuple[DynamicTool, ...] = ()

    def profile(self, **changes: Any) -> RunProfile:
        """Return the part of these parameters that is a profile, with ``changes``."""
        values = {name: getattr(self, name) for name in RunProfile.model_fields}
        return RunProfile(**(values | changes))

    def prompt_in(self, cwd: Path | str, prompt: str) -> PromptRunParams:
        """Return the parameters that run ``prompt`` in ``cwd`` by this profile."""
        values = {name: getattr(self, name) for name in RunProfile.model_fields}
        return PromptRunParams(cwd=Path(cwd), prompt=prompt, **values)

    def session_in(self, cwd: Path | str) -> SessionConfig:
        """Return the parameters of a session in ``cwd`` by this profile."""
        values = {name: getattr(self, name) for name in RunProfile.model_fields}
        return SessionConfig(cwd=Path(cwd), **values)


class PromptRunParams(RunProfile):
    """One prompt, where it runs, and how. The prompt may be empty if something is attached."""

    cwd: Path
    prompt: str

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not self.prompt.strip() and not self.attachments:
            raise ValueError("prompt: it is empty, and nothing is attached")
        return self


class SessionConfig(RunProfile):
    """A session's folder, and how its turns are run unless a turn says otherwise."""

    cwd: Path


@dataclass(frozen=True, slots=True)
class PromptRunResult:
    """A turn that ended with an answer."""

    thread_id: str
    turn_id: str
    assistant_text: str


@dataclass(frozen=True, slots=True)
class AgentMessageDelta:
    """The next piece of what the model says; ``item_id`` tells one message from the next."""

    thread_id: str
    turn_id: str
    item_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnCompleted:
    """The turn has ended; ``text`` is the model's last message."""

    thread_id: str
    turn_id: str
    text: str


@dataclass(frozen=True, slots=True)
class TurnFailure:
    """The turn has ended as failed; ``code`` is the server's own word for why."""

    thread_id: str
    turn_id: str
    message: str
    code: str | None = None


@dataclass(frozen=True, slots=True)
class TurnStopped:
    """The turn was interrupted."""

    thread_id: str
    turn_id: str


PromptRunStreamEvent: TypeAlias = AgentMessageDelta | TurnCompleted | TurnFailure | TurnStopped
