"""A client of the real codex behind its gate, and plugins that decide about tools."""

from __future__ import annotations

from collections import Counter
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio

from codex_hooks import HookContext, hookimpl
from codex_hooks_runtime import Client, ClientConfig
from codex_hooks_runtime.testing import CodexHome, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping, Sequence

    from codex_hooks import Decision
    from codex_hooks_runtime.testing import ModelRequest, Step

    Script = Sequence[Step] | Callable[[ModelRequest], Step]
    Decide = Callable[[HookContext], Decision | None]


@asynccontextmanager
async def gated(
    script: Script,
    *plugins: object,
    extra_config: str = "",
    model_name: str = "gpt-5.5",
    rules: str = "",
    env: Mapping[str, str] | None = None,
    seconds: float = 120,
    **config: Any,
) -> AsyncIterator[tuple[Client, ScriptedModel]]:
    with (
        anyio.fail_after(seconds),
        ScriptedModel(script) as model,
        CodexHome(model.base_url, model_name, extra_config) as home,
    ):
        if rules:
            (home.path / "rules").mkdir()
            (home.path / "rules" / "test.rules").write_text(rules)
        options: dict[str, Any] = {
            "load_installed": False,
            "env": home.env | dict(env or {}),
            "plugins": plugins,
        }
        async with Client.connect(ClientConfig(**(options | config))) as client:
            yield client, model
        assert model.unexpected == ()


def by_prompt(scripts: Mapping[str, Sequence[Step]]) -> Callable[[ModelRequest], Step]:
    """Play each thread the script that stands under its prompt, many threads at a time."""
    played: Counter[str] = Counter()

    def step(request: ModelRequest) -> Step:
        prompt = next(text for text in reversed(request.user_texts) if text in scripts)
        number = played[request.thread_id]
        played[request.thread_id] += 1
        return scripts[prompt][number]

    return step


def told(model: ScriptedModel, prompt: str) -> str:
    """Return what the model was told last about a tool in the thread of ``prompt``."""
    requests = [request for request in model.requests if prompt in request.user_texts]
    return list(requests[-1].tool_outputs.values())[-1]


class Tools:
    """Decides about tools with a function of the context, and remembers what it saw."""

    def __init__(self, before: Decide | None = None, after: Decide | None = None) -> None:
        self.seen: list[HookContext] = []
        self._before = before
        self._after = after

    @property
    def uses(self) -> list[tuple[str, str]]:
        """Each phase and tool, but for what approvals asked."""
        return [(ctx.phase.value, tool_of(ctx).name) for ctx in self.seen if not asks(ctx)]

    @hookimpl(recheck=False)
    async def pre_tool_use(self, ctx: HookContext) -> Decision | None:
        self.seen.append(ctx)
        return self._before(ctx) if self._before else None

    @hookimpl(recheck=False)
    async def post_tool_use(self, ctx: HookContext) -> Decision | None:
        self.seen.append(ctx)
        return self._after(ctx) if self._after else None


def tool_of(ctx: HookContext) -> Any:
    assert ctx.tool is not None
    return ctx.tool


def asks(ctx: HookContext) -> bool:
    return tool_of(ctx).approval is not None
