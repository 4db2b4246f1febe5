"""A guard for coding agents: rules for commands and files, in TOML that a reviewer can read."""

from __future__ import annotations

from codex_hooks_guard._plugin import CODEX_HOOKS_API, Guard, GuardOptions
from codex_hooks_guard._rule import Rule
from codex_hooks_guard._rule_files import RuleError

__all__ = ["CODEX_HOOKS_API", "Guard", "GuardOptions", "Rule", "RuleError"]
