"""How a client starts codex, and which plugins it does that with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from ._approver import is_async
from ._bounds import check_counts, check_times
from ._errors import ConfigError
from ._handshake import ClientInfo
from ._live import DEFAULT_CAPACITY
from ._restart import RestartPolicy
from ._state import StateProjectionLimits

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from codex_hooks import Settings

    from ._approver import Approver
    from ._server_requests import ServerRequestHandler
    from ._sink import EventSink

ToolGate: TypeAlias = Literal["native", "approvals", "off"]
OnUnmediated: TypeAlias = Literal["interrupt", "report"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """What a `Client` is made of. Times are in seconds.

    ``plugins`` are registered in their order, after those that are installed and enabled by
    ``settings`` (by default: the settings files and the environment). ``load_installed=False``
    leaves the installed ones out. ``codex`` is the binary, by default the one that is installed
    with ``codex-hooks[codex]``, else the one on PATH; ``env`` is its whole environment, by default
    this process's, but for a mark by which all that it starts is found when it ends (R6).

    ``tool_gate="native"`` puts every tool use before the plugins (G1); ``"approvals"`` only what
    Codex asks about, at a price that docs/tool-gate.md names. ``on_unmediated`` says what becomes
    of a turn in which a tool was used that no policy had judged (G7).

    ``approver`` is who decides where a plugin, or Codex, wants a person to, within
    ``approval_deadline``; without one that is a no.

    ``server_requests`` is asked what Codex asks of its client and the gate does not answer: input
    from the user, say, or a fresh token. It is an ``async def`` that takes a `ServerRequest` and
    returns the reply, or None to decline, within ``gate_deadline``; without one all of it is
    declined (R8). With ``tool_gate="off"`` it is asked for approvals too. ``client_info`` is what
    Codex is told of its client.

    ``restart`` says how often a crashed codex is started again (R5). ``event_sink`` is called for
    every event, from a buffer of its own for ``event_sink_capacity`` of them (F21).
    ``live_capacity`` is how many events any other subscriber may leave unread.

    Raises `ConfigError` for numbers that cannot work.
    """

    plugins: Sequence[object] = ()
    load_installed: bool = True
    settings: Settings | None = None
    codex: Path | str | None = None
    env: Mapping[str, str] | None = None
    tool_gate: ToolGate = "native"
    call_timeout: float = 30.0
    initialize_timeout: float = 15.0
    gate_deadline: float = 600.0
    """By when a tool use must be decided: longer than any hook, and the approver, may take."""
    approver: Approver | None = None
    approval_deadline: float = 300.0
    on_unmediated: OnUnmediated = "interrupt"
    server_requests: ServerRequestHandler | None = None
    client_info: ClientInfo = field(default_factory=ClientInfo)
    restart: RestartPolicy = field(default_factory=RestartPolicy)
    max_in_flight: int = 128
    """Requests at a time: with a thousand, codex leaves some without any reply (R4)."""
    live_capacity: int = DEFAULT_CAPACITY
    event_sink: EventSink | None = None
    event_sink_capacity: int = DEFAULT_CAPACITY
    state_limits: StateProjectionLimits = field(default_factory=StateProjectionLimits)

    def __post_init__(self) -> None:
        check_times(
            self, "call_timeout", "initialize_timeout", "gate_deadline", "approval_deadline"
        )
        check_counts(self, "max_in_flight", "live_capacity", "event_sink_capacity")
        if self.server_requests is not None and not is_async(self.server_requests):
            raise ConfigError("server_requests is not async: write `async def` before it")
        if self.approver is not None and self.approval_deadline >= self.gate_deadline:
            raise ConfigError(
                f"approval_deadline={self.approval_deadline:g}: it has to be less than "
                f"gate_deadline={self.gate_deadline:g}, by which a tool use must be decided"
            )

    def environment(self) -> dict[str, str]:
        """Return the environment to start codex with."""
        return dict(os.environ if self.env is None else self.env)
