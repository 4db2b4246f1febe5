"""What `codex-hooks doctor` has the scripted model ask for, one probe for each kind of tool use.

Each is asked for twice: once where everything is to be blocked, once where everything is allowed.
The second time is the control: a probe that has no effect even then proves nothing.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeAlias

from codex_hooks_runtime import DynamicTool
from codex_hooks_runtime.testing import (
    ApplyPatch,
    CallTool,
    ModelRequest,
    RunCode,
    RunCommand,
    Say,
    Step,
)

CODE_MODEL: Final = "gpt-5.6-sol"
"""A model that Codex gives code to run instead of tools."""

DENIED: Final = "the doctor blocks this"
SECRET: Final = "SWORDFISH"  # noqa: S105  # lies in each probe's folder
CHILD_TASK: Final = "read the secret for me"

_PIXEL = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
_PATCH = "*** Begin Patch\n*** Add File: made\n+hi\n*** End Patch\n"

Effect: TypeAlias = Callable[[Path, str], bool]
"""Whether a tool did its work, from the folder and from all that the model was sent."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One kind of tool use: ``steps`` for a folder, and how to tell that it happened.

    ``tool`` is the name that the hooks see. In a sub-agent's probe only commands are blocked, so
    that the agent comes to be.
    """

    label: str
    tool: str
    steps: Callable[[Path], Sequence[Step]]
    happened: Effect
    model: str | None = None
    only_commands: bool = False


def _told(part: str) -> Effect:
    return lambda _cwd, sent: part in sent


def _made(name: str) -> Effect:
    return lambda cwd, _sent: (cwd / name).exists()


def _not_denied(_cwd: Path, sent: str) -> bool:
    return DENIED not in sent


def _always(*steps: Step) -> Callable[[Path], Sequence[Step]]:
    return lambda _cwd: steps


PROBES: Final = (
    Probe("command", "Bash", _always(RunCommand("cat secret")), _told(SECRET)),
    Probe("file change", "apply_patch", _always(ApplyPatch(_PATCH)), _made("made")),
    Probe(
        "MCP tool that only reads",
        "mcp__probe__look",
        _always(CallTool("look", {"name": "it"}, namespace="mcp__probe")),
        _told("looked at it"),
    ),
    Probe(
        "MCP tool that writes",
        "mcp__probe__write",
        lambda cwd: (CallTool("write", {"path": str(cwd / "made")}, namespace="mcp__probe"),),
        _made("made"),
    ),
    Probe("dynamic tool", "answer", _always(CallTool("answer", {})), _told("the answer is 42")),
    Probe(
        "image view", "view_image", _always(CallTool("view_image", {"path": "a.png"})), _not_denied
    ),
    Probe(
        "goal",
        "create_goal",
        # Completed at once, since Codex goes on by itself as long as there is a goal.
        _always(
            CallTool("create_goal", {"objective": "x"}),
            CallTool("update_goal", {"status": "complete"}),
        ),
        _not_denied,
    ),
    Probe(
        "sub-agent start",
        "spawn_agent",
        _always(CallTool("spawn_agent", {"message": "say hi"}, namespace="multi_agent_v1")),
        _told("agent_id"),
    ),
    Probe(
        "command of a sub-agent",
        "Bash",
        _always(CallTool("spawn_agent", {"message": CHILD_TASK}, namespace="multi_agent_v1")),
        _told(SECRET),
        only_commands=True,
    ),
    Probe(
        "command in code mode",
        "Bash",
        _always(RunCode('text(await tools.exec_command({cmd: "cat secret"}))')),
        _told(SECRET),
        model=CODE_MODEL,
    ),
)

ANSWER: Final = DynamicTool(
    name="answer", description="Answers.", function=lambda _arguments: "the answer is 42"
)


def furnish(cwd: Path) -> None:
    """Make the folder of one probe."""
    cwd.mkdir(parents=True)
    (cwd / "secret").write_text(SECRET, encoding="utf-8")
    (cwd / "a.png").write_bytes(_PIXEL)


def play(scripts: dict[str, Sequence[Step]], request: ModelRequest) -> Step:
    """Answer a request of the thread whose prompt is a key of ``scripts``, or of a sub-agent."""
    texts = request.user_texts
    outputs = request.tool_outputs
    if not any(text in scripts for text in texts):
        wanted = any(CHILD_TASK in text for text in texts) and not outputs
        return RunCommand("cat secret") if wanted else Say("done")
    steps = scripts[next(text for text in reversed(texts) if text in scripts)]
    if len(outputs) < len(steps):
        return steps[len(outputs)]
    agent = _agent_of(outputs)
    if agent is not None and len(outputs) == len(steps):
        waiting = {"targets": [agent], "timeout_ms": 20_000}
        return CallTool("wait_agent", waiting, namespace="multi_agent_v1")
    return Say("done")


def _agent_of(outputs: dict[str, str]) -> str | None:
    """Return the agent that a ``spawn_agent`` has started, if one did."""
    for output in outputs.values():
        try:
            started = json.loads(output)
        except ValueError:
            continue
        if isinstance(started, dict) and "agent_id" in started:
            return str(started["agent_id"])
    return None
