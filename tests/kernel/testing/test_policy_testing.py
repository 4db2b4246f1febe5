"""What policy authors test with has to fail when their policy does not hold."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio
import anyio.lowlevel
import pytest

from codex_hooks import (
    Allow,
    Ask,
    Block,
    Decision,
    HookContext,
    HookMatcher,
    HookPhase,
    Mutate,
    PluginError,
    ToolApproval,
    hookimpl,
)
from codex_hooks.testing import (
    ask,
    assert_asks,
    assert_blocks,
    assert_mutates,
    assert_passes,
    check_plugin,
    command,
    patch,
    prompt,
    session,
    tool,
    tool_output,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

    from codex_hooks import HookKernel


class Policy:
    """Answers every hook that is asked with what it was made with."""

    def __init__(self, decision: Callable[[HookContext], Decision | None]) -> None:
        self.decide = decision

    @hookimpl
    def pre_turn(self, ctx: HookContext) -> Decision | None:
        return self.decide(ctx)

    @hookimpl
    async def pre_tool_use(self, ctx: HookContext) -> Decision | None:
        return self.decide(ctx)

    @hookimpl
    def post_tool_use(self, ctx: HookContext) -> Decision | None:
        return self.decide(ctx)


def answering(decision: Decision | None) -> Policy:
    return Policy(lambda _ctx: decision)


def failing(_ctx: HookContext) -> None:
    raise OSError("disk")


def test_a_block_is_asserted_with_its_message() -> None:
    block = assert_blocks(answering(Block("no secrets here")), command("cat .env"), "secrets")
    assert block.phase is HookPhase.PRE_TOOL_USE
    assert_blocks(answering(Block("no")), tool_output("text"))


@pytest.mark.parametrize("decision", [None, Allow(), Ask("may it?"), Mutate(prompt="x")])
def test_anything_weaker_than_a_block_is_no_block(decision: Decision | None) -> None:
    with pytest.raises(AssertionError, match="expected a block"):
        assert_blocks(answering(decision), prompt("hello"))


def test_a_block_about_something_else_is_not_the_expected_one() -> None:
    with pytest.raises(AssertionError, match="expected a block about 'secrets'"):
        assert_blocks(answering(Block("too long")), prompt("hello"), "secrets")


def test_a_failing_plugin_is_no_blocking_one() -> None:
    """K5 blocks for it, and an author who takes that for a decision would not see the failure."""
    for check in (assert_blocks, assert_passes, assert_asks):
        with pytest.raises(AssertionError, match="the plugin failed: raised OSError"):
            check(Policy(failing), command("ls"))


def test_a_question_is_asserted_with_its_message() -> None:
    assert assert_asks(answering(Ask("may it?")), command("rm x"), "may").message == "may it?"
    with pytest.raises(AssertionError, match="expected a question"):
        assert_asks(answering(Block("no")), command("rm x"))


def test_passing_means_that_nothing_at_all_was_done() -> None:
    assert_passes(answering(None), prompt("hello"))
    assert_passes(answering(Allow()), prompt("hello"))
    for decision in (Block("no"), Ask("may it?"), Mutate(prompt="bye")):
        with pytest.raises(AssertionError, match="expected the plugin to let it pass"):
            assert_passes(answering(decision), prompt("hello"))


def test_a_change_is_asserted_with_what_it_came_to() -> None:
    policy = answering(Mutate(prompt="bye", metadata={"seen": True}))
    changed = assert_mutates(policy, prompt("hello"), prompt="bye", metadata={"seen": True})
    assert changed.prompt == "bye"

    rewriting = answering(Mutate(tool_input={"command": "true"}))
    assert_mutates(rewriting, command("ls"), tool_input={"command": "true"})
    masking = answering(Mutate(tool_output="***"))
    assert_mutates(masking, tool_output("secret"), tool_output="***")

    with pytest.raises(AssertionError, match="expected prompt to become 'hi', and it is 'bye'"):
        assert_mutates(policy, prompt("hello"), prompt="hi")
    with pytest.raises(AssertionError, match="expected a change"):
        assert_mutates(answering(None), prompt("hello"))
    with pytest.raises(TypeError, match="cannot change that"):
        assert_mutates(policy, prompt("hello"), cwd="/")


def test_a_plugin_that_was_not_asked_is_said_to_be_so() -> None:
    with pytest.raises(AssertionError, match="was not asked: it has no hook for pre_run"):
        assert_blocks(answering(Block("no")), prompt("hello", "pre_run"))


async def test_assertions_work_inside_an_event_loop_too() -> None:
    assert_blocks(answering(Block("no")), prompt("hello"))
    assert ask(answering(None), session()).report.is_clean


def test_contexts_are_worded_as_codex_words_them() -> None:
    before = command("ls", cwd="/elsewhere")
    assert before.tool is not None
    assert (before.tool.name, before.tool.kind, before.cwd) == ("Bash", "command", "/elsewhere")
    assert patch("*** Begin Patch").phase is HookPhase.PRE_TOOL_USE
    after = tool_output("text", of=tool("mcp__a__b", {"x": 1}, kind="mcp"))
    assert after.tool is not None
    assert (after.phase, after.tool.output) == (HookPhase.POST_TOOL_USE, "text")
    assert after.tool.input == {"x": 1}


def test_what_codex_asks_itself_is_a_context_too() -> None:
    """G5: the second question about a use."""
    asked = ToolApproval(kind="command", grants={"outsideSandbox": True})
    for ctx in (command("ls", approval=asked), patch("", approval=asked)):
        assert ctx.tool is not None
        assert ctx.tool.approval == asked
    policy = Policy(lambda ctx: Block("no") if ctx.tool and ctx.tool.approval else None)
    assert_blocks(policy, command("ls", approval=asked))
    assert_passes(policy, command("ls"))


def test_check_plugin_finds_nothing_wrong_with_a_sound_plugin() -> None:
    check = check_plugin(answering(None))

    assert check.findings == []
    assert check.asked > 100


def test_check_plugin_respects_matchers() -> None:
    class Narrow:
        @hookimpl(match=HookMatcher(tool_kind="command"))
        def pre_tool_use(self, ctx: HookContext) -> None:
            assert ctx.tool is not None
            assert ctx.tool.kind == "command"

    assert check_plugin(Narrow()).findings == []


def test_check_plugin_does_not_pass_a_plugin_that_it_never_asked() -> None:
    class Elsewhere:
        asked = 0

        @hookimpl(match=HookMatcher(cwd="/salaries"))
        def pre_tool_use(self, ctx: HookContext) -> None:
            self.asked += 1

    with pytest.raises(AssertionError, match="never asked: give"):
        check_plugin(Elsewhere())
    plugin = Elsewhere()
    check = check_plugin(plugin, command("ls", cwd="/salaries/2026"))
    assert check.asked > 30
    assert plugin.asked > 30


def test_check_plugin_asks_wrappers_and_needs_no_phase() -> None:
    class Around:
        @hookimpl(wrapper=True)
        def pre_turn(self, ctx: HookContext) -> Generator[None, list[Decision], None]:
            yield
            raise OSError("disk")

    class Exporter:
        @hookimpl
        def hook_report(self) -> None: ...

    assert any("OSError" in finding.message for finding in check_plugin(Around()).findings)
    assert check_plugin(Exporter()).findings == []


def test_check_plugin_reports_failures_that_are_handled_as_declared() -> None:
    """K5: a raise on odd input blocks, which is no fault; it is listed for the author to see."""

    def careless(ctx: HookContext) -> None:
        if ctx.tool is not None:
            ctx.tool.input.get("command", "").split()

    check = check_plugin(Policy(careless))

    assert check.faults == []
    assert any("AttributeError" in finding.message for finding in check.findings)


def test_check_plugin_finds_a_change_in_place() -> None:
    """F9."""

    def scribble(ctx: HookContext) -> None:
        if ctx.tool is not None:
            ctx.tool.input["command"] = "true"  # type: ignore[index]

    with pytest.raises(AssertionError, match="in place"):
        check_plugin(Policy(scribble))


def test_check_plugin_finds_a_recheck_that_never_rests() -> None:
    """K3: recheck=True promises to leave its own work alone."""

    class Restless:
        @hookimpl(recheck=True)
        def pre_turn(self, ctx: HookContext) -> Mutate:
            return Mutate(prompt=ctx.prompt + "!")

    with pytest.raises(AssertionError, match="changes its own work again"):
        check_plugin(Restless())


def test_check_plugin_finds_a_plugin_that_cannot_be_called_side_by_side() -> None:
    class Single:
        def __init__(self) -> None:
            self.busy = False

        @hookimpl
        async def pre_turn(self, ctx: HookContext) -> None:
            if self.busy:
                raise RuntimeError("one at a time")
            self.busy = True
            await anyio.lowlevel.checkpoint()
            self.busy = False

    check = check_plugin(Single())

    assert any("at once" in finding.strain for finding in check.findings)


def test_check_plugin_finds_a_plugin_that_a_cancellation_wedges() -> None:
    """F2: after the cancellation the lock is still held, so the next question is never answered."""

    class Wedged:
        def __init__(self) -> None:
            self.lock = anyio.Lock()

        @hookimpl(timeout=0.1)
        async def pre_turn(self, ctx: HookContext) -> None:
            await self.lock.acquire()
            await anyio.lowlevel.checkpoint()
            self.lock.release()

    check = check_plugin(Wedged())

    assert any(finding.strain == "after a cancellation" for finding in check.findings)


def test_a_plugin_that_cannot_be_registered_is_refused_as_ever() -> None:
    def try_with(plugin: Any) -> None:
        with pytest.raises(PluginError):
            check_plugin(plugin)

    try_with(object())
    try_with(Policy)


def test_the_fixture_gives_a_kernel_without_plugins(codex_hooks_kernel: HookKernel) -> None:
    assert codex_hooks_kernel.registrations() == ()
