"""Commands that plugins bring: entry points of the group ``codex_hooks.commands``.

Each names a ``typer.Typer``. It is loaded when its command is used or listed; one that cannot be
loaded says so when it is used, and does not take the other commands with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import typer
from typer.core import TyperGroup

from codex_hooks import PluginError

if TYPE_CHECKING:
    from importlib_metadata import EntryPoint

GROUP: Final = "codex_hooks.commands"
_OF_OUR_PLUGINS: Final = ("audit", "guard")


class CommandGroup(TyperGroup):
    """The built-in commands and those of plugins; a built-in one cannot be replaced."""

    def list_commands(self, ctx: Any) -> list[str]:
        """Return all names, the built-in ones first."""
        own = super().list_commands(ctx)
        return own + sorted(name for name in _offered() if name not in own)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the command of this name, loaded; ``None`` if there is none."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        if (offered := _offered().get(cmd_name)) is not None:
            return _load(offered)
        if cmd_name in _OF_OUR_PLUGINS:
            return _refusing(
                cmd_name,
                f"the command {cmd_name!r} comes with a plugin that is not installed here: "
                f"pip install codex-hooks-{cmd_name}",
            )
        return None


def _offered() -> dict[str, EntryPoint]:
    import importlib_metadata  # noqa: PLC0415  # only for a command that is not built in

    return {item.name: item for item in importlib_metadata.entry_points(group=GROUP)}


def _load(offered: EntryPoint) -> Any:
    try:
        command = typer.main.get_group(offered.load())
    except Exception as error:
        return _refusing(
            offered.name,
            f"the command {offered.name!r} ({offered.value}) cannot be loaded: "
            f"{type(error).__name__}: {error}",
        )
    command.name = offered.name
    return command


def _refusing(name: str, problem: str) -> Any:
    """Return a command that has nothing to say but ``problem``, whatever is asked of it."""
    refusing = typer.Typer(add_completion=False)
    anything = {"ignore_unknown_options": True, "allow_extra_args": True}

    @refusing.command(name, help=problem, context_settings=anything)
    def _refuse() -> None:
        raise PluginError(problem, plugin=name)

    return typer.main.get_command(refusing)
