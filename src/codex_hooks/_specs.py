"""The hook contract: what each hook is called with, and the marker that implements one.

The specifications are pluggy's own. A hook takes its argument or none; it is sync or async, but
for ``plugin_start`` and ``plugin_stop``, which are sync.
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypeVar, overload

import pluggy

if TYPE_CHECKING:
    from collections.abc import Callable

    from codex_hooks._context import HookContext
    from codex_hooks._decisions import Decision
    from codex_hooks._match import HookMatcher
    from codex_hooks._registry import Registration
    from codex_hooks._report import HookReport

PROJECT: Final = "codex_hooks"
DEFAULT_TIMEOUT: Final = 10.0

OnError: TypeAlias = Literal["block", "ignore"]

hookspec = pluggy.HookspecMarker(PROJECT)
_mark = pluggy.HookimplMarker(PROJECT)
_F = TypeVar("_F", bound="Callable[..., Any]")


@overload
def hookimpl(function: _F) -> _F: ...
@overload
def hookimpl(
    *,
    wrapper: bool = ...,
    tryfirst: bool = ...,
    trylast: bool = ...,
    specname: str | None = ...,
    timeout: float | None = ...,
    on_error: OnError | None = ...,
    inline: bool = ...,
    recheck: bool | None = ...,
    match: HookMatcher | None = ...,
) -> Callable[[_F], _F]: ...
def hookimpl(
    function: _F | None = None,
    *,
    wrapper: bool = False,
    tryfirst: bool = False,
    trylast: bool = False,
    specname: str | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
    on_error: OnError | None = None,
    inline: bool = False,
    recheck: bool | None = None,
    match: HookMatcher | None = None,
) -> _F | Callable[[_F], _F]:
    """Mark a function as the implementation of the hook that has its name.

    ``wrapper``, ``tryfirst``, ``trylast`` and ``specname`` are pluggy's. ``timeout`` is in
    seconds (K6). ``on_error`` says what a failure means: ``"block"``, or ``"ignore"``, which lets
    it pass as an issue; by default it blocks in a pre phase and is recorded in a post phase (K5).
    ``inline`` runs sync code on the event loop: for trivial code alone. ``recheck`` is ``True``
    for an idempotent hook that wants to see later changes even if it made some of its own, and
    ``False`` for one that never needs a second look (K3). ``match`` says when the hook is asked
    at all (K13). Raises ``TypeError`` for anything else than a function, such as a partial.
    """

    def mark(function: _F) -> _F:
        _check_function(function)
        marked = _sync_face(function) if wrapper else function
        _mark(marked, wrapper=wrapper, tryfirst=tryfirst, trylast=trylast, specname=specname)
        # pluggy keeps every key of this mapping in HookImpl.opts.
        marked.codex_hooks_impl |= {  # type: ignore[attr-defined]
            "timeout": timeout,
            "on_error": on_error,
            "inline": inline,
            "recheck": recheck,
            "match": match,
        }
        return marked

    return mark if function is None else mark(function)


def _check_function(function: object) -> None:
    # pluggy takes nothing else for a hook, and passes it over without a word.
    if not isinstance(function, FunctionType | staticmethod | classmethod):
        kind = type(function).__name__
        raise TypeError(f"@hookimpl marks functions, and this is a {kind}: call it from one")


def _sync_face(function: _F) -> _F:
    """Give an async generator the face of a plain one, which pluggy asks of a wrapper."""
    if not inspect.isasyncgenfunction(function):
        return function

    @functools.wraps(function)
    def face(*_args: Any, **_kwargs: Any) -> Any:
        yield
        raise TypeError("codex_hooks calls the async generator behind this, and nothing else does")

    face.codex_hooks_async = function  # type: ignore[attr-defined]
    return face  # type: ignore[return-value]


def behind_face(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return what to call for ``function``: an async generator, if it is the face of one."""
    original = getattr(function, "codex_hooks_async", None)
    if original is None:
        return function
    owner = getattr(function, "__self__", None)
    bound: Callable[..., Any] = original if owner is None else original.__get__(owner)
    return bound


class HookSpecs:
    """Every hook there is. Decisions are returned from pre hooks and from ``post_tool_use``."""

    @hookspec
    def pre_run(self, ctx: HookContext) -> Decision | None:
        """Before a prompt run: may change prompt, model, attachments and metadata."""

    @hookspec
    def post_run(self, ctx: HookContext) -> Decision | None:
        """After a prompt run, however it ended: ``ctx.status``, ``ctx.result``, ``ctx.error``."""

    @hookspec
    def pre_session_start(self, ctx: HookContext) -> Decision | None:
        """Before a thread is started or resumed: may change model and metadata."""

    @hookspec
    def post_session_start(self, ctx: HookContext) -> Decision | None:
        """After a thread was started or resumed, or was not."""

    @hookspec
    def pre_turn(self, ctx: HookContext) -> Decision | None:
        """Before a turn is sent: may change prompt, model, attachments and metadata."""

    @hookspec
    def post_turn(self, ctx: HookContext) -> Decision | None:
        """After a turn, however it ended."""

    @hookspec
    def pre_tool_use(self, ctx: HookContext) -> Decision | None:
        """Before a tool is used: may change its input, ask a person, or block it."""

    @hookspec
    def post_tool_use(self, ctx: HookContext) -> Decision | None:
        """After a tool was used, before the model sees its output: may replace or withhold it."""

    @hookspec
    def plugin_start(self, registration: Registration) -> None:
        """Once, as the plugin is registered and before any other hook of it; raising refuses it."""

    @hookspec
    def plugin_stop(self, registration: Registration) -> None:
        """Once, after the plugin's registration has ended."""

    @hookspec
    def hook_report(self, report: HookReport) -> None:
        """When a run has finished, with its whole report; a failure here touches nothing."""
