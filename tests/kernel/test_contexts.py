"""What a hook is given, and what it can do to it: K7, F9."""

import copy
import json
import math
import pickle
import re
from dataclasses import FrozenInstanceError
from enum import IntEnum, StrEnum
from typing import Any

import pytest

from codex_hooks import (
    Ask,
    AtPath,
    Block,
    Decision,
    HookContext,
    HookKernel,
    HookPhase,
    ImageUrl,
    InvalidDecision,
    IssueKind,
    LocalImage,
    Mutate,
    Skill,
    ToolApproval,
    ToolCall,
)
from codex_hooks._frozen import MAX_NESTING, freeze, same
from hooked import inline, tool_use, turn


def everything() -> HookContext:
    return tool_use(
        metadata={"list": [1, {"a": [2]}]},
        attachments=(AtPath("a"),),
        tool={"input": {"command": ["ls"]}, "approval": ToolApproval(kind="k", grants={"x": [1]})},
    )


CHANGES: dict[str, Any] = {
    "a field": lambda ctx: setattr(ctx, "prompt", "x"),
    "a new attribute": lambda ctx: setattr(ctx, "other", "x"),
    "deleting": lambda ctx: delattr(ctx, "prompt"),
    "the tool": lambda ctx: setattr(ctx.tool, "name", "x"),
    "the tool's input": lambda ctx: ctx.tool.input.update(command="rm"),
    "deep in the input": lambda ctx: ctx.tool.input["command"].append("x"),
    "the approval": lambda ctx: ctx.tool.approval.grants.clear(),
    "metadata": lambda ctx: ctx.metadata.__setitem__("k", 1),
    "metadata |=": lambda ctx: ctx.metadata.__ior__({"k": 1}),
    "deep in the metadata": lambda ctx: ctx.metadata["list"][1].pop("a"),
    "setdefault": lambda ctx: ctx.metadata.setdefault("k", 1),
    "popitem": lambda ctx: ctx.metadata.popitem(),
    "del": lambda ctx: ctx.metadata.__delitem__("list"),
    "attachments": lambda ctx: ctx.attachments.append(AtPath("x")),
    "an attachment": lambda ctx: setattr(ctx.attachments[0], "path", "x"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
async def test_a_hook_that_changes_the_context_in_place_is_refused(change: Any) -> None:
    """F9."""
    kernel = HookKernel()
    kernel.register(inline(change, "pre_tool_use", on_error="ignore"), "vandal")
    ctx = everything()
    before = copy.deepcopy(ctx)
    outcome = await kernel.run_pre(ctx)
    assert outcome.report.failed_open == 1
    assert (
        outcome.context
        == before
        == everything().evolve(correlation_id=ctx.correlation_id, ts_ms=ctx.ts_ms)
    )


def test_what_is_put_into_a_context_is_copied() -> None:
    """F9: nobody keeps a way in."""
    given: dict[str, Any] = {"list": [1]}
    ctx = tool_use(metadata=given, tool={"input": given})
    mutation = Mutate(metadata=given, tool_input=given)
    given["list"].append(2)
    given["more"] = 1
    assert ctx.metadata == {"list": (1,)}
    assert ctx.tool is not None
    assert ctx.tool.input == mutation.tool_input == mutation.metadata == {"list": (1,)}


def test_frozen_json_reads_like_json() -> None:
    """F9."""
    ctx = tool_use(tool={"input": {"a": [1, {"b": None}]}})
    assert ctx.tool is not None
    assert json.loads(json.dumps(ctx.tool.input)) == {"a": [1, {"b": None}]}
    assert pickle.loads(pickle.dumps(ctx.tool.input)) == ctx.tool.input  # noqa: S301
    assert copy.copy(ctx.tool.input) is ctx.tool.input
    given: Any = ctx.tool.input
    assert given | {"c": 1} == {"a": (1, {"b": None}), "c": 1}
    assert hash(ctx.tool.input) == hash(freeze({"a": [1, {"b": None}]}, "x"))


class Colour(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


class Heavy(float):
    hidden: list[int]


def test_subclasses_of_json_values_become_what_json_takes_them_for() -> None:
    """F9: a subclass could carry something that can be changed."""
    frozen = freeze({Colour.RED: [Colour.RED, Number.ONE, Heavy(1.5), True, None]}, "x")
    assert frozen == {"red": ("red", 1, 1.5, True, None)}
    assert [type(key) for key in frozen] == [str]
    assert [type(item) for item in frozen["red"]] == [str, int, float, bool, type(None)]


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf, Heavy("inf")])
def test_numbers_that_json_does_not_have_are_refused(number: float) -> None:
    """K7: nobody who is handed them as JSON could read them."""
    with pytest.raises(InvalidDecision, match="JSON has no such number"):
        Mutate(metadata={"a": [number]})


def test_a_complaint_names_the_place_and_repeats_no_text() -> None:
    """K8: it is put into reports, and a key may be what somebody has typed."""
    for key, place in (("words", "['words']"), ("my password is x", "[…]"), ("x" * 41, "[…]")):
        with pytest.raises(InvalidDecision, match=re.escape(f"metadata{place}[1] is a set")):
            Mutate(metadata={key: [0, set()]})


def nested(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


def test_nesting_is_bounded() -> None:
    """K7, with its control: everything later reads these values recursively."""
    freeze(nested(MAX_NESTING), "x")
    cyclic: list[Any] = []
    cyclic.append(cyclic)
    for value in (nested(MAX_NESTING + 1), nested(100_000), cyclic):
        with pytest.raises(TypeError, match="nests more than 100 levels deep"):
            freeze(value, "x")
        with pytest.raises(InvalidDecision, match="deep"):
            Mutate(metadata={"a": value})


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (1, True),
        (0, False),
        (1, 1.0),
        ("", None),
        ([1, 1], [1, True]),
        ([1], [1, 2]),
        ({"a": 1, "b": 1}, {"a": 1, "b": 1.0}),
        ({"a": 1}, {"b": 1}),
    ],
)
def test_values_that_differ_in_json_differ(one: Any, other: Any) -> None:
    """K7."""
    assert not same(freeze([one], "x"), freeze([other], "x"))
    assert same(freeze([one], "x"), freeze([one], "x"))


@pytest.mark.parametrize(
    ("phase", "change"),
    [
        (HookPhase.PRE_SESSION_START, Mutate(prompt="x")),
        (HookPhase.PRE_SESSION_START, Mutate(add_attachments=[AtPath("x")])),
        (HookPhase.PRE_TURN, Mutate(tool_input={})),
        (HookPhase.PRE_RUN, Mutate(tool_output="")),
        (HookPhase.PRE_TOOL_USE, Mutate(prompt="")),
        (HookPhase.PRE_TOOL_USE, Mutate(model="x")),
        (HookPhase.PRE_TOOL_USE, Mutate(tool_output=[])),
    ],
)
async def test_a_mutation_that_the_phase_cannot_carry_blocks(
    phase: HookPhase, change: Mutate
) -> None:
    """K7."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: change, phase), "mutator")
    ctx = tool_use() if phase is HookPhase.PRE_TOOL_USE else HookContext(phase=phase)
    outcome = await kernel.run_pre(ctx)
    assert outcome.blocked is not None
    assert f"{phase} cannot change" in outcome.blocked.message
    assert outcome.blocked.message.endswith("metadata")
    assert outcome.report.issues[0].kind is IssueKind.VALIDATION


@pytest.mark.parametrize(
    ("phase", "change", "made"),
    [
        (
            HookPhase.PRE_SESSION_START,
            Mutate(model="x", metadata={"k": 1}),
            {"model": "x", "metadata": {"k": 1}},
        ),
        (
            HookPhase.PRE_TURN,
            Mutate(prompt="x", add_attachments=[ImageUrl("u")]),
            {"prompt": "x", "attachments": (ImageUrl("u"),)},
        ),
        (HookPhase.PRE_RUN, Mutate(prompt="", model="x"), {"prompt": "", "model": "x"}),
        (HookPhase.PRE_RUN, Mutate(metadata={"k": 1}), {"metadata": {"k": 1}}),
        (
            HookPhase.PRE_TOOL_USE,
            Mutate(tool_input={"command": "pwd"}),
            {"tool": tool_use(tool={"input": {"command": "pwd"}}).tool},
        ),
    ],
)
async def test_a_mutation_that_the_phase_can_carry_is_made_and_no_other(
    phase: HookPhase, change: Mutate, made: dict[str, Any]
) -> None:
    """K7, the control: what is left out stays as it is."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: change, phase), "mutator")
    tool = tool_use().tool if phase is HookPhase.PRE_TOOL_USE else None
    ctx = HookContext(phase=phase, prompt="p", model="m", tool=tool)
    outcome = await kernel.run_pre(ctx)
    assert outcome.report.is_clean
    assert outcome.context == ctx.evolve(**made)


@pytest.mark.parametrize(
    ("change", "output"), [(Mutate(tool_output=[]), ()), (Mutate(metadata={"k": 1}), "data")]
)
async def test_a_tools_output_can_be_replaced_after_its_use(change: Mutate, output: object) -> None:
    """K7, G10: the control is a change of something else."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: change, "post_tool_use"), "redactor")
    outcome = await kernel.run_post(tool_use(HookPhase.POST_TOOL_USE, tool={"output": "data"}))
    assert outcome.context.tool is not None
    assert outcome.context.tool.output == output


@pytest.mark.parametrize(
    ("phase", "change"),
    [
        (HookPhase.PRE_TOOL_USE, Mutate(tool_input={"command": "ls"})),
        (HookPhase.POST_TOOL_USE, Mutate(tool_output=["data"])),
    ],
)
async def test_a_tool_that_is_changed_into_itself_is_not_changed(
    phase: HookPhase, change: Mutate
) -> None:
    """K3: it costs nobody a second look."""
    run = HookKernel().run()
    for name in "ab":
        run.register(inline(lambda ctx: change, phase, recheck=True), name)
    ctx = tool_use(phase, tool={"output": ["data"]})
    outcome = await (run.pre(ctx) if phase.is_pre else run.post(ctx))
    assert outcome.context is ctx
    assert len(outcome.report.calls) == 2


async def test_attachments_are_added_once_and_metadata_merges_key_by_key() -> None:
    """K7."""
    kernel = HookKernel()
    change = Mutate(
        add_attachments=[AtPath("a"), AtPath("b"), AtPath("b")], metadata={"b": {"x": 1}}
    )
    kernel.register(inline(lambda ctx: change), "mutator")
    outcome = await kernel.run_pre(
        turn(attachments=(AtPath("a"),), metadata={"a": 1, "b": {"y": 2}})
    )
    assert outcome.context.attachments == (AtPath("a"), AtPath("b"))
    assert outcome.context.metadata == {"a": 1, "b": {"x": 1}}


async def test_metadata_travels_to_the_later_phases_of_the_run_and_of_no_other() -> None:
    """K7."""
    kernel = HookKernel()
    seen: list[dict[str, Any]] = []
    kernel.register(inline(lambda ctx: Mutate(metadata={"k": 1}), "pre_run"), "mutator")
    kernel.register(inline(lambda ctx: seen.append(dict(ctx.metadata))), "observer")
    async with kernel.run() as run, kernel.run() as other:
        await run.pre(run.context(HookPhase.PRE_RUN))
        told = run.context(HookPhase.PRE_TURN)
        assert (told.correlation_id, told.metadata) == (run.correlation_id, {"k": 1})
        await run.pre(told)
        await run.pre(turn(metadata={"own": 2}))
        await other.pre(other.context(HookPhase.PRE_TURN))
    assert seen == [{"k": 1}, {"k": 1, "own": 2}, {}]


@pytest.mark.parametrize(
    "make",
    [
        lambda: Mutate(prompt=1),  # type: ignore[arg-type]
        lambda: Mutate(model=b"x"),  # type: ignore[arg-type]
        lambda: Mutate(metadata=[]),  # type: ignore[arg-type]
        lambda: Mutate(metadata={1: 2}),  # type: ignore[dict-item]
        lambda: Mutate(tool_input={"a": object()}),
        lambda: Mutate(tool_output={1, 2}),
        lambda: Mutate(add_attachments=["path"]),  # type: ignore[list-item]
        lambda: Mutate(add_attachments=[AtPath(["path"])]),  # type: ignore[arg-type]
        lambda: Mutate(add_attachments=[Skill("name", None)]),  # type: ignore[arg-type]
        lambda: Block(""),
        lambda: Block(None),  # type: ignore[arg-type]
        lambda: Ask("  "),
    ],
)
def test_a_decision_that_could_not_be_carried_out_cannot_be_made(make: Any) -> None:
    """K7."""
    with pytest.raises(InvalidDecision):
        make()


@pytest.mark.parametrize(
    "item", [AtPath("a"), AtPath("a", "@a"), ImageUrl("u"), LocalImage("p"), Skill("n", "p")]
)
def test_every_kind_of_attachment_can_be_added(item: Any) -> None:
    """K7, the control."""
    assert Mutate(add_attachments=[item]).add_attachments == (item,)


@pytest.mark.parametrize(
    ("decision", "field"),
    [(Block("no"), "message"), (Ask("sure?"), "message"), (Mutate(prompt="x"), "prompt")],
)
def test_a_decision_cannot_be_changed_after_it_is_made(decision: Decision, field: str) -> None:
    """F9: wrappers are given those of others."""
    with pytest.raises(FrozenInstanceError):
        setattr(decision, field, "yes")


def test_a_tool_phase_needs_a_tool_of_a_known_kind() -> None:
    with pytest.raises(TypeError, match="needs tool="):
        HookContext(phase=HookPhase.PRE_TOOL_USE)
    with pytest.raises(TypeError, match="it is one of command"):
        ToolCall(call_id="1", name="x", kind="shell")  # type: ignore[arg-type]


def test_phases_know_their_side_and_their_counterpart() -> None:
    assert [phase for phase in HookPhase if phase.is_pre] == [
        "pre_run", "pre_session_start", "pre_turn", "pre_tool_use",
    ]  # fmt: skip
    assert all(phase.counterpart.counterpart is phase for phase in HookPhase)
    assert all(phase.counterpart.is_pre is not phase.is_pre for phase in HookPhase)
