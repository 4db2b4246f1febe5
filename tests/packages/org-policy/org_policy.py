"""A policy as an organisation would ship it: one class, one entry point."""

from codex_hooks import Block, HookContext, hookimpl


class NoKeys:
    """Keeps the agent from key files."""

    @hookimpl
    def pre_tool_use(self, ctx: HookContext) -> Block | None:
        if ctx.tool and "key" in str(ctx.tool.input):
            return Block("keys are not read")
        return None
