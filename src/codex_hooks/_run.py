"""One run: a correlation id, one metadata mapping and one report through all of its phases."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from codex_hooks._context import HookContext, HookPhase, new_correlation_id
from codex_hooks._dispatch import ask_all
from codex_hooks._errors import PluginError
from codex_hooks._fold import Fold
from codex_hooks._frozen import EMPTY, freeze_mapping, same
from codex_hooks._nesting import MAX_DEPTH, depth_here, inside
from codex_hooks._report import HookCall, HookIssue, HookReport, IssueKind
from codex_hooks._wrap import ask_within_wrappers

if TYPE_CHECKING:
    import contextvars
    from collections.abc import Iterator, Mapping
    from types import TracebackType

    from codex_hooks._decisions import Ask, Block, Decision
    from codex_hooks._kernel import HookKernel
    from codex_hooks._registry import Mode, Registration
    from codex_hooks._report import CallRecord


class PreOutcome(NamedTuple):
    """What came of a pre phase.

    ``blocked`` says who stopped it and why. ``context`` goes on from here, with all changes made.
    ``decision`` is the strongest one (K4). ``asked`` is what a person is to decide, and each of the
    questions needs a yes. ``allowed`` says whether a plugin allowed the context as it finally
    stands (G5).
    """

    blocked: Block | None
    context: HookContext
    decision: Decision | None
    asked: tuple[Ask, ...]
    allowed: bool
    run: Run

    @property
    def report(self) -> HookReport:
        """The run's report so far."""
        return self.run.report


class PostOutcome(NamedTuple):
    """What came of a post phase: ``withheld`` keeps a tool's output from the model (G10)."""

    withheld: Block | None
    context: HookContext
    run: Run

    @property
    def report(self) -> HookReport:
        """The run's report so far."""
        return self.run.report


class Run:
    """One correlated piece of work. Made by `HookKernel.run`; an async context manager.

    Phases may run side by side, as parallel tool uses do. Leaving the context finishes the run:
    its report is published once, whatever happened.
    """

    def __init__(
        self, kernel: HookKernel, correlation_id: str | None, metadata: Mapping[str, Any] | None
    ) -> None:
        self.correlation_id = correlation_id or new_correlation_id()
        self.metadata: Mapping[str, Any] = (
            freeze_mapping(metadata, "metadata") if metadata else EMPTY
        )
        self.thread_id: str | None = None
        self._kernel = kernel
        self._log: list[CallRecord] = []
        self._issues: list[HookIssue] = []
        self._blocks: list[Block] = []
        self._finished = False
        self._bound: Mapping[str, contextvars.Token[Any]] = {}
        self._own: list[Registration] = []

    def register(
        self, plugin: object, name: str | None = None, *, mode: Mode = "enforce"
    ) -> Registration:
        """Make ``plugin`` active for this run alone, until the run has finished (K9).

        Raises `PluginError` as `HookKernel.register` does, and when the run has finished.
        """
        if self._finished:
            raise PluginError(
                "the run has finished, and so nothing would end its plugins: begin one"
            )
        scope = self.correlation_id
        registration = self._kernel.register(plugin, name, thread_id=scope, mode=mode)
        self._own.append(registration)
        return registration

    def hand_over(self, thread_id: str) -> tuple[Registration, ...]:
        """Make this run's own plugins those of a thread, and the caller's to end (K9).

        Raises `PluginError` where the thread has one of that name; then all end with the run.
        """
        for registration in self._own:
            registration.move_to(thread_id)
        self.thread_id = thread_id
        handed, self._own = tuple(self._own), []
        return handed

    def note(self, issue: HookIssue) -> None:
        """Put a failure into the report that belongs to no call of a plugin's (G7)."""
        self._issues.append(issue)

    def block(self, block: Block) -> None:
        """Put a block into the report that a plugin left to somebody else: a person's no (K8)."""
        self._blocks.append(block)

    def context(self, phase: HookPhase, **fields: Any) -> HookContext:
        """Return a context of this run: its correlation id and its metadata as they stand now."""
        return HookContext(
            phase=phase, correlation_id=self.correlation_id, metadata=self.metadata, **fields
        )

    async def pre(self, ctx: HookContext) -> PreOutcome:
        """Ask the plugins about what is to come; never raises for what a plugin does (K5)."""
        if not ctx.phase.is_pre:
            raise ValueError(f"{ctx.phase} is a post phase: use post()")
        fold = await self._dispatch(ctx)
        return PreOutcome(
            fold.block, fold.final_context, fold.decision, fold.asked, fold.allowed, self
        )

    async def post(self, ctx: HookContext) -> PostOutcome:
        """Tell the plugins how it went; never raises for what a plugin does (K5)."""
        if ctx.phase.is_pre:
            raise ValueError(f"{ctx.phase} is a pre phase: use pre()")
        fold = await self._dispatch(ctx)
        return PostOutcome(fold.block, fold.final_context, self)

    @property
    def report(self) -> HookReport:
        """The report so far."""
        return HookReport(
            correlation_id=self.correlation_id,
            thread_id=self.thread_id,
            calls=tuple(map(HookCall._make, self._log)),
            skipped=self._kernel.skipped,
            blocks=tuple(self._blocks),
            kernel_issues=tuple(self._issues),
        )

    async def finish(self) -> HookReport:
        """End the run and publish its report, once (K8)."""
        report = self.report
        if not self._finished:
            self._finished = True
            try:
                await self._kernel._publish(report, self.thread_id)  # noqa: SLF001
            finally:
                for registration in self._own:
                    registration.unregister()
        return report

    @contextlib.contextmanager
    def bound_to_log(self) -> Iterator[None]:
        """Bind the correlation id to structlog's context variables for the ``with`` block."""
        import structlog  # noqa: PLC0415  # costs more than all the rest to import

        with structlog.contextvars.bound_contextvars(correlation_id=self.correlation_id):
            yield

    async def __aenter__(self) -> Self:
        import structlog  # noqa: PLC0415  # as above

        self._bound = structlog.contextvars.bind_contextvars(correlation_id=self.correlation_id)
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        import structlog  # noqa: PLC0415  # as above

        try:
            await self.finish()
        finally:
            try:
                structlog.contextvars.reset_contextvars(**self._bound)
            except ValueError:
                pass  # left in another task than entered, whose log was never bound to the run

    async def _dispatch(self, ctx: HookContext) -> Fold:
        kernel = self._kernel
        if ctx.metadata is not self.metadata and self.metadata:
            ctx = ctx.evolve(metadata={**self.metadata, **ctx.metadata})
        if ctx.thread_id is not None:
            self.thread_id = ctx.parent_thread_id or ctx.thread_id
        scopes = ctx.thread_id, ctx.parent_thread_id, self.correlation_id
        plan = kernel.plan(ctx.phase, *scopes).for_context(ctx)
        fold = Fold(ctx, plan.implementations, self._log, depth_here())
        if fold.depth > MAX_DEPTH:
            self._refuse_depth(fold, ctx.phase)
        elif plan.implementations or plan.wrappers:
            token = inside.set(fold)
            try:
                if plan.wrappers:
                    await ask_within_wrappers(fold, plan, kernel.workers, ctx.deadline)
                else:
                    await ask_all(fold, kernel.workers, ctx.deadline)
            finally:
                inside.reset(token)
        if fold.block is not None:
            self._blocks.append(fold.block)
        if fold.final_context.metadata is not ctx.metadata:
            self._carry(ctx.metadata, fold.final_context.metadata)
        return fold

    def _carry(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        """Take what one phase changed into the run's metadata, beside what others have (K7)."""
        changed = {
            key: value
            for key, value in after.items()
            if key not in before or not same(before[key], value)
        }
        self.metadata = freeze_mapping({**self.metadata, **changed}, "metadata")

    def _refuse_depth(self, fold: Fold, phase: HookPhase) -> None:
        """Block what hooks have started inside hooks too often (K15)."""
        outer = inside.get()
        culprit = outer.current.plugin if outer and outer.current else "codex_hooks"
        message = f"runs are started from inside hooks more than {MAX_DEPTH} deep"
        self._issues.append(HookIssue(culprit, phase, IssueKind.EXECUTION, message))
        fold.refuse(culprit, message)
