"""Every kind of tool use passes ``pre_tool_use`` once before, and ``post_tool_use`` once after."""

from __future__ import annotations

import base64
import json
import sys
from typing import TYPE_CHECKING, Any

import pytest

from codex_hooks import Allow, Block, Mutate
from codex_hooks_runtime import ConfigError, DynamicTool, SessionConfig
from codex_hooks_runtime.testing import ApplyPatch, CallTool, RunCode, RunCommand, Say
from runtime.gate import notes_server
from runtime.gate.gated import Tools, asks, by_prompt, gated, told, tool_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from codex_hooks import Decision, HookContext
    from codex_hooks_runtime.testing import ModelRequest, Step

pytestmark = pytest.mark.codex

SECRET = "SWORDFISH"
NOTES = (
    f"\n[mcp_servers.notes]\ncommand = {json.dumps(sys.executable)}\n"
    # Required, so that Codex waits for it to start.
    f"args = [{json.dumps(notes_server.__file__)}]\nrequired = true\n"
    "startup_timeout_sec = 60\n"
)
PATCH = """\
*** Begin Patch
*** Add File: made
+hi
*** Update File: key
@@
-SWORDFISH
+CARP
*** End Patch
"""
PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def answer(arguments: Mapping[str, Any]) -> str:
    return f"the answer to {arguments['q']}"


ANSWER = DynamicTool(name="answer", description="Answers.", function=answer)


def accept(ctx: HookContext) -> Decision | None:
    return Allow() if asks(ctx) else None


async def test_every_kind_of_tool_is_seen_once_before_and_once_after(tmp_path: Path) -> None:
    """G1, G3, G5, G10: the trail of what was seen, of what was recorded, and what came of it."""
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "pixel.png").write_bytes(PIXEL)
    steps: list[Step] = [
        RunCommand("cat key"),
        ApplyPatch(PATCH),
        CallTool("look", {"name": "a"}, namespace="mcp__notes"),
        CallTool("note", {"path": str(tmp_path / "note")}, namespace="mcp__notes"),
        CallTool("list_mcp_resources"),
        CallTool("answer", {"q": "x"}),
        CallTool("view_image", {"path": "pixel.png"}),
        CallTool("create_goal", {"objective": "x"}),
        CallTool("get_goal"),
        CallTool("update_goal", {"status": "complete"}),
        Say("done"),
    ]
    plugin = Tools(accept)
    async with gated(steps, plugin, extra_config=NOTES) as (client, model):
        config = SessionConfig(
            cwd=tmp_path,
            approval_policy="on-request",
            sandbox_policy="workspace-write",
            tools=(ANSWER,),
        )
        async with await client.start_session(config) as session:
            await session.ask("go on")
        records = client.tool_uses

    names = ["Bash", "apply_patch", "mcp__notes__look", "mcp__notes__note", "list_mcp_resources"]
    names += ["answer", "view_image", "create_goal", "get_goal", "update_goal"]
    kinds = ["command", "file_change", "mcp", "mcp", "mcp", "dynamic"] + ["other"] * 4
    assert plugin.uses == [
        (phase, name) for name in names for phase in ("pre_tool_use", "post_tool_use")
    ]
    natives = [record for record in records if record.via in {"native", "dynamic"}]
    assert [(record.name, record.kind) for record in natives] == list(
        zip(names, kinds, strict=True)
    )
    assert [record.call_id for record in natives] == [f"call_{n}" for n in range(1, 11)]
    assert {record.via for record in natives if record.kind == "dynamic"} == {"dynamic"}
    assert all(record.allowed for record in records)
    # The one that Codex itself asked about, after us:
    (asked,) = (record for record in records if record.via == "approval")
    assert (asked.name, asked.decision, asked.decided_by) == ("mcp__notes__note", "allow", "Tools")

    outputs = {
        tool_of(ctx).name: tool_of(ctx).output for ctx in plugin.seen if not ctx.phase.is_pre
    }
    assert outputs["Bash"] == SECRET
    assert outputs["mcp__notes__look"]["structuredContent"] == {"result": "looked at a"}
    assert model.requests[-1].tool_outputs["call_6"] == "the answer to x"
    patch = next(tool_of(ctx) for ctx in plugin.seen if tool_of(ctx).kind == "file_change")
    assert patch.input == {"command": PATCH}
    assert patch.paths == ("made", "key")
    assert (tmp_path / "made").read_text() == "hi\n"
    assert (tmp_path / "note").read_text() == "noted"


REWRITES: dict[str, dict[str, Any]] = {
    "Bash": {"command": "echo instead"},
    "apply_patch": {"command": "*** Begin Patch\n*** Add File: other\n+hi\n*** End Patch\n"},
    "mcp__notes__look": {"name": "instead"},
    "answer": {"q": "instead"},
}


@pytest.mark.parametrize("blocks", [True, False])
async def test_every_kind_can_be_blocked_and_what_takes_an_input_rewritten(
    tmp_path: Path, *, blocks: bool
) -> None:
    """G4: the test above is the control, in which all of them happen."""
    (tmp_path / "key").write_text(SECRET)
    (tmp_path / "pixel.png").write_bytes(PIXEL)
    steps: list[Step] = [
        RunCommand("cat key"),
        ApplyPatch(PATCH),
        CallTool("look", {"name": "a"}, namespace="mcp__notes"),
        CallTool("answer", {"q": "x"}),
    ]
    if blocks:
        steps += [
            CallTool("view_image", {"path": "pixel.png"}),
            CallTool("create_goal", {"objective": "x"}),
            CallTool("spawn_agent", {"message": "child task"}, namespace="multi_agent_v1"),
        ]

    def decide(ctx: HookContext) -> Decision | None:
        if blocks:
            return Block(f"no {tool_of(ctx).name} here")
        return Mutate(tool_input=REWRITES[tool_of(ctx).name])

    plugin = Tools(decide)
    async with gated([*steps, Say("done")], plugin, extra_config=NOTES) as (client, model):
        config = SessionConfig(cwd=tmp_path, sandbox_policy="workspace-write", tools=(ANSWER,))
        async with await client.start_session(config) as session:
            await session.ask("go on")
    outputs = list(model.requests[-1].tool_outputs.values())

    assert not any(SECRET in request.text.partition("go on")[2] for request in model.requests[:2])
    assert not (tmp_path / "made").exists()
    if blocks:
        names = [tool_of(ctx).name for ctx in plugin.seen]
        assert len(names) == len(steps)
        for name, output in zip(names, outputs, strict=True):
            assert f"no {name} here (blocked by plugin Tools)" in output
    else:
        assert (tmp_path / "other").exists()
        for output, part in zip(outputs, ["instead", "A other", "instead", "instead"], strict=True):
            assert part in output
        afterwards = [tool_of(ctx).input for ctx in plugin.seen if not ctx.phase.is_pre]
        assert afterwards == list(REWRITES.values())


async def test_what_sub_agents_do_is_under_their_parents_plugins(tmp_path: Path) -> None:
    """G9, K9: with the control, in which the child reads what it is told to."""
    (tmp_path / "key").write_text(SECRET)

    def script(request: ModelRequest) -> Step:
        outputs = request.tool_outputs
        if "child task" in request.user_texts[-1]:
            return Say("child done") if outputs else RunCommand("cat key", call_id="of_child")
        if not outputs:
            return CallTool("spawn_agent", {"message": "child task"}, namespace="multi_agent_v1")
        if len(outputs) == 1:
            child = json.loads(next(iter(outputs.values())))["agent_id"]
            waiting = {"targets": [child], "timeout_ms": 30_000}
            return CallTool("wait_agent", waiting, namespace="multi_agent_v1")
        return Say("done")

    def keep_keys(ctx: HookContext) -> Decision | None:
        return Block("no keys") if tool_of(ctx).kind == "command" else None

    for plugin in (Tools(), Tools(keep_keys)):
        async with (
            gated(script) as (client, model),
            await client.start_session(
                SessionConfig(cwd=tmp_path, plugins=(plugin,), metadata={"tenant": "a"})
            ) as session,
        ):
            await session.ask("go on")
            (of_child,) = (use for use in client.tool_uses if use.kind == "command")
            assert of_child.parent_thread_id == session.thread_id != of_child.thread_id
        (before,) = (
            ctx for ctx in plugin.seen if ctx.phase.is_pre and tool_of(ctx).call_id == "of_child"
        )
        assert before.thread_id == of_child.thread_id
        assert before.parent_thread_id == session.thread_id
        assert before.metadata == {"tenant": "a"}
        assert plugin.uses[0] == ("pre_tool_use", "spawn_agent")
        reached = any(SECRET in request.text for request in model.requests)
        assert reached == of_child.allowed


async def test_what_code_calls_is_seen_call_by_call(tmp_path: Path) -> None:
    """G3: in code mode, ids are not the model's; parallel calls each have a verdict."""
    (tmp_path / "key").write_text(SECRET)
    code = """
        text(await tools.answer({q: "x"}));
        const all = ["echo a", "cat key", "echo b"].map((cmd) => tools.exec_command({cmd}));
        text(JSON.stringify(await Promise.allSettled(all)));
    """

    def keep_keys(ctx: HookContext) -> Decision | None:
        return Block("no keys") if "key" in str(tool_of(ctx).input) else None

    plugin = Tools(keep_keys)
    steps: list[Step] = [RunCode(code), Say("done")]
    async with gated(steps, plugin, model_name="gpt-5.6-sol") as (client, model):
        async with await client.start_session(
            SessionConfig(cwd=tmp_path, tools=(ANSWER,))
        ) as session:
            await session.ask("go on")
        assert len({use.call_id for use in client.tool_uses}) == 4
    output = model.requests[-1].tool_outputs["call_1"]
    assert "the answer to x" in output
    assert "no keys" in output
    assert SECRET not in output
    assert sorted(plugin.uses) == sorted(
        [("pre_tool_use", "answer"), ("post_tool_use", "answer")]
        + [("pre_tool_use", "Bash")] * 3
        + [("post_tool_use", "Bash")] * 2
    )


async def test_a_use_that_codex_itself_refuses_has_its_post_hook_all_the_same(
    tmp_path: Path,
) -> None:
    """G1, G5: once before, once after, though the agent was never let; and Codex's no stands."""
    plugin = Tools()
    patch = "*** Begin Patch\n*** Add File: made\n+hi\n*** End Patch\n"
    async with gated([ApplyPatch(patch), Say("done")], plugin) as (client, _):
        await client.run(tmp_path, "go on")
    before, after = plugin.seen
    assert (before.phase, after.phase) == ("pre_tool_use", "post_tool_use")
    assert after.status in {"error", "interrupted"}
    assert tool_of(after).call_id == tool_of(before).call_id
    assert not (tmp_path / "made").exists()


async def test_a_patch_in_the_hands_of_a_shell_shows_its_paths(tmp_path: Path) -> None:
    """G1: Codex takes it out of the shell's hands; what the tripwire sees then is a file change."""
    script = f"apply_patch <<'EOF'\n{PATCH}EOF\n"
    (tmp_path / "key").write_text(SECRET)
    plugin = Tools()
    async with gated([RunCommand(script), Say("done")], plugin) as (client, _):
        await client.run(tmp_path, "go on", sandbox_policy="workspace-write")
        assert [use.decision for use in client.tool_uses] == ["nothing"]
    assert tool_of(plugin.seen[0]).kind == "command"
    assert tool_of(plugin.seen[0]).paths == ("made", "key")
    assert (tmp_path / "made").exists()
    assert [phase for phase, _ in plugin.uses] == ["pre_tool_use", "post_tool_use"]


async def test_a_use_is_known_however_its_input_is_written(tmp_path: Path) -> None:
    """G3, G7: Codex shows paths in another form than the patch, and no NUL at all."""
    patch = "*** Begin Patch\n*** Add File: ./a//b/../made\n+hi\n*** End Patch\n"
    commands = ["echo a\0b", "echo 'a'\necho \"b\"", "echo $'a\\tb' # é", "\x1b[31mecho"]
    steps: list[Step] = [ApplyPatch(patch), *map(RunCommand, commands), Say("done")]
    plugin = Tools()
    async with gated(steps, plugin) as (client, _):
        await client.run(tmp_path, "go on", sandbox_policy="workspace-write")
        assert [use.decision for use in client.tool_uses] == ["nothing"] * 5
    assert sorted(phase for phase, _ in plugin.uses) == ["post_tool_use"] * 5 + ["pre_tool_use"] * 5
    assert (tmp_path / "a" / "made").exists()


def fails(_arguments: Mapping[str, Any]) -> str:
    raise RuntimeError("no luck")


async def test_a_tool_of_ours_may_be_plain_or_fail_and_the_model_learns_of_it(
    tmp_path: Path,
) -> None:
    tools = (
        DynamicTool(name="plain", description="", function=lambda given: {"got": dict(given)}),
        DynamicTool(name="fails", description="", function=fails),
    )
    scripts: dict[str, list[Step]] = {
        "plain": [CallTool("plain", {"a": 1}), Say("ok")],
        "fails": [CallTool("fails", {}), Say("ok")],
    }
    async with gated(by_prompt(scripts)) as (client, model):
        for prompt in scripts:
            await client.run(tmp_path, prompt, tools=tools)
    assert told(model, "plain") == '{"got": {"a": 1}}'
    assert "the tool failed: RuntimeError: no luck" in told(model, "fails")


async def test_a_tool_needs_a_gate_and_a_name_that_models_take(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="letters, digits"):
        DynamicTool(name="no spaces", description="", function=fails)
    for taken in ("Bash", "apply_patch", "view_image", "mcp__notes__look"):
        with pytest.raises(ConfigError, match="Codex has tools called"):
            DynamicTool(name=taken, description="", function=fails)
    async with gated([], tool_gate="off") as (client, _):
        with pytest.raises(ConfigError, match="behind the gate"):
            await client.run(tmp_path, "go on", tools=(ANSWER,))
