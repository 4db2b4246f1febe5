"""The kernel against a model of it, through long random histories: K4, K5, K9, K10, F1, F12, F13.

Plugins come and go in three scopes, start, stop, decide, change, fail, hang and leave in the middle
of a phase. Whatever the history: nothing passes that the model blocks, no plugin is asked outside
its scope, and nothing is left over. ``make soak`` runs a hundred thousand steps.
"""

import os
import threading
from dataclasses import dataclass, field
from typing import Any, Literal

import anyio
import pytest
from hypothesis import HealthCheck, settings, strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from codex_hooks import (
    Allow,
    Block,
    Decision,
    HookContext,
    HookKernel,
    HookPhase,
    Mutate,
    PluginError,
    PreOutcome,
    Registration,
    hookimpl,
)
from hooked import turn

STEPS = int(os.environ.get("CODEX_HOOKS_SOAK_STEPS", "2000"))
STEPS_A_HISTORY = 50
MAX_THREADS = 4

scopes = st.sampled_from([None, "t1", "t2", "t3"])
behaviours = st.sampled_from([
    "nothing", "nothing", "nothing", "allow", "allow", "adds", "adds", "adds", "adds", "guards",
    "guards", "block", "raises", "odd", "hangs", "leaves",
])  # fmt: skip


@dataclass
class Plugin:
    """One generated plugin, and what the model needs to know of it."""

    behaviour: str
    word: str
    ignore: bool
    scope: str | None
    observe: bool
    registration: Registration | None = None
    calls: int = 0
    log: list[str] = field(default_factory=list)

    @property
    def fails(self) -> bool:
        return self.behaviour in ("raises", "odd", "hangs")

    @property
    def blocks_alone(self) -> bool:
        return self.behaviour in ("block", "leaves") or (self.fails and not self.ignore)

    def decide(self, ctx: HookContext) -> Any:
        self.calls += 1
        if self.behaviour == "raises":
            raise ValueError(ctx.prompt)
        if self.behaviour == "leaves" and self.registration is not None:
            self.registration.unregister()
        if self.behaviour == "adds" and self.word not in ctx.prompt:
            return Mutate(prompt=f"{ctx.prompt} {self.word}")
        if self.behaviour == "guards" and self.word in ctx.prompt:
            return Block(f"no {self.word}")
        return {"allow": Allow(), "block": Block("no"), "leaves": Block("bye"), "odd": True}.get(
            self.behaviour
        )


def made(model: Plugin, style: str, zone: str) -> object:
    """Return ``model`` as a plugin of the given style and zone."""
    # Only a hang is meant to run into its time-out, and it costs that time.
    hangs = model.behaviour == "hangs"
    first, last, inline = zone == "tryfirst", zone == "trylast", style == "inline"
    timeout = 0.001 if hangs else 60.0
    on_error: Literal["ignore"] | None = "ignore" if model.ignore else None

    class Base:
        @hookimpl
        def plugin_start(self, registration: Registration) -> None:
            model.log.append("start")

        @hookimpl
        def plugin_stop(self, registration: Registration) -> None:
            model.log.append("stop")

        @hookimpl(inline=inline, tryfirst=first, trylast=last)
        def post_turn(self, ctx: HookContext) -> None:
            model.calls += 1

    class Sync(Base):
        @hookimpl(inline=inline, tryfirst=first, trylast=last, timeout=timeout, on_error=on_error)
        def pre_turn(self, ctx: HookContext) -> Decision | None:
            decision: Decision | None = model.decide(ctx)
            return decision

    class Async(Base):
        @hookimpl(tryfirst=first, trylast=last, timeout=timeout, on_error=on_error)
        async def pre_turn(self, ctx: HookContext) -> Decision | None:
            decision: Decision | None = model.decide(ctx)
            await (anyio.sleep_forever() if hangs else anyio.lowlevel.checkpoint())
            return decision

    return Async() if style == "async" or hangs else Sync()


class Histories(RuleBasedStateMachine):
    """Every rule is something that a program may do with a kernel."""

    active = Bundle("active")

    def __init__(self) -> None:
        super().__init__()
        self.kernel = HookKernel(max_threads=MAX_THREADS)
        self.plugins: dict[str, Plugin] = {}
        self.ended: list[Plugin] = []
        self.count = 0

    @rule(
        target=active,
        behaviour=behaviours,
        word=st.sampled_from(["red", "blue"]),
        scope=scopes,
        ignore=st.booleans(),
        observe=st.sampled_from([False, False, True]),
        style=st.sampled_from(["inline", "inline", "async", "thread"]),
        zone=st.sampled_from(["tryfirst", "normal", "trylast"]),
    )
    def register(
        self,
        *,
        behaviour: str,
        word: str,
        scope: str | None,
        ignore: bool,
        observe: bool,
        style: str,
        zone: str,
    ) -> str:
        self.count += 1
        name = f"plugin {self.count}"
        plugin = Plugin(behaviour, word, ignore, scope, observe)
        plugin.registration = self.kernel.register(
            made(plugin, style, zone),
            name,
            thread_id=scope,
            mode="observe" if observe else "enforce",
        )
        self.plugins[name] = plugin
        return name

    @rule(name=consumes(active), in_thread=st.booleans())
    def unregister(self, name: str, in_thread: bool) -> None:
        plugin = self.plugins.pop(name, None)
        if plugin is None:
            return
        self.ended.append(plugin)
        assert plugin.registration is not None
        if in_thread:
            thread = threading.Thread(target=plugin.registration.unregister)
            thread.start()
            plugin.registration.unregister()
            thread.join()
        plugin.registration.unregister()

    @rule(name=active, thread_id=st.sampled_from(["t1", "t2", "t3"]))
    def move(self, name: str, thread_id: str) -> None:
        plugin = self.plugins.get(name)
        if plugin is None or plugin.registration is None:
            return
        if plugin.scope in (None, thread_id):
            with pytest.raises(PluginError):
                plugin.registration.move_to(thread_id)
        else:
            plugin.registration.move_to(thread_id)
            plugin.scope = thread_id

    @rule(name=active, scope=scopes)
    def register_a_name_in_use(self, name: str, scope: str | None) -> None:
        plugin = self.plugins.get(name)
        if plugin is not None and plugin.scope in (None, scope):
            with pytest.raises(PluginError):
                self.kernel.register(made(plugin, "inline", "normal"), name, thread_id=scope)

    @rule(thread_id=scopes, backend=st.sampled_from(["asyncio", "asyncio", "trio"]))
    def pre(self, thread_id: str | None, backend: str) -> None:
        visible = self.visible(thread_id)
        before = {name: plugin.calls for name, plugin in self.plugins.items()}
        outcome = anyio.run(
            self.kernel.run_pre, turn(prompt="start", thread_id=thread_id), backend=backend
        )
        self.check_pre(outcome, visible)
        for name, plugin in self.plugins.items():
            assert plugin.calls == before[name] or name in visible, "asked outside its scope"
        for name, plugin in visible.items():
            if plugin.behaviour == "leaves" and plugin.calls > before[name]:
                self.ended.append(self.plugins.pop(name))

    def check_pre(self, outcome: PreOutcome, visible: dict[str, Plugin]) -> None:
        enforced = [plugin for plugin in visible.values() if not plugin.observe]
        words = {plugin.word for plugin in enforced if plugin.behaviour == "adds"}
        guarded = {plugin.word for plugin in enforced if plugin.behaviour == "guards"}
        must_block = any(plugin.blocks_alone for plugin in enforced) or bool(words & guarded)
        assert (outcome.blocked is not None) is must_block
        report = outcome.report
        assert {call.plugin for call in report.calls} <= visible.keys()
        if outcome.blocked:
            assert outcome.blocked.plugin in visible
            assert outcome.context.prompt == "start"
            assert not outcome.allowed
            return
        assert set(outcome.context.prompt.split()) == {"start", *words}
        assert {call.plugin for call in report.calls} == visible.keys()
        assert outcome.allowed is any(plugin.behaviour == "allow" for plugin in enforced)
        opened = {issue.plugin for issue in report.issues if issue.failed_open}
        assert opened == {
            name for name, plugin in visible.items() if plugin.fails and not plugin.observe
        }

    @rule(thread_id=scopes)
    def post(self, thread_id: str | None) -> None:
        visible = self.visible(thread_id)
        before = {name: plugin.calls for name, plugin in self.plugins.items()}
        ctx = HookContext(phase=HookPhase.POST_TURN, thread_id=thread_id)
        outcome = anyio.run(self.kernel.run_post, ctx)
        assert outcome.withheld is None
        for name, plugin in self.plugins.items():
            assert plugin.calls == before[name] + (name in visible)

    @rule(thread_id=scopes)
    def many_at_once(self, thread_id: str | None) -> None:
        visible = self.visible(thread_id)
        if any(plugin.behaviour in ("leaves", "hangs") for plugin in visible.values()):
            return
        outcomes: list[PreOutcome] = []

        async def one() -> None:
            outcomes.append(await self.kernel.run_pre(turn(prompt="start", thread_id=thread_id)))

        async def main() -> None:
            async with anyio.create_task_group() as group:
                for _ in range(5):
                    group.start_soon(one)

        anyio.run(main)
        for outcome in outcomes:
            self.check_pre(outcome, visible)

    def visible(self, thread_id: str | None) -> dict[str, Plugin]:
        return {
            name: plugin
            for name, plugin in self.plugins.items()
            if plugin.scope in (None, thread_id)
        }

    @invariant()
    def nothing_is_left_over(self) -> None:
        registry = self.kernel._registry
        names = [item.name for item in self.kernel.registrations()]
        assert sorted(names) == sorted(self.plugins)
        assert registry._names == {(p.scope, name) for name, p in self.plugins.items()}
        assert registry._overlays.keys() == {p.scope for p in self.plugins.values() if p.scope}
        assert self.kernel.workers._threads <= MAX_THREADS
        assert all(plugin.log == ["start"] for plugin in self.plugins.values())
        assert all(plugin.log == ["start", "stop"] for plugin in self.ended)

    @invariant()
    def a_thread_without_plugins_sees_the_global_ones_alone(self) -> None:
        asked = {item.plugin for item in self.kernel.plan("pre_turn", "other").implementations}
        assert asked == {name for name, plugin in self.plugins.items() if plugin.scope is None}

    def teardown(self) -> None:
        self.kernel.close()
        assert self.kernel.registrations() == ()
        # What was not finished by a post phase waits for one, and for no more than that.
        assert all(run._own == [] for _, run in self.kernel._open.values())


TestHistories = Histories.TestCase
TestHistories.settings = settings(
    max_examples=max(1, STEPS // STEPS_A_HISTORY),
    stateful_step_count=STEPS_A_HISTORY,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
