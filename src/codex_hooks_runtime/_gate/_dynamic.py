"""Tools that Codex calls in this process: a Python callable for each, offered to one thread."""

from __future__ import annotations

import inspect
import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from codex_hooks_runtime._errors import ConfigError

if TYPE_CHECKING:
    from codex_hooks import HookKernel
    from codex_hooks_runtime._rpc import JsonObject

ToolFunction: TypeAlias = Callable[[Mapping[str, Any]], Any | Awaitable[Any]]
"""Takes the arguments; returns a text, or a JSON value. May be async; a plain one may block."""

# What hooks call Codex's own. It offers those all the same, and plugins could not tell which is
# which: a command would be of the kind ``dynamic``.
_TAKEN: Final = frozenset(
    {
        "Bash",
        "apply_patch",
        "create_goal",
        "exec",
        "exec_command",
        "get_goal",
        "list_mcp_resource_templates",
        "list_mcp_resources",
        "read_mcp_resource",
        "request_permissions",
        "request_user_input",
        "spawn_agent",
        "tool_search",
        "update_goal",
        "view_image",
        "wait",
        "write_stdin",
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class DynamicTool:
    """A tool for the model, with the JSON schema of its arguments (an object's).

    A thread keeps what it was started with: to resume it, give tools of the same names again.
    Raises `ConfigError` for a name that models do not take, or that a tool of Codex's own has.
    """

    name: str
    description: str
    function: ToolFunction
    parameters: Mapping[str, Any] = field(default_factory=lambda: {"type": "object"})

    def __post_init__(self) -> None:
        if not (self.name.isascii() and self.name.replace("-", "_").isidentifier()):
            raise ConfigError(
                f"a tool cannot be called {self.name!r}: use letters, digits, '_' and '-'"
            )
        if self.name in _TAKEN or self.name.startswith("mcp__"):
            raise ConfigError(f"Codex has tools called {self.name!r}: give yours another name")

    def spec(self) -> JsonObject:
        """Return the tool as ``thread/start`` takes it."""
        return {
            "type": "function",
            "name": self.name,
            "description": self.description,
            "inputSchema": dict(self.parameters),
        }

    async def call(self, arguments: Mapping[str, Any], kernel: HookKernel) -> JsonObject:
        """Return what Codex is told; a tool that raises has failed, and the model learns of it."""
        try:
            return told(await self._result(arguments, kernel))
        except Exception as error:
            return told(f"the tool failed: {type(error).__name__}: {error}", success=False)

    async def _result(self, arguments: Mapping[str, Any], kernel: HookKernel) -> Any:
        if inspect.iscoroutinefunction(self.function):
            result: Any = self.function(arguments)
        else:
            job = kernel.workers.submit(lambda: self.function(arguments))
            try:
                result = await job.outcome()
            finally:
                kernel.workers.withdraw(job)
        return await result if inspect.isawaitable(result) else result


def told(result: Any, *, success: bool = True) -> JsonObject:
    """Return the reply to ``item/tool/call`` that tells the model ``result``."""
    text = result if isinstance(result, str) else json.dumps(result, ensure_ascii=False)
    return {"contentItems": [{"type": "inputText", "text": text}], "success": success}
