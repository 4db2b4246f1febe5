"""`check_plugin`: a hard look at a plugin under faults of its surroundings.

Every phase that the plugin implements is asked many times at once, cancelled half-way, asked with
next to no time left, and asked about input that is huge or odd. What a plugin says to all that is
its own affair. What has to hold is the contract: a failure is treated as ``on_error`` declares
(K5), a cancelled hook leaves a plugin that still answers (F2), nothing in a context is changed in
place (F9), and a hook that says ``recheck=True`` leaves its own work alone (K3).
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from codex_hooks._compile import PHASES
from codex_hooks._context import HookContext, HookPhase
from codex_hooks._report import IssueKind

from ._asking import kernel_with, on_a_loop
from ._contexts import command, patch, prompt, session, tool, tool_output

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codex_hooks._kernel import HookKernel
    from codex_hooks._run import PostOutcome, PreOutcome

AT_ONCE: Final = 32
"""How many calls are made at the same time."""

_LONG: Final = "long " * 200_000
_ODD: Final = "\x00\x1b[2J\u202e\ud800 \N{PILE OF POO}\r\n\t"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was seen: under which strain, in which phase, and whether it is a fault."""

    strain: str
    phase: HookPhase
    message: str
    fault: bool = True


@dataclass(slots=True)
class PluginCheck:
    """What `check_plugin` saw. ``findings`` that are no faults are failures handled as declared."""

    plugin: object
    asked: int = 0
    findings: list[Finding] = field(default_factory=list)

    @property
    def faults(self) -> list[Finding]:
        """The findings that break the contract."""
        return [finding for finding in self.findings if finding.fault]

    def __str__(self) -> str:
        lines = [f"{self.asked} questions, {len(self.faults)} faults"]
        lines += [f"  {item.phase}, {item.strain}: {item.message}" for item in self.findings]
        return "\n".join(lines)


def check_plugin(plugin: object, *contexts: HookContext) -> PluginCheck:
    """Put ``plugin`` under strain; raise ``AssertionError`` where it breaks the hook contract.

    It is asked about all the usual things in ``/project``, and about ``contexts``: those are for a
    plugin whose matchers fit nothing usual, since one that is never asked is an error too.
    Takes a second or so, longer for a plugin whose hooks are slow: each question may take as long
    as the hook's own time-out. Raises `PluginError` for a plugin that could not be registered.
    """
    kernel = kernel_with(plugin)
    check = PluginCheck(plugin)

    async def look() -> None:
        for ctx in (*_usual(), *contexts):
            plan = kernel.plan(ctx.phase, ctx.thread_id).for_context(ctx)
            if plan.implementations or plan.wrappers:
                await _look_at(_Inquiry(kernel, check), ctx)

    (registration,) = kernel.registrations()
    try:
        on_a_loop(look)
    finally:
        kernel.close()
    if not check.asked and not PHASES.isdisjoint(registration.hooks):
        raise AssertionError("the plugin was never asked: give check_plugin() contexts that match")
    if check.faults:
        raise AssertionError(f"the plugin breaks the hook contract: {check}")
    return check


class _Inquiry:
    """The kernel under question, and the list of what was seen."""

    def __init__(self, kernel: HookKernel, check: PluginCheck) -> None:
        self._kernel = kernel
        self._check = check

    async def ask(self, ctx: HookContext, strain: str) -> PreOutcome | PostOutcome:
        """Ask once, and judge how a failure was treated."""
        self._check.asked += 1
        async with self._kernel.run() as run:
            ctx = ctx.evolve(correlation_id=run.correlation_id)
            outcome = await (run.pre(ctx) if ctx.phase.is_pre else run.post(ctx))
        for issue in outcome.report.issues:
            if issue.kind is IssueKind.TIMEOUT and ctx.deadline is not None:
                continue  # a plugin is not to blame for the time that it was not given
            if "FrozenInstanceError" in issue.message or "_frozen.py" in issue.message:
                self.note(strain, ctx, "changes the context in place")
            else:
                self.note(strain, ctx, issue.message, fault=False)
        passed = ctx.phase.is_pre and not outcome.report.blocks
        if passed and not all(issue.failed_open for issue in outcome.report.issues):
            self.note(strain, ctx, "a failure was let pass, and on_error does not say so")
        return outcome

    def note(self, strain: str, ctx: HookContext, message: str, *, fault: bool = True) -> None:
        """Remember what was seen, once."""
        finding = Finding(strain, ctx.phase, message, fault)
        if finding not in self._check.findings:
            self._check.findings.append(finding)

    def rechecks(self, ctx: HookContext) -> bool:
        """Whether the plugin wants to see its own changes again."""
        return any(
            item.recheck for item in self._kernel.plan(ctx.phase, ctx.thread_id).implementations
        )


async def _look_at(inquiry: _Inquiry, ctx: HookContext) -> None:
    first = await inquiry.ask(ctx, "alone")
    await _many_at_once(inquiry, ctx)
    await _cancelled(inquiry, ctx)
    await inquiry.ask(ctx.evolve(deadline=time.monotonic() + 0.001), "a deadline nearly gone")
    for odd in _odd_like(ctx):
        await inquiry.ask(odd, "huge and odd input")
    if inquiry.rechecks(ctx) and any(call.digest for call in first.report.calls):
        again = await inquiry.ask(first.context, "its own change")
        if any(call.digest for call in again.report.calls):
            inquiry.note("its own change", ctx, "recheck=True, and it changes its own work again")


async def _many_at_once(inquiry: _Inquiry, ctx: HookContext) -> None:
    async with anyio.create_task_group() as tasks:
        for _ in range(AT_ONCE):
            tasks.start_soon(inquiry.ask, ctx, f"{AT_ONCE} at once")


async def _cancelled(inquiry: _Inquiry, ctx: HookContext) -> None:
    strain = "cancelled"
    answered = False

    async def ask() -> None:
        nonlocal answered
        await inquiry.ask(ctx, strain)
        answered = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    if answered:
        return  # it never suspends: there was nothing to cancel
    await inquiry.ask(ctx, "after a cancellation")


def _usual() -> Iterator[HookContext]:
    yield session()
    yield session("post_session_start", status="ok")
    for phase in ("pre_run", "pre_turn"):
        yield prompt("summarise this project", phase)
    for phase in ("post_turn", "post_run"):
        yield prompt("summarise this project", phase, status="ok", result="it is small")
    before = (
        command("cat README.md"),
        patch("*** Begin Patch\n*** Add File: notes\n+tea\n*** End Patch"),
        tool("mcp__docs__search", {"query": "tea"}, kind="mcp"),
        tool("lookup", {"id": 7}, kind="dynamic"),
        tool("view_image", {"path": "a.png"}),
    )
    for ctx in before:
        yield ctx
        yield tool_output("one\ntwo\n", of=ctx)


def _odd_like(ctx: HookContext) -> Iterator[HookContext]:
    used = ctx.tool
    if used is None:
        for text in ("", _LONG, _ODD):
            yield ctx.evolve(prompt=text)
        yield ctx.evolve(cwd=None, model=None, thread_id=None)
        return
    odd: tuple[Any, ...] = ("", _LONG, _ODD, None, 7, [], {"deep": _nested(50)})
    for value in odd:
        yield _with_tool(ctx, value)
    yield ctx.evolve(tool=tool(used.name, {}, kind=used.kind).tool, cwd=None)


def _with_tool(ctx: HookContext, value: Any) -> HookContext:
    used = ctx.tool
    if used is None:
        raise TypeError("a context without a tool")
    if ctx.phase is HookPhase.POST_TOOL_USE:
        return tool_output(value, of=ctx.evolve(phase=HookPhase.PRE_TOOL_USE))
    return tool(used.name, dict.fromkeys(used.input, value), kind=used.kind)


def _nested(depth: int) -> Any:
    return [_nested(depth - 1)] if depth else "leaf"
