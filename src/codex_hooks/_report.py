"""What happened in one run: every call, every issue, and what was decided (K8).

A report holds no prompt text and no tool input: where a plugin changed something, its digest.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from codex_hooks._context import HookContext, HookPhase
    from codex_hooks._decisions import Block


class IssueKind(StrEnum):
    """What sort of failure an issue is."""

    VALIDATION = "validation"
    EXECUTION = "execution"
    TIMEOUT = "timeout"
    INTERNAL = "internal"


@dataclass(frozen=True, slots=True)
class HookIssue:
    """One failure: whose, where, of which kind, in a sentence.

    ``failed_open`` marks one that ``on_error="ignore"`` let pass (K5).
    """

    plugin: str
    phase: HookPhase
    kind: IssueKind
    message: str
    failed_open: bool = False


class HookCall(NamedTuple):
    """One call of one implementation.

    ``scope`` is ``"global"``, or the id of a thread or of a run; ``decision`` is ``"nothing"``,
    ``"allow"``, ``"mutate"``, ``"ask"``, ``"block"``, or ``"failed"`` with an ``issue``.
    ``enforced`` is false for a plugin in observe mode (K12). ``call_id`` names the tool use in a
    tool phase, ``digest`` what a mutation led to. ``message`` is what a block or a question says,
    also where it is not enforced.
    """

    plugin: str
    scope: str
    phase: HookPhase
    round: int
    decision: str
    microseconds: float
    issue: HookIssue | None = None
    enforced: bool = True
    call_id: str | None = None
    digest: str | None = None
    message: str | None = None


CallRecord: TypeAlias = tuple[Any, ...]
"""A call as it is logged: `HookCall`'s fields in order, since making that costs four times more."""


class SkippedPlugin(NamedTuple):
    """A plugin that took no part, and why; ``broken`` if nobody wanted that (K11)."""

    plugin: str
    reason: str
    broken: bool = False


@dataclass(frozen=True, slots=True)
class HookReport:
    """One run as its hooks saw it, in the order in which they were called.

    ``thread_id`` is that of the thread it was about, None where it ended before there was one.
    """

    correlation_id: str
    thread_id: str | None = None
    calls: tuple[HookCall, ...] = ()
    skipped: tuple[SkippedPlugin, ...] = ()
    blocks: tuple[Block, ...] = ()
    kernel_issues: tuple[HookIssue, ...] = ()

    @property
    def blocked(self) -> Block | None:
        """The first block of the run, whatever it stopped: all of it, or one tool use."""
        return self.blocks[0] if self.blocks else None

    @property
    def issues(self) -> tuple[HookIssue, ...]:
        """Every failure, in order; those that belong to no one call come last."""
        return tuple(call.issue for call in self.calls if call.issue) + self.kernel_issues

    @property
    def failed_open(self) -> int:
        """How many failures were let pass because a plugin says ``on_error="ignore"`` (K5)."""
        return sum(issue.failed_open for issue in self.issues)

    @property
    def is_clean(self) -> bool:
        """Whether nothing failed, nothing was blocked, and no plugin is missing for a fault."""
        broken = any(skipped.broken for skipped in self.skipped)
        return not (self.blocks or self.issues or broken)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain JSON values."""
        return {
            "correlation_id": self.correlation_id,
            "thread_id": self.thread_id,
            "blocks": [asdict(block) for block in self.blocks],
            "is_clean": self.is_clean,
            "failed_open": self.failed_open,
            "calls": [
                call._asdict() | {"issue": asdict(call.issue) if call.issue else None}
                for call in self.calls
            ],
            "issues": [asdict(issue) for issue in self.issues],
            "skipped": [skipped._asdict() for skipped in self.skipped],
        }


def digest_of(ctx: HookContext) -> str:
    """Return 16 hex digits that tell one state of a context from another, and nothing else."""
    import hashlib  # noqa: PLC0415  # brings OpenSSL, and most runs change nothing
    import json  # noqa: PLC0415

    tool = ctx.tool
    parts = [ctx.prompt, ctx.model, [asdict(item) for item in ctx.attachments], ctx.metadata]
    if tool is not None:
        parts += [tool.input, tool.output]
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
