"""Policy for coding agents: hooks around runs, sessions, turns and tool uses."""

from __future__ import annotations

from codex_hooks._context import (
    AtPath,
    Attachment,
    HookContext,
    HookPhase,
    ImageUrl,
    LocalImage,
    RunStatus,
    Skill,
    ToolApproval,
    ToolCall,
    ToolKind,
)
from codex_hooks._decisions import Allow, Ask, Block, Decision, InvalidDecision, Mutate
from codex_hooks._discovery import DiscoveredPlugin, Discovery
from codex_hooks._errors import (
    CodexHooksError,
    DiscoveryError,
    OptionsError,
    PluginError,
    SettingsError,
)
from codex_hooks._installed import PluginSource
from codex_hooks._kernel import HookKernel
from codex_hooks._match import HookMatcher
from codex_hooks._registry import Registration
from codex_hooks._report import HookCall, HookIssue, HookReport, IssueKind, SkippedPlugin
from codex_hooks._run import PostOutcome, PreOutcome, Run
from codex_hooks._settings import PluginSettings, Settings
from codex_hooks._shell import ShellCommandHook
from codex_hooks._specs import hookimpl

__all__ = [
    "Allow",
    "Ask",
    "AtPath",
    "Attachment",
    "Block",
    "CodexHooksError",
    "Decision",
    "DiscoveredPlugin",
    "Discovery",
    "DiscoveryError",
    "HookCall",
    "HookContext",
    "HookIssue",
    "HookKernel",
    "HookMatcher",
    "HookPhase",
    "HookReport",
    "ImageUrl",
    "InvalidDecision",
    "IssueKind",
    "LocalImage",
    "Mutate",
    "OptionsError",
    "PluginError",
    "PluginSettings",
    "PluginSource",
    "PostOutcome",
    "PreOutcome",
    "Registration",
    "Run",
    "RunStatus",
    "Settings",
    "SettingsError",
    "ShellCommandHook",
    "Skill",
    "SkippedPlugin",
    "ToolApproval",
    "ToolCall",
    "ToolKind",
    "hookimpl",
]
