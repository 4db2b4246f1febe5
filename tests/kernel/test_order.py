from collections.abc import Generator
from typing import Any

from codex_hooks import HookContext, HookKernel, HookPhase, hookimpl
from hooked import hooked, inline, turn


def asked(kernel: HookKernel, thread_id: str | None = None) -> list[str]:
    return [item.plugin for item in kernel.plan("pre_turn", thread_id).implementations]


def nothing(ctx: HookContext) -> None:
    return None


def test_zones_come_in_pluggys_order_and_the_first_registered_is_asked_first() -> None:
    """K1."""
    kernel = HookKernel()
    kernel.register(hooked(lambda ctx: None, trylast=True), "last one")
    kernel.register(hooked(lambda ctx: None), "normal one")
    kernel.register(hooked(lambda ctx: None, tryfirst=True), "first one")
    kernel.register(hooked(lambda ctx: None, trylast=True), "last two")
    kernel.register(hooked(lambda ctx: None, tryfirst=True), "first two")
    kernel.register(hooked(lambda ctx: None), "normal two")
    assert asked(kernel) == [
        "first one", "first two", "normal one", "normal two", "last one", "last two",
    ]  # fmt: skip


def test_within_a_zone_global_plugins_come_before_those_of_the_thread() -> None:
    """K1."""
    kernel = HookKernel()
    kernel.register(hooked(lambda ctx: None), "thread's", thread_id="t")
    kernel.register(hooked(lambda ctx: None, tryfirst=True), "thread's first", thread_id="t")
    kernel.register(hooked(lambda ctx: None), "global")
    kernel.register(hooked(lambda ctx: None, trylast=True), "global last")
    assert asked(kernel, "t") == ["thread's first", "global", "thread's", "global last"]


def test_a_hook_that_is_marked_both_ways_comes_last_as_with_pluggy() -> None:
    """K1."""
    kernel = HookKernel()
    kernel.register(hooked(lambda ctx: None, tryfirst=True, trylast=True), "both")
    kernel.register(hooked(lambda ctx: None), "normal")
    assert asked(kernel) == ["normal", "both"]


async def test_the_order_of_the_plan_is_the_order_of_the_calls() -> None:
    """K1."""
    kernel = HookKernel()
    calls: list[str] = []

    async def late(ctx: HookContext) -> None:
        calls.append("async")

    kernel.register(inline(lambda ctx: calls.append("last"), trylast=True), "a")
    kernel.register(hooked(lambda ctx: calls.append("thread")), "b")
    kernel.register(hooked(late), "c")
    kernel.register(inline(lambda ctx: calls.append("first"), tryfirst=True), "d")
    await kernel.run_pre(turn())
    assert calls == ["first", "thread", "async", "last"]


def test_one_plugin_may_implement_a_hook_more_than_once() -> None:
    """K1."""

    class Twice:
        @hookimpl
        def pre_turn(self, ctx: HookContext) -> None: ...

        @hookimpl(specname="pre_turn", tryfirst=True)
        def early(self, ctx: HookContext) -> None: ...

    kernel = HookKernel()
    kernel.register(Twice(), "twice")
    zones = [item.zone for item in kernel.plan("pre_turn").implementations]
    assert zones == [0, 1]


async def test_wrappers_nest_first_one_outermost_around_every_zone() -> None:
    """K1."""
    kernel = HookKernel()
    calls: list[str] = []

    def wrapper(name: str) -> Any:
        def around(ctx: HookContext) -> Generator[None, object, object]:
            calls.append(f"{name} in")
            decisions = yield
            calls.append(f"{name} out")
            return decisions

        return around

    kernel.register(inline(lambda ctx: calls.append("hook"), tryfirst=True), "hook")
    kernel.register(inline(wrapper("one"), wrapper=True), "one")
    kernel.register(inline(wrapper("two"), wrapper=True), "two")
    kernel.register(inline(wrapper("zero"), wrapper=True, tryfirst=True), "zero")
    await kernel.run_pre(turn())
    assert calls == ["zero in", "one in", "two in", "hook", "two out", "one out", "zero out"]


def test_registrations_come_in_the_order_of_asking() -> None:
    """K1."""
    kernel = HookKernel()
    kernel.register(hooked(nothing), "scoped", thread_id="t")
    kernel.register(hooked(nothing), "b")
    kernel.register(hooked(nothing), "a")
    assert [item.name for item in kernel.registrations()] == ["b", "a", "scoped"]
    assert kernel.plan(HookPhase.POST_TURN).implementations == ()
