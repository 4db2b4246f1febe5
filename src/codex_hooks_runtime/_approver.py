"""Who is asked when a plugin wants a person to decide, or Codex does, and how that ends.

Only a plain ``True``, in time, is a yes. An approver that raises, hangs, or answers anything else
has said no (G4, G5); so has nobody, where there is no approver.
"""

from __future__ import annotations

import inspect
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import anyio

from codex_hooks import Ask, Block
from codex_hooks._log import log

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Self

    from codex_hooks import HookKernel, HookPhase, PreOutcome, ToolCall


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalQuestion:
    """What a person is to decide: whether what ``phase`` is about may happen.

    That is the use of ``tool``, or else a run or a turn with ``prompt``, or the start of a session.
    ``plugin`` is who wants to know, None where Codex alone asks; then ``tool.approval`` says what
    for. ``thread_id`` and ``turn_id`` are None until there are such; where a sub-agent uses a tool,
    ``parent_thread_id`` is the thread that you have opened. ``metadata`` is the run's.
    ``deadline`` is a `time.monotonic` moment: what is answered later is a no.
    """

    message: str
    phase: HookPhase
    plugin: str | None = None
    prompt: str = ""
    tool: ToolCall | None = None
    cwd: str | None = None
    thread_id: str | None = None
    parent_thread_id: str | None = None
    turn_id: str | None = None
    correlation_id: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    deadline: float = math.inf

    @property
    def seconds_left(self) -> float:
        """How long an answer still counts."""
        return max(0.0, self.deadline - time.monotonic())


Approver: TypeAlias = Callable[[ApprovalQuestion], bool | Awaitable[bool]]
"""Decides a question. A plain function is called in a thread, so it may block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deciders:
    """Who decides: the plugins of ``kernel``, and ``approver`` where one of them wants a person to.

    ``approval_deadline`` is how long the approver has for a question, in seconds.
    """

    kernel: HookKernel
    approver: Approver | None
    approval_deadline: float

    async def refusal(self, outcome: PreOutcome, codex_asks: str | None = None) -> Block | None:
        """Ask a person what the plugins want one to decide, or else what Codex asks.

        Returns None if the answer to each question is yes. The first no ends it and is a block; in
        the name of the plugin that asked, it stands in the run's report.
        """
        ctx = outcome.context
        deadline = time.monotonic() + self.approval_deadline
        for asked in outcome.asked or ([Ask(codex_asks)] if codex_asks else ()):
            question = ApprovalQuestion(
                message=asked.message,
                plugin=asked.plugin,
                phase=ctx.phase,
                prompt=ctx.prompt,
                tool=ctx.tool,
                cwd=ctx.cwd,
                thread_id=ctx.thread_id,
                parent_thread_id=ctx.parent_thread_id,
                turn_id=ctx.turn_id,
                correlation_id=ctx.correlation_id,
                metadata=ctx.metadata,
                deadline=deadline,
            )
            why = await refusal_of(self.approver, question, self.kernel)
            log().info(
                "a person was asked",
                answer=why or "yes",
                plugin=asked.plugin,
                phase=ctx.phase.value,
                correlation_id=ctx.correlation_id,
            )
            if why is not None:
                who = f"plugin {asked.plugin}" if asked.plugin else "Codex"
                message = f"{asked.message} ({who} wants a person to decide, and {why})"
                block = Block(message, asked.plugin, ctx.phase)
                if asked.plugin:
                    outcome.run.block(block)
                return block
        return None


async def refusal_of(
    approver: Approver | None, question: ApprovalQuestion, kernel: HookKernel
) -> str | None:
    """Return None if ``approver`` said yes, else why that is a no."""
    if approver is None:
        return "nobody can be asked here"
    with anyio.move_on_after(question.seconds_left) as patience:
        try:
            answer = await _answer(approver, question, kernel)
        except Exception as error:  # whatever its fault is, nobody has said yes
            return f"the approver failed ({type(error).__name__})"
        # Looked at here, for an approver may swallow its cancellation and answer late.
        if not patience.cancel_called:
            if answer is True:
                return None
            said = "said no" if answer is False else f"answered with a {type(answer).__name__}"
            return f"the approver {said}"
    return "nobody answered in time"


async def _answer(approver: Approver, question: ApprovalQuestion, kernel: HookKernel) -> Any:
    if is_async(approver):
        answer: Any = approver(question)
    else:
        job = kernel.workers.submit(lambda: approver(question))
        try:
            answer = await job.outcome()
        finally:
            kernel.workers.withdraw(job)
    return await answer if inspect.isawaitable(answer) else answer


def is_async(function: Callable[..., Any]) -> bool:
    """Whether ``function`` is an ``async def``, or an object whose ``__call__`` is one."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(function, "__call__", None)  # noqa: B004  # an object's async __call__
    )


class PendingApproval:
    """A question on its way through an `ApprovalChannel`, to be answered once."""

    def __init__(self, question: ApprovalQuestion) -> None:
        self.question = question
        self._answered = anyio.Event()
        self._approved = False
        self._over = False

    @property
    def is_open(self) -> bool:
        """Whether an answer still counts."""
        return not self._over

    def approve(self) -> None:
        """Say yes; nothing happens if the question is over."""
        self._answer(approved=True)

    def decline(self) -> None:
        """Say no."""
        self._answer(approved=False)

    def _answer(self, *, approved: bool) -> None:
        if not self._over:
            self._over, self._approved = True, approved
            self._answered.set()

    async def _wait(self) -> bool:
        try:
            await self._answered.wait()
        finally:
            self._over = True
        return self._approved


class ApprovalChannel:
    """An approver for a program with a loop of its own: iterate over it, and answer.

    It holds up to ``capacity`` questions that nobody has taken; what is asked beyond that is
    declined at once, and what is not answered by its deadline too::

        channel = ApprovalChannel()
        config = ClientConfig(approver=channel, approval_deadline=60)
        async for pending in channel:
            pending.approve()
    """

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._pending: deque[PendingApproval] = deque()
        self._waiting: anyio.Event | None = None

    async def __call__(self, question: ApprovalQuestion) -> bool:
        """Put ``question`` to whoever iterates; the approver of a client."""
        if len(self._pending) >= self._capacity:
            return False
        pending = PendingApproval(question)
        self._pending.append(pending)
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None
        return await pending._wait()  # noqa: SLF001  # this pair is one thing

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> PendingApproval:
        while True:
            while self._pending:
                pending = self._pending.popleft()
                if pending.is_open:
                    return pending
            self._waiting = self._waiting or anyio.Event()
            await self._waiting.wait()
