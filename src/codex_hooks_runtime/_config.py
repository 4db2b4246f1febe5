"""How a client starts codex, and which plugins it does that with."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from codex_hooks import Settings

    from ._gate._approver import Approver

ToolGate: TypeAlias = Literal["native", "approvals", "off"]
OnUnmediated: TypeAlias = Literal["interrupt", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """What a `Client` is made of. Times are in seconds.

    ``plugins`` are registered in their order, after those that are installed and enabled by
    ``settings`` (by default: the settings files and the environment). ``load_installed=False``
    leaves the installed ones out. ``codex`` is the binary, by default the one that is installed
    with ``codex-hooks[codex]``, else the one on PATH; ``env`` is its whole environment, by default
    this process's.

    ``tool_gate="native"`` puts every tool use before the plugins (G1); ``"approvals"`` only what
    Codex asks about, at a price that docs/tool-gate.md names. ``approver`` is who decides where a
    plugin, or Codex, wants a person to; without one that is a no. ``on_unmediated`` says what
    becomes of a turn in which a tool was used that no policy had judged (G7).
    """

    plugins: Sequence[object] = ()
    load_installed: bool = True
    settings: Settings | None = None
    codex: Path | None = None
    env: Mapping[str, str] | None = None
    tool_gate: ToolGate = "native"
    call_timeout: float = 30.0
    initialize_timeout: float = 15.0
    gate_deadline: float = 600.0
    """By when a tool use must be decided: longer than any hook, and the approver, may take."""
    approver: Approver | None = None
    approval_deadline: float = 300.0
    on_unmediated: OnUnmediated = "interrupt"

    def environment(self) -> dict[str, str]:
        """Return the environment to start codex with."""
        return dict(os.environ if self.env is None else self.env)
