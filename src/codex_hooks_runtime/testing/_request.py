"""One request that Codex made of the model, and the questions a test asks of it.

Nothing is interpreted away: ``body`` is the request as it was parsed, the properties only read it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """One ``POST /v1/responses``: its JSON ``body`` and its ``headers`` (lower-case names)."""

    body: Mapping[str, Any]
    headers: Mapping[str, str]

    @property
    def model(self) -> str:
        """The model that was asked for."""
        return str(self.body["model"])

    @property
    def thread_id(self) -> str:
        """Codex's id of the thread that asks; empty for a client that is not Codex.

        A sub-agent has a thread of its own.
        """
        return self.headers.get("thread-id", "")

    @property
    def input(self) -> tuple[Mapping[str, Any], ...]:
        """The items of the conversation so far, oldest first."""
        return tuple(self.body["input"])

    @property
    def user_texts(self) -> tuple[str, ...]:
        """Each text that was sent in the user's role, oldest first.

        Codex sends context of its own in that role too (the environment, a repository's
        instructions), so the prompt is usually the last one.
        """
        return tuple(
            part["text"]
            for item in self.input
            if item.get("type") == "message" and item.get("role") == "user"
            for part in item["content"]
            if part.get("type") == "input_text"
        )

    @property
    def tool_outputs(self) -> dict[str, str]:
        """What the model was told about each tool call so far: call id to text.

        Where a call id was used more than once, the latest output stands here; ``text`` has all,
        also those outputs of Codex's own that answer no call and so have no id.
        """
        return {
            item["call_id"]: _output_text(item["output"])
            for item in self.input
            if item.get("type") in {"function_call_output", "custom_tool_call_output"}
            and "call_id" in item
        }

    @property
    def text(self) -> str:
        """Everything that was sent in the body, one string of it a line.

        For the assertion that a secret never reached the model. It holds keys as well as values,
        each both as sent and, where a string is JSON itself, unpacked: escaping hides nothing.
        """
        return "\n".join(_strings(self.body))


def _output_text(output: str | list[Mapping[str, Any]]) -> str:
    if isinstance(output, str):
        return output
    return "\n".join(part["text"] for part in output if "text" in part)


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield key
            yield from _strings(member)
    elif isinstance(value, list):
        for member in value:
            yield from _strings(member)
    elif isinstance(value, str):
        yield value
        if value.lstrip()[:1] in {"{", "[", '"'}:
            try:
                yield from _strings(json.loads(value))
            except (ValueError, RecursionError):
                return  # only looked like JSON; as it was sent, it is already there
    elif value is not None:
        yield str(value)
