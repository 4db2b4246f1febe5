"""What a policy does to a context, as assertions. Each says what happened instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from codex_hooks._run import PreOutcome

from ._asking import ask

if TYPE_CHECKING:
    from codex_hooks._context import HookContext
    from codex_hooks._decisions import Ask, Block
    from codex_hooks._run import PostOutcome


def assert_blocks(plugin: object, ctx: HookContext, match: str = "") -> Block:
    """Assert that ``plugin`` decides to block; ``match`` is searched for in its message.

    A plugin that only fails blocks too (K5); that is no decision, and not what this accepts.
    """
    outcome = ask(plugin, ctx)
    block = outcome.blocked if isinstance(outcome, PreOutcome) else outcome.withheld
    _without_failure(outcome)
    if block is None:
        raise AssertionError(f"expected a block, and the plugin {_did(outcome)}")
    if not re.search(match, block.message):
        raise AssertionError(f"expected a block about {match!r}, and it says: {block.message}")
    return block


def assert_asks(plugin: object, ctx: HookContext, match: str = "") -> Ask:
    """Assert that ``plugin`` wants a person to decide."""
    outcome = ask(plugin, ctx)
    _without_failure(outcome)
    for question in outcome.asked if isinstance(outcome, PreOutcome) else ():
        if re.search(match, question.message):
            return question
    raise AssertionError(f"expected a question about {match!r}, and the plugin {_did(outcome)}")


def assert_passes(plugin: object, ctx: HookContext) -> None:
    """Assert that ``plugin`` lets ``ctx`` pass as it is: no block, question, change or failure."""
    outcome = ask(plugin, ctx)
    _without_failure(outcome)
    stopped = outcome.report.blocks or (isinstance(outcome, PreOutcome) and outcome.asked)
    if stopped or any(call.decision == "mutate" for call in outcome.report.calls):
        raise AssertionError(f"expected the plugin to let it pass, and it {_did(outcome)}")


def assert_mutates(plugin: object, ctx: HookContext, **expected: Any) -> HookContext:
    """Assert that ``plugin`` changes ``ctx``; return it as changed.

    ``expected`` names what it is changed to: ``prompt``, ``model``, ``attachments``, ``metadata``,
    ``tool_input`` or ``tool_output``.
    """
    outcome = ask(plugin, ctx)
    _without_failure(outcome)
    if outcome.report.blocks or not any(c.decision == "mutate" for c in outcome.report.calls):
        raise AssertionError(f"expected a change, and the plugin {_did(outcome)}")
    changed = outcome.context
    for name, value in expected.items():
        actual = _field(changed, name)
        if actual != value:
            raise AssertionError(f"expected {name} to become {value!r}, and it is {actual!r}")
    return changed


def _field(ctx: HookContext, name: str) -> Any:
    if name in ("tool_input", "tool_output"):
        return getattr(ctx.tool, name.removeprefix("tool_"))
    if name not in ("prompt", "model", "attachments", "metadata"):
        raise TypeError(f"assert_mutates() has no {name!r}: a plugin cannot change that")
    return getattr(ctx, name)


def _without_failure(outcome: PreOutcome | PostOutcome) -> None:
    if issues := outcome.report.issues:
        raise AssertionError(f"the plugin failed: {'; '.join(issue.message for issue in issues)}")


def _did(outcome: PreOutcome | PostOutcome) -> str:
    calls = outcome.report.calls
    if not calls:
        return f"was not asked: it has no hook for {outcome.context.phase} that matches"
    said = [f": {block.message}" for block in outcome.report.blocks]
    return f"answered {', '.join(call.decision for call in calls)}{''.join(said)}"
