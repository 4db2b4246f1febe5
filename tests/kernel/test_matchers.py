"""When a hook is asked at all: K13."""

from pathlib import Path
from typing import Any

import pytest

from codex_hooks import Block, HookKernel, HookMatcher, HookPhase
from hooked import inline, tool_use, turn


@pytest.mark.parametrize(
    ("folder", "cwd", "matches"),
    [
        ("/project", "/project", True),
        ("/project", "/project/sub/dir", True),
        ("/project", "/project/", True),
        ("/project/", "/project", True),
        ("/project", "//project", True),
        ("/project", "///project", True),
        ("//project", "/project", True),
        ("/project", "/other/../project", True),
        ("/project", "/./project/./x", True),
        ("/", "/anything", True),
        ("/project", "/project2", False),
        ("/project", "/project/../etc", False),
        ("/project", "/", False),
        ("/project", "/other/project", False),
        ("/project/a/../b", "/project/a", False),
        ("/project/a/../b", "/project/b", True),
    ],
)
def test_a_folder_matches_by_whole_segments_after_normalisation(
    folder: str, cwd: str, matches: bool
) -> None:
    """K13."""
    assert HookMatcher(cwd=folder).matches(turn(cwd=cwd)) is matches
    assert HookMatcher(cwd=Path(folder)).matches(turn(cwd=Path(cwd))) is matches


@pytest.mark.parametrize("cwd", [None, "relative/path", ""])
def test_where_the_context_does_not_say_the_hook_is_asked(cwd: str | None) -> None:
    """K13: a guard too many beats a guard too few."""
    assert HookMatcher(cwd="/project").matches(turn(cwd=cwd))


@pytest.mark.parametrize(
    ("matcher", "matches"),
    [
        (HookMatcher(tool_name="Bash"), True),
        (HookMatcher(tool_name="B*"), True),
        (HookMatcher(tool_name="bash"), False),
        (HookMatcher(tool_name="Bas"), False),
        (HookMatcher(tool_kind="command"), True),
        (HookMatcher(tool_kind="mcp"), False),
        (HookMatcher(phases=[HookPhase.PRE_TOOL_USE]), True),
        (HookMatcher(phases={HookPhase.PRE_TURN}), False),
        (HookMatcher(tool_name="Bash", tool_kind="mcp"), False),
        (HookMatcher(), True),
    ],
)
async def test_all_that_a_matcher_says_has_to_hold(matcher: HookMatcher, matches: bool) -> None:
    """K13."""
    kernel = HookKernel()
    kernel.register(inline(lambda ctx: Block("no"), "pre_tool_use", match=matcher), "guard")
    kernel.register(inline(lambda ctx: None, "pre_tool_use"), "other")
    outcome = await kernel.run_pre(tool_use())
    assert (outcome.blocked is not None) is matches


def test_a_matcher_about_tools_holds_for_no_phase_without_one() -> None:
    """K13."""
    assert not HookMatcher(tool_kind="command").matches(turn())
    assert not HookMatcher(tool_name="*").matches(turn())


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"phases": "pre_turn"}, TypeError),
        ({"phases": ["pre_lunch"]}, ValueError),
        ({"tool_kind": "shell"}, ValueError),
        ({"cwd": "relative"}, ValueError),
        ({"cwd": Path("relative")}, ValueError),
        ({"cwd": b"/project"}, ValueError),
        ({"cwd": 7}, TypeError),
        ({"phases": []}, ValueError),
        ({"tool_name": ["Bash"]}, TypeError),
        ({"tool_name": ""}, TypeError),
    ],
)
def test_a_matcher_that_could_never_match_cannot_be_made(
    fields: dict[str, Any], error: type[Exception]
) -> None:
    """K13."""
    with pytest.raises(error):
        HookMatcher(**fields)


async def test_wrappers_have_matchers_too() -> None:
    """K13, K1."""
    kernel = HookKernel()
    asked: list[str] = []

    def around(ctx: object) -> Any:
        asked.append("asked")
        yield

    match = HookMatcher(cwd="/project")
    kernel.register(inline(around, wrapper=True, match=match), "wrapper")
    await kernel.run_pre(turn(cwd="/elsewhere"))
    assert asked == []
    await kernel.run_pre(turn(cwd="/project"))
    assert asked == ["asked"]
