"""Plugins as the kernel walks them: each hook compiled to an ordered, immutable tuple (K1).

pluggy says what a plugin is and validates it; what it cannot know is refused here, at load: an
unknown hook, a keyword-only argument, a wrapper that is no generator, options of the wrong kind.
"""

from __future__ import annotations

import inspect
import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

import pluggy

from codex_hooks._context import HookPhase
from codex_hooks._errors import PluginError
from codex_hooks._match import HookMatcher
from codex_hooks._specs import DEFAULT_TIMEOUT, HookSpecs, OnError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from codex_hooks._context import HookContext

ARGUMENTS: Final = {
    name: tuple(inspect.signature(spec).parameters)[1:]
    for name, spec in vars(HookSpecs).items()
    if not name.startswith("_")
}
"""Every hook with the names of its arguments."""

LIFECYCLE: Final = ("plugin_start", "plugin_stop")


class Style(Enum):
    """How an implementation is run."""

    INLINE = "inline"
    THREAD = "thread"
    ASYNC = "async"


@dataclass(frozen=True, slots=True, eq=False)
class Implementation:
    """One function of one plugin, with all that is needed to call it and to judge its answer."""

    plugin: str
    scope: str
    hook: str
    call: Callable[..., Any]
    style: Style
    timeout: float
    on_error: OnError | None
    recheck: bool | None
    match: HookMatcher | None
    observe: bool
    wrapper: bool
    zone: int


@dataclass(frozen=True, slots=True)
class Plan:
    """One hook's implementations in the order in which they are called, wrappers outermost first.

    ``suspends`` is false where everything runs inline, so that no deadline has to be armed.
    """

    implementations: tuple[Implementation, ...] = ()
    wrappers: tuple[Implementation, ...] = ()
    suspends: bool = False
    narrowed: bool = False

    def for_context(self, ctx: HookContext) -> Plan:
        """Return the plan without those whose matcher does not hold for ``ctx`` (K13)."""
        if not self.narrowed:
            return self
        return _plan_of(
            item
            for item in self.wrappers + self.implementations
            if item.match is None or item.match.matches(ctx)
        )


EMPTY_PLAN: Final = Plan()

Compiled: TypeAlias = "dict[str, tuple[Implementation, ...]]"
"""A plugin's implementations by hook."""


def merge(parts: Iterable[Compiled], hook: str) -> Plan:
    """Return the plan of ``hook`` for plugins that come in their K1 order: zones, then as given."""
    found = [item for part in parts for item in part.get(hook, ())]
    return _plan_of(sorted(found, key=lambda item: item.zone))


def _plan_of(ordered: Iterable[Implementation]) -> Plan:
    items = tuple(ordered)
    return Plan(
        implementations=tuple(item for item in items if not item.wrapper),
        wrappers=tuple(item for item in items if item.wrapper),
        suspends=any(item.style is not Style.INLINE for item in items),
        narrowed=any(item.match is not None for item in items),
    )


def compile_plugin(
    manager: pluggy.PluginManager, plugin: object, name: str, *, scope: str, observe: bool
) -> Compiled:
    """Return what ``plugin`` implements, by hook.

    Raises `PluginError` for a plugin without hooks, an unknown hook, an argument that the hook
    does not have or that is keyword-only, or an option that makes no sense.
    """
    if inspect.isclass(plugin):
        raise PluginError(
            f"plugin {name!r} is the class {plugin.__qualname__}: register an instance of it",
            plugin=name,
        )
    found: dict[str, tuple[Implementation, ...]] = {}
    for attribute in dir(plugin):
        options = manager.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            continue
        hook = options.get("specname") or attribute
        function = getattr(plugin, attribute)
        _check_signature(function, hook, name)
        item = pluggy.HookImpl(plugin, name, function, options)
        compiled = _compile(item, hook, scope=scope, observe=observe)
        found[hook] = (*found.get(hook, ()), compiled)
    if not found:
        raise PluginError(
            f"plugin {name!r} implements no hook: mark its functions with @codex_hooks.hookimpl",
            plugin=name,
        )
    return found


def _check_signature(function: Callable[..., Any], hook: str, name: str) -> None:
    if hook not in ARGUMENTS:
        raise PluginError(
            f"plugin {name!r} implements {hook!r}, and there is no such hook: "
            f"choose one of {', '.join(ARGUMENTS)}",
            plugin=name,
            hook=hook,
        )
    takes = ARGUMENTS[hook]
    for parameter in inspect.signature(function).parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and parameter.default is parameter.empty:
            problem = f"takes {parameter.name!r} by keyword only"
        elif parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            problem = f"takes {parameter}"
        elif parameter.default is parameter.empty and parameter.name not in takes:
            problem = f"takes {parameter.name!r}"
        else:
            continue
        raise PluginError(
            f"{hook} of plugin {name!r} {problem}: a hook is called with plain arguments, "
            f"any of: {', '.join(takes)}",
            plugin=name,
            hook=hook,
        )


def _compile(item: pluggy.HookImpl, hook: str, *, scope: str, observe: bool) -> Implementation:
    # Our own marker adds options that pluggy's type does not know; its own marker leaves them out.
    options = cast("dict[str, Any]", item.opts)
    name = item.plugin_name
    wrapper = bool(options.get("wrapper"))
    function = _unfaced(item.function) if wrapper else item.function

    def refuse(problem: str) -> PluginError:
        return PluginError(f"{hook} of plugin {name!r} {problem}", plugin=name, hook=hook)

    is_async = _is_async(function)
    if options.get("hookwrapper"):
        raise refuse("is an old-style hookwrapper: use wrapper=True")
    if wrapper and not _is_generator(function):
        raise refuse("is a wrapper, so it has to be a generator function with one yield")
    if not wrapper and _is_generator(function):
        raise refuse("is a generator function, so it has to be marked wrapper=True")
    if is_async and hook in LIFECYCLE:
        raise refuse("is async: plugins start and stop in plain functions")
    timeout = options.get("timeout", DEFAULT_TIMEOUT)
    if timeout is None:
        timeout = math.inf
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise refuse(f"has timeout={timeout!r}: give seconds greater than 0, or None")
    on_error = options.get("on_error")
    if on_error not in (None, "block", "ignore"):
        raise refuse(f"has on_error={on_error!r}: it is 'block' or 'ignore'")
    match = options.get("match")
    if not isinstance(match, HookMatcher | None):
        raise refuse(f"has match={match!r}: give a HookMatcher")
    inline = bool(options.get("inline"))
    if inline and is_async:
        raise refuse("is async, so inline=True has no meaning")
    return Implementation(
        plugin=name,
        scope=scope,
        hook=hook,
        call=function if item.argnames or item.kwargnames else lambda _argument: function(),
        style=Style.ASYNC if is_async else Style.INLINE if inline else Style.THREAD,
        timeout=float(timeout),
        on_error=on_error,
        recheck=options.get("recheck"),
        match=match,
        observe=observe and hook in set(HookPhase),
        wrapper=wrapper,
        zone=1 - bool(options.get("tryfirst")) + bool(options.get("trylast")),
    )


def _unfaced(function: Callable[..., Any]) -> Callable[..., Any]:
    original = inspect.unwrap(function)
    if not inspect.isasyncgenfunction(original):
        return function
    owner = getattr(function, "__self__", None)
    return original if owner is None else cast("Callable[..., Any]", original.__get__(owner))


def _is_async(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def _is_generator(function: Callable[..., Any]) -> bool:
    return inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
