"""A Codex that knows nothing of its user and cannot reach further than loopback.

The folder is new, private and removed on exit; Codex's configuration names one model provider, on
this machine, and switches off all that would look elsewhere.
"""

from __future__ import annotations

import json
import os
import tempfile
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import platformdirs

from codex_hooks_runtime._errors import ConfigError

if TYPE_CHECKING:
    from typing import Self

# `[features]` comes last, so that what is appended may begin with features of its own.
_CONFIG = """\
model = {model}
model_provider = "loopback"
approval_policy = "never"
sandbox_mode = "read-only"
check_for_update_on_startup = false
cli_auth_credentials_store = "file"
web_search = "disabled"

[model_providers.loopback]
name = "loopback"
base_url = {base_url}
wire_api = "responses"
requires_openai_auth = false
request_max_retries = 0
stream_max_retries = 0
stream_idle_timeout_ms = 30000
supports_websockets = false

[analytics]
enabled = false

[feedback]
enabled = false

[otel]
exporter = "none"
trace_exporter = "none"
metrics_exporter = "none"

[features]
plugins = false  # else Codex asks an outside host for its catalogue of plugins
"""


class CodexHome:
    """An isolated ``CODEX_HOME`` while the ``with`` block lasts.

    ``base_url`` is that of a `ScriptedModel`, or of any Responses API on loopback. ``extra_config``
    is TOML that goes below the ``[features]`` table of ``config.toml``: feature flags first
    (``goals = false``), then tables of your own (``[mcp_servers.docs]``); what is set already
    cannot be set again. Policy, sandbox and model are better given when a thread is started.

    Raises ``ConfigError`` for another host than loopback, for what is not TOML then, and for a
    cache folder in which no home can be made.
    """

    def __init__(self, base_url: str, model_name: str = "gpt-5.5", extra_config: str = "") -> None:
        if urlsplit(base_url).hostname not in {"127.0.0.1", "::1", "localhost"}:
            raise ConfigError(f"CodexHome keeps Codex on loopback, and {base_url!r} is elsewhere")
        names = {"model": json.dumps(model_name), "base_url": json.dumps(base_url)}
        self._config = _CONFIG.format_map(names) + extra_config
        try:
            tomllib.loads(self._config)
        except tomllib.TOMLDecodeError as error:
            raise ConfigError(f"extra_config does not fit into config.toml: {error}") from error
        self._folder: tempfile.TemporaryDirectory[str] | None = None

    def __enter__(self) -> Self:
        # Not the temporary folder: Codex refuses to put programs of its own on PATH from there.
        cache = Path(platformdirs.user_cache_dir("codex-hooks"))
        try:
            cache.mkdir(parents=True, exist_ok=True)
            self._folder = tempfile.TemporaryDirectory(prefix="home-", dir=cache)
            (self.path / "config.toml").write_text(self._config, encoding="utf-8")
            self._user_home.mkdir()
        except OSError as error:
            self.__exit__()
            raise ConfigError(
                f"no CODEX_HOME can be made in {cache} ({error}); "
                "set XDG_CACHE_HOME to a folder that you can write to"
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    @property
    def path(self) -> Path:
        """The folder to give to Codex as ``CODEX_HOME``."""
        if self._folder is None:
            raise ConfigError("a CodexHome has a folder only inside its `with` block")
        return Path(self._folder.name)

    @property
    def env(self) -> dict[str, str]:
        """The whole environment to start Codex with, or a program that starts it.

        ``HOME`` is a folder in the home too, and so is ``XDG_RUNTIME_DIR``: the home itself, since
        the address of the gate's socket has to be short.
        """
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._user_home),
            "CODEX_HOME": str(self.path),
            "XDG_RUNTIME_DIR": str(self.path),
            "LANG": "C.UTF-8",
            "RUST_LOG": "error",
        }

    @property
    def _user_home(self) -> Path:
        return self.path / "user"
