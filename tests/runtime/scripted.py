"""A client of the real codex on a scripted model, and plugins that write down what they see."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from codex_hooks import HookContext, HookPhase, hookimpl
from codex_hooks_runtime import Client, ClientConfig
from codex_hooks_runtime.testing import CodexHome, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from codex_hooks import Decision
    from codex_hooks_runtime.testing import ModelRequest, Step

    Script = Sequence[Step] | Callable[[ModelRequest], Step]


@asynccontextmanager
async def scripted(
    script: Script, *plugins: object, extra_config: str = "", **config: Any
) -> AsyncIterator[tuple[Client, ScriptedModel]]:
    """Connect a client with ``plugins``; at the end the model must have foreseen everything."""
    with (
        ScriptedModel(script) as model,
        CodexHome(model.base_url, extra_config=extra_config) as home,
    ):
        options: dict[str, Any] = {
            "load_installed": False,
            "env": home.env,
            "plugins": plugins,
        } | config
        async with Client.connect(ClientConfig(**options)) as client:
            yield client, model
        assert model.unexpected == ()


class Journal:
    """Writes down every phase; decides by phase as it was told to."""

    def __init__(self, **decisions: Decision) -> None:
        self.seen: list[HookContext] = []
        self._decisions = decisions

    @property
    def phases(self) -> list[str]:
        return [ctx.phase.value for ctx in self.seen]

    @property
    def endings(self) -> dict[str, str | None]:
        """Each post phase and its status, where every one was there once at most."""
        posts = [ctx for ctx in self.seen if not ctx.phase.is_pre]
        assert len({ctx.phase for ctx in posts}) == len(posts), self.phases
        return {ctx.phase.value.removeprefix("post_"): ctx.status for ctx in posts}

    def of(self, phase: HookPhase) -> list[HookContext]:
        return [ctx for ctx in self.seen if ctx.phase is phase]

    def _take(self, ctx: HookContext) -> Decision | None:
        self.seen.append(ctx)
        return self._decisions.get(ctx.phase.value)

    @hookimpl(recheck=False)
    async def pre_run(self, ctx: HookContext) -> Decision | None:
        return self._take(ctx)

    @hookimpl
    async def post_run(self, ctx: HookContext) -> Decision | None:
        return self._take(ctx)

    @hookimpl(recheck=False)
    async def pre_session_start(self, ctx: HookContext) -> Decision | None:
        return self._take(ctx)

    @hookimpl
    async def post_session_start(self, ctx: HookContext) -> Decision | None:
        return self._take(ctx)

    @hookimpl(recheck=False)
    async def pre_turn(self, ctx: HookContext) -> Decision | None:
        return self._take(ctx)

    @hookimpl
    async def post_turn(self, ctx: HookContext) -> Decision | None:
        return self._take(ctx)

    @hookimpl(recheck=False)
    async def pre_tool_use(self, ctx: HookContext) -> Decision | None:
        return self._take(ctx)

    @hookimpl
    async def post_tool_use(self, ctx: HookContext) -> Decision | None:
        return self._take(ctx)
