"""Test a policy: contexts made with one call, assertions that read well, and a hard look.

Works in sync and in async tests, with pytest or without. With pytest, the fixture
``codex_hooks_kernel`` gives a kernel that has no plugin but yours.
"""

from __future__ import annotations

from ._asking import ask, kernel_with
from ._assertions import assert_asks, assert_blocks, assert_mutates, assert_passes
from ._check import Finding, PluginCheck, check_plugin
from ._contexts import command, patch, prompt, session, tool, tool_output

__all__ = [
    "Finding",
    "PluginCheck",
    "ask",
    "assert_asks",
    "assert_blocks",
    "assert_mutates",
    "assert_passes",
    "check_plugin",
    "command",
    "kernel_with",
    "patch",
    "prompt",
    "session",
    "tool",
    "tool_output",
]
