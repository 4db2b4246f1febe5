"""The model that a real Codex is driven with offline: it says what its script says, and no more.

Every request is kept as it came. One that the script has no answer for fails, and is noted.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from codex_hooks_runtime._errors import ConfigError

from ._playback import Playback

if TYPE_CHECKING:
    from typing import Self

    from ._playback import Script
    from ._request import ModelRequest
    from ._server import LoopbackServer


class ScriptedModel:
    """A Responses API on 127.0.0.1 that plays ``script`` while the ``with`` block lasts.

    ``script`` is a sequence of steps, one for each request in the order of arrival, or a callable
    that returns the step for a request: for several threads at once, whose requests arrive in no
    fixed order. The callable runs on the model's own thread and must not block::

        with ScriptedModel([RunCommand("ls"), Say("done")]) as model:
            with CodexHome(model.base_url) as home:
                ...  # start codex with home.env and run a turn
        assert not model.unexpected
        assert "s3cret" not in model.requests[-1].text

    Serves plain code and any event loop alike; to be entered once. Raises ``TypeError`` for what
    is no step, and on entering ``ConfigError`` where ``codex-hooks[testing]`` is not installed.
    """

    def __init__(self, script: Script) -> None:
        self._playback = Playback(script)
        self._server: LoopbackServer | None = None

    def __enter__(self) -> Self:
        if self._server is not None:
            raise ConfigError("a ScriptedModel plays its script once; make a new one")
        try:
            from ._api import responses_api  # noqa: PLC0415  # loads starlette
            from ._server import LoopbackServer  # noqa: PLC0415  # loads uvicorn
        except ImportError as error:
            raise ConfigError(
                "ScriptedModel needs starlette and uvicorn: pip install 'codex-hooks[testing]'"
            ) from error
        self._server = LoopbackServer(responses_api(self._playback))
        return self

    def __exit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.stop()

    @property
    def base_url(self) -> str:
        """``http://127.0.0.1:PORT/v1``, for the ``base_url`` of a model provider."""
        if self._server is None:
            raise ConfigError("a ScriptedModel has no address until its `with` block is entered")
        return f"http://127.0.0.1:{self._server.port}/v1"

    @property
    def requests(self) -> tuple[ModelRequest, ...]:
        """The requests so far, oldest first; still there after the ``with`` block."""
        return tuple(self._playback.requests)

    @property
    def unexpected(self) -> tuple[str, ...]:
        """A sentence for each request that the script had no answer for; each of them failed."""
        return tuple(self._playback.unexpected)
