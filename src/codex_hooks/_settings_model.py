"""The shape of ``codex-hooks.toml`` and of the ``CODEX_HOOKS_…`` variables.

In variables, names are separated by commas and ``__`` leads into tables:
``CODEX_HOOKS_DISABLED=audit,guard``, ``CODEX_HOOKS_PLUGINS__AUDIT__MODE=observe``. A plugin whose
name no variable can have is reached through JSON: ``CODEX_HOOKS_PLUGINS={"my-plugin": {…}}``. An
empty variable says nothing.
"""

from __future__ import annotations

import os
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    SettingsConfigDict,
    SettingsError as UnreadableVariable,
)

from codex_hooks._errors import SettingsError
from codex_hooks._registry import Mode  # noqa: TC001  # pydantic reads it
from codex_hooks._settings import PluginSettings, Settings
from codex_hooks._validation import complaints

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

PREFIX: Final = "CODEX_HOOKS_"
_ENVIRONMENT: Final = f"the environment ({PREFIX}…)"

_Names = list[Annotated[str, Field(min_length=1)]]


class _PluginTable(BaseModel):
    model_config = ConfigDict(extra="forbid")

    mode: Mode | None = None
    options: dict[str, Any] = {}


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    enabled: Annotated[_Names | None, NoDecode] = None
    disabled: Annotated[_Names, NoDecode] = []
    required: Annotated[_Names, NoDecode] = []
    order: Annotated[_Names, NoDecode] = []
    plugins: dict[str, _PluginTable] = {}


class _Environment(_File, BaseSettings):
    # No env_file: a .env file belongs to the repository.
    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", env_ignore_empty=True, extra="forbid"
    )

    @field_validator("enabled", "disabled", "required", "order", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        if "[" in value:
            raise ValueError("write names with commas between them, such as audit,guard")
        return [name.strip() for name in value.split(",") if name.strip()]


def settings_of_file(table: Mapping[str, Any], path: str) -> Settings:
    """Return what the parsed file at ``path`` says; `SettingsError` naming key and file."""
    try:
        said = _File.model_validate(table)
    except ValidationError as error:
        raise SettingsError(f"{path}: {complaints(error, _keys)}{_example(error)}") from None
    return _settings(said, path, sources=(path,))


def settings_of_environment() -> Settings:
    """Return what the environment says; `SettingsError` naming the variable."""
    _refuse_misspelt()
    try:
        said = _Environment()
    except UnreadableVariable as error:
        raise SettingsError(f"{_ENVIRONMENT}: {error}: write it as JSON") from None
    except ValidationError as error:
        raise SettingsError(f"{_ENVIRONMENT}: {complaints(error, _keys)}") from None
    return _settings(said, _ENVIRONMENT, sources=())


def _settings(said: _File, who: str, sources: Sequence[str]) -> Settings:
    keys = [f"{key}.{name}" for key in ("disabled", "required") for name in getattr(said, key)]
    keys += [f"plugins.{name}" for name in said.plugins]
    if said.enabled is not None:
        keys.append("enabled")
    return Settings(
        enabled=said.enabled,
        disabled=said.disabled,
        required=said.required,
        order=said.order,
        plugins={
            name: PluginSettings(mode=table.mode, options=table.options)
            for name, table in said.plugins.items()
        },
        said_by=dict.fromkeys(keys, who),
        sources=sources,
    )


def _refuse_misspelt() -> None:
    known = [f"{PREFIX}{key.upper()}" for key in _File.model_fields]
    for name in sorted(os.environ):
        head = name.upper().partition("__")[0]
        if not head.startswith(PREFIX) or head in known:
            continue
        # Others may have variables with this prefix, so that only what looks like ours is ours.
        if close := get_close_matches(head, known, n=1, cutoff=0.9):
            raise SettingsError(f"there is no variable {name}: did you mean {close[0]}?")


def _keys(place: tuple[int | str, ...]) -> Collection[str]:
    return list((_File if len(place) == 1 else _PluginTable).model_fields)


def _example(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "extra_forbidden":
        return ""
    if first["loc"][0] == "plugins":
        return '. It goes like this: [plugins.audit] mode = "observe"'
    return f'. It goes like this: {first["loc"][0]} = ["audit"]'
