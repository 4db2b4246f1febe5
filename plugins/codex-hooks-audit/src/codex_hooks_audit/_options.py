"""The options of the plugin, as ``codex-hooks.toml`` gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import platformdirs
from pydantic import BaseModel, ConfigDict, Field, field_validator

from codex_hooks_audit._log import Durability  # noqa: TC001  # pydantic reads it


def default_path() -> Path:
    """Return where the log lies unless an option says otherwise."""
    return Path(platformdirs.user_state_dir("codex-hooks")) / "audit"


class Options(BaseModel):
    """Where the log lies, what is in it, and what happens when it cannot be written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Path = Field(default_factory=default_path)
    """The folder of the log, absolute or from ``~/``; nobody else may be able to change it."""
    durability: Durability = "process"
    """What a record outlives: the process (killed or not), or a power failure."""
    on_error: Literal["block", "ignore"] = "block"
    """What happens to what cannot be recorded."""
    text: Literal["digest", "redacted"] = "digest"
    """Digests of prompts, inputs and outputs alone, or their text as well, without its secrets."""
    max_text: Annotated[int, Field(ge=1, le=100_000)] = 4_000
    """Characters of one text, where there is any."""
    segment_bytes: Annotated[int, Field(ge=64 * 1024)] = 64 * 1024 * 1024
    """A new file is begun before one grows beyond this."""

    @field_validator("path")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        path = path.expanduser()
        if not path.is_absolute():
            raise ValueError("it has to be an absolute path, or to begin with ~/")
        return path
