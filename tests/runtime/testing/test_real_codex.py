"""Each kind of step, played to the real codex."""

from __future__ import annotations

import threading
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import anyio
import pytest
from anyio import to_thread

from codex_hooks_runtime.testing import (
    ApplyPatch,
    CallTool,
    CodexHome,
    Fail,
    Hang,
    RunCommand,
    Say,
    ScriptedModel,
)
from runtime.testing.app_server import app_server

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import ModelRequest, Step

pytestmark = pytest.mark.codex


def play(model: ScriptedModel, cwd: Path, sandbox: str = "read-only") -> list[dict[str, Any]]:
    """Run one turn of a new codex against ``model``; return the turn's notifications."""
    with CodexHome(model.base_url) as home, app_server(home, cwd, sandbox) as server:
        server.start_turn()
        return server.rest_of_turn()


def items(notifications: list[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    done = [m["params"]["item"] for m in notifications if m.get("method") == "item/completed"]
    return [item for item in done if item["type"] == kind]


def outcome(notifications: list[dict[str, Any]]) -> tuple[str, str | None]:
    """Return the turn's status and the message of its error."""
    turn = notifications[-1]["params"]["turn"]
    return turn["status"], turn["error"] and turn["error"]["message"]


def test_say_is_streamed_as_so_many_deltas(tmp_path: Path) -> None:
    with ScriptedModel([Say("a plain answer", chunks=4)]) as model:
        seen = play(model, tmp_path)
    deltas = [m["params"]["delta"] for m in seen if m.get("method") == "item/agentMessage/delta"]
    assert (len(deltas), "".join(deltas)) == (4, "a plain answer")
    assert [item["text"] for item in items(seen, "agentMessage")] == ["a plain answer"]
    assert outcome(seen) == ("completed", None)
    assert model.unexpected == ()


def test_a_request_tells_model_thread_and_prompt(tmp_path: Path) -> None:
    with (
        ScriptedModel([Say("hello")]) as model,
        CodexHome(model.base_url) as home,
        app_server(home, tmp_path) as server,
    ):
        server.start_turn()
        server.rest_of_turn()
    (request,) = model.requests
    assert request.model == "gpt-5.5"
    assert request.thread_id == server.thread_id
    assert request.user_texts[-1] == "go"
    assert "apply_patch" in request.text


def test_run_command_runs_and_the_model_is_told_its_output(tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    script: list[Step] = [RunCommand("pwd", {"workdir": "inner"}), Say("done")]
    with ScriptedModel(script) as model:
        seen = play(model, tmp_path)
    assert [item["id"] for item in items(seen, "commandExecution")] == ["call_1"]
    assert str(tmp_path / "inner") in model.requests[1].tool_outputs["call_1"]
    assert outcome(seen) == ("completed", None)


def test_apply_patch_changes_the_file_and_the_model_is_told(tmp_path: Path) -> None:
    patch = "*** Begin Patch\n*** Add File: made.txt\n+by the model\n*** End Patch\n"
    with ScriptedModel([ApplyPatch(patch), Say("done")]) as model:
        seen = play(model, tmp_path, "workspace-write")
    assert (tmp_path / "made.txt").read_text() == "by the model\n"
    assert [item["status"] for item in items(seen, "fileChange")] == ["completed"]
    assert "made.txt" in model.requests[1].tool_outputs["call_1"]


def test_call_tool_reaches_any_tool_and_keeps_a_given_call_id(tmp_path: Path) -> None:
    script: list[Step] = [CallTool("no_such_tool", {"a": 1}, call_id="mine"), Say("done")]
    with ScriptedModel(script) as model:
        play(model, tmp_path)
    assert "no_such_tool" in model.requests[1].tool_outputs["mine"]


def test_several_parts_arrive_in_one_response(tmp_path: Path) -> None:
    script: list[Step] = [
        [Say("looking"), RunCommand("echo one"), RunCommand("echo two")],
        Say("done"),
    ]
    with ScriptedModel(script) as model:
        seen = play(model, tmp_path)
    told = model.requests[1].tool_outputs
    assert "one" in told["call_1"]
    assert "two" in told["call_2"]
    assert [item["text"] for item in items(seen, "agentMessage")] == ["looking", "done"]


def test_a_step_without_parts_completes_the_turn_without_a_word(tmp_path: Path) -> None:
    with ScriptedModel([[]]) as model:
        seen = play(model, tmp_path)
    assert items(seen, "agentMessage") == []
    assert outcome(seen) == ("completed", None)


@pytest.mark.parametrize(
    ("fail", "told"),
    [
        pytest.param(Fail("it broke"), "it broke", id="response.failed"),
        pytest.param(Fail("too fast", "rate_limit_exceeded"), "too fast", id="a code"),
        pytest.param(Fail("not like this", status=400), "not like this", id="HTTP 400"),
        pytest.param(Fail(status=429), "429 Too Many Requests", id="HTTP 429"),
    ],
)
def test_fail_ends_the_turn_as_failed(tmp_path: Path, fail: Fail, told: str) -> None:
    with ScriptedModel([fail]) as model:
        status, message = outcome(play(model, tmp_path))
    assert status == "failed"
    assert told in str(message)
    assert len(model.requests) == 1
    assert model.unexpected == ()


def test_a_request_past_the_end_fails_the_turn_and_says_so(tmp_path: Path) -> None:
    with ScriptedModel([RunCommand("true")]) as model:
        status, message = outcome(play(model, tmp_path))
    assert status == "failed"
    assert "request 2 came, but the script has steps for 1" in str(message)
    assert len(model.unexpected) == 1


def test_hang_holds_the_turn_until_it_is_interrupted(tmp_path: Path) -> None:
    asked = threading.Event()

    def script(_: ModelRequest) -> Step:
        asked.set()
        return [Say("half an answer"), Hang()]

    with (
        ScriptedModel(script) as model,
        CodexHome(model.base_url) as home,
        app_server(home, tmp_path) as server,
    ):
        turn_id = server.start_turn()
        assert asked.wait(30)
        server.call("turn/interrupt", {"threadId": server.thread_id, "turnId": turn_id})
        seen = server.rest_of_turn()
    assert outcome(seen) == ("interrupted", None)


def test_codex_fails_the_turn_when_a_hanging_model_closes(tmp_path: Path) -> None:
    asked = threading.Event()

    def script(_: ModelRequest) -> Step:
        asked.set()
        return Hang()

    with ExitStack() as until_closed:
        model = until_closed.enter_context(ScriptedModel(script))
        with CodexHome(model.base_url) as home, app_server(home, tmp_path) as server:
            server.start_turn()
            assert asked.wait(30)
            until_closed.close()
            seen = server.rest_of_turn()
    assert outcome(seen)[0] == "failed"


async def test_a_model_serves_an_event_loop_that_waits_for_codex(tmp_path: Path) -> None:
    """Two turns at once, told apart by a callable script, on asyncio and on trio."""

    def script(request: ModelRequest) -> Step:
        return Say(f"for {request.thread_id}")

    answers: dict[str, str] = {}

    def ask(server_home: CodexHome) -> None:
        with app_server(server_home, tmp_path) as server:
            server.start_turn()
            (item,) = items(server.rest_of_turn(), "agentMessage")
            answers[server.thread_id] = item["text"]

    with (
        ScriptedModel(script) as model,
        CodexHome(model.base_url) as one,
        CodexHome(model.base_url) as two,
        anyio.fail_after(60),
    ):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(to_thread.run_sync, ask, one)
            tasks.start_soon(to_thread.run_sync, ask, two)
    assert len(answers) == 2
    assert all(text == f"for {thread_id}" for thread_id, text in answers.items())
