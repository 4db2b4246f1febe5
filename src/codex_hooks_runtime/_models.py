"""What callers give and get: parameters with safe defaults, results, stream events."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path  # noqa: TC003  # pydantic needs it at run time
from typing import Any, Literal, Self, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codex_hooks import Attachment  # noqa: TC001

from ._errors import ConfigError

ApprovalPolicy: TypeAlias = Literal["never", "on-request", "untrusted"]
"""When Codex asks before it acts."""

SandboxPolicy: TypeAlias = Literal["read-only", "workspace-write", "danger-full-access"]
"""What a command can reach."""

ReasoningEffort: TypeAlias = Literal["none", "minimal", "low", "medium", "high", "xhigh"]


class _Frozen(BaseModel):
    """Parameters that cannot change under whoever holds them; a mistake is a `ConfigError`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def __init__(self, /, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors()
            )
            raise ConfigError(f"{type(self).__name__}: {problems}") from None

    def replace(self, **changes: Any) -> Self:
        """Return a copy with ``changes``, validated like the original."""
        values = {name: getattr(self, name) for name in type(self).model_fields}
        return type(self)(**(values | changes))


class RunProfile(_Frozen):
    """How turns are run. ``timeout`` is in seconds, for a whole turn.

    The defaults let nothing happen that cannot be undone: nobody is asked (``never``), the
    sandbox is ``read-only``. ``danger-full-access`` needs ``privileged_escalation_approved`` and
    another approval policy (R9).
    """

    model: str | None = None
    effort: ReasoningEffort | None = "medium"
    approval_policy: ApprovalPolicy = "never"
    sandbox_policy: SandboxPolicy = "read-only"
    privileged_escalation_approved: bool = False
    attachments: tuple[Attachment, ...] = ()
    timeout: float = Field(default=120.0, gt=0)
    output_schema: dict[str, Any] | None = None


class PromptRunParams(RunProfile):
    """One prompt, where it runs, and how."""

    cwd: Path
    prompt: str = Field(min_length=1)


class SessionConfig(RunProfile):
    """A session's folder, and how its turns are run unless a turn says otherwise."""

    cwd: Path

    def profile(self) -> RunProfile:
        """Return the part of it that is a profile."""
        return RunProfile(**{name: getattr(self, name) for name in RunProfile.model_fields})


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
