"""Rule files: read, checked, and tried on their own examples before any of them counts."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from codex_hooks import OptionsError
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ._judge import commands_in, judge
from ._paths import Place
from ._rule import Rule  # noqa: TC001  # pydantic reads it

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

EXAMPLE_PLACE: Final = Place("/home/dev/project", "/home/dev")
"""Where the examples of rules are run."""

MAX_BYTES: Final = 1 << 20
_DEFAULTS: Final = "default_rules.toml"


class RuleError(OptionsError):
    """A rule file cannot be used; the message names the file, the rule and what to change."""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    rule: tuple[Rule, ...] = Field(min_length=1)


@cache
def default_rules() -> tuple[Rule, ...]:
    """Return the rules that ship with the guard."""
    text = files(__package__).joinpath(_DEFAULTS).read_text(encoding="utf-8")
    return rules_of(text, _DEFAULTS)


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Return the rules of the file at ``path``; raises `RuleError`."""
    try:
        content = path.read_bytes()
        text = content.decode()
    except OSError as error:
        raise RuleError(f"the rule file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise RuleError(f"the rule file {path} is not UTF-8 at byte {error.start}") from None
    if len(content) > MAX_BYTES:
        raise RuleError(f"the rule file {path} has more than {MAX_BYTES} bytes: split it")
    return rules_of(text, str(path))


def rules_of(text: str, source: str) -> tuple[Rule, ...]:
    """Return the rules of TOML ``text``, tried on their examples; raises `RuleError`."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RuleError(f"{source} is no TOML: {error}") from None
    try:
        rules = _File.model_validate(table).rule
    except ValidationError as error:
        raise RuleError(f"{source}: {_complaints(error, table)}") from None
    _check_names(rules, source)
    for rule in rules:
        _try_examples(rule, source)
    return rules


def combined(
    defaults: Iterable[Rule], disabled: Sequence[str], more: Iterable[tuple[Rule, ...]]
) -> tuple[Rule, ...]:
    """Return the default rules but the ``disabled`` ones, then ``more``; raises `RuleError`."""
    standing = list(defaults)
    known = [rule.name for rule in standing]
    for name in disabled:
        if name not in known:
            raise RuleError(
                f"disable: there is no default rule {name!r}; there is {', '.join(known)}"
            )
    rules = [rule for rule in standing if rule.name not in disabled]
    rules += [rule for each in more for rule in each]
    _check_names(rules, "the rules together")
    return tuple(rules)


def _check_names(rules: Iterable[Rule], source: str) -> None:
    names: set[str] = set()
    for rule in rules:
        if rule.name in names:
            raise RuleError(f"{source}: two rules have the name {rule.name!r}: rename one")
        names.add(rule.name)


def _try_examples(rule: Rule, source: str) -> None:
    for examples, wanted in ((rule.match, True), (rule.not_match, False)):
        for example in examples:
            if _matches(rule, example) is not wanted:
                key, does = ("match", "does not match") if wanted else ("not_match", "matches")
                raise RuleError(
                    f"{source}: rule {rule.name!r} {does} its own {key} example {example!r}; "
                    f"codex-hooks guard check shows how the command is read"
                )


def _matches(rule: Rule, example: str) -> bool:
    """Try one rule alone. An example is a command, a patch, or for a tool rule a tool's name."""
    if rule.is_about_tools:
        return bool(judge((rule,), example, (), EXAMPLE_PLACE).findings)
    commands = commands_in(example, EXAMPLE_PLACE)
    alone = rule.model_copy(update={"tools": ()})
    return bool(judge((alone,), "", commands, EXAMPLE_PLACE).findings)


def _complaints(error: ValidationError, table: dict[str, object]) -> str:
    """Say in one line what is wrong, with the name of the rule where it has one."""
    said: list[str] = []
    for item in error.errors(include_url=False, include_context=False, include_input=False):
        place = [str(part) for part in item["loc"]]
        if len(place) > 1 and place[0] == "rule":
            place[:2] = [_name(table, int(place[1]))]
        message = "there is no such key" if item["type"] == "extra_forbidden" else item["msg"]
        said.append(f"{'.'.join(place)}: {message.removeprefix('Value error, ')}")
    return "; ".join(said)


def _name(table: dict[str, object], place: int) -> str:
    rules = table["rule"]
    rule = rules[place] if isinstance(rules, list) else None
    name = rule.get("name") if isinstance(rule, dict) else None
    return f"rule {name!r}" if isinstance(name, str) else f"rule number {place + 1}"
