"""What the settings say about plugins, as plain data.

Which files say it is `_settings_files`' affair, and who may say what is that of `_layers`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from codex_hooks._frozen import EMPTY

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from os import PathLike

    from codex_hooks._registry import Mode


@dataclass(frozen=True, slots=True, kw_only=True)
class PluginSettings:
    """What is said about one plugin; ``mode`` is ``None`` where nothing is said of it (K12)."""

    mode: Mode | None = None
    options: Mapping[str, Any] = EMPTY


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Which installed plugins are active, in which order, and how; by default all of them (K11).

    ``enabled`` names the only ones to be active, ``None`` means all; ``disabled`` are not.
    ``required`` ones have to be there and to work, or start-up fails. ``order`` names those that
    are asked first; the others follow by name.

    ``said_by`` names the file that says something, for messages; its keys are a settings key
    (``"enabled"``) or one with a plugin's name (``"required.audit"``). ``sources`` are the files
    that were read.
    """

    enabled: Collection[str] | None = None
    disabled: Collection[str] = ()
    required: Collection[str] = ()
    order: Sequence[str] = ()
    plugins: Mapping[str, PluginSettings] = EMPTY
    said_by: Mapping[str, str] = EMPTY
    sources: Sequence[str] = ()

    def __post_init__(self) -> None:
        for key in ("enabled", "disabled", "required", "order"):
            if isinstance(getattr(self, key), str):
                raise TypeError(f"Settings({key}=) takes a collection of names, not a string")

    @classmethod
    def load(cls, cwd: str | PathLike[str] | None = None) -> Settings:
        """Return what the machine, the user, the environment and the project at ``cwd`` say.

        The project's file is the nearest ``codex-hooks.toml`` from ``cwd``, by default the working
        folder, upwards. Raises `SettingsError` for a file that cannot be read or understood, and
        for one that says what it may not say.
        """
        from codex_hooks._settings_files import load  # noqa: PLC0415  # most imports need no files

        return load(cwd)

    def of(self, name: str) -> PluginSettings:
        """Return what is said about the plugin ``name``."""
        return self.plugins.get(name) or PluginSettings()

    def why_off(self, name: str) -> str | None:
        """Return why the plugin ``name`` is not to be active; ``None`` if it is."""
        if name in self.disabled:
            return f"disabled by {self.who(f'disabled.{name}')}"
        if self.enabled is not None and name not in self.enabled:
            return f"not among the plugins enabled by {self.who('enabled')}"
        return None

    def who(self, key: str) -> str:
        """Return who says ``key``, for messages."""
        return self.said_by.get(key, "the settings")
