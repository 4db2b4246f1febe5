"""What the server says of its threads, turns and skills, as light models.

They hold what callers need; the rest is in ``raw``. What a newer server adds does no harm.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TC003  # pydantic needs it at run time
from typing import Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator
from pydantic.alias_generators import to_camel

T = TypeVar("T")


class _Record(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="ignore", alias_generator=to_camel, defer_build=True
    )

    raw: dict[str, Any] = Field(repr=False)
    """The record as it came."""

    @model_validator(mode="before")
    @classmethod
    def _keep_raw(cls, value: Any) -> Any:
        return {**value, "raw": value} if isinstance(value, dict) else value


class TurnRecord(_Record):
    """One turn. ``started_at`` is in seconds since 1970."""

    id: str
    status: Literal["completed", "interrupted", "failed", "inProgress"]
    items: tuple[dict[str, Any], ...] = ()
    error: dict[str, Any] | None = None
    started_at: int | None = None
    duration_ms: int | None = None

    @property
    def assistant_text(self) -> str:
        """The model's last message."""
        messages = [item for item in self.items if item.get("type") == "agentMessage"]
        return str(messages[-1].get("text", "")) if messages else ""


class TurnReply(_Record):
    """What the server answers when a turn was started."""

    turn: TurnRecord


class SteerReply(_Record):
    """What the server answers when more was said into a turn."""

    turn_id: str


class ThreadRecord(_Record):
    """One thread. Times are in seconds since 1970; ``turns`` is filled where it was asked for."""

    id: str
    cwd: Path
    preview: str = ""
    name: str | None = None
    model: str | None = None
    model_provider: str | None = None
    forked_from_id: str | None = None
    parent_thread_id: str | None = None
    path: Path | None = None
    created_at: int | None = None
    updated_at: int | None = None
    status: str = "notLoaded"
    """``notLoaded``, ``idle``, ``active`` or ``systemError``."""
    turns: tuple[TurnRecord, ...] = ()

    @field_validator("status", mode="before")
    @classmethod
    def _word(cls, value: Any) -> Any:
        return value.get("type") if isinstance(value, dict) else value


class ThreadReply(_Record):
    """What the server answers about one thread; ``model`` is said where it was opened."""

    thread: ThreadRecord
    model: str | None = None


class SkillRecord(_Record):
    """One skill: attach it as ``Skill(name, path)``."""

    name: str
    path: Path
    description: str = ""
    scope: str | None = None
    enabled: bool = True


class FolderSkills(_Record):
    """The skills that Codex finds from one folder, and what was wrong with others."""

    cwd: Path
    skills: tuple[SkillRecord, ...] = ()
    errors: tuple[dict[str, Any], ...] = ()


class Page(_Record, Generic[T]):
    """Some of the records; ``next_cursor`` asks for those that follow, ``None`` at the end."""

    data: tuple[T, ...]
    next_cursor: str | None = None
