"""K14: what a shell hook's program is told, and what its answer means."""

import json
import re
from pathlib import Path

import pytest

from codex_hooks import (
    Allow,
    Ask,
    AtPath,
    Block,
    HookContext,
    HookPhase,
    ImageUrl,
    InvalidDecision,
    LocalImage,
    Mutate,
    Skill,
    ToolApproval,
    ToolCall,
)
from codex_hooks._command import MAX_OUTPUT, Finished
from codex_hooks._shell_protocol import context_json, decision_of
from codex_hooks.testing import patch, prompt


def test_the_context_is_told_in_full() -> None:
    """K14: every field but ``deadline``, whatever is in it."""
    tool = ToolCall(
        call_id="call_1",
        name="Bash",
        kind="command",
        input={"command": ["ls", {"deep": None}]},
        approval=ToolApproval(kind="command", reason="to look", grants={"network": True}),
    )
    ctx = HookContext(
        phase=HookPhase.PRE_TOOL_USE,
        correlation_id="hk-1",
        thread_id="thr_1",
        cwd="/project",
        ts_ms=1,
        metadata={"team": "a"},
        prompt="hi",
        attachments=(AtPath("a"), ImageUrl("u"), LocalImage("i"), Skill("s", "p")),
        tool=tool,
        deadline=5.0,
    )

    assert json.loads(context_json(ctx)) == {
        "phase": "pre_tool_use",
        "correlation_id": "hk-1",
        "thread_id": "thr_1",
        "parent_thread_id": None,
        "turn_id": None,
        "cwd": "/project",
        "model": None,
        "status": None,
        "ts_ms": 1,
        "metadata": {"team": "a"},
        "prompt": "hi",
        "attachments": [
            {"type": "at_path", "path": "a", "placeholder": None},
            {"type": "image_url", "url": "u"},
            {"type": "local_image", "path": "i"},
            {"type": "skill", "name": "s", "path": "p"},
        ],
        "tool": {
            "call_id": "call_1",
            "name": "Bash",
            "kind": "command",
            "input": {"command": ["ls", {"deep": None}]},
            "output": None,
            "approval": {"kind": "command", "reason": "to look", "grants": {"network": True}},
            "paths": [],
        },
        "result": None,
        "error": None,
        "approval_policy": None,
        "sandbox": None,
        "round": 1,
    }


def test_a_command_need_not_read_patches() -> None:
    """K14: what is a property in Python is told too."""
    text = "*** Begin Patch\n*** Add File: notes\n+tea\n*** End Patch"

    assert json.loads(context_json(patch(text)))["tool"]["paths"] == ["notes"]
    assert json.loads(context_json(prompt("hi")))["tool"] is None


def answered(text: str | bytes, status: int = 0, stderr: bytes = b"") -> Finished:
    return Finished(status, text.encode() if isinstance(text, str) else text, stderr)


def test_every_decision_can_be_answered() -> None:
    """K14."""
    attachments = [{"type": "at_path", "path": "a", "placeholder": None}]
    change = {
        "action": "mutate",
        "model": "m",
        "metadata": {"a": [1]},
        "prompt": None,
        "add_attachments": attachments,
        "tool_input": {"command": "ls"},
        "tool_output": "x",
    }

    assert decision_of(answered(" \n")) is None
    assert decision_of(answered('{"action": "allow"}')) == Allow()
    assert decision_of(answered('{"action": "ask", "message": "sure?"}')) == Ask("sure?")
    assert decision_of(answered('{"action": "block", "message": "no"}\n')) == Block("no")
    assert decision_of(answered(json.dumps(change))) == Mutate(
        model="m",
        metadata={"a": [1]},
        add_attachments=[AtPath("a")],
        tool_input={"command": "ls"},
        tool_output="x",
    )


def test_a_block_by_status_always_has_a_message() -> None:
    """K14: undecodable text is still a block, endless text is cut, no text is replaced."""
    for stderr in (b"", b" \n", b"\xff", b"x" * MAX_OUTPUT):
        decision = decision_of(answered("not even JSON", 2, stderr))
        assert isinstance(decision, Block)
        assert 0 < len(decision.message) <= 4000


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "true",
        '"block"',
        "{}",
        '{"action": null}',
        '{"action": ["block"]}',
        '{"action": "BLOCK", "message": "no"}',
        '{"action": "block"}',
        '{"action": "block", "message": ""}',
        '{"action": "block", "message": 3}',
        '{"action": "block", "message": "no", "reason": "x"}',
        '{"action": "ask", "message": ["sure?"]}',
        '{"action": "ask", "message": "sure?", "prompt": "x"}',
        '{"action": "allow"} {"action": "block", "message": "no"}',
        '{"action": "allow", "message": "fine"}',
        '{"action": "mutate", "prompt": 3}',
        '{"action": "mutate", "promt": "x"}',
        '{"action": "mutate", "metadata": []}',
        '{"action": "mutate", "metadata": {"a": NaN}}',
        '{"action": "mutate", "tool_output": [-Infinity]}',
        '{"action": "mutate", "metadata": {"a": 1, "a": 2}}',
        '{"action": "mutate", "tool_input": "ls"}',
        '{"action": "mutate", "add_attachments": "a"}',
        '{"action": "mutate", "add_attachments": 3}',
        '{"action": "mutate", "add_attachments": 0}',
        '{"action": "mutate", "add_attachments": {}}',
        '{"action": "mutate", "metadata": {"a": 1e999}}',
        '{"action": "mutate", "add_attachments": [3]}',
        '{"action": "mutate", "add_attachments": [{"type": "at_path"}]}',
        '{"action": "mutate", "add_attachments": [{"type": "at_path", "path": 3}]}',
        '{"action": "mutate", "add_attachments": [{"type": "link", "path": "a"}]}',
        '{"action": "mutate", "add_attachments": [{"type": "at_path", "path": "a", "x": "y"}]}',
        '{"action": "mutate", "metadata": ' + '{"a":' * 200 + "1" + "}" * 201,
        "[" * 100_000,
        "1" * 10_000,
        b"\xef\xbb\xbf{}",
    ],
)
def test_an_answer_that_is_not_exactly_right_is_no_answer(text: str | bytes) -> None:
    """K14, K5."""
    with pytest.raises(InvalidDecision):
        decision_of(answered(text))


def test_the_documents_answers_are_decisions() -> None:
    """docs/shell-hooks.md: the table and the example context."""
    text = (Path(__file__).parents[2] / "docs" / "shell-hooks.md").read_text()
    actions = re.findall(r"^\| 0 \| `(.*?)` \|", text, re.MULTILINE)
    (told,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (python,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)

    assert [type(decision_of(answered(action))) for action in actions] == [
        Allow,
        Ask,
        Block,
        Mutate,
    ]
    ctx = HookContext(
        phase=HookPhase.PRE_TOOL_USE, tool=ToolCall(call_id="1", name="Bash", kind="command")
    )
    full = json.loads(context_json(ctx))
    assert json.loads(told).keys() <= full.keys()
    assert json.loads(told)["tool"].keys() == full["tool"].keys()
    exec(compile(python, "shell-hooks.md", "exec"), {})
