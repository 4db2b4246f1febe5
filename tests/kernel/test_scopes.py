"""Who sees a plugin, and for how long: K9, K10, F12, F13."""

import gc
import sys
import threading
import weakref
from collections import Counter
from collections.abc import AsyncIterator

import anyio
import pluggy
import pytest
from structlog.testing import capture_logs

from codex_hooks import (
    Block,
    HookContext,
    HookKernel,
    HookReport,
    OptionsError,
    PluginError,
    Registration,
    hookimpl,
)
from hooked import hooked, inline, turn


async def blocked_in(kernel: HookKernel, thread_id: str | None, parent: str | None = None) -> bool:
    ctx = turn(thread_id=thread_id, parent_thread_id=parent)
    return (await kernel.run_pre(ctx)).blocked is not None


async def test_a_threads_plugin_is_seen_by_its_thread_and_its_sub_agents_alone() -> None:
    """K9."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Block("no")), "guard", thread_id="mine")
    assert await blocked_in(kernel, "mine")
    assert await blocked_in(kernel, "child", parent="mine")
    assert not await blocked_in(kernel, "other")
    assert not await blocked_in(kernel, "child", parent="other")
    assert not await blocked_in(kernel, None)


async def test_a_sub_agent_is_under_its_parents_plugins_and_its_own() -> None:
    """K9, G9."""
    kernel = HookKernel()
    asked: list[str] = []
    kernel.register(inline(lambda ctx: asked.append("own")), "a", thread_id="child")
    kernel.register(inline(lambda ctx: asked.append("parent's")), "b", thread_id="mine")
    kernel.register(inline(lambda ctx: asked.append("global")), "c")
    await blocked_in(kernel, "child", parent="mine")
    assert asked == ["global", "parent's", "own"]


def test_ten_thousand_threads_each_see_their_own_plugin_and_no_other() -> None:
    """K9, F13."""
    kernel = HookKernel()
    registrations = [
        kernel.register(hooked(lambda ctx: None), f"plugin {number}", thread_id=f"t{number}")
        for number in range(10_000)
    ]
    kernel.register(hooked(lambda ctx: None), "global")
    for number in range(10_000):
        plan = kernel.plan("pre_turn", f"t{number}")
        assert [item.plugin for item in plan.implementations] == ["global", f"plugin {number}"]
    assert [item.plugin for item in kernel.plan("pre_turn", "t-1").implementations] == ["global"]
    for registration in registrations:
        registration.unregister()
    assert [item.name for item in kernel.registrations()] == ["global"]
    assert [item.plugin for item in kernel.plan("pre_turn", "t0").implementations] == ["global"]


def test_a_threads_plans_follow_what_becomes_of_the_global_plugins() -> None:
    """K9, K10."""
    kernel = HookKernel()
    kernel.register(hooked(lambda ctx: None), "mine", thread_id="t")

    def asked() -> list[str]:
        return [item.plugin for item in kernel.plan("pre_turn", "t").implementations]

    assert asked() == ["mine"]
    policy = kernel.register(hooked(lambda ctx: None), "policy")
    assert asked() == ["policy", "mine"]
    policy.unregister()
    assert asked() == ["mine"]


async def test_a_registration_ends_with_its_own_with_block_and_with_no_other() -> None:
    """K9."""
    kernel = HookKernel()
    with kernel.register(inline(lambda ctx: None), "one", thread_id="t"):
        with kernel.register(inline(lambda ctx: Block("no")), "two", thread_id="t") as two:
            assert two.name == "two"
            assert await blocked_in(kernel, "t")
        assert not await blocked_in(kernel, "t")
        assert [item.name for item in kernel.registrations()] == ["one"]
    assert kernel.registrations() == ()


@pytest.mark.parametrize("thread_id", [None, "t"])
def test_ending_a_registration_twice_does_not_end_the_next_of_its_name(
    thread_id: str | None,
) -> None:
    """K9."""
    kernel = HookKernel()
    first = kernel.register(hooked(lambda ctx: None), "name", thread_id=thread_id)
    first.unregister()
    first.unregister()
    second = kernel.register(hooked(lambda ctx: None), "name", thread_id=thread_id)
    first.unregister()
    assert kernel.registrations() == (second,)


def test_a_name_is_taken_once_in_each_scope_and_not_from_a_global_plugin() -> None:
    """K9."""
    kernel = HookKernel()
    kernel.register(hooked(lambda ctx: None), "policy")
    kernel.register(hooked(lambda ctx: None), "mine", thread_id="t")
    with pytest.raises(PluginError, match="registered globally already"):
        kernel.register(hooked(lambda ctx: None), "policy")
    with pytest.raises(PluginError, match="registered in thread 't' already"):
        kernel.register(hooked(lambda ctx: None), "mine", thread_id="t")
    with pytest.raises(PluginError, match="cannot take its place"):
        kernel.register(hooked(lambda ctx: None), "policy", thread_id="t")
    kernel.register(hooked(lambda ctx: None), "mine", thread_id="u")
    assert len(kernel.registrations()) == 3


@pytest.mark.parametrize("given", [{"name": ""}, {"name": 7}, {"thread_id": ""}])
def test_a_scope_or_a_name_that_nobody_could_ask_for_is_refused(given: dict[str, str]) -> None:
    """K9: a guard in a scope that no context has would never be asked."""
    kernel = HookKernel()
    with pytest.raises(PluginError, match="not empty"):
        kernel.register(hooked(lambda ctx: None), **{"name": "guard", **given})  # type: ignore[arg-type]
    assert kernel.registrations() == ()


async def test_one_plugin_object_is_global_once_and_of_any_number_of_threads() -> None:
    """K9: pluggy takes an object once; a thread's registrations end each on its own."""
    kernel = HookKernel()
    asked: list[str | None] = []
    plugin = inline(lambda ctx: asked.append(ctx.thread_id))
    kernel.register(plugin, "one")
    with pytest.raises(PluginError, match="'two' is the object that is registered as 'one'"):
        kernel.register(plugin, "two")
    assert [name for name, _ in kernel.pluggy.list_name_plugin()] == ["one"]

    first = kernel.register(plugin, "two", thread_id="a")
    kernel.register(plugin, "two", thread_id="b")
    first.unregister()
    for thread_id in ("a", "b"):
        await kernel.run_pre(turn(thread_id=thread_id))
    assert asked == ["a", "b", "b"]


def test_global_plugins_are_plugins_of_pluggys_own_manager() -> None:
    """Hookspecs, registration and validation are pluggy's, and end with the registration."""
    kernel = HookKernel()

    class Plugin:
        @pluggy.HookimplMarker("codex_hooks")
        def pre_turn(self, ctx: HookContext) -> None: ...

        @hookimpl(wrapper=True)
        async def pre_run(self, ctx: HookContext) -> AsyncIterator[None]:
            yield

    plugin = Plugin()
    registration = kernel.register(plugin, "one")
    manager = kernel.pluggy
    assert manager.get_plugin("one") is plugin
    assert [item.plugin for item in manager.hook.pre_turn.get_hookimpls()] == [plugin]
    assert [item.wrapper for item in manager.hook.pre_run.get_hookimpls()] == [True]
    manager.check_pending()
    registration.unregister()
    assert manager.list_name_plugin() == []
    assert manager.hook.pre_turn.get_hookimpls() == []


class Lifecycle:
    def __init__(self, fails: str = "") -> None:
        self.calls: list[str] = []
        self.fails = fails

    @hookimpl
    def plugin_start(self, registration: Registration) -> None:
        self.calls.append(f"start {registration.name}")
        if self.fails == "start":
            raise LookupError

    @hookimpl
    def plugin_stop(self, registration: Registration) -> None:
        self.calls.append(f"stop {registration.name}")
        if self.fails == "stop":
            raise LookupError
        if self.fails == "exit":
            sys.exit("a plugin does not end the process")


def test_a_plugin_starts_and_stops_once() -> None:
    """K9."""
    kernel, plugin = HookKernel(), Lifecycle()
    registration = kernel.register(plugin, "a")
    registration.unregister()
    registration.unregister()
    assert plugin.calls == ["start a", "stop a"]


@pytest.mark.parametrize("thread_id", [None, "t"])
def test_a_plugin_that_does_not_start_is_refused_and_leaves_nothing(thread_id: str | None) -> None:
    """K9, K10."""
    kernel, plugin = HookKernel(), Lifecycle("start")
    with pytest.raises(PluginError, match="'a' did not start: LookupError") as refused:
        kernel.register(plugin, "a", thread_id=thread_id)
    assert refused.value.plugin == "a"
    assert plugin.calls == ["start a"]
    assert kernel.registrations() == ()
    kernel.register(Lifecycle(), "a", thread_id=thread_id)


def test_a_plugin_may_refuse_to_start_in_words_of_the_kernel() -> None:
    """K11: its error is the one that is raised."""
    kernel = HookKernel()

    def refuses(registration: Registration) -> None:
        raise OptionsError("no such rule")

    with pytest.raises(OptionsError, match=r"^no such rule$"):
        kernel.register(hooked(refuses, "plugin_start"), "a")
    assert kernel.registrations() == ()


@pytest.mark.parametrize("how", ["stop", "exit"])
def test_closing_a_kernel_stops_every_plugin_even_after_one_that_fails_at_it(how: str) -> None:
    """K9."""
    kernel = HookKernel()
    plugins = [Lifecycle(how) for _ in range(3)]
    for number, plugin in enumerate(plugins):
        kernel.register(plugin, f"p{number}", thread_id="t" if number == 1 else None)
    with capture_logs() as log:
        kernel.close()
    assert sorted(line["plugin"] for line in log) == ["p0", "p1", "p2"]
    assert kernel.registrations() == ()
    assert [plugin.calls[-1] for plugin in plugins] == ["stop p0", "stop p1", "stop p2"]


def test_a_plugin_is_let_go_when_its_registration_ends() -> None:
    """K9."""
    kernel = HookKernel()
    plugin = Lifecycle()
    gone = weakref.ref(plugin)
    kernel.register(plugin, "a").unregister()
    kernel.register(plugin, "a", thread_id="t").unregister()
    del plugin
    gc.collect()
    assert gone() is None


async def test_a_phase_in_flight_keeps_those_it_began_with() -> None:
    """K10, F12."""
    kernel = HookKernel()
    asked: list[str] = []
    registrations: list[Registration] = []

    def unregisters(ctx: HookContext) -> None:
        for registration in registrations:
            registration.unregister()
        kernel.register(inline(lambda ctx: asked.append("new")), "new")

    registrations += [
        kernel.register(inline(unregisters, tryfirst=True), "first"),
        kernel.register(inline(lambda ctx: Block("no")), "guard", thread_id="t"),
    ]
    assert await blocked_in(kernel, "t")
    assert asked == []
    assert not await blocked_in(kernel, "t")
    assert asked == ["new"]


def test_five_threads_change_the_plugins_while_others_ask_them() -> None:
    """K10, F12: no phase fails, none misses the policy that stays, and nothing is left over."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Block("no")), "policy")
    asking, done = threading.Semaphore(0), threading.Event()
    failures: list[BaseException] = []
    outcomes: Counter[bool] = Counter()

    def changes(number: int) -> None:
        try:
            for turn_number in range(15):
                names = [f"{number} {turn_number} {index}" for index in range(4)]
                scope = f"t{turn_number % 3}" if number % 2 else None
                found = [
                    kernel.register(inline(lambda ctx: None, tryfirst=True), name, thread_id=scope)
                    for name in names
                ]
                for registration in found:
                    registration.unregister()
        except BaseException as error:
            failures.append(error)

    async def asks(number: int) -> None:
        while not done.is_set():
            outcomes[await blocked_in(kernel, f"t{number}")] += 1
            asking.release()

    changers = [threading.Thread(target=changes, args=(number,)) for number in range(5)]
    askers = [threading.Thread(target=anyio.run, args=(asks, number)) for number in range(2)]
    for thread in askers:
        thread.start()
    for _ in askers:
        asking.acquire(timeout=10)
    for thread in changers:
        thread.start()
    for thread in changers:
        thread.join(60)
    done.set()
    for thread in askers:
        thread.join(10)
    assert failures == []
    assert outcomes[True] > 0
    assert outcomes[False] == 0
    assert [item.name for item in kernel.registrations()] == ["policy"]
    assert len(kernel.plan("pre_turn", "t0").implementations) == 1


def test_a_plugin_ended_from_five_threads_stops_once() -> None:
    """K10, F12."""
    for _ in range(50):
        kernel, plugin = HookKernel(), Lifecycle()
        registration = kernel.register(plugin, "a")
        threads = [threading.Thread(target=registration.unregister) for _ in range(5)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert plugin.calls == ["start a", "stop a"]


def test_moving_a_plugin_to_another_thread_leaves_no_moment_in_which_it_is_nobodys() -> None:
    """K9, K10."""
    kernel = HookKernel()
    registration = kernel.register(hooked(lambda ctx: None), "guard", thread_id="run")
    done = threading.Event()

    def moves() -> None:
        for number in range(500):
            registration.move_to(f"t{number % 2}")
        done.set()

    registration.move_to("t1")
    thread = threading.Thread(target=moves)
    thread.start()
    plans = []
    while not done.is_set():
        plans.append(len(kernel.plan("pre_turn", "t0", "t1").implementations))
    thread.join(10)
    assert set(plans) <= {1}
    assert kernel.plan("pre_turn", "run").implementations == ()


def test_a_registration_that_has_ended_is_not_moved_back_to_life() -> None:
    """K9: the run may have ended while its thread was being opened."""
    kernel = HookKernel()
    registration = kernel.register(hooked(lambda ctx: None), "guard", thread_id="run")
    registration.unregister()
    registration.move_to("t")
    assert kernel.registrations() == ()


@pytest.mark.parametrize(
    "of", [{"thread_id": "mine"}, {"thread_id": "x", "parent_thread_id": "mine"}]
)
async def test_the_report_of_a_thread_reaches_its_own_observers_alone(of: dict[str, str]) -> None:
    """K8, K9: that of a sub-agent reaches its parent's."""
    kernel = HookKernel()
    told: list[str] = []

    def tells(name: str) -> object:
        def hook(report: HookReport) -> None:
            told.append(name)

        return inline(hook, "hook_report")

    kernel.register(tells("mine"), "a", thread_id="mine")
    kernel.register(tells("other"), "b", thread_id="other")
    async with kernel.run() as run:
        await run.pre(turn(**of))
    assert told == ["mine"]
