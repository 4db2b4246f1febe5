"""The policies of docs/recipes.md do what the page says, and keep the hook contract."""

from __future__ import annotations

import json
from typing import Any

import pytest

from codex_hooks import HookPhase, ToolApproval
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
from docs.test_pages import ROOT, blocks


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "recipes"}
    for _, source in blocks(ROOT / "docs" / "recipes.md", "python"):
        exec(source, namespace)
    return namespace


def adding(path: str, **fields: Any) -> Any:
    return patch(f"*** Begin Patch\n*** Add File: {path}\n+tea\n*** End Patch", **fields)


def test_only_these_models(page: dict[str, Any]) -> None:
    models = page["Models"](page["Models"].Options(allowed=("small", "large")))
    assert_mutates(models, session(model=None), model="small")
    assert_passes(models, session(model="large"))
    assert_passes(models, prompt("hi", model="large"))
    assert_blocks(models, prompt("hi", model="huge"), match="small or large")
    assert not check_plugin(models).findings


def test_a_change_outside_of_a_folder_is_asked_about(page: dict[str, Any]) -> None:
    policy = page["AskOutside"]("/project/scratch")
    for inside in ("scratch/notes", "/project/scratch/notes", "scratch/../scratch/notes"):
        assert_passes(policy, adding(inside))
    for outside in ("notes", "scratch/../notes", "/project/scratch2/notes", "/etc/passwd"):
        assert_asks(policy, adding(outside), match=outside)
    assert_asks(policy, adding("scratch/notes", cwd=None))
    assert_asks(policy, command("apply_patch <<EOF\n*** Add File: notes\n+tea\nEOF"))
    assert_passes(policy, command("ls"))
    assert not check_plugin(policy).findings


def test_only_these_mcp_servers(page: dict[str, Any]) -> None:
    policy = page["McpTools"]()
    search = tool("mcp__docs__search", {"query": "tea"}, kind="mcp")
    assert_mutates(policy, search, tool_input={"query": "tea", "tenant": "acme"})
    assert_passes(policy, tool("mcp__docs__read_page", {"tenant": "acme"}, kind="mcp"))
    assert_blocks(policy, tool("mcp__docs__write", {}, kind="mcp"), match="not among")
    assert_blocks(policy, tool("mcp__other__search", {}, kind="mcp"))
    assert_passes(policy, tool("read_mcp_resource", {"server": "docs"}, kind="mcp"))
    assert_blocks(policy, tool("read_mcp_resource", {"server": "other"}, kind="mcp"))
    assert_mutates(
        policy,
        tool_output({"content": [{"text": "it is hunter2"}], "isError": False}, of=search),
        tool_output={"content": ({"text": "it is ***"},), "isError": False},
    )
    assert_passes(policy, tool_output("nothing", of=search))
    assert not check_plugin(policy).findings


def test_a_budget_counts_each_use_once_and_each_thread_for_itself(page: dict[str, Any]) -> None:
    budget = page["Budget"](page["Budget"].Options(tool_uses=2))
    assert_passes(budget, command("ls"))
    assert_passes(budget, command("ls", approval=ToolApproval(kind="command")))
    assert_passes(budget, command("ls", thread_id="child", parent_thread_id="thr_test"))
    assert_blocks(budget, command("ls"), match="all 2")
    assert_passes(budget, command("ls", thread_id="another"))
    assert_passes(budget, session("post_session_start", status="ok"))
    assert_passes(budget, command("ls"))
    assert not check_plugin(budget).findings


def test_telemetry_tells_one_trace_from_the_next(page: dict[str, Any]) -> None:
    telemetry = page["Telemetry"]()
    ctx = command("ls")
    ask(telemetry, ctx)
    span, report = map(json.loads, telemetry.lines)
    assert span["trace"] == report["correlation_id"] == ctx.correlation_id
    assert (span["name"], span["decisions"]) == (HookPhase.PRE_TOOL_USE, [])
    assert span["start"] <= span["end"]
    assert [call["call_id"] for call in report["calls"]] == ["call_1"]
