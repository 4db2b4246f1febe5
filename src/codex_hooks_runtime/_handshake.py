"""What client and server say of themselves before anything else. Plain data."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ._errors import CodexUnsupported, ConfigError

if TYPE_CHECKING:
    from ._rpc import JsonObject

Version: TypeAlias = tuple[int, int, int]

OLDEST_SERVER: Version = (0, 163, 0)

# "codex-hooks/0.163.0 (Debian 12.0.0; x86_64) …": the client's name, then the server's version.
_USER_AGENT = re.compile(r"/(\d+)\.(\d+)\.(\d+)[^ /]* \(")


@dataclass(frozen=True, slots=True)
class ClientInfo:
    """Who the server is told that it talks to.

    Raises `ConfigError` for what cannot be sent as an HTTP header, as Codex does.
    """

    name: str = "codex-hooks"
    title: str = "codex-hooks"
    version: str = "0.1.0"

    def __post_init__(self) -> None:
        if not (self.name + self.title + self.version).isprintable():
            raise ConfigError(
                f"{self!r}: give printable characters only, for Codex sends it on as an HTTP header"
            )


def initialize_params(client: ClientInfo) -> JsonObject:
    """Return the params of ``initialize``."""
    return {
        "clientInfo": {"name": client.name, "title": client.title, "version": client.version},
        # Dynamic tools, granular policies and background terminals are experimental to Codex.
        "capabilities": {"experimentalApi": True, "requestAttestation": False},
    }


def server_version(result: Any) -> Version:
    """Return the version of the server that answered ``initialize`` with ``result``.

    Raises ``CodexUnsupported`` for a version before 0.163 and for what is no codex.
    """
    user_agent = result.get("userAgent") if isinstance(result, dict) else None
    found = _USER_AGENT.search(user_agent) if isinstance(user_agent, str) else None
    if found is None:
        raise CodexUnsupported(
            f"the server calls itself {user_agent!r}, which is no codex app-server; "
            f"give the path of a codex {_dotted(OLDEST_SERVER)} or later"
        )
    major, minor, patch = (int(part) for part in found.groups())
    version = (major, minor, patch)
    if version < OLDEST_SERVER:
        raise CodexUnsupported(
            f"this is codex {_dotted(version)}, and {_dotted(OLDEST_SERVER)} is the oldest that "
            'can be worked with; update it, or `pip install "codex-hooks[codex]"`'
        )
    return version


def _dotted(version: Version) -> str:
    return ".".join(map(str, version))
