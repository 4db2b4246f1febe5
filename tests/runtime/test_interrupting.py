"""A turn can be stopped from its first moment on, and never goes on unseen."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks import HookContext, hookimpl
from codex_hooks_runtime import SessionConfig, TurnInterrupted
from codex_hooks_runtime.testing import Hang, RunCommand
from runtime.scripted import Journal, scripted

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.codex


async def test_a_turn_can_be_interrupted_as_soon_as_its_id_is_known(tmp_path: Path) -> None:
    """Right after its reply to turn/start, the server itself would say that there is no turn."""
    async with scripted([Hang()]) as (client, _):
        thread = await client.runtime.thread_start(SessionConfig(cwd=tmp_path))
        async with thread.turn_start("go on") as turn:
            await thread.turn_interrupt(turn.turn_id, timeout=10)
            with anyio.fail_after(60), pytest.raises(TurnInterrupted):
                await turn.finish()


async def test_a_stream_that_is_left_at_once_leaves_no_turn_running(tmp_path: Path) -> None:
    """R1, F30."""
    journal = Journal()
    async with scripted([Hang()], journal) as (client, _):
        async with client.stream(tmp_path, "go on") as stream:
            pass
        (turn,) = await client.runtime.thread_turns(stream.thread_id)
        assert (turn.id, turn.status) == (stream.turn_id, "interrupted")
    assert journal.endings == {"session_start": "ok", "turn": "interrupted", "run": "interrupted"}


async def test_a_run_that_is_cancelled_at_once_leaves_no_turn_running(tmp_path: Path) -> None:
    """R1, F30."""
    journal = Journal()
    async with scripted([Hang()], journal) as (client, _):
        with anyio.CancelScope() as scope:
            async with client.stream(tmp_path, "go on") as stream:
                scope.cancel()
                await stream.finish()
        (turn,) = await client.runtime.thread_turns(stream.thread_id)
        assert turn.status == "interrupted"
    assert journal.endings == {"session_start": "ok", "turn": "cancelled", "run": "cancelled"}


async def test_a_use_that_was_interrupted_while_it_was_decided_is_on_record(
    tmp_path: Path,
) -> None:
    """G4, K8: it was not allowed, and nobody is named for that."""
    deciding = anyio.Event()

    class Hesitant:
        @hookimpl
        async def pre_tool_use(self, ctx: HookContext) -> None:
            deciding.set()
            await anyio.sleep_forever()

    async with scripted([RunCommand("touch made")], Hesitant()) as (client, _):
        async with client.stream(tmp_path, "go on", sandbox_policy="workspace-write") as stream:
            await deciding.wait()
            await stream.interrupt()
            with pytest.raises(TurnInterrupted):
                await stream.finish()
        (use,) = client.tool_uses
    assert (use.decision, use.decided_by, use.allowed) == ("nothing", None, False)
    assert use.reason == "Nobody waited for the decision any more."
    assert not (tmp_path / "made").exists()
