"""What a plugin may look like: K1, K11."""

import math
from collections.abc import Callable
from functools import lru_cache, partial
from types import ModuleType
from typing import Any

import pluggy
import pytest

from codex_hooks import (
    Allow,
    Block,
    Decision,
    HookContext,
    HookKernel,
    HookMatcher,
    PluginError,
    Registration,
    hookimpl,
)
from hooked import hooked, inline, turn


class Policy:
    @hookimpl
    def pre_turn(self, ctx: HookContext) -> Decision:
        return Block("instance")

    @staticmethod
    @hookimpl
    def pre_run(ctx: HookContext) -> Decision:
        return Block("static")

    @classmethod
    @hookimpl
    def pre_session_start(cls, ctx: HookContext) -> Decision:
        return Block("class")


@pytest.mark.parametrize("phase", ["pre_turn", "pre_run", "pre_session_start"])
async def test_methods_of_every_kind_are_hooks(phase: Any) -> None:
    """K11."""
    kernel = HookKernel()
    kernel.register(Policy())
    outcome = await kernel.run_pre(HookContext(phase=phase))
    assert outcome.blocked is not None
    assert outcome.blocked.plugin == "Policy"


async def test_a_module_is_a_plugin_and_gives_it_its_name() -> None:
    """K11."""
    module = ModuleType("my_policy")
    module.pre_turn = hookimpl(inline=True)(lambda ctx: Block("no"))  # type: ignore[attr-defined]
    kernel = HookKernel()
    assert kernel.register(module).name == "my_policy"
    assert (await kernel.run_pre(turn())).blocked is not None


async def test_pluggys_own_marker_works_too_with_the_defaults() -> None:
    """K11."""
    mark = pluggy.HookimplMarker("codex_hooks")

    class Plain:
        @mark(tryfirst=True)
        def pre_turn(self, ctx: HookContext) -> Decision:
            return Block("no")

    kernel = HookKernel()
    kernel.register(Plain())
    (implementation,) = kernel.plan("pre_turn").implementations
    assert (implementation.timeout, implementation.zone) == (10.0, 0)
    assert (await kernel.run_pre(turn())).blocked is not None


def given_nothing() -> Decision:
    return Block("nothing")


def given_ctx(ctx: HookContext) -> Decision:
    return Block(ctx.prompt)


def given_a_default(limit: int = 3) -> Decision:
    return Block(str(limit))


def given_both(ctx: HookContext, limit: int = 3) -> Decision:
    return Block(f"{ctx.prompt} {limit}")


def given_last(limit: int = 3, ctx: HookContext | None = None) -> Decision:
    return Block(f"{ctx.prompt if ctx else None} {limit}")


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (given_nothing, "nothing"),
        (given_ctx, "hi"),
        (given_a_default, "3"),
        (given_both, "hi 3"),
        (given_last, "hi 3"),
    ],
)
@pytest.mark.parametrize("style", [hooked, inline])
async def test_a_hook_gets_its_argument_by_name_or_none(
    style: Callable[..., object], function: Callable[..., Decision], message: str
) -> None:
    """K11: a default is never given the context by mistake."""
    kernel = HookKernel()
    kernel.register(style(function), "policy")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert outcome.blocked is not None
    assert outcome.blocked.message == message


def keyword_only(*, ctx: HookContext) -> None: ...
def keyword_default(ctx: HookContext, *, limit: int = 3) -> None: ...
def something_else(context: HookContext) -> None: ...
def variadic(*args: object) -> None: ...
def keywords(**kwargs: object) -> None: ...


@pytest.mark.parametrize(
    ("function", "problem"),
    [
        (keyword_only, "takes 'ctx' by keyword only"),
        (keyword_default, "takes 'limit' by keyword only"),
        (something_else, "takes 'context'"),
        (variadic, r"takes \*args"),
        (keywords, r"takes \*\*kwargs"),
    ],
)
def test_a_hook_that_could_not_be_called_is_refused_at_load(
    function: Callable[..., object], problem: str
) -> None:
    """K11."""
    with pytest.raises(PluginError, match=problem) as caught:
        HookKernel().register(hooked(function), "odd")
    assert (caught.value.plugin, caught.value.hook) == ("odd", "pre_turn")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"timeout": 0}, "give seconds greater than 0"),
        ({"timeout": -1}, "give seconds greater than 0"),
        ({"timeout": math.nan}, "give seconds greater than 0"),
        ({"timeout": True}, "give seconds greater than 0"),
        ({"timeout": "2"}, "give seconds greater than 0"),
        ({"timeout": 10**400}, "too large"),
        ({"on_error": "allow"}, "it is 'block' or 'ignore'"),
        ({"recheck": "no"}, "True, False or None"),
        ({"match": "Bash"}, "give a HookMatcher"),
        ({"specname": "pre_lunch"}, "choose one of pre_run"),
    ],
)
def test_an_option_that_makes_no_sense_is_refused_at_load(
    options: dict[str, Any], problem: str
) -> None:
    """K11."""
    with pytest.raises(PluginError, match=problem):
        HookKernel().register(hooked(lambda ctx: None, **options), "odd")


async def coroutine(ctx: object = None) -> None: ...


@pytest.mark.parametrize(
    ("plugin", "problem"),
    [
        (Policy, "register an instance"),
        (object(), "implements no hook"),
        (hooked(lambda ctx: None, "pre_lunch"), "is for no hook"),
        (hooked(coroutine, "pre_turn", inline=True), "inline=True has no meaning"),
        (hooked(lambda: None, "hook_report", match=HookMatcher()), "only the phases"),
    ],
)
def test_what_is_no_plugin_is_refused_and_leaves_nothing(plugin: object, problem: str) -> None:
    """K11."""
    kernel = HookKernel()
    with pytest.raises(PluginError, match=problem):
        kernel.register(plugin, "odd")
    assert kernel.registrations() == ()


class Base:
    @hookimpl
    def pre_turn(self, ctx: HookContext) -> Decision:
        return Block("base")

    @hookimpl
    def pre_run(self, ctx: HookContext) -> Decision:
        return Block("base")


class Overrides(Base):
    def pre_turn(self, ctx: HookContext) -> Decision:
        return Block("never asked")


class Computed(Base):
    @property
    def pre_turn(self) -> object:  # type: ignore[override]
        raise AssertionError("nobody looks")


class Stored(Base):
    def __init__(self) -> None:
        self.pre_turn = partial(given_ctx)  # type: ignore[method-assign]


@pytest.mark.parametrize("plugin", [Overrides(), Computed(), Stored()])
def test_a_guard_that_would_never_be_asked_is_refused_at_load(plugin: object) -> None:
    """K11: pluggy passes over what is not marked, and the plugin's other hooks would hide it."""
    with pytest.raises(PluginError, match="pre_turn of plugin 'policy' is no function marked"):
        HookKernel().register(plugin, "policy")


def test_a_hook_of_a_base_can_be_left_out_or_marked_anew() -> None:
    """K11, the control."""

    class Less(Base):
        pre_turn = None  # type: ignore[assignment]

    class Same(Base):
        @hookimpl
        def pre_turn(self, ctx: HookContext) -> Decision:
            return super().pre_turn(ctx)

    assert HookKernel().register(Less()).hooks == ("pre_run",)
    assert HookKernel().register(Same()).hooks == ("pre_run", "pre_turn")


@pytest.mark.parametrize("thing", [partial(given_ctx), Policy(), lru_cache(given_ctx), len])
def test_only_functions_can_be_marked(thing: Any) -> None:
    """K11: pluggy takes nothing else for a hook, and does not say so."""
    with pytest.raises(TypeError, match="marks functions, and this is a"):
        hookimpl(thing)


def test_a_name_that_is_no_text_is_not_taken_for_one() -> None:
    """K11."""

    class Anything(Base):
        def __getattr__(self, name: str) -> object:
            return lambda: name

    assert HookKernel().register(Anything()).name == "Anything"


def test_plugins_start_in_plain_functions() -> None:
    """K11."""

    class Starts:
        @hookimpl
        async def plugin_start(self, registration: Registration) -> None: ...

    with pytest.raises(PluginError, match="plain functions"):
        HookKernel().register(Starts())


def test_an_old_style_wrapper_is_refused() -> None:
    """K11."""
    mark = pluggy.HookimplMarker("codex_hooks")

    class Old:
        @mark(hookwrapper=True)
        def pre_turn(self, ctx: HookContext) -> Any:
            yield

    with pytest.raises(PluginError, match="use wrapper=True"):
        HookKernel().register(Old())


def test_an_unknown_mode_is_refused() -> None:
    """K12."""
    with pytest.raises(PluginError, match="'enforce' or 'observe'"):
        HookKernel().register(inline(lambda ctx: None), "a", mode="watch")  # type: ignore[arg-type]


async def test_an_async_hook_without_an_await_needs_no_deadline_and_is_asked_like_any_other() -> (
    None
):
    """K6: it ends in its first step."""

    async def at_once(ctx: HookContext) -> Decision | None:
        if ctx.prompt == "fail":
            raise ValueError
        return Allow()

    async def waits(ctx: HookContext) -> Decision | None:
        return await at_once(ctx)

    kernel = HookKernel()
    kernel.register(hooked(at_once), "at once")
    kernel.register(hooked(waits), "waits")
    styles = [item.style.value for item in kernel.plan("pre_turn").implementations]
    assert styles == ["inline", "async"]
    outcome = await kernel.run_pre(turn())
    assert [call.decision for call in outcome.report.calls] == ["allow", "allow"]
    assert (await kernel.run_pre(turn(prompt="fail"))).blocked is not None
