"""What Codex tells of tool uses on its event stream, read so that it can be held against verdicts.

What is not known to be harmless counts as a use of a tool: a newer Codex may have more kinds.
"""

from __future__ import annotations

import posixpath
import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from codex_hooks import ToolCall

from ._ledger import digest_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from codex_hooks import ToolKind

    from ._ledger import ToolUse

# Items that are no use of a tool by the model. A command of the user's own shell is the client's.
_NO_TOOLS: Final = frozenset(
    {
        "userMessage",
        "hookPrompt",
        "agentMessage",
        "functionCallOutput",
        "plan",
        "reasoning",
        "subAgentActivity",
        "sleep",
        "enteredReviewMode",
        "exitedReviewMode",
        "contextCompaction",
    }
)

# What an item has in the place of a command that no process can be given.
_NUL: Final = "<command included NUL byte>"


@dataclass(frozen=True, slots=True)
class SeenUse:
    """A tool use as an item shows it; ``fits`` tells whether a verdict is about this very use."""

    tool: ToolCall
    fits: Callable[[ToolUse], bool]


def seen_use(item: Mapping[str, Any]) -> SeenUse | None:
    """Return the tool use that an item is about, or None for an item of another sort."""
    kind, call_id = item.get("type"), str(item.get("id"))

    def seen(
        name: str,
        kind: ToolKind,
        given: Mapping[str, Any],
        fits: Callable[[ToolUse], bool] | None = None,
    ) -> SeenUse:
        tool = ToolCall(call_id=call_id, name=name, kind=kind, input=given)
        return SeenUse(tool, fits or _has_input(given))

    match kind:
        case "commandExecution":
            if item.get("source") == "userShell":
                return None
            command = str(item.get("command"))
            fits = _has_nul if command == _NUL else None
            return seen("Bash", "command", {"command": script_of(command)}, fits)
        case "fileChange":
            changes = {"changes": item.get("changes") or []}
            return seen("apply_patch", "file_change", changes, _has_paths(changes))
        case "mcpToolCall":
            # For people: verdicts are not held against it, since Codex shortens long names.
            name = f"mcp__{as_name(item.get('server'))}__{as_name(item.get('tool'))}"
            return seen(name, "mcp", _arguments(item))
        case "dynamicToolCall":
            return seen(str(item.get("tool")), "dynamic", _arguments(item))
        case "imageView":
            path = {"path": item.get("path")}
            return seen("view_image", "other", path, _is_named("view_image"))
        case "collabAgentToolCall":
            name = re.sub(r"(?=[A-Z])", "_", str(item.get("tool"))).lower()
            return seen(name, "other", {"message": item.get("prompt")}, _is_named(name))
    if kind in _NO_TOOLS:
        return None
    return seen(str(kind), "other", {}, lambda _use: False)


def script_of(command: str) -> str:
    """Return what the model asked for: Codex wraps it as ``/bin/bash -lc 'SCRIPT'``."""
    try:
        words = shlex.split(command)
    except ValueError:
        return command
    return words[2] if len(words) == 3 and words[1].startswith("-") else command


def as_name(text: object) -> str:
    """Return ``text`` as Codex makes it a part of a tool's name."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", text) if isinstance(text, str) else ""


def _arguments(item: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = item.get("arguments")
    return arguments if isinstance(arguments, dict) else {}


def _has_nul(use: ToolUse) -> bool:
    return "\0" in str(use.input.get("command"))


def _has_input(given: Mapping[str, Any]) -> Callable[[ToolUse], bool]:
    digest = digest_of(given)
    return lambda use: use.digest == digest


def _is_named(name: str) -> Callable[[ToolUse], bool]:
    return lambda use: name in use.name


def _has_paths(changes: Mapping[str, Any]) -> Callable[[ToolUse], bool]:
    """Compare paths, for the item does not show the patch itself; it shows them whole.

    A command may be a patch too: Codex takes ``apply_patch`` out of a shell's hands.
    """
    touched = _patch(changes).paths

    def fits(use: ToolUse) -> bool:
        if use.kind not in {"file_change", "command"}:
            return False
        judged = [_rooted(path) for path in _patch(use.input).paths]
        return all(any(_rooted(path).endswith(end) for end in judged) for path in touched)

    return fits


def _rooted(path: str) -> str:
    """Return ``path`` as Codex shows it, less the folder that it is relative to."""
    return "/" + re.sub(r"^(\.{0,2}/)*", "", posixpath.normpath(path))


def _patch(tool_input: Mapping[str, Any]) -> ToolCall:
    return ToolCall(call_id="", name="apply_patch", kind="file_change", input=tool_input)
