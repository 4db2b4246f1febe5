"""From a plugin to its implementations.

pluggy's marker says what a plugin implements; what the marker cannot know is refused here, at
load: an unknown hook, a hook that is not marked, a keyword-only argument, a wrapper that is no
generator, options of the wrong kind.
"""

from __future__ import annotations

import dis
import inspect
import math
from typing import TYPE_CHECKING, Any, Final, cast

import pluggy

from codex_hooks._context import HookPhase
from codex_hooks._errors import PluginError
from codex_hooks._match import HookMatcher
from codex_hooks._plan import Implementation, Style
from codex_hooks._specs import DEFAULT_TIMEOUT, PROJECT, HookSpecs, behind_face

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from codex_hooks._plan import Compiled

ARGUMENTS: Final = {
    name: list(inspect.signature(spec).parameters)[1]
    for name, spec in vars(HookSpecs).items()
    if not name.startswith("_")
}
"""Every hook with the name of the one argument that it is called with."""

PHASES: Final = frozenset(HookPhase)

LIFECYCLE: Final = ("plugin_start", "plugin_stop")

_parser: Final = pluggy.PluginManager(PROJECT)


def compile_plugin(plugin: object, name: str, *, scope: str, observe: bool) -> Compiled:
    """Return what ``plugin`` implements, by hook.

    Raises `PluginError` for a plugin without hooks, an unknown hook or one that is not marked, an
    argument that the hook does not have or that is keyword-only, or an option that makes no sense.
    """
    if inspect.isclass(plugin):
        raise PluginError(
            f"plugin {name!r} is the class {plugin.__qualname__}: register an instance of it",
            plugin=name,
        )
    found: dict[str, tuple[Implementation, ...]] = {}
    for attribute in dir(plugin):
        options = _parser.parse_hookimpl_opts(plugin, attribute)
        if options is None:
            _check_unmarked(plugin, attribute, name)
            continue
        hook = options.get("specname") or attribute
        function = behind_face(getattr(plugin, attribute))
        # Our marker adds options that pluggy's type does not know; pluggy's own leaves them out.
        given = cast("dict[str, Any]", options)
        try:
            compiled = _compile(function, given, hook, name, scope=scope, observe=observe)
        except (TypeError, ValueError, OverflowError) as error:
            raise PluginError(
                f"{hook} of plugin {name!r} {error}", plugin=name, hook=hook
            ) from None
        found[hook] = (*found.get(hook, ()), compiled)
    if not found:
        raise PluginError(
            f"plugin {name!r} implements no hook: mark its functions with @codex_hooks.hookimpl",
            plugin=name,
        )
    return found


def _check_unmarked(plugin: object, attribute: str, name: str) -> None:
    """Refuse what has the name of a hook and would never be asked: a guard that only seems one.

    ``None`` is how a class says that it leaves out a hook of its base.
    """
    if attribute in ARGUMENTS and inspect.getattr_static(plugin, attribute, None) is not None:
        raise PluginError(
            f"{attribute} of plugin {name!r} is no function marked with @codex_hooks.hookimpl: "
            "mark it, or give it another name (a method that overrides a hook is marked too)",
            plugin=name,
            hook=attribute,
        )


def _compile(
    function: Callable[..., Any],
    options: dict[str, Any],
    hook: str,
    name: str,
    *,
    scope: str,
    observe: bool,
) -> Implementation:
    if hook not in ARGUMENTS:
        raise ValueError(f"is for no hook: choose one of {', '.join(ARGUMENTS)}")
    wrapper = bool(options.get("wrapper"))
    inline = bool(options.get("inline"))
    is_async = inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    if options.get("hookwrapper"):
        raise ValueError("is an old-style hookwrapper: use wrapper=True")
    _check_shape(function, hook, wrapper=wrapper, is_async=is_async)
    if inline and is_async:
        raise ValueError("is async, so inline=True has no meaning")
    timeout = options.get("timeout", DEFAULT_TIMEOUT)
    if timeout is None:
        timeout = math.inf
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not timeout > 0:
        raise ValueError(f"has timeout={timeout!r}: give seconds greater than 0, or None")
    on_error = options.get("on_error")
    if on_error not in (None, "block", "ignore"):
        raise ValueError(f"has on_error={on_error!r}: it is 'block' or 'ignore'")
    recheck = options.get("recheck")
    if not isinstance(recheck, bool | None):
        raise TypeError(f"has recheck={recheck!r}: it is True, False or None")
    match = options.get("match")
    if not isinstance(match, HookMatcher | None):
        raise TypeError(f"has match={match!r}: give a HookMatcher")
    if match is not None and hook not in PHASES:
        raise ValueError("has a match: only the phases have a context to match")
    call = _adapted(function, ARGUMENTS[hook])
    if _never_suspends(function):
        call, is_async, inline = _at_once(call), False, True
    return Implementation(
        plugin=name,
        scope=scope,
        hook=hook,
        call=call,
        style=Style.ASYNC if is_async else Style.INLINE if inline else Style.THREAD,
        timeout=float(timeout),
        on_error=on_error,
        recheck=recheck,
        match=match,
        observe=observe and hook in PHASES,
        wrapper=wrapper,
        # Of one marked both ways pluggy makes a trylast.
        zone=2 if options.get("trylast") else 0 if options.get("tryfirst") else 1,
    )


def _check_shape(function: Callable[..., Any], hook: str, *, wrapper: bool, is_async: bool) -> None:
    generator = inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function)
    if wrapper and hook not in PHASES:
        raise ValueError("is a wrapper: only the phases have something to wrap")
    if wrapper and not generator:
        raise ValueError("is a wrapper, so it has to be a generator function with one yield")
    if generator and not wrapper:
        raise ValueError("is a generator function, so it has to be marked wrapper=True")
    if is_async and hook in LIFECYCLE:
        raise ValueError("is async: plugins start and stop in plain functions")


def _adapted(function: Callable[..., Any], argument: str) -> Callable[..., Any]:
    """Return what calls ``function`` with ``argument``, or without it where it takes none."""
    parameters = inspect.signature(function).parameters
    for parameter in parameters.values():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            problem = f"takes {parameter}"
        elif parameter.kind is parameter.KEYWORD_ONLY:
            problem = f"takes {parameter.name!r} by keyword only"
        elif parameter.name != argument and parameter.default is parameter.empty:
            problem = f"takes {parameter.name!r}"
        else:
            continue
        raise ValueError(f"{problem}: a hook is called with {argument!r} alone, or with nothing")
    if argument not in parameters:
        return lambda _value: function()
    if argument == next(iter(parameters)):
        return function
    return lambda value: function(**{argument: value})


def _never_suspends(function: Callable[..., Any]) -> bool:
    """Whether this is an ``async def`` without an ``await``: its first step is its last."""
    code = getattr(function, "__code__", None)
    return (
        code is not None
        and bool(code.co_flags & inspect.CO_COROUTINE)
        and dis.opmap["YIELD_VALUE"] not in code.co_code[::2]
    )


def _at_once(call: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
    def run(argument: object) -> Any:
        try:
            call(argument).send(None)
        except StopIteration as done:
            return done.value
        raise AssertionError("a coroutine without an await has waited")

    return run
