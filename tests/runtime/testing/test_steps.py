"""Steps, and the stream that each of them becomes: plain data, without a server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from codex_hooks_runtime.testing import (
    ApplyPatch,
    CallTool,
    Fail,
    Hang,
    ModelRequest,
    RunCommand,
    Say,
    Step,
)
from codex_hooks_runtime.testing._playback import Playback

if TYPE_CHECKING:
    from codex_hooks_runtime.testing._sse import Reply


def request() -> ModelRequest:
    return ModelRequest({"model": "m", "input": []}, {})


def events(reply: Reply) -> list[dict[str, Any]]:
    parsed = []
    for block in reply.text.removesuffix("\n\n").split("\n\n"):
        event, data = block.split("\n")
        parsed.append(json.loads(data.removeprefix("data: ")))
        assert event == f"event: {parsed[-1]['type']}"
    return parsed


def items(reply: Reply) -> list[dict[str, Any]]:
    return [e["item"] for e in events(reply) if e["type"] == "response.output_item.done"]


def test_a_text_opens_streams_closes_and_counts_its_tokens() -> None:
    said = events(Playback([Say("abcde", chunks=2)]).answer(request()))
    assert [event["type"] for event in said] == [
        "response.created",
        "response.output_item.added",
        "response.output_text.delta",
        "response.output_text.delta",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event["delta"] for event in said[2:4]] == ["ab", "cde"]
    assert said[1]["item"]["content"] == []
    assert said[4]["item"]["content"][0]["text"] == "abcde"
    assert said[5]["response"]["usage"]["total_tokens"] == 2


@pytest.mark.parametrize(("text", "deltas"), [("", []), ("ab", ["a", "b"])])
def test_a_text_shorter_than_its_chunks_has_a_delta_a_character(
    text: str, deltas: list[str]
) -> None:
    said = events(Playback([Say(text, chunks=9)]).answer(request()))
    assert [e["delta"] for e in said if "delta" in e] == deltas


def test_tool_calls_carry_the_shapes_that_codex_reads() -> None:
    step: Step = [
        CallTool("view_image", {"path": "a.png"}),
        RunCommand("ls", {"tty": True}),
        ApplyPatch("*** Begin Patch\n*** End Patch\n"),
    ]
    tool, command, patch = items(Playback([step]).answer(request()))
    assert (tool["type"], tool["name"]) == ("function_call", "view_image")
    assert json.loads(tool["arguments"]) == {"path": "a.png"}
    assert (command["type"], command["name"]) == ("function_call", "exec_command")
    assert json.loads(command["arguments"]) == {"cmd": "ls", "tty": True}
    assert (patch["type"], patch["name"]) == ("custom_tool_call", "apply_patch")
    assert patch["input"] == "*** Begin Patch\n*** End Patch\n"


def test_call_ids_are_made_in_order_and_given_ones_may_repeat() -> None:
    """A repeated call id is what F23 is about."""
    playback = Playback(
        [
            [RunCommand("a"), RunCommand("b", call_id="same")],
            [RunCommand("c"), RunCommand("d", call_id="same")],
        ]
    )
    ids = [item["call_id"] for _ in range(2) for item in items(playback.answer(request()))]
    assert ids == ["call_1", "same", "call_2", "same"]


def test_what_ends_a_response_ends_its_stream() -> None:
    playback = Playback([[Say("half"), Fail("broke", "a_code")], [Say("half"), Hang()]])
    failed, hanging = playback.answer(request()), playback.answer(request())
    assert events(failed)[-1]["type"] == "response.failed"
    assert events(failed)[-1]["response"]["error"] == {"code": "a_code", "message": "broke"}
    assert events(hanging)[-1]["type"] == "response.output_item.done"
    assert (failed.hangs, hanging.hangs) == (False, True)


def test_a_fail_with_a_status_is_that_status_and_a_json_error() -> None:
    reply = Playback([Fail("later", "rate_limit_exceeded", 429)]).answer(request())
    assert reply.status == 429
    assert json.loads(reply.text)["error"]["code"] == "rate_limit_exceeded"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param("hello", id="a string"),
        pytest.param(None, id="nothing"),
        pytest.param([Say("a"), "b"], id="a string among parts"),
        pytest.param([[Say("a")]], id="a sequence in a sequence"),
        pytest.param([Hang(), Say("a")], id="a part after the stream hangs"),
        pytest.param([Fail(), Say("a")], id="a part after a failure"),
        pytest.param([Say("a"), Fail(status=500)], id="a status after a part"),
    ],
)
def test_what_is_no_step_is_refused_before_anything_runs(step: Any) -> None:
    with pytest.raises(TypeError):
        Playback([step])


def test_values_without_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one chunk"):
        Say("a", chunks=0)
    with pytest.raises(ValueError, match="400 to 599"):
        Fail(status=200)


def test_the_fault_of_a_callable_script_is_a_failure_that_names_it() -> None:
    def script(_: ModelRequest) -> Step:
        pytest.fail("not what I expected")

    playback = Playback(script)
    reply = playback.answer(request())
    assert reply.status == 400
    assert "not what I expected" in reply.text
    assert len(playback.unexpected) == 1


def test_arguments_that_are_no_json_are_a_failure_that_names_them() -> None:
    playback = Playback([CallTool("t", {"a": object()})])
    assert playback.answer(request()).status == 400
    assert "not JSON serializable" in playback.unexpected[0]


def test_a_request_reads_texts_and_outputs_of_every_shape() -> None:
    asked = ModelRequest(
        {
            "model": "gpt-5.5",
            "input": [
                {
                    "type": "message",
                    "role": "user",
                    "content": [{"type": "input_text", "text": "q"}],
                },
                {"type": "message", "role": "assistant", "content": [{"type": "output_text"}]},
                {"type": "function_call_output", "call_id": "c1", "output": "plain"},
                {
                    "type": "custom_tool_call_output",
                    "call_id": "c2",
                    "output": [
                        {"type": "input_text", "text": "in"},
                        {"type": "input_image", "image_url": "data:"},
                        {"type": "input_text", "text": "parts"},
                    ],
                },
            ],
        },
        {"thread-id": "thr_1"},
    )
    assert (asked.model, asked.thread_id) == ("gpt-5.5", "thr_1")
    assert asked.user_texts == ("q",)
    assert asked.tool_outputs == {"c1": "plain", "c2": "in\nparts"}


@pytest.mark.parametrize("secret", ['pass"word', "two\nlines", "päss", "7311"])
def test_no_escaping_hides_a_secret_from_text(secret: str) -> None:
    wrapped = json.dumps({"output": json.dumps([secret])})
    asked = ModelRequest(
        {"model": "m", "input": [{"output": wrapped, "note": "{not json", "deep": "[" * 9999}]}, {}
    )
    assert secret in asked.text
    assert "{not json" in asked.text
    without = ModelRequest({"model": "m", "input": [{"output": "***"}]}, {})
    assert secret not in without.text
