"""Installed plugins, loaded one by one and registered in an order that is always the same (K11).

An entry point names a module, an instance, a class, or a factory function. A class or a function
is called: with its options where it has an ``Options`` model, without arguments otherwise. A
module or an instance with ``Options`` finds them as ``registration.options`` in its
``plugin_start`` hook.

A plugin that cannot be loaded is skipped, which is said in the log and in every report. One that is
required stops start-up, and so do options that it does not take: who wrote them counts on it. What
was registered until then ends again.
"""

from __future__ import annotations

import inspect
import sys
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from codex_hooks._errors import CodexHooksError, DiscoveryError, OptionsError, PluginError
from codex_hooks._installed import find_installed
from codex_hooks._log import log
from codex_hooks._report import SkippedPlugin

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from codex_hooks._installed import InstalledPlugin, PluginSource
    from codex_hooks._registry import Mode, Registration, Registry
    from codex_hooks._settings import Settings

API_VERSION: Final = "1"
"""What a plugin's ``CODEX_HOOKS_API`` has to be; one that says nothing is taken to be of it."""

MAX_REASON: Final = 500
"""How many characters of a plugin's own error are repeated in every report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiscoveredPlugin:
    """One installed plugin, in the order of asking; ``skipped`` says why it is not active.

    ``options`` are as its model validated them, ``hooks`` those that it implements; both are
    known of active plugins alone.
    """

    name: str
    source: PluginSource
    mode: Mode
    skipped: str | None = None
    hooks: tuple[str, ...] = ()
    options: Any = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What `HookKernel.load_installed` found: every installed plugin, and all that was skipped.

    ``skipped`` also names what the settings speak of and nobody has installed, and distributions
    whose metadata cannot be read.
    """

    plugins: tuple[DiscoveredPlugin, ...]
    skipped: tuple[SkippedPlugin, ...]
    settings: Settings


def discover(registry: Registry, settings: Settings) -> Discovery:
    """Register the installed plugins as ``settings`` say.

    Raises `DiscoveryError` where a name is offered twice (F11), a required plugin is missing, off,
    or does not load (F10), or the settings give options that a plugin does not take; nothing is
    registered then.
    """
    installed, unreadable = find_installed()
    _check_required(settings, installed)
    ordered = list(dict.fromkeys(settings.order))
    ranks = {name: ordered.index(name) if name in ordered else len(ordered) for name in installed}
    plugins: list[DiscoveredPlugin] = []
    with ExitStack() as undo:
        for name in sorted(installed, key=lambda name: (ranks[name], name)):
            plugin = installed[name]
            if reason := settings.why_off(name):
                plugins.append(_row(plugin, settings, skipped=reason))
                continue
            try:
                registration = _register(registry, plugin, settings, ranks[name])
            # SystemExit too: a module that exits as it is imported must not end the agent quietly.
            except (Exception, SystemExit) as error:
                reason = _describe(error)
                if isinstance(error, OptionsError) and settings.of(name).options:
                    raise DiscoveryError(
                        f"{settings.who(f'plugins.{name}')} gives options to plugin {name!r} of "
                        f"{plugin.source}: {reason}",
                        plugin=name,
                    ) from error
                if name in settings.required:
                    who = settings.who(f"required.{name}")
                    raise DiscoveryError(
                        f"plugin {name!r} of {plugin.source} is required by {who} and cannot be "
                        f"used: {reason}",
                        plugin=name,
                    ) from error
                plugins.append(_row(plugin, settings, skipped=f"{plugin.source}: {reason}"))
                _warn(plugins[-1])
            else:
                undo.enter_context(registration)
                plugins.append(
                    _row(plugin, settings, hooks=registration.hooks, options=registration.options)
                )
        undo.pop_all()
    skipped = [
        SkippedPlugin(item.name, item.skipped, broken=settings.why_off(item.name) is None)
        for item in plugins
        if item.skipped
    ]
    skipped += [*unreadable, *_not_installed(settings, installed)]
    return Discovery(tuple(plugins), tuple(skipped), settings)


def _check_required(settings: Settings, installed: Collection[str]) -> None:
    for name in sorted(settings.required):
        if name not in installed:
            problem = f"not installed{_did_you_mean(name, installed)}: install what offers it"
        elif reason := settings.why_off(name):
            problem = f"{reason}: take it out of one of the two"
        else:
            continue
        who = settings.who(f"required.{name}")
        raise DiscoveryError(f"plugin {name!r} is required by {who} and {problem}", plugin=name)


def _not_installed(settings: Settings, installed: Collection[str]) -> list[SkippedPlugin]:
    """Name what somebody may count on and nobody has installed: a typo must not stay unseen."""
    named = {name: f"plugins.{name}" for name in settings.plugins}
    named |= dict.fromkeys(settings.enabled or (), "enabled")
    return [
        SkippedPlugin(
            name,
            f"named by {settings.who(key)} and not installed{_did_you_mean(name, installed)}",
            broken=True,
        )
        for name, key in sorted(named.items())
        if name not in installed
    ]


def _register(
    registry: Registry, plugin: InstalledPlugin, settings: Settings, rank: int
) -> Registration:
    wanted = settings.of(plugin.name)
    made, options = make_plugin(plugin.entry_point.load(), wanted.options)
    return registry.add(
        made,
        plugin.name,
        thread_id=None,
        mode=wanted.mode or "enforce",
        rank=rank,
        source=plugin.source,
        options=options,
    )


def make_plugin(target: Any, given: Mapping[str, Any]) -> tuple[object, Any]:
    """Return the plugin that ``target`` is, or makes when it is called, and its options.

    ``options`` are ``given`` by the measure of its ``Options``, None where it has no such model.
    Raises `OptionsError` where they do not fit, and what ``target`` itself raises.
    """
    _check_api(target)
    options = _options(target, given)
    if inspect.iscoroutinefunction(target):
        raise PluginError("it is made by an async function: use a plain one")
    is_factory = inspect.isclass(target) or inspect.isroutine(target)
    if is_factory:
        target = target() if options is None else target(options)
    return target, options


def _check_api(target: Any) -> None:
    module = sys.modules.get(getattr(target, "__module__", None) or "")
    version = getattr(target, "CODEX_HOOKS_API", getattr(module, "CODEX_HOOKS_API", API_VERSION))
    if str(version) != API_VERSION:
        raise PluginError(
            f"it is written for version {version!r} of the codex_hooks API, and this is version "
            f"{API_VERSION!r}: install a release of it that fits"
        )


def _options(target: Any, given: Mapping[str, Any]) -> Any:
    model = getattr(target, "Options", None)
    if model is None:
        if given:
            raise OptionsError(f"it takes no options, and the settings give {', '.join(given)}")
        return None
    from codex_hooks._validation import validate_options  # noqa: PLC0415  # brings pydantic

    return validate_options(model, given)


def _describe(error: BaseException) -> str:
    pydantic = sys.modules.get("pydantic_core")
    if pydantic and isinstance(error, pydantic.ValidationError):
        from codex_hooks._validation import complaints  # noqa: PLC0415  # brings pydantic

        text = complaints(error, lambda _place: ())  # its own text repeats values: secrets, maybe
    elif isinstance(error, CodexHooksError):
        text = str(error)
    else:
        text = f"{type(error).__name__}: {error}"
    # One line, printable: the text may come from anywhere and ends up on terminals.
    line = "".join(char if char.isprintable() else " " for char in text)
    return line if len(line) <= MAX_REASON else f"{line[:MAX_REASON]}…"


def _did_you_mean(name: str, known: Collection[str]) -> str:
    from difflib import get_close_matches  # noqa: PLC0415  # only a mistake pays for it

    close = get_close_matches(name, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _row(plugin: InstalledPlugin, settings: Settings, **found: Any) -> DiscoveredPlugin:
    mode = settings.of(plugin.name).mode or "enforce"
    return DiscoveredPlugin(name=plugin.name, source=plugin.source, mode=mode, **found)


def _warn(plugin: DiscoveredPlugin) -> None:
    log().warning("plugin skipped", plugin=plugin.name, reason=plugin.skipped)
