"""Who is registered where, and in which order they are asked (K1, K9, K10).

Plans are immutable and replaced as a whole: a phase in flight keeps the one it began with.
Registering and unregistering takes a lock; looking a plan up takes none. A thread's plugins live
in an overlay of that thread alone, so that they cost other threads nothing; a run's own plugins
live in one under its correlation id.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final, Literal, Self, TypeAlias

import pluggy

from codex_hooks._compile import ARGUMENTS, compile_plugin
from codex_hooks._dispatch import FAILURES, describe
from codex_hooks._errors import CodexHooksError, PluginError
from codex_hooks._log import log
from codex_hooks._plan import EMPTY_PLAN, Compiled, Plan, merge
from codex_hooks._specs import PROJECT, HookSpecs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import TracebackType

    from codex_hooks._installed import PluginSource

Mode: TypeAlias = Literal["enforce", "observe"]

GLOBAL: Final = "global"


@dataclass(slots=True, eq=False)
class Registration:
    """A plugin that is active: globally, or where ``thread_id`` is given, for that thread or run.

    ``source`` and ``options`` are those of an installed plugin (K11). As a context manager, and
    with `unregister`, it ends; ending twice is harmless.
    """

    name: str
    plugin: object
    thread_id: str | None
    mode: Mode
    source: PluginSource | None
    options: Any = field(repr=False)
    _registry: Registry = field(repr=False)
    _order: tuple[int, int, str] = field(repr=False)
    _compiled: Compiled = field(repr=False)

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks that the plugin implements."""
        return tuple(self._compiled)

    def unregister(self) -> None:
        """End the registration; phases in flight keep the plugin to their end (K10)."""
        self._registry.remove(self)

    def move_to(self, thread_id: str) -> None:
        """Make the plugin that of another thread; `PluginError` where its name is in use there."""
        self._registry.move(self, thread_id)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        self.unregister()


class _Overlay:
    """One thread's own plugins, and its plans with the global ones."""

    __slots__ = ("generation", "plans", "registrations")

    def __init__(self) -> None:
        self.registrations: dict[str, Registration] = {}
        self.plans: dict[str, Plan] = {}
        self.generation = -1


class Registry:
    """The plugins of one kernel; with ``starts=False`` of none: they are looked at, not started."""

    def __init__(self, *, starts: bool = True) -> None:
        self._starts = starts
        # Global plugins are pluggy's, hookspecs and all; it has no notion of a thread's own.
        self.manager = pluggy.PluginManager(PROJECT)
        self.manager.add_hookspecs(HookSpecs)
        self._lock = threading.RLock()
        self._sequence = 0
        # Reserved while a plugin starts, so that no second one of its name can come between.
        self._names: set[tuple[str | None, str]] = set()
        self._global: tuple[Registration, ...] = ()
        self._plans: dict[str, Plan] = {}
        self._overlays: dict[str, _Overlay] = {}
        self._generation = 0

    def add(
        self,
        plugin: object,
        name: str,
        *,
        thread_id: str | None,
        mode: Mode,
        rank: int | None = None,
        source: PluginSource | None = None,
        options: Any = None,
    ) -> Registration:
        """Register ``plugin``; `PluginError` where its shape, name or start is refused.

        With a ``rank`` it comes before those without, by rank and then by name (K1).
        """
        for value, what in ((name, "name"), (thread_id, "thread_id")):
            if value is not None and not (isinstance(value, str) and value.strip()):
                raise PluginError(f"{what}={value!r}: give a string that is not empty")
        compiled = compile_plugin(
            plugin, name, scope=thread_id or GLOBAL, observe=mode == "observe"
        )
        with self._lock:
            self._check_free(name, thread_id)
            if thread_id is None:
                self._enter(plugin, name)
            self._names.add((thread_id, name))
            self._sequence += 1
            order = (1, self._sequence, name) if rank is None else (0, rank, name)
        registration = Registration(
            name, plugin, thread_id, mode, source, options, self, order, compiled
        )
        try:
            if self._starts:
                _start(registration)
            with self._lock:
                self._publish(registration)
        except BaseException:
            with self._lock:
                self._names.discard((thread_id, name))
                if thread_id is None:
                    self.manager.unregister(name=name)
            raise
        return registration

    def remove(self, registration: Registration) -> None:
        """End ``registration``, then let its plugin stop, which holds even if it fails at that."""
        with self._lock:
            if not self._is_active(registration):
                return
            self._withdraw(registration, registration.thread_id)
        if not self._starts:
            return
        for item in registration._compiled.get("plugin_stop", ()):  # noqa: SLF001
            try:
                item.call(registration)
            except FAILURES as error:
                log().warning(
                    "plugin failed to stop", plugin=registration.name, error=describe(error).message
                )

    def move(self, registration: Registration, thread_id: str) -> None:
        """Make ``registration`` that of another thread, without a moment in which it is none's."""
        with self._lock:
            if not self._is_active(registration):
                return
            self._check_free(registration.name, thread_id)
            self._names.add((thread_id, registration.name))
            before = registration.thread_id
            registration.thread_id = thread_id
            registration._compiled = {  # noqa: SLF001
                hook: tuple(replace(item, scope=thread_id) for item in items)
                for hook, items in registration._compiled.items()  # noqa: SLF001
            }
            # In this order: looking a plan up takes the lock only where there is an overlay.
            self._publish(registration)
            self._withdraw(registration, before)

    def plan(self, hook: str, *scopes: str | None) -> Plan:
        """Return whom to ask for ``hook``: the global plugins, and those of each of ``scopes``."""
        overlays = self._overlays
        if not overlays or overlays.keys().isdisjoint(scopes):
            return self._plans.get(hook, EMPTY_PLAN)
        with self._lock:
            own = [overlays[scope] for scope in dict.fromkeys(scopes) if scope in overlays]
            return self._overlaid(hook, own[0]) if len(own) == 1 else self._merged(hook, *own)

    def registrations(self) -> tuple[Registration, ...]:
        """Return every registration, global ones first, each scope in its order."""
        with self._lock:
            scoped = [
                item
                for overlay in self._overlays.values()
                for item in overlay.registrations.values()
            ]
            return (*self._global, *scoped)

    def _enter(self, plugin: object, name: str) -> None:
        """Register a global plugin with pluggy, which validates it in its own way."""
        known = self.manager.get_name(plugin)
        if known is not None:
            raise PluginError(
                f"plugin {name!r} is the object that is registered as {known!r}: register another "
                "instance of it",
                plugin=name,
            )
        try:
            self.manager.register(plugin, name)
        except (ValueError, pluggy.PluginValidationError) as error:
            raise PluginError(
                f"plugin {name!r} is refused by pluggy: {error}", plugin=name
            ) from error

    def _check_free(self, name: str, thread_id: str | None) -> None:
        where = f"in thread {thread_id!r}" if thread_id else "globally"
        if (thread_id, name) in self._names:
            raise PluginError(
                f"a plugin named {name!r} is registered {where} already: "
                "give this one another name",
                plugin=name,
            )
        if (None, name) in self._names:
            raise PluginError(
                f"{name!r} is a global plugin, and a thread's plugin cannot take its place: "
                "give it another name",
                plugin=name,
            )

    def _publish(self, registration: Registration) -> None:
        if registration.thread_id is None:
            everyone = (*self._global, registration)
            self._replace_global(sorted(everyone, key=lambda item: item._order))  # noqa: SLF001
            return
        overlay = self._overlays.setdefault(registration.thread_id, _Overlay())
        overlay.registrations[registration.name] = registration
        overlay.generation = -1

    def _is_active(self, registration: Registration) -> bool:
        if registration.thread_id is None:
            return registration in self._global
        overlay = self._overlays.get(registration.thread_id)
        return overlay is not None and (
            overlay.registrations.get(registration.name) is registration
        )

    def _withdraw(self, registration: Registration, thread_id: str | None) -> None:
        self._names.discard((thread_id, registration.name))
        if thread_id is None:
            self.manager.unregister(name=registration.name)
            self._replace_global([item for item in self._global if item is not registration])
            return
        overlay = self._overlays[thread_id]
        del overlay.registrations[registration.name]
        overlay.generation = -1
        if not overlay.registrations:
            del self._overlays[thread_id]

    def _replace_global(self, registrations: list[Registration]) -> None:
        self._global = tuple(registrations)
        self._generation += 1
        parts = _parts(self._global)
        self._plans = {hook: merge(parts, hook) for hook in ARGUMENTS}

    def _overlaid(self, hook: str, overlay: _Overlay) -> Plan:
        if overlay.generation != self._generation:
            overlay.plans = {}
            overlay.generation = self._generation
        plan = overlay.plans.get(hook)
        if plan is None:
            plan = overlay.plans[hook] = self._merged(hook, overlay)
        return plan

    def _merged(self, hook: str, *overlays: _Overlay) -> Plan:
        parts = _parts(self._global)
        for overlay in overlays:
            parts += _parts(overlay.registrations.values())
        return merge(parts, hook)


def _start(registration: Registration) -> None:
    """Let the plugin start; `PluginError` where it does not, unless it says so in our own words."""
    for item in registration._compiled.get("plugin_start", ()):  # noqa: SLF001
        try:
            item.call(registration)
        except CodexHooksError:
            raise
        except FAILURES as error:
            raise PluginError(
                f"plugin {registration.name!r} did not start: {type(error).__name__}: {error}",
                plugin=registration.name,
            ) from error


def _parts(registrations: Iterable[Registration]) -> list[Compiled]:
    return [item._compiled for item in registrations]  # noqa: SLF001
