"""The corpus as data."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path

from codex_hooks_guard._judge import commands_in, judge
from codex_hooks_guard._rule_files import EXAMPLE_PLACE, default_rules


@dataclass(frozen=True)
class Entry:
    """One command; ``expected`` is a rule's action, ``pass`` or ``limit``."""

    command: str
    expected: str
    source: str


def entries(name: str) -> list[Entry]:
    table = tomllib.loads(Path(__file__).with_name(name).read_text(encoding="utf-8"))
    return [
        Entry(command, group.get("verdict", "pass"), group["source"])
        for group in table["group"]
        for command in group["commands"]
    ]


DANGEROUS = entries("corpus_dangerous.toml")
HARMLESS = entries("corpus_harmless.toml")
HELD_OUT = entries("corpus_held_out.toml")


def verdict_on(command: str) -> str:
    """Return what the default rules make of ``command``."""
    commands = commands_in(command, EXAMPLE_PLACE)
    return judge(default_rules(), "Bash", commands, EXAMPLE_PLACE).action or "pass"
