"""What Codex asks, as a server could send it: only what was judged is accepted (G5, G8)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from codex_hooks import Allow, Mutate
from codex_hooks_runtime._gate._dynamic import DynamicTool
from codex_hooks_runtime._messages import ServerRequest
from hooked import inline
from runtime.gate.test_tripwire_events import THREAD, TURN, Gated, gated

if TYPE_CHECKING:
    from codex_hooks import Decision, HookContext

COMMAND = "item/commandExecution/requestApproval"
PERMISSIONS = "item/permissions/requestApproval"
TOOL = "item/tool/call"
MCP = "mcpServer/elicitation/request"
TYPED = "item/commandExecution/terminalInteraction"
ARGUMENTS = {"path": "/notes"}
YES = {"decision": "accept"}


async def ask(on: Gated, method: str, **params: Any) -> dict[str, Any] | None:
    told = {"threadId": THREAD, "turnId": TURN, **params}
    return await on.gate.server_request(ServerRequest(1, method, told))


async def ask_mcp(on: Gated, arguments: dict[str, Any], tool: str = "note", **params: Any) -> Any:
    """Ask as Codex does about an MCP call, which it does not name."""
    meta = {"codex_approval_kind": "mcp_tool_call", "tool_params": arguments, "tool_name": tool}
    told = {"serverName": "notes", "message": "may it?", "_meta": meta, **params}
    return await ask(on, MCP, **told)


async def judge_mcp(on: Gated) -> None:
    await on.decide("", tool_name="mcp__notes__note", tool_input=ARGUMENTS)


def allow_everything(on: Gated) -> None:
    on.kernel.register(inline(lambda ctx: Allow(), "pre_tool_use"), "allows")


async def test_a_command_is_accepted_as_it_was_judged_and_not_as_another() -> None:
    """G3, G5: another command, call, turn or thread was not judged, whatever a plugin allows."""
    async with gated() as on:
        allow_everything(on)
        await on.decide("ls")
        assert await ask(on, COMMAND, itemId="call_1", command="/bin/bash -lc ls") == YES
        assert await ask(on, COMMAND, itemId="call_1") == YES
        assert await ask(on, COMMAND, itemId="call_1", command="/bin/bash -lc pwd") is None
        assert await ask(on, COMMAND, itemId="call_2", command="ls") is None
        assert await ask(on, COMMAND, itemId="call_1", command="ls", turnId="other") is None
        assert await ask(on, COMMAND, itemId="call_1", command="ls", threadId="other") is None


async def test_what_only_a_no_can_answer_is_declined() -> None:
    """G5: a request that belongs nowhere, and one that is not known."""
    async with gated() as on:
        allow_everything(on)
        await on.decide("ls")
        assert await ask(on, COMMAND, itemId="call_1", command="ls") == YES
        assert await ask(on, COMMAND, itemId="call_1", command="ls", turnId=None) is None
        assert await ask(on, COMMAND, itemId="call_1", command="ls", turnId=7) is None
        assert await ask(on, "item/newThing/requestApproval", itemId="call_1") is None


async def test_in_a_turn_that_was_stopped_nothing_is_accepted() -> None:
    """G7."""
    async with gated() as on:
        allow_everything(on)
        await on.decide("ls")
        on.thread.policy.stopped.add(TURN)
        assert await ask(on, COMMAND, itemId="call_1", command="ls") is None


async def test_an_mcp_call_is_accepted_by_its_server_tool_and_input_until_it_is_over() -> None:
    """G3, G5: Codex does not say which call it is about."""
    async with gated() as on:
        allow_everything(on)
        await judge_mcp(on)
        yes = await ask_mcp(on, ARGUMENTS)
        assert yes == {"action": "accept", "content": {}, "_meta": None}
        assert await ask_mcp(on, {"path": "/other"}) is None
        assert await ask_mcp(on, ARGUMENTS, tool="erase") is None
        assert await ask_mcp(on, ARGUMENTS, serverName="others") is None
        await on.conclude("", tool_name="mcp__notes__note", tool_input=ARGUMENTS)
        assert await ask_mcp(on, ARGUMENTS) is None


async def test_permissions_are_granted_to_the_tool_that_asks_for_them_and_for_the_turn() -> None:
    """G5: nothing that lasts."""
    async with gated() as on:
        allow_everything(on)
        await on.decide("ls")
        wanted = {"network": {"enabled": True}}
        assert await ask(on, PERMISSIONS, itemId="call_1", permissions=wanted) is None
        event = {"tool_name": "request_permissions", "tool_use_id": "call_2"}
        await on.decide("", tool_input={"permissions": wanted}, **event)
        answer = await ask(on, PERMISSIONS, itemId="call_2", permissions=wanted)
        assert answer == {"permissions": wanted, "scope": "turn"}


@pytest.mark.parametrize(
    ("decision", "allowed"), [(None, False), (Mutate(tool_input={"command": "pwd"}), True)]
)
async def test_without_an_allow_or_with_another_input_nothing_is_accepted(
    decision: Decision | None, allowed: bool
) -> None:
    """G5: nobody is there to ask, and what is rewritten now can no longer be sent."""

    def second(ctx: HookContext) -> Decision | None:
        return decision if ctx.tool is not None and ctx.tool.approval else None

    async with gated() as on:
        on.kernel.register(inline(second, "pre_tool_use"), "second thoughts")
        if allowed:
            allow_everything(on)
        await on.decide("ls")
        assert await ask(on, COMMAND, itemId="call_1", command="ls") is None


async def type_into(on: Gated, text: str) -> None:
    on.server.say(TYPED, itemId="call_1", processId="7", stdin=text)


async def test_what_was_typed_with_a_yes_is_let_through_once_and_nothing_else_is() -> None:
    """G8: what no hook of Codex's tells is judged late; a rewrite of it comes too late."""

    late: list[str] = []

    def rewrites(ctx: HookContext) -> Decision | None:
        assert ctx.tool is not None
        if ctx.tool.approval:
            return Allow()
        late.append(ctx.tool.input["command"])
        return Mutate(tool_input={"command": "true"}) if late[-1] == "print(2)" else None

    async with gated("report") as on:
        await on.decide("python3")
        on.kernel.register(inline(rewrites, "pre_tool_use"), "rewrites")
        words = "write_stdin --session-id 7 'print(1)'"
        asked = {"kind": "writeStdin", "itemId": "call_1", "command": words}
        assert await ask(on, COMMAND, **asked) == YES
        await type_into(on, "print(2)")
        rewritten = (
            "write_stdin call_1: a policy would have rewritten it, and it had happened already"
        )
        assert await on.found() == [rewritten]
        await type_into(on, "print(1)")
        assert await on.found() == [rewritten]
        assert late == ["print(2)"]
        await type_into(on, "print(1)")
        assert await on.found() == [rewritten]
        assert late == ["print(2)", "print(1)"]


async def test_a_tool_of_ours_is_called_once_for_each_verdict_about_this_very_call() -> None:
    """G3: not by another name, with other arguments, or again."""
    calls: list[Any] = []
    tools = [
        DynamicTool(name=name, description="Notes.", function=calls.append)
        for name in ("note", "erase")
    ]
    async with gated("report", tools) as on:
        await on.decide("", tool_name="note", tool_input=ARGUMENTS)
        told = {"callId": "call_1", "tool": "note", "arguments": ARGUMENTS}
        assert await ask(on, TOOL, **{**told, "tool": "erase"}) is None
        assert await ask(on, TOOL, **{**told, "arguments": {"path": "/other"}}) is None
        assert calls == []
        served = await ask(on, TOOL, **told)
        assert served is not None
        assert served["success"]
        assert calls == [ARGUMENTS]
        assert await ask(on, TOOL, **told) is None
        assert calls == [ARGUMENTS]
        assert len(await on.found()) == 3
        unknown = await ask(on, TOOL, **{**told, "tool": "gone"})
        assert unknown is not None
        assert not unknown["success"]
