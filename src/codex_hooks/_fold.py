"""How the answers of one phase become one decision: the rules, and nothing but the rules.

Plain code without an event loop. `Fold.next` names the implementation to ask next, `Fold.answer`
or `Fold.fail` takes what came of it.

* K2: each sees the context with the changes of those before it. In a pre phase the first `Block`
  ends the phase and every change of that phase is dropped.
* K3: whoever should see the final context and has seen less is asked again, in rounds; after
  three rounds without rest: block. Plugins in observe mode never cost a phase its rest.
* K4: nothing < `Allow` < `Mutate` < `Ask` < `Block`. Decisions only tighten. An `Allow` counts
  only if it was given to the final context.
* K5: a failure blocks in a pre phase, unless ``on_error="ignore"``, and is recorded in a post
  phase, unless ``on_error="block"`` in ``post_tool_use``, which withholds the output.
* K12: in observe mode an answer is recorded and nothing comes of it.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from codex_hooks._context import HookContext, HookPhase
from codex_hooks._decisions import (
    Allow,
    Ask,
    Block,
    Decision,
    InvalidDecision,
    Mutate,
    apply,
    checked,
)
from codex_hooks._nesting import Asking
from codex_hooks._report import HookIssue, IssueKind, digest_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codex_hooks._plan import Implementation
    from codex_hooks._report import CallRecord

MAX_ROUNDS: Final = 3


class Fold(Asking):
    """One phase of one run."""

    __slots__ = (  # inside first, then what others read
        "_allowed_at", "_asked", "_call_id", "_changed", "_implementations", "_index", "_initial",
        "_log", "_phase", "_round", "_seen", "_turns", "_version",
        "block", "context", "decisions", "over",
    )  # fmt: skip

    def __init__(
        self,
        ctx: HookContext,
        implementations: Sequence[Implementation],
        log: list[CallRecord],
        depth: int = 1,
    ) -> None:
        super().__init__(depth)
        if ctx.round != 1:
            ctx = ctx.evolve(round=1)
        self.context = ctx
        self.block: Block | None = None
        # By plugin, in the order asked: a plugin's last question is about the final context.
        self._asked: dict[str, Ask] = {}
        self.decisions: list[Decision] = []
        self.over = False
        self._initial = ctx
        self._phase = ctx.phase
        self._call_id = ctx.tool.call_id if ctx.tool else None
        self._implementations = implementations
        self._log = log
        # Whose turn it still is in this round, and whose it is now, as indexes.
        self._turns = iter(range(len(implementations)))
        self._index = -1
        self._round = 1
        # The context has a version: the number of changes made to it so far. _seen holds, for
        # each implementation, the version that its last look ended with.
        self._version = 0
        self._seen = [0] * len(implementations)
        self._changed: set[int] = set()
        self._allowed_at = -1

    def next(self) -> Implementation | None:
        """Return whom to ask now about ``self.context``; ``None`` when the phase is over."""
        if self.over:
            return None
        for index in self._turns:
            self._index = index
            self.current = self._implementations[index]
            return self.current
        if self._version and self._begin_round():
            return self.next()
        self.over = True
        return None

    def answer(self, value: object, microseconds: float) -> None:
        """Take what the implementation returned by `next` has answered."""
        index = self._index
        implementation = self._implementations[index]
        self._seen[index] = self._version
        if value is None:
            self._record(implementation, "nothing", microseconds)
            return
        try:
            decision = checked(value, self._phase)
        except InvalidDecision as error:
            self._fail(implementation, IssueKind.VALIDATION, str(error), microseconds)
            return
        changed = self._change(decision) if isinstance(decision, Mutate) else False
        digest = digest_of(self.context) if changed else None
        why = decision.message if isinstance(decision, Ask | Block) else None
        self._record(implementation, decision.word, microseconds, digest=digest, message=why)
        if not implementation.observe:
            self._enforce(decision, implementation)

    def fail(self, kind: IssueKind, message: str, microseconds: float) -> None:
        """Take a failure of the implementation returned by `next` (K5)."""
        self._seen[self._index] = self._version
        self._fail(self._implementations[self._index], kind, message, microseconds)

    def answer_wrapper(self, wrapper: Implementation, value: object, microseconds: float) -> None:
        """Take what a wrapper made of ``decisions``: it may add to them, never take away (K1)."""
        given = value if isinstance(value, list | tuple) else () if value is None else (value,)
        strongest: Decision | None = None
        try:
            for item in given:
                if any(item is known for known in self.decisions):
                    continue
                added = checked(item, self._phase)
                if isinstance(added, Mutate):
                    raise InvalidDecision("a wrapper cannot change the context: return Ask, Block")
                if strongest is None or added.strength > strongest.strength:
                    strongest = added
        except InvalidDecision as error:
            self._fail(wrapper, IssueKind.VALIDATION, str(error), microseconds)
            return
        word = strongest.word if strongest else "nothing"
        why = strongest.message if isinstance(strongest, Ask | Block) else None
        self._record(wrapper, word, microseconds, message=why)
        if isinstance(strongest, Ask | Block) and not wrapper.observe:
            self._enforce(strongest, wrapper)

    def fail_wrapper(
        self, wrapper: Implementation, kind: IssueKind, message: str, microseconds: float
    ) -> None:
        """Take a failure of a wrapper (K5)."""
        self._fail(wrapper, kind, message, microseconds)

    def refuse(self, plugin: str, message: str) -> None:
        """Block without asking anyone, on account of ``plugin`` (K15)."""
        self.over = True
        if self._can_block:
            self.block = Block(message, plugin, self._phase)

    @property
    def final_context(self) -> HookContext:
        """The context as it goes on from here: without this phase's changes when blocked (K2)."""
        return self._initial if self.block and self._phase.is_pre else self.context

    @property
    def allowed(self) -> bool:
        """Whether anyone allowed the context as it finally stands."""
        return self._allowed_at == self._version and not self.block

    @property
    def asked(self) -> tuple[Ask, ...]:
        """What a person is to decide, in the order of the plugins; each of them needs a yes."""
        return () if self.block else tuple(self._asked.values())

    @property
    def decision(self) -> Decision | None:
        """The strongest decision (K4); `Mutate` stands for all changes together."""
        if not self.decisions or self.block:
            return self.block
        if self._asked:
            return next(iter(self._asked.values()))
        if self._version:
            return [item for item in self.decisions if isinstance(item, Mutate)][-1]
        return Allow() if self.allowed else None

    @property
    def _can_block(self) -> bool:
        return self._phase.is_pre or self._phase is HookPhase.POST_TOOL_USE

    def _enforce(self, decision: Decision, implementation: Implementation) -> None:
        if isinstance(decision, Block):
            decision = replace(decision, plugin=implementation.plugin, phase=self._phase)
            self.block = self.block or decision
            # After a tool use the others still see what they are to observe (K5).
            self.over = self._phase.is_pre
        elif isinstance(decision, Ask):
            decision = replace(decision, plugin=implementation.plugin)
            self._asked[implementation.plugin] = decision
        elif isinstance(decision, Allow):
            self._allowed_at = self._version
        self.decisions.append(decision)

    def _change(self, change: Mutate) -> bool:
        """Make a change, unless it comes to nothing; return whether it was made."""
        if self._implementations[self._index].observe:
            return False
        changed = apply(change, self.context)
        if changed is self.context:
            return False
        self.context = changed
        self._version += 1
        self._seen[self._index] = self._version
        self._changed.add(self._index)
        return True

    def _fail(
        self, implementation: Implementation, kind: IssueKind, message: str, microseconds: float
    ) -> None:
        policy = implementation.on_error
        blocks = policy != "ignore" if self._phase.is_pre else policy == "block"
        opened = policy == "ignore" and self._phase.is_pre and not implementation.observe
        issue = HookIssue(implementation.plugin, self._phase, kind, message, opened)
        self._record(implementation, "failed", microseconds, issue=issue)
        if blocks and self._can_block and not implementation.observe:
            self._enforce(Block(f"the plugin failed: {message}"), implementation)

    def _begin_round(self) -> bool:
        """Begin a round of those who have seen less than there is to see, if there are any."""
        order = [
            index
            for index, implementation in enumerate(self._implementations)
            if self._seen[index] < self._version
            and implementation.recheck is not False
            and (implementation.recheck or index not in self._changed)
        ]
        if not order:
            return False
        # Observers alone cannot change anything, so they get their look and the phase its rest.
        restless = not all(self._implementations[index].observe for index in order)
        if restless and self._round >= MAX_ROUNDS:
            self._give_up()
            return False
        self._round += 1
        self.context = self.context.evolve(round=self._round)
        self._turns = iter(order)
        return True

    def _give_up(self) -> None:
        restless = [self._implementations[index] for index in sorted(self._changed)]
        names = ", ".join(item.plugin for item in restless)
        message = f"no rest after {MAX_ROUNDS} rounds: the context is still changed by {names}"
        issue = HookIssue(restless[-1].plugin, self._phase, IssueKind.EXECUTION, message)
        self._record(restless[-1], "failed", 0.0, issue=issue)
        if self._can_block:
            self._enforce(Block(message), restless[-1])

    def _record(
        self,
        implementation: Implementation,
        decision: str,
        microseconds: float,
        *,
        issue: HookIssue | None = None,
        digest: str | None = None,
        message: str | None = None,
    ) -> None:
        self._log.append(
            (
                implementation.plugin,
                implementation.scope,
                self._phase,
                self._round,
                decision,
                microseconds,
                issue,
                not implementation.observe,
                self._call_id,
                digest,
                message,
            )
        )
