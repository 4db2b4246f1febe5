"""`HookKernel`: the registry, the dispatch and the reports behind one door.

It knows nothing of processes or of Codex's wire; a consumer brings contexts and carries out what
comes back.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import TYPE_CHECKING, Any, Final

from codex_hooks._discovery import Discovery, discover
from codex_hooks._dispatch import attempt_shielded
from codex_hooks._errors import PluginError
from codex_hooks._nesting import MAX_DEPTH, Asking, depth_here, inside
from codex_hooks._registry import Mode, Registration, Registry
from codex_hooks._run import PostOutcome, PreOutcome, Run
from codex_hooks._settings import Settings
from codex_hooks._workers import MAX_THREADS, Workers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pluggy import PluginManager

    from codex_hooks._context import HookContext, HookPhase
    from codex_hooks._plan import Plan
    from codex_hooks._report import HookReport, SkippedPlugin

MAX_REPORTS: Final = 128
"""How many finished reports a kernel remembers."""

MAX_OPEN_RUNS: Final = 1024
"""How many runs begun by `HookKernel.run_pre` alone may wait for their post phase."""


class HookKernel:
    """Plugins, and the asking of them.

    ``max_threads`` bounds the threads for sync hooks (K6). Safe to use from several threads and
    event loops, as far as registering goes; a run belongs to one event loop.
    """

    def __init__(self, *, max_threads: int = MAX_THREADS) -> None:
        self.workers = Workers(max_threads)
        self.skipped: tuple[SkippedPlugin, ...] = ()
        self._registry = Registry()
        self._reports: deque[HookReport] = deque(maxlen=MAX_REPORTS)
        self._open: OrderedDict[str, tuple[HookPhase, Run]] = OrderedDict()
        self.report_failures = 0

    def register(
        self,
        plugin: object,
        name: str | None = None,
        *,
        thread_id: str | None = None,
        mode: Mode = "enforce",
    ) -> Registration:
        """Make ``plugin`` active, globally or for one thread (K9).

        ``name`` is the plugin's module or class name if not given. In ``mode="observe"`` its
        decisions are reported and not enforced (K12). Raises `PluginError` for a plugin of the
        wrong shape and for a name that is in use.
        """
        if mode not in ("enforce", "observe"):
            raise PluginError(f"mode={mode!r}: it is 'enforce' or 'observe'", plugin=name)
        if name is None:
            own = getattr(plugin, "__name__", None)
            name = own if isinstance(own, str) and own else type(plugin).__name__
        return self._registry.add(plugin, name, thread_id=thread_id, mode=mode)

    def load_installed(self, settings: Settings | None = None) -> Discovery:
        """Make the installed plugins active, as ``settings`` or else the settings files say (K11).

        Without any settings all of them are. They come before plugins that are registered in code
        (K1). Raises `SettingsError` for settings that cannot be followed, and `DiscoveryError`
        where a required plugin cannot be had (F10) or two distributions offer one name (F11);
        then none is active.
        """
        discovery = discover(self._registry, Settings.load() if settings is None else settings)
        self.skipped = discovery.skipped
        return discovery

    @staticmethod
    def survey_installed(settings: Settings | None = None) -> Discovery:
        """Return what `load_installed` would make active, without starting any of it.

        Raises what `load_installed` raises.
        """
        return discover(Registry(starts=False), Settings.load() if settings is None else settings)

    @property
    def pluggy(self) -> PluginManager:
        """The global plugins as pluggy holds them: to look at, not to register with."""
        return self._registry.manager

    def registrations(self) -> tuple[Registration, ...]:
        """Return every active plugin: global ones first, each scope in the order of asking."""
        return self._registry.registrations()

    def plan(
        self,
        hook: str,
        thread_id: str | None = None,
        parent_thread_id: str | None = None,
        correlation_id: str | None = None,
    ) -> Plan:
        """Return who would be asked for ``hook``, in order; empty where nobody would."""
        return self._registry.plan(hook, parent_thread_id, thread_id, correlation_id)

    def run(
        self, correlation_id: str | None = None, metadata: Mapping[str, Any] | None = None
    ) -> Run:
        """Return a run: ``async with kernel.run() as run`` and then ``run.pre``, ``run.post``."""
        return Run(self, correlation_id, metadata)

    async def run_pre(self, ctx: HookContext) -> PreOutcome:
        """Run one pre phase; the post phase of the same correlation id finishes its run.

        A consumer with more than one phase in a run opens it with `run` instead.
        """
        opened = self._open.get(ctx.correlation_id)
        if opened is not None:
            return await opened[1].pre(ctx)
        run = Run(self, ctx.correlation_id, ctx.metadata)
        self._open[ctx.correlation_id] = (ctx.phase, run)
        goes_on = False
        try:
            outcome = await run.pre(ctx)
            goes_on = not outcome.blocked
        finally:
            if not goes_on:
                self._open.pop(ctx.correlation_id, None)
                await run.finish()
        if len(self._open) > MAX_OPEN_RUNS:
            _, (_, forgotten) = self._open.popitem(last=False)
            await forgotten.finish()
        return outcome

    async def run_post(self, ctx: HookContext) -> PostOutcome:
        """Run one post phase; finish the run if its pre phase was what began it."""
        opened_by, run = self._open.get(ctx.correlation_id) or (
            ctx.phase.counterpart,
            Run(self, ctx.correlation_id, ctx.metadata),
        )
        try:
            return await run.post(ctx)
        finally:
            if opened_by is ctx.phase.counterpart:
                self._open.pop(ctx.correlation_id, None)
                await run.finish()

    @property
    def latest_report(self) -> HookReport | None:
        """The report of the run that finished last."""
        return self._reports[-1] if self._reports else None

    def reports(self) -> tuple[HookReport, ...]:
        """Return the reports of the latest finished runs, oldest first."""
        return tuple(self._reports)

    def close(self) -> None:
        """End every registration, last first, so that plugins can stop."""
        for registration in reversed(self.registrations()):
            registration.unregister()

    async def _publish(self, report: HookReport, thread_id: str | None) -> None:
        """Hand a finished report to who asked for it; nobody's failure there matters (K8).

        They are told even where the run was cancelled: their own time-outs bound that.
        """
        self._reports.append(report)
        plan = self.plan("hook_report", thread_id, None, report.correlation_id)
        asking = Asking(depth_here())
        if asking.depth > MAX_DEPTH:  # an observer's runs have observers too (K15)
            self.report_failures += len(plan.implementations)
            return
        token = inside.set(asking)
        try:
            for observer in plan.implementations:
                asking.current = observer
                failure = await attempt_shielded(self.workers, observer, observer.call, report)
                self.report_failures += failure is not None
        finally:
            inside.reset(token)
