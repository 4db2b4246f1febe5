from __future__ import annotations

import json
from typing import Any, cast

import pytest

from codex_hooks_runtime._gate._payload import (
    MAX_REASON,
    Deny,
    EventName,
    MalformedEvent,
    Proceed,
    RelayVerdict,
    Reply,
    Rewrite,
    Withhold,
    parse_event,
    refusal,
    render,
)
from runtime.gate.tool_events import AFTER, BEFORE, after, before


def nested(levels: int) -> Any:
    value: Any = "bottom"
    for _ in range(levels):
        value = [value]
    return value


def denied(verdict: RelayVerdict) -> str:
    """Return the reason of a verdict that blocks before the use, in the form Codex obeys."""
    assert (verdict.exit_code, verdict.stderr) == (0, b"")
    output = json.loads(verdict.stdout)["hookSpecificOutput"]
    assert output["hookEventName"] == "PreToolUse"
    assert output["permissionDecision"] == "deny"
    reason: str = output["permissionDecisionReason"]
    return reason


def refused(verdict: RelayVerdict) -> str:
    assert (verdict.exit_code, verdict.stdout) == (2, b"")
    assert verdict.stderr.strip()
    return verdict.stderr.decode()


def test_an_event_before_a_tool_use_is_read_in_codexs_own_words() -> None:
    event = parse_event(before(agent_id="a1", agent_type="worker", key_of_a_newer_codex=1))
    assert (event.event, event.session_id) == ("PreToolUse", BEFORE["session_id"])
    assert (event.tool_name, event.tool_input) == ("Bash", {"command": "cat secret"})
    assert (event.tool_use_id, event.turn_id) == ("call_1", BEFORE["turn_id"])
    assert (event.cwd, event.model) == ("/repo", "gpt-5.5")
    assert event.permission_mode == "bypassPermissions"
    assert (event.agent_id, event.agent_type) == ("a1", "worker")
    assert event.tool_response is None


def test_an_event_after_a_tool_use_carries_what_the_tool_gave_back() -> None:
    event = parse_event(after())
    assert (event.event, event.tool_response) == ("PostToolUse", "hunter2")
    assert (event.agent_id, event.agent_type) == (None, None)


@pytest.mark.parametrize("name", sorted(BEFORE.keys() - {"transcript_path"}))
def test_an_event_without_one_of_its_fields_is_not_taken(name: str) -> None:
    """G2."""
    with pytest.raises(MalformedEvent):
        parse_event(json.dumps({k: v for k, v in BEFORE.items() if k != name}).encode())


def test_output_that_is_missing_is_not_taken_for_empty_output() -> None:
    """G2."""
    with pytest.raises(MalformedEvent, match="tool_response"):
        parse_event(json.dumps({k: v for k, v in AFTER.items() if k != "tool_response"}).encode())


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b"\xff\xfe",
        before()[:-1],
        before() + b"}",
        before(hook_event_name="Stop"),
        before(hook_event_name=["PreToolUse"]),
        before(tool_name=""),
        before(tool_name=None),
        before(tool_use_id=7),
        before(agent_id=None),
        b'{"tool_input": NaN,' + before()[1:],
        before(tool_input=["ls"]),
        before(tool_input="ls"),
        before(tool_input=0),
    ],
)
def test_what_is_no_tool_event_is_not_taken(payload: bytes) -> None:
    """G2."""
    with pytest.raises(MalformedEvent):
        parse_event(payload)


def test_null_is_the_input_of_a_tool_that_takes_none() -> None:
    """G1: models give it, and MCP servers take it."""
    assert parse_event(before(tool_input=None)).tool_input == {}


@pytest.mark.parametrize("event", ["PreToolUse", "PostToolUse"])
def test_to_proceed_is_to_say_nothing(event: EventName) -> None:
    """G4."""
    assert render(event, Proceed()) == RelayVerdict(b"", b"", 0)


def test_a_denial_before_the_use_tells_the_model_why() -> None:
    """G4."""
    assert denied(render("PreToolUse", Deny("no: use `git log`\nnot `cat`"))) == (
        "no: use `git log`\nnot `cat`"
    )


def test_a_rewrite_before_the_use_is_the_new_input() -> None:
    """G4."""
    verdict = render("PreToolUse", Rewrite({"command": "git status", "env": ("a", {"b": None})}))
    assert (verdict.exit_code, verdict.stderr) == (0, b"")
    assert json.loads(verdict.stdout) == {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "allow",
            "updatedInput": {"command": "git status", "env": ["a", {"b": None}]},
        }
    }


def test_output_is_withheld_after_the_use() -> None:
    """G4, G10."""
    verdict = render("PostToolUse", Withhold("it held a password"))
    assert (verdict.exit_code, verdict.stderr) == (0, b"")
    assert json.loads(verdict.stdout) == {"decision": "block", "reason": "it held a password"}


def test_a_reply_that_does_not_fit_its_event_blocks() -> None:
    """G4."""
    assert denied(render("PreToolUse", Withhold("why"))) == "why"
    assert json.loads(render("PostToolUse", Deny("why")).stdout)["decision"] == "block"
    assert "Rewrite" in refused(render("PostToolUse", Rewrite({"command": "ls"})))
    for stranger in (None, True, {"decision": "allow"}, Proceed):
        refused(render("PreToolUse", cast("Reply", stranger)))
        refused(render("PostToolUse", cast("Reply", stranger)))


@pytest.mark.parametrize("reason", ["", "  \n\t ", "\u00a0\u2003", "\u200b", "\x00\x1b", "\ud800"])
def test_a_reason_without_a_word_is_replaced_by_one_with_words(reason: str) -> None:
    """G2: Codex lets pass what is denied for no reason, and white space is none to it."""
    assert "does not allow" in denied(render("PreToolUse", Deny(reason)))
    assert "does not allow" in json.loads(render("PostToolUse", Withhold(reason)).stdout)["reason"]
    assert "does not allow" in refused(refusal(reason))


def test_a_reason_is_plain_text_of_bounded_length() -> None:
    """G4, F28."""
    reason = denied(render("PreToolUse", Deny("\x1b[31mred\x1b[0m \u202eevil\ud800\x07 " * 9_000)))
    assert len(reason) <= MAX_REASON
    assert all(character.isprintable() for character in reason)
    assert reason.endswith("…")


@pytest.mark.parametrize(
    "tool_input",
    [
        None,
        "ls",
        ["ls"],
        {1: "ls"},
        {"command": b"ls"},
        {"command": {"ls"}},
        {"command": "\ud800"},
        {"command": "ls", "\udfff": 1},
        {"command": "ls", "timeout": float("nan")},
        {"command": "ls", "timeout": float("inf")},
        {"command": "ls", "id": 10**5_000},
        {"command": "ls", "deep": nested(100)},
        {"command": "ls", "deep": nested(100_000)},
    ],
)
def test_a_rewrite_that_codex_could_not_read_blocks(tool_input: Any) -> None:
    """G2: Codex would go on with the input as it was."""
    assert "rewrote" in refused(render("PreToolUse", Rewrite(tool_input)))
