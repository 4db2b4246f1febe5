"""docs/runtime.md: every example of it, run on the real codex."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from codex_hooks_runtime import ClientConfig, RunProfile, Runtime
from codex_hooks_runtime.testing import CodexHome, Hang, Say, ScriptedModel

if TYPE_CHECKING:
    from codex_hooks_runtime.testing import ModelRequest, Step

GUIDE = (Path(__file__).parents[2] / "docs/runtime.md").read_text()


def examples() -> dict[str, Any]:
    guide: dict[str, Any] = {"__name__": "guide"}
    for source in re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL):
        exec(source, guide)
    return {
        name: value
        for name, value in guide.items()
        if inspect.iscoroutinefunction(value) and value.__module__ == "guide"
    }


def answer(request: ModelRequest) -> Step:
    if any("every file" in text for text in request.user_texts):
        return Hang()  # for as long as it takes to change one's mind
    return Say('{"files": []}' if "format" in request.body.get("text", {}) else "As you say.")


@pytest.mark.codex
@pytest.mark.parametrize("name", examples())
async def test_an_example_of_the_guide_works(name: str, tmp_path: Path) -> None:
    example = examples()[name]
    with ScriptedModel(answer) as model, CodexHome(model.base_url) as home:
        given = {
            "config": ClientConfig(load_installed=False, env=home.env),
            "cwd": tmp_path,
        }
        await example(**{name: given[name] for name in inspect.signature(example).parameters})
    assert model.unexpected == ()


def test_every_field_of_a_profile_is_in_the_guide() -> None:
    table = GUIDE[GUIDE.index("## How a prompt is run") : GUIDE.index("## Attachments")]
    fields = set(RunProfile.model_fields)
    assert {name for name in fields if f"`{name}`" not in table} == set()


def test_every_method_of_the_runtime_that_the_guide_names_is_there() -> None:
    named = set(re.findall(r"`((?:thread|turn|run|skills|stream)_\w+)`", GUIDE))
    assert "thread_fork" in named
    assert {name for name in named if not hasattr(Runtime, name)} <= {"turn_id", "thread_id"}
