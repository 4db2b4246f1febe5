"""Who may say what: the settings of the machine, the user and the project become one (K11).

The machine's file can only be tightened by the user's, and a project's file, which belongs to
whoever wrote the repository that the agent works in, can only demand more. The environment is the
user's too, and stands before the user's file. A plugin that the machine *keeps* is one that its
file names under ``required``, ``enabled`` or ``[plugins]`` and does not disable.

========== =============== ================================================ ===================
key        the machine     the user (file, then environment)                the project
========== =============== ================================================ ===================
required   adds            adds                                             adds
disabled   adds            adds, but none that the machine keeps            refused
enabled    decides         decides where the machine does not, and must not refused
                           leave out what the machine keeps
order      comes first     follows                                          refused
mode       decides         of a plugin that the machine keeps: may only     refused
                           raise ``observe`` to ``enforce``
options    decides         of a plugin that the machine keeps: none of      refused
                           its own
========== =============== ================================================ ===================

Two thoughts behind it. To leave a plugin out is to loosen, since a guard may be left out; but to
put one in is no tightening either, since an `Allow` answers approvals: so a project can switch
nothing on or off. And nobody but a plugin knows which of its options make it stricter. Whatever
is refused is an error that names both files; nothing is dropped in silence.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codex_hooks._errors import SettingsError
from codex_hooks._settings import PluginSettings, Settings

if TYPE_CHECKING:
    from collections.abc import Mapping


def combine(
    machine: Settings, user: Settings, environment: Settings, project: Settings
) -> Settings:
    """Return what holds in the end; `SettingsError` for what somebody may not say."""
    _check_project(project)
    own = _overlay(user, environment)
    kept = {*machine.required, *(machine.enabled or ()), *machine.plugins} - {*machine.disabled}
    _check_active(machine, own, kept)
    plugins = {**own.plugins}
    for name in machine.plugins:
        plugins.setdefault(name, PluginSettings())
    for name in kept & plugins.keys():
        plugins[name] = _tightened(name, machine, own)
    return Settings(
        enabled=own.enabled if machine.enabled is None else machine.enabled,
        disabled=(*machine.disabled, *own.disabled),
        required=(*machine.required, *own.required, *project.required),
        order=(*machine.order, *own.order),
        plugins=plugins,
        said_by={**project.said_by, **own.said_by, **machine.said_by},
        sources=(*machine.sources, *own.sources, *project.sources),
    )


def _overlay(user: Settings, environment: Settings) -> Settings:
    plugins = {
        name: PluginSettings(
            mode=environment.of(name).mode or user.of(name).mode,
            options={**user.of(name).options, **environment.of(name).options},
        )
        for name in {**user.plugins, **environment.plugins}
    }
    return Settings(
        enabled=user.enabled if environment.enabled is None else environment.enabled,
        disabled=environment.disabled or user.disabled,
        required=(*user.required, *environment.required),
        order=environment.order or user.order,
        plugins=plugins,
        said_by={**user.said_by, **environment.said_by},
        sources=(*user.sources, *environment.sources),
    )


def _check_project(project: Settings) -> None:
    said = [key for key in ("disabled", "order", "plugins") if getattr(project, key)]
    if project.enabled is not None:
        said.insert(0, "enabled")
    if said:
        raise SettingsError(
            f"{_file(project)} may only say `required`, since a project's settings belong to "
            f"whoever wrote the repository: move {' and '.join(said)} to your own settings"
        )


def _check_active(machine: Settings, own: Settings, kept: set[str]) -> None:
    for name in sorted(kept.intersection(own.disabled)):
        raise SettingsError(
            f"{own.who(f'disabled.{name}')} disables plugin {name!r}, which {_file(machine)} keeps "
            "active: it cannot be turned off here",
            plugin=name,
        )
    if own.enabled is None:
        return
    if machine.enabled is not None and {*machine.enabled} != {*own.enabled}:
        raise SettingsError(
            f"{own.who('enabled')} says which plugins are enabled, and {_file(machine)} has "
            "decided that: leave it out"
        )
    if missing := sorted(kept.difference(own.enabled)):
        raise SettingsError(
            f"{own.who('enabled')} enables only some plugins and leaves out {', '.join(missing)}, "
            f"which {_file(machine)} keeps active: add what is missing"
        )


def _tightened(name: str, machine: Settings, own: Settings) -> PluginSettings:
    decided, wanted = machine.of(name), own.of(name)
    mode = decided.mode or "enforce"
    who = own.who(f"plugins.{name}")
    if wanted.mode == "observe" and mode == "enforce":
        raise SettingsError(
            f"{who} puts plugin {name!r} in observe mode, and {_file(machine)} has it enforced: "
            "leave out its mode",
            plugin=name,
        )
    if own_options := sorted(_differences(wanted.options, decided.options)):
        raise SettingsError(
            f"{who} sets {', '.join(own_options)} of plugin {name!r}, whose options "
            f"{_file(machine)} decides: leave them out",
            plugin=name,
        )
    return PluginSettings(mode=wanted.mode or mode, options=decided.options)


def _differences(wanted: Mapping[str, object], decided: Mapping[str, object]) -> list[str]:
    return [key for key in wanted if key not in decided or wanted[key] != decided[key]]


def _file(settings: Settings) -> str:
    return settings.sources[0] if settings.sources else "the machine's settings"
