"""Events as Codex writes them to a hook's stdin."""

from __future__ import annotations

import json
from typing import Any

BEFORE: dict[str, Any] = {
    "session_id": "01a1f777-0637-7e22-8c24-4ec8681c98e4",
    "turn_id": "01a1f777-064b-70b1-a4c5-a5a1c5b68639",
    "transcript_path": None,
    "cwd": "/repo",
    "hook_event_name": "PreToolUse",
    "model": "gpt-5.5",
    "permission_mode": "bypassPermissions",
    "tool_name": "Bash",
    "tool_input": {"command": "cat secret"},
    "tool_use_id": "call_1",
}
AFTER: dict[str, Any] = {**BEFORE, "hook_event_name": "PostToolUse", "tool_response": "hunter2"}


def before(**changes: Any) -> bytes:
    return json.dumps({**BEFORE, **changes}).encode()


def after(**changes: Any) -> bytes:
    return json.dumps({**AFTER, **changes}).encode()
