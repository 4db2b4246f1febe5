"""What Codex asks of its client and is not the gate's to answer: the caller may (R8)."""

from __future__ import annotations

import json
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
from structlog.testing import capture_logs

from codex_hooks import Allow, Block
from codex_hooks_runtime import Client, ClientConfig, ClientInfo, ConfigError, ServerRequest
from codex_hooks_runtime._gate._asked import is_for_the_gate
from codex_hooks_runtime._protocol import SERVER_REQUESTS
from codex_hooks_runtime.testing import CallTool, CodexHome, RunCommand, Say, ScriptedModel
from runtime.scripted import Journal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from codex_hooks_runtime.testing import Step

QUESTION = {
    "id": "q1",
    "header": "Colour",
    "question": "Which colour?",
    "options": [{"label": name, "description": name} for name in ("red", "blue")],
}
ASK: list[Step] = [CallTool("request_user_input", {"questions": [QUESTION]}), Say("done")]


@asynccontextmanager
async def asking(
    script: Sequence[Step], *plugins: object, **config: Any
) -> AsyncIterator[tuple[Client, ScriptedModel]]:
    """Connect to a Codex whose model may ask the user in every mode."""
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        file = home.path / "config.toml"
        features = "[features]\ndefault_mode_request_user_input = true"
        file.write_text(file.read_text().replace("[features]", features))
        options = ClientConfig(plugins=plugins, load_installed=False, env=home.env, **config)
        async with Client.connect(options) as client:
            yield client, model


class Answers:
    """Answers as it was made to, and remembers what it was asked."""

    def __init__(self, reply: object) -> None:
        self.reply = reply
        self.asked: list[ServerRequest] = []

    async def __call__(self, request: ServerRequest) -> dict[str, Any] | None:
        self.asked.append(request)
        if isinstance(self.reply, Exception):
            raise self.reply
        return self.reply  # type: ignore[return-value]  # what is none is the point


RED = {"answers": {"q1": {"answers": ["red"]}}}


@pytest.mark.codex
@pytest.mark.parametrize("tool_gate", ["native", "off"])
@pytest.mark.parametrize(
    ("reply", "told"),
    [
        (RED, RED),
        (None, {"answers": {}}),
        ("red", {"answers": {}}),
        (ValueError("my password"), {"answers": {}}),
    ],
)
async def test_the_callers_handler_answers_for_the_user(
    tmp_path: Path, tool_gate: str, reply: object, told: object
) -> None:
    """R8: what it leaves, or fails at, is declined; the log has its fault and not its words."""
    handler = Answers(reply)
    with capture_logs() as logs:
        async with asking(ASK, server_requests=handler, tool_gate=tool_gate) as (client, model):
            await client.run(tmp_path, "go on")
    (asked,) = handler.asked
    assert asked.method == "item/tool/requestUserInput"
    assert asked.params["questions"][0]["question"] == "Which colour?"
    assert json.loads(model.requests[-1].tool_outputs["call_1"]) == told
    failed = [log for log in logs if log.get("error") == "ValueError"]
    assert bool(failed) is isinstance(reply, Exception)
    assert "my password" not in str(logs)


@pytest.mark.codex
@pytest.mark.parametrize("decision", [None, Block("no"), Allow()])
async def test_what_is_about_a_tool_is_the_gates_alone(
    tmp_path: Path, decision: Block | Allow | None
) -> None:
    """G5, R8: a handler that says yes to all opens nothing behind the gate, and all without."""
    handler = Answers({"decision": "accept"})
    journal = Journal(**({"pre_tool_use": decision} if decision else {}))
    script: list[Step] = [RunCommand("touch made"), Say("done")]
    mode = {"approval_policy": "untrusted", "sandbox_policy": "workspace-write"}
    async with asking(script, journal, server_requests=handler) as (client, _):
        await client.run(tmp_path, "go on", **mode)
    assert handler.asked == []
    assert (tmp_path / "made").exists() is isinstance(decision, Allow)

    async with asking(script, journal, server_requests=handler, tool_gate="off") as (client, _):
        await client.run(tmp_path, "go on", **mode)
    assert [asked.method for asked in handler.asked] == ["item/commandExecution/requestApproval"]
    assert (tmp_path / "made").exists()


def test_in_doubt_a_request_is_the_gates() -> None:
    """G5: all of the server's requests but those that are about something else."""
    others = {
        method for method in SERVER_REQUESTS if not is_for_the_gate(ServerRequest(1, method, {}))
    }
    assert others == {
        "item/tool/requestUserInput",
        "mcpServer/elicitation/request",
        "account/chatgptAuthTokens/refresh",
        "attestation/generate",
    }
    assert is_for_the_gate(ServerRequest(1, "something/new", {}))
    approval = {"_meta": {"codex_approval_kind": "mcp_tool_call"}}
    assert is_for_the_gate(ServerRequest(1, "mcpServer/elicitation/request", approval))


def test_a_handler_that_cannot_be_awaited_is_refused_before_codex_is_started() -> None:
    with pytest.raises(ConfigError, match="server_requests is not async"):
        ClientConfig(server_requests=lambda _: None)  # type: ignore[arg-type,return-value]


@pytest.mark.codex
async def test_codex_is_told_who_its_client_is() -> None:
    async with asking([], client_info=ClientInfo("org-bot", "Org bot", "2.1")) as (client, _):
        assert "org-bot" in str(client.runtime.server_user_agent)
