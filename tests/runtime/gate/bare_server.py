"""A real server without the runtime around it: approval policy ``never``, read-only sandbox.

What is blocked here is what Codex alone would have let through: reading a file.
"""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from codex import codex_binary
from codex_hooks_runtime._connection import Connection
from codex_hooks_runtime._gate._arming import confirm_armed
from codex_hooks_runtime._gate._payload import Proceed, Reply, ToolHookEvent
from codex_hooks_runtime._live import LiveEvent
from codex_hooks_runtime._options import ConnectionOptions
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from codex_hooks_runtime._gate._admission import Answer
    from codex_hooks_runtime.testing import Step

SECRET = "SWORDFISH"
READ: list[Step] = [RunCommand("cat secret"), Say("done")]


def only_before(reply: Reply) -> Answer:
    async def answer(event: ToolHookEvent) -> Reply:
        return reply if event.event == "PreToolUse" else Proceed()

    return answer


class Codex:
    """A real server, the model behind it, and the folder that its threads work in."""

    def __init__(
        self, connection: Connection, model: ScriptedModel, home: CodexHome, cwd: Path
    ) -> None:
        self.connection = connection
        self.model = model
        self.home = home
        self.cwd = cwd

    async def start(self, config: dict[str, Any], sandbox: str = "read-only") -> str:
        thread = {
            "cwd": str(self.cwd),
            "approvalPolicy": "never",
            "sandbox": sandbox,
            "config": config,
        }
        reply = await self.connection.call("thread/start", thread)
        thread_id: str = reply["thread"]["id"]
        return thread_id

    async def confirm(self, thread_id: str, config: dict[str, Any]) -> None:
        await confirm_armed(
            self.connection.call, thread_id=thread_id, cwd=str(self.cwd), config=config
        )

    async def turn(self, thread_id: str) -> list[Mapping[str, Any]]:
        """Play a turn and return the runs of hooks in it, as ``hook/completed`` tells of them."""
        runs = []
        async with self.connection.subscribe_live(thread_id=thread_id) as events:
            await self.call_turn(thread_id)
            async for event in events:
                assert isinstance(event, LiveEvent)
                if event.method == "hook/completed":
                    runs.append(event.params)
                if event.method == "turn/completed":
                    break
        return runs

    async def call_turn(self, thread_id: str) -> str:
        prompt = [{"type": "text", "text": "go", "text_elements": []}]
        reply = await self.connection.call("turn/start", {"threadId": thread_id, "input": prompt})
        turn_id: str = reply["turn"]["id"]
        return turn_id

    def told(self) -> str:
        """Return what the model was told about its latest tool use."""
        return list(self.model.requests[-1].tool_outputs.values())[-1]

    def saw(self, text: str) -> bool:
        return any(text in request.text for request in self.model.requests)


@asynccontextmanager
async def codex(script: Sequence[Step], cwd: Path, extra_config: str = "") -> AsyncIterator[Codex]:
    (cwd / "secret").write_text(SECRET)
    (cwd / "public").write_text("nothing much")
    with (
        anyio.fail_after(60),
        ScriptedModel(script) as model,
        CodexHome(model.base_url, extra_config=extra_config) as home,
    ):
        options = ConnectionOptions(argv=(codex_binary(), "app-server"), env=home.env, cwd=cwd)
        async with Connection(options) as connection:
            yield Codex(connection, model, home, cwd)
