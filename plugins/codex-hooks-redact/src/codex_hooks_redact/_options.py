"""The options of the plugin, as ``codex-hooks.toml`` gives them."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, FilePath

from codex_hooks_redact._redactor import MAX_BYTES

Action: TypeAlias = Literal["mask", "block", "off"]


class Options(BaseModel):
    """What to do about secrets, and which ones."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompts: Action = "mask"
    """Secrets in a prompt: masked, or the run is blocked."""
    tool_output: Action = "mask"
    """Secrets in what a tool gave back: masked, or all of it is withheld."""
    rules: tuple[FilePath, ...] = ()
    """Files of further rules, in Kingfisher's YAML."""
    ignore: tuple[str, ...] = ()
    """Ids of rules to leave alone, such as ``betterleaks.generic-credential-uri``."""
    scan_timeout: Annotated[float, Field(gt=0, le=20)] = 5.0
    """Seconds to look through one text; then it is not passed on."""
    max_bytes: Annotated[int, Field(ge=1024)] = MAX_BYTES
    """Bytes that are looked through at once; more are not passed on."""
