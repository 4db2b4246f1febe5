"""How answers become one decision: K2, K3, K4, K12, F8."""

from collections.abc import Callable
from typing import Any

import pytest

from codex_hooks import (
    Allow,
    Ask,
    AtPath,
    Block,
    Decision,
    HookContext,
    HookKernel,
    HookPhase,
    Mutate,
)
from codex_hooks._fold import MAX_ROUNDS, Fold
from hooked import inline, tool_use, turn

Hook = Callable[[HookContext], Decision | None]


def adds(word: str) -> Hook:
    """Return a hook that appends ``word`` where it is missing."""

    def hook(ctx: HookContext) -> Decision | None:
        return None if word in ctx.prompt else Mutate(prompt=f"{ctx.prompt} {word}")

    return hook


def refuses(word: str) -> Hook:
    """Return a guard against ``word``."""

    def hook(ctx: HookContext) -> Decision | None:
        return Block(f"no {word}") if word in ctx.prompt else None

    return hook


async def test_each_hook_sees_the_changes_of_those_before_it() -> None:
    """K2."""
    kernel = HookKernel()
    seen: list[str] = []
    kernel.register(inline(adds("one")), "one")
    kernel.register(inline(adds("two")), "two")
    kernel.register(inline(lambda ctx: seen.append(ctx.prompt)), "observer")
    outcome = await kernel.run_pre(turn(prompt="zero"))
    assert seen == ["zero one two"]
    assert outcome.context.prompt == "zero one two"


async def test_the_first_block_ends_the_phase_and_drops_every_change_of_it() -> None:
    """K2."""
    kernel = HookKernel()
    asked: list[str] = []
    kernel.register(inline(lambda ctx: Mutate(prompt="changed", metadata={"k": 1})), "mutator")
    kernel.register(inline(lambda ctx: Block("first")), "guard")
    kernel.register(inline(lambda ctx: asked.append("later")), "later")
    run = kernel.run()
    outcome = await run.pre(turn(prompt="hi"))
    assert outcome.blocked == Block("first", "guard", HookPhase.PRE_TURN)
    assert outcome.context.prompt == "hi"
    assert dict(run.metadata) == {}
    assert asked == []


async def test_without_the_block_the_same_changes_stay() -> None:
    """K2, the control."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Mutate(prompt="changed", metadata={"k": 1})), "mutator")
    run = kernel.run()
    outcome = await run.pre(turn(prompt="hi"))
    assert outcome.blocked is None
    assert outcome.context.prompt == "changed"
    assert run.metadata == {"k": 1}


async def test_a_guard_before_the_mutator_sees_the_final_context_and_blocks() -> None:
    """K3, F8."""
    kernel = HookKernel()
    kernel.register(inline(refuses("secret")), "guard")
    kernel.register(inline(adds("secret")), "mutator")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert outcome.blocked is not None
    assert outcome.blocked.plugin == "guard"
    assert outcome.context.prompt == "hi"


async def test_a_guard_that_opts_out_is_not_asked_again() -> None:
    """K3, the control: what recheck=False gives up."""
    kernel = HookKernel()
    kernel.register(inline(refuses("secret"), recheck=False), "observer")
    kernel.register(inline(adds("secret")), "mutator")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert outcome.blocked is None
    assert [call.plugin for call in outcome.report.calls] == ["observer", "mutator"]


async def test_a_guard_after_the_mutator_is_asked_once() -> None:
    """K3."""
    kernel = HookKernel()
    kernel.register(inline(adds("one")), "mutator")
    kernel.register(inline(refuses("secret")), "guard")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert [(call.plugin, call.round) for call in outcome.report.calls] == [
        ("mutator", 1),
        ("guard", 1),
    ]


async def test_a_hook_that_fails_has_had_its_look() -> None:
    """K3, K5: it is not asked again about the context that it failed on."""
    kernel = HookKernel()
    kernel.register(inline(adds("one")), "mutator")
    kernel.register(inline(lambda ctx: 1 / 0, on_error="ignore"), "broken")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert [call.plugin for call in outcome.report.calls] == ["mutator", "broken"]
    assert outcome.report.failed_open == 1


async def test_two_plugins_that_each_add_a_line_get_along() -> None:
    """K3."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Mutate(prompt=ctx.prompt + " one")), "one")
    kernel.register(inline(lambda ctx: Mutate(prompt=ctx.prompt + " two")), "two")
    outcome = await kernel.run_pre(turn(prompt="zero"))
    assert outcome.context.prompt == "zero one two"
    assert outcome.report.is_clean


async def test_a_redactor_that_says_recheck_sees_what_a_later_plugin_adds() -> None:
    """K3."""
    kernel = HookKernel()

    def redacts(ctx: HookContext) -> Decision:
        return Mutate(prompt=ctx.prompt.replace("secret", "***"))

    kernel.register(inline(redacts, recheck=True), "redactor")
    kernel.register(inline(adds("secret two")), "mutator")
    outcome = await kernel.run_pre(turn(prompt="secret one"))
    assert outcome.context.prompt == "*** one *** two"
    assert outcome.context.round == 2
    assert outcome.report.is_clean


async def test_a_change_that_comes_to_nothing_costs_no_second_look() -> None:
    """K3."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: None), "guard")
    same = Mutate(prompt="hi", model="m", metadata={"k": 1}, add_attachments=[AtPath("a")])
    kernel.register(inline(lambda ctx: same, recheck=True), "idle")
    ctx = turn(prompt="hi", model="m", metadata={"k": 1}, attachments=(AtPath("a"),))
    outcome = await kernel.run_pre(ctx)
    assert [(call.plugin, call.digest) for call in outcome.report.calls] == [
        ("guard", None),
        ("idle", None),
    ]
    assert outcome.context is ctx
    assert outcome.decision is None


@pytest.mark.parametrize(("before", "after"), [(1, True), (0, False), (1, 1.0), ("1", 1)])
async def test_true_one_and_one_point_zero_are_three_values(before: Any, after: Any) -> None:
    """K2: what equals in Python may differ in JSON, and a guard has to see it (K3)."""
    kernel = HookKernel()
    seen: list[Any] = []
    kernel.register(inline(lambda ctx: seen.append(ctx.tool.input["n"]), "pre_tool_use"), "guard")
    kernel.register(inline(lambda ctx: Mutate(tool_input={"n": after}), "pre_tool_use"), "mutator")
    outcome = await kernel.run_pre(tool_use(tool={"input": {"n": before}}))
    assert outcome.context.tool is not None
    assert type(outcome.context.tool.input["n"]) is type(after)
    assert [type(item) for item in seen] == [type(before), type(after)]


async def test_two_mutators_that_undo_each_other_find_no_rest_and_block() -> None:
    """K3, F8."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Mutate(prompt="a"), recheck=True), "one")
    kernel.register(inline(lambda ctx: Mutate(prompt="b"), recheck=True), "two")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert outcome.blocked is not None
    assert "no rest after 3 rounds" in outcome.blocked.message
    assert "one, two" in outcome.blocked.message
    assert outcome.context.prompt == "hi"
    assert max(call.round for call in outcome.report.calls) == MAX_ROUNDS
    assert [issue.plugin for issue in outcome.report.issues] == ["two"]


def changes_in(*rounds: int) -> Hook:
    """Return a hook that changes the prompt in these rounds."""

    def hook(ctx: HookContext) -> Decision | None:
        return Mutate(prompt=f"{ctx.prompt}{ctx.round}") if ctx.round in rounds else None

    return hook


async def test_a_change_in_the_third_round_may_be_the_last() -> None:
    """K3, the control: nobody is left who has seen less."""
    kernel = HookKernel()
    kernel.register(inline(changes_in(2)), "one")
    kernel.register(inline(changes_in(1, 3), recheck=True), "two")
    outcome = await kernel.run_pre(turn(prompt=""))
    assert outcome.blocked is None
    assert outcome.context.prompt == "123"


async def test_an_observer_never_costs_a_phase_its_rest() -> None:
    """K3, K12: it still gets its look at the final context."""
    kernel = HookKernel()
    seen: list[str] = []
    kernel.register(inline(lambda ctx: seen.append(ctx.prompt)), "observer", mode="observe")
    kernel.register(inline(changes_in(2)), "one")
    kernel.register(inline(changes_in(1, 3), recheck=True), "two")
    outcome = await kernel.run_pre(turn(prompt=""))
    assert outcome.blocked is None
    assert seen == ["", "1", "12", "123"]


@pytest.mark.parametrize("watched", [False, True])
async def test_a_guard_that_would_need_a_fourth_look_does(watched: bool) -> None:
    """K3, the control: a plugin in observe mode beside it changes nothing."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: None), "guard")
    if watched:
        kernel.register(inline(lambda ctx: None), "observer", mode="observe")
    kernel.register(inline(changes_in(2)), "one")
    kernel.register(inline(changes_in(1, 3), recheck=True), "two")
    outcome = await kernel.run_pre(turn(prompt=""))
    assert outcome.blocked is not None
    assert "no rest" in outcome.blocked.message


async def test_unrest_after_a_tool_use_withholds_its_output() -> None:
    """K3, G10."""
    kernel = HookKernel()
    for name in "ab":
        change = Mutate(tool_output=name)
        kernel.register(inline(lambda ctx, c=change: c, "post_tool_use", recheck=True), name)
    outcome = await kernel.run_post(tool_use(HookPhase.POST_TOOL_USE))
    assert outcome.withheld is not None


async def test_every_look_says_which_round_it_is() -> None:
    """K3."""
    kernel = HookKernel()
    rounds: list[tuple[str, int]] = []
    kernel.register(inline(lambda ctx: rounds.append(("guard", ctx.round))), "guard")

    def mutates(ctx: HookContext) -> Decision | None:
        rounds.append(("mutator", ctx.round))
        return adds("x")(ctx)

    kernel.register(inline(mutates), "mutator")
    outcome = await kernel.run_pre(turn(prompt="hi", round=7))
    assert rounds == [("guard", 1), ("mutator", 1), ("guard", 2)]
    assert outcome.context.round == 2


@pytest.mark.parametrize(
    ("answers", "strongest"),
    [
        ([None], None),
        ([Allow(), None], Allow()),
        ([Allow(), Mutate(prompt="x")], Mutate(prompt="x")),
        ([Ask("sure?"), Mutate(prompt="x"), Allow()], Ask("sure?", "0")),
        ([Ask("sure?"), Block("no"), Allow()], Block("no", "1", HookPhase.PRE_TURN)),
    ],
)
async def test_the_strongest_decision_is_the_outcome(
    answers: list[Decision | None], strongest: Decision | None
) -> None:
    """K4."""
    kernel = HookKernel()
    for number, answer in enumerate(answers):
        kernel.register(inline(lambda ctx, a=answer: a), str(number))
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert outcome.decision == strongest


def test_the_decisions_have_an_order() -> None:
    """K4."""
    assert Allow.strength < Mutate.strength < Ask.strength < Block.strength


async def test_of_two_questions_both_are_put() -> None:
    """K4: a yes to one plugin's question is none to the other's."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Ask("one?")), "one")
    kernel.register(inline(lambda ctx: Ask("two?")), "two")
    outcome = await kernel.run_pre(turn())
    assert outcome.asked == (Ask("one?", "one"), Ask("two?", "two"))
    assert outcome.decision == Ask("one?", "one")


async def test_a_plugin_that_asks_again_after_a_change_has_its_last_question_put() -> None:
    """K3, K4: the question is about what is going to happen."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Ask(f"send {ctx.prompt}?")), "asker")
    kernel.register(inline(adds("x")), "mutator")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert outcome.asked == (Ask(f"send {outcome.context.prompt}?", "asker"),)
    assert outcome.context.prompt != "hi"


async def test_where_one_blocks_there_is_nothing_to_ask() -> None:
    """K4."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Ask("sure?")), "asker")
    kernel.register(inline(lambda ctx: Block("no")), "blocker")
    outcome = await kernel.run_pre(turn())
    assert outcome.asked == ()
    assert outcome.decision == outcome.blocked


async def test_a_question_stays_even_if_the_hook_takes_it_back_on_its_second_look() -> None:
    """K4: decisions only tighten."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Ask("sure?") if ctx.round == 1 else Allow()), "asker")
    kernel.register(inline(adds("x")), "mutator")
    outcome = await kernel.run_pre(turn(prompt="hi"))
    assert outcome.asked == (Ask("sure?", "asker"),)
    assert outcome.decision == Ask("sure?", "asker")


async def test_nothing_is_not_an_allow() -> None:
    """K4."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: None), "silent")
    outcome = await kernel.run_pre(turn())
    assert not outcome.allowed
    assert outcome.decision is None


async def test_an_allow_for_an_older_context_does_not_count_for_the_final_one() -> None:
    """K4."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Allow(), recheck=False), "allower")
    kernel.register(inline(adds("x")), "mutator")
    assert not (await kernel.run_pre(turn(prompt="hi"))).allowed


async def test_an_allow_that_is_given_again_counts() -> None:
    """K4, the control."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Allow()), "allower")
    kernel.register(inline(adds("x")), "mutator")
    assert (await kernel.run_pre(turn(prompt="hi"))).allowed


async def test_an_allow_that_is_not_given_again_is_gone() -> None:
    """K4."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Allow() if ctx.round == 1 else None), "allower")
    kernel.register(inline(adds("x")), "mutator")
    assert not (await kernel.run_pre(turn(prompt="hi"))).allowed


async def test_a_threads_allow_does_not_weaken_a_global_block() -> None:
    """K4, K9."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Allow(), tryfirst=True), "mine", thread_id="t")
    kernel.register(inline(lambda ctx: Block("no")), "policy")
    outcome = await kernel.run_pre(turn(thread_id="t"))
    assert outcome.blocked is not None
    assert not outcome.allowed


@pytest.mark.parametrize(
    "answer", [Block("no"), Ask("sure?"), Mutate(prompt="x"), Allow(), "garbage"]
)
@pytest.mark.parametrize("on_error", ["block", "ignore"])
async def test_what_a_plugin_in_observe_mode_says_is_reported_and_not_enforced(
    answer: object, on_error: str
) -> None:
    """K12."""
    kernel = HookKernel()
    watcher = inline(lambda ctx: answer, on_error=on_error)
    kernel.register(watcher, "watcher", mode="observe")
    ctx = turn(prompt="hi")
    outcome = await kernel.run_pre(ctx)
    assert outcome.blocked is None
    assert outcome.asked == ()
    assert not outcome.allowed
    assert outcome.context is ctx
    (call,) = outcome.report.calls
    assert not call.enforced
    assert call.decision == getattr(answer, "word", "failed")
    assert outcome.report.failed_open == 0


async def test_a_block_after_a_tool_use_withholds_and_lets_observers_see_it() -> None:
    """K5, G10."""
    kernel = HookKernel()
    seen: list[object] = []
    change = Mutate(metadata={"seen": True})
    kernel.register(inline(lambda ctx: Block("no"), "post_tool_use"), "guard")
    kernel.register(inline(lambda ctx: seen.append(ctx.tool.output), "post_tool_use"), "audit")
    kernel.register(inline(lambda ctx: change, "post_tool_use"), "notes")
    kernel.register(inline(lambda ctx: Block("neither"), "post_tool_use"), "second guard")
    outcome = await kernel.run_post(tool_use(HookPhase.POST_TOOL_USE, tool={"output": "data"}))
    assert outcome.withheld == Block("no", "guard", HookPhase.POST_TOOL_USE)
    assert set(seen) == {"data"}
    assert outcome.context.metadata == {"seen": True}
    assert not outcome.report.is_clean


def test_a_phase_that_is_over_stays_over() -> None:
    """K2."""
    fold = Fold(turn(), (), [])
    assert fold.next() is None
    assert fold.over
    assert fold.next() is None
