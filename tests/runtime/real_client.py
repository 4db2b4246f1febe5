"""A client of the real codex, on a scripted model."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from codex_hooks_runtime import Client, ClientConfig
from codex_hooks_runtime.testing import CodexHome, Say, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from codex_hooks_runtime.testing import ModelRequest, Step
    from codex_hooks_runtime.testing._playback import Script


@asynccontextmanager
async def real_client(script: Script, **config: Any) -> AsyncIterator[Client]:
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        async with Client.connect(
            ClientConfig(env=home.env, load_installed=False, **config)
        ) as client:
            yield client


def echo(request: ModelRequest) -> Step:
    """Say what was asked, for threads whose requests come in no fixed order."""
    return Say(f"you said {request.user_texts[-1]}", chunks=8)
