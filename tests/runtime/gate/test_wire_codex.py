"""Verdicts on the wire of the real codex: each does what it says."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codex_hooks_runtime._errors import GateNotArmed
from codex_hooks_runtime._gate._arming import hook_config, went_unheard
from codex_hooks_runtime._gate._payload import (
    Deny,
    Proceed,
    Reply,
    Rewrite,
    ToolHookEvent,
    Withhold,
)
from codex_hooks_runtime.testing import ApplyPatch, Say
from runtime.gate.asking import admitted
from runtime.gate.bare_server import READ, SECRET, codex, only_before

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex


async def test_without_the_gate_the_command_runs(tmp_path: Path) -> None:
    """The control of all that follows."""
    async with codex(READ, tmp_path) as server:
        thread_id = await server.start({})
        assert await server.turn(thread_id) == []
        assert SECRET in server.told()
        with pytest.raises(GateNotArmed):
            await server.confirm(thread_id, hook_config("exit 0"))


async def test_what_is_denied_does_not_happen_and_the_model_is_told_why(tmp_path: Path) -> None:
    """G1, G2, G4, G6."""
    async with (
        codex(READ, tmp_path) as server,
        admitted(only_before(Deny("secrets stay secret: read `public`"))) as admission,
    ):
        config = hook_config(admission.command)
        thread_id = await server.start(config)
        await server.confirm(thread_id, config)
        (run,) = await server.turn(thread_id)
        assert run["run"]["status"] == "blocked"
        assert went_unheard(run) is None
        assert "secrets stay secret: read `public`" in server.told()
        assert not server.saw(SECRET)


async def test_what_may_proceed_runs_and_is_seen_before_and_after(tmp_path: Path) -> None:
    """G1, G10."""
    events: list[ToolHookEvent] = []

    async def answer(event: ToolHookEvent) -> Reply:
        events.append(event)
        return Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        runs = await server.turn(thread_id)
        assert [went_unheard(run) for run in runs] == [None, None]
        assert SECRET in server.told()
    first, second = events
    assert (first.event, second.event) == ("PreToolUse", "PostToolUse")
    assert first.session_id == second.session_id == thread_id
    assert first.tool_use_id == second.tool_use_id == "call_1"
    assert first.tool_name == "Bash"
    assert first.tool_input == second.tool_input == {"command": "cat secret"}
    assert second.tool_response == SECRET


async def test_what_is_rewritten_runs_as_it_was_rewritten(tmp_path: Path) -> None:
    """G4."""
    async with (
        codex(READ, tmp_path) as server,
        admitted(only_before(Rewrite({"command": "cat public"}))) as admission,
    ):
        thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert "nothing much" in server.told()
        assert not server.saw(SECRET)


async def test_output_that_is_withheld_does_not_reach_the_model(tmp_path: Path) -> None:
    """G4, G10."""

    async def answer(event: ToolHookEvent) -> Reply:
        return Withhold("it was a secret") if event.event == "PostToolUse" else Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert server.told() == "it was a secret"
        assert not server.saw(SECRET)


async def test_a_patch_is_denied_like_a_command(tmp_path: Path) -> None:
    """G1."""
    patch = "*** Begin Patch\n*** Add File: made\n+hi\n*** End Patch\n"
    script: list[Step] = [ApplyPatch(patch), Say("done")]
    async with (
        codex(script, tmp_path) as server,
        admitted(only_before(Deny("no files here"))) as admission,
    ):
        thread_id = await server.start(hook_config(admission.command), "workspace-write")
        await server.turn(thread_id)
        assert "no files here" in server.told()
        assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "reply",
    [
        Deny(""),
        Deny("\u00a0"),
        Deny("\ud800"),
        Deny("\x00\x1b[2J" * 5_000),
        Withhold("after"),
        Rewrite({"command": "cat secret", "x": float("nan")}),
        Rewrite({"command": "\ud800"}),
        None,
    ],
)
async def test_replies_that_codex_would_shrug_off_block_all_the_same(
    tmp_path: Path, reply: Any
) -> None:
    """G2, G4."""
    async with codex(READ, tmp_path) as server, admitted(only_before(reply)) as admission:
        thread_id = await server.start(hook_config(admission.command))
        (run,) = await server.turn(thread_id)
        assert run["run"]["status"] == "blocked"
        assert "blocked by PreToolUse hook" in server.told()
        assert not server.saw(SECRET)


async def test_a_rewrite_as_deep_as_we_let_through_is_read_by_codex(tmp_path: Path) -> None:
    """G4: some thirty levels deeper Codex would run the command as it was."""
    deep: Any = 10**30
    for _ in range(98):
        deep = [deep]
    async with (
        codex(READ, tmp_path) as server,
        admitted(only_before(Rewrite({"command": "cat public", "x": deep}))) as admission,
    ):
        thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert "nothing much" in server.told()
