"""The plugin: every command and every patch before the rules."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from codex_hooks import Allow, Ask, Block, hookimpl
from pydantic import BaseModel, ConfigDict, field_validator

from ._judge import judge
from ._patch import read_changes, read_patch
from ._paths import Place
from ._reader import read_command
from ._rule_files import combined, default_rules, load_rules
from ._text import Text

if TYPE_CHECKING:
    from codex_hooks import Decision, HookContext, ToolCall

    from ._command import Command
    from ._judge import Verdict
    from ._rule import Rule

CODEX_HOOKS_API: Final = "1"
_MAX_SHOWN: Final = 200


class GuardOptions(BaseModel):
    """The options of the plugin ``guard``.

    ``rules`` are further rule files, as absolute paths or from ``~/``. ``disable`` names default
    rules that are not to count.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    rules: tuple[Path, ...] = ()
    disable: tuple[str, ...] = ()

    @field_validator("rules")
    @classmethod
    def _absolute(cls, rules: tuple[Path, ...]) -> tuple[Path, ...]:
        paths = tuple(path.expanduser() for path in rules)
        for path in paths:
            if not path.is_absolute():
                raise ValueError(f"{str(path)!r} has to be an absolute path, or to begin with ~/")
        return paths

    def load(self) -> tuple[Rule, ...]:
        """Return the rules in force; raises `RuleError`."""
        return combined(default_rules(), self.disable, map(load_rules, self.rules))


class Guard:
    """Blocks what a rule blocks, and has asked what a rule asks; the first reason is given.

    Raises `RuleError` for rules that cannot be used; then nothing starts.
    """

    Options = GuardOptions

    def __init__(self, options: GuardOptions | None = None) -> None:
        self.rules = (options or GuardOptions()).load()
        self._home = str(Path.home())

    @hookimpl
    def pre_tool_use(self, ctx: HookContext) -> Decision | None:
        """Judge one tool use."""
        if ctx.tool is None:
            return Block("the guard was asked about a tool use without a tool")
        place = Place(ctx.cwd, self._home)
        verdict = judge(self.rules, ctx.tool.name, _commands(ctx.tool, place), place)
        if verdict.action == "block":
            return Block(explain(verdict))
        if verdict.action == "ask":
            return Ask(explain(verdict))
        return Allow() if verdict.action == "allow" else None


def explain(verdict: Verdict) -> str:
    """Say why the strongest rule holds, and for what."""
    first = verdict.findings[0]
    seen = "" if first.command is None else f"; seen: {_short(str(first.command))}"
    return f"{first.rule.reason} (rule {first.rule.name}{seen})"


def _short(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"


def _commands(tool: ToolCall, place: Place) -> tuple[Command, ...]:
    """Return what a tool use comes down to; input of an unknown shape is unreadable."""
    if tool.kind == "command":
        command = tool.input.get("command")
        # No text: a character that no command can have makes it unreadable.
        return read_command(command if isinstance(command, str) else "\0", place)
    if tool.kind == "file_change":
        patch = tool.input.get("command")
        if isinstance(patch, str):
            return tuple(read_patch(Text.of(patch), place.folder))
        return tuple(read_changes(tool.input.get("changes"), place.folder))
    return ()
