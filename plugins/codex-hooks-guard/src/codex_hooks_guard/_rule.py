"""The shape of a rule as a reviewer writes it in TOML, and what makes one impossible."""

from __future__ import annotations

import re
from functools import cached_property
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

Action: TypeAlias = Literal["block", "ask", "allow"]
STRENGTH: Final = {"allow": 1, "ask": 2, "block": 3}

_Texts = tuple[Annotated[str, Field(min_length=1)], ...]
_PATH_START: Final = re.compile(r"!?(?:/|~/|\./|\*\*/|\*\*$)")

CONDITIONS: Final = (
    "commands",
    "flags",
    "arguments",
    "env",
    "redirects",
    "reads",
    "writes",
    "removes",
    "network",
    "hidden",
)
"""The keys of a rule that are about one simple command."""


class Rule(BaseModel):
    """One ``[[rule]]``: all conditions that are given have to hold for one simple command.

    Each condition is a list of which one has to match; ``!`` before a pattern makes an exception.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    action: Action
    reason: Annotated[str, Field(min_length=1)]
    tools: _Texts = ()
    commands: _Texts = ()
    flags: _Texts = ()
    arguments: _Texts = ()
    env: _Texts = ()
    redirects: _Texts = ()
    reads: _Texts = ()
    writes: _Texts = ()
    removes: _Texts = ()
    network: _Texts = ()
    hidden: tuple[Literal["unreadable", "download"], ...] = ()
    match: _Texts = ()
    not_match: _Texts = ()

    @cached_property
    def is_about_tools(self) -> bool:
        """Whether a tool's name is all that the rule asks about."""
        return not any(getattr(self, key) for key in CONDITIONS)

    @field_validator("reads", "writes", "removes")
    @classmethod
    def _anchored(cls, patterns: _Texts) -> _Texts:
        for pattern in patterns:
            if not _PATH_START.match(pattern):
                raise ValueError(f"{pattern!r} has to begin with one of: / ~/ ./ **/")
        return patterns

    @field_validator("flags")
    @classmethod
    def _dashed(cls, flags: _Texts) -> _Texts:
        for flag in flags:
            if not re.fullmatch(r"-\w|--\w[\w-]+|-\w[\w-]+", flag):
                raise ValueError(f"{flag!r} has to be one flag, such as -f or --force")
        return flags

    @model_validator(mode="after")
    def _complete(self) -> Rule:
        if self.is_about_tools and not self.tools:
            raise ValueError(
                f"say when it holds, with at least one of: tools, {', '.join(CONDITIONS)}"
            )
        for key in CONDITIONS:
            patterns = getattr(self, key)
            if patterns and all(pattern.startswith("!") for pattern in patterns):
                raise ValueError(f"{key} has exceptions alone: what are they exceptions from?")
        return self
