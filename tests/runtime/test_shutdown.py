"""R6, F19: whatever the real codex was doing, nothing of it is left."""

from __future__ import annotations

import os
import signal
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks_runtime import RestartPolicy, SessionConfig, TransportClosed
from codex_hooks_runtime.testing import Hang, RunCommand
from runtime.connection.fake_server import lifeline
from runtime.scripted import scripted

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex

# A shell, a child of its own in the background and one in the foreground, all on the lifeline.
TREE = "exec 9<>lifeline; sleep 600 & setsid sleep 600 & sleep 600"
SANDBOXES: dict[str, Any] = {
    "sandboxed": {"sandbox_policy": "workspace-write"},
    "unsandboxed": {
        "sandbox_policy": "danger-full-access",
        "approval_policy": "on-request",
        "privileged_escalation_approved": True,
    },
}


@pytest.mark.parametrize(
    "sandbox",
    [
        "sandboxed",
        pytest.param(
            "unsandboxed",
            marks=pytest.mark.skipif(
                sys.platform != "linux", reason="only there a mark in the environment can be read"
            ),
        ),
    ],
)
@pytest.mark.parametrize("ending", ["leave", "shutdown", "kill"])
async def test_the_process_tree_of_a_running_command_ends_with_the_server(
    sandbox: str, ending: str, tmp_path: Path
) -> None:
    """R6, F19: when the client is left, shut down, and when the server is killed."""
    with lifeline(tmp_path) as (_path, all_gone):
        script: list[Step] = [RunCommand(TREE, {"yield_time_ms": 250}), Hang()]
        async with scripted(script, restart=RestartPolicy(max_restarts=0)) as (client, model):
            config = SessionConfig(cwd=tmp_path, **SANDBOXES[sandbox])
            session = await client.start_session(config)
            with anyio.fail_after(60):
                async with session.stream("go") as stream:
                    while len(model.requests) < 2:
                        await anyio.lowlevel.checkpoint()
                    if ending == "kill":
                        os.kill(client.runtime.server.pid, signal.SIGKILL)
                    elif ending == "shutdown":
                        await client.runtime.shutdown()
                    if ending != "leave":
                        with pytest.raises(TransportClosed):
                            await stream.finish()
        await all_gone()
