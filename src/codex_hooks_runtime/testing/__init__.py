"""Test a policy against the real Codex, offline: a model that follows a script, and a home."""

from __future__ import annotations

from ._home import CodexHome
from ._model import ScriptedModel
from ._request import ModelRequest
from ._steps import ApplyPatch, CallTool, Fail, Hang, RunCode, RunCommand, Say, Step

__all__ = [
    "ApplyPatch",
    "CallTool",
    "CodexHome",
    "Fail",
    "Hang",
    "ModelRequest",
    "RunCode",
    "RunCommand",
    "Say",
    "ScriptedModel",
    "Step",
]
