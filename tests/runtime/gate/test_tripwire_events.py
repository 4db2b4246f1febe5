"""Events as a server could send them, held against verdicts; test_tripwire has the real ones."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import HookKernel
from codex_hooks_runtime._approver import Deciders
from codex_hooks_runtime._errors import EmptyAssistantText, TurnInterrupted, UnmediatedToolUse
from codex_hooks_runtime._gate._items import script_of, seen_use
from codex_hooks_runtime._gate._ledger import Ledger, ToolUse, digest_of
from codex_hooks_runtime._gate._payload import Deny, Proceed, Withhold, parse_event
from codex_hooks_runtime._gate._tool_gate import ToolGate
from codex_hooks_runtime._live import LiveFeed, LiveSubscription
from codex_hooks_runtime._messages import LiveEvent
from runtime.gate.tool_events import after, before

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from codex_hooks import Run
    from codex_hooks_runtime._gate._dynamic import DynamicTool
    from codex_hooks_runtime._gate._thread_gate import ThreadGate
    from codex_hooks_runtime._gate._tool_gate import OnUnmediated

THREAD, TURN = "thread", "turn"


class Server:
    """Says nothing by itself, and remembers what it was asked."""

    def __init__(self) -> None:
        self.feed = LiveFeed()
        self.asked: list[str] = []

    async def call(
        self,
        method: str,
        params: dict[str, Any] | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109
    ) -> Any:
        self.asked.append(f"{method} {(params or {}).get('turnId', '')}".strip())
        if method.endswith("/list"):
            return {"data": [{"processId": "7"}]}
        return {}

    def subscribe_live(self, *, capacity: int) -> LiveSubscription:
        return LiveSubscription(self.feed, capacity=capacity)

    def say(self, method: str, **params: Any) -> None:
        told = {"threadId": THREAD, "turnId": TURN, **params}
        self.feed.publish([LiveEvent(1, method, told)])


class Gated:
    def __init__(
        self, gate: ToolGate, thread: ThreadGate, server: Server, kernel: HookKernel
    ) -> None:
        self.gate = gate
        self.thread = thread
        self.server = server
        self.kernel = kernel

    async def decide(self, command: str, **event: Any) -> Any:
        words = {"session_id": THREAD, "turn_id": TURN, "tool_input": {"command": command}} | event
        return await self.thread.policy.answer(parse_event(before(**words)))

    async def conclude(self, command: str, **event: Any) -> Any:
        words = {"session_id": THREAD, "turn_id": TURN, "tool_input": {"command": command}} | event
        return await self.thread.policy.answer(parse_event(after(**words)))

    def start(self, command: str, call_id: str = "call_1", **event: Any) -> None:
        item = {"type": "commandExecution", "id": call_id, "command": command}
        self.server.say("item/started", item=item, **event)

    async def found(self) -> list[str]:
        """Return what the tripwire has found, once it has read what there is."""
        await anyio.wait_all_tasks_blocked()
        return [
            f"{record.name} {record.call_id}: {record.reason}"
            for record in self.gate.records
            if record.decision == "unmediated"
        ]


@asynccontextmanager
async def gated(
    on_unmediated: OnUnmediated = "interrupt",
    tools: Sequence[DynamicTool] = (),
    *,
    web_search: bool = False,
) -> AsyncIterator[Gated]:
    kernel = HookKernel()
    gate = ToolGate(
        Deciders(kernel=kernel, approver=None, approval_deadline=10),
        mode="native",
        deadline=10,
        on_unmediated=on_unmediated,
    )
    server = Server()
    with anyio.fail_after(60):
        async with gate, gate.watching(server):
            thread = gate.thread(interactive=False, web_search=web_search, tools=tools)
            thread.policy.thread_id = THREAD
            gate.add(THREAD, thread)
            yield Gated(gate, thread, server, kernel)


async def test_a_use_that_was_decided_starts_once() -> None:
    """G3, F23: the second start under one verdict is a use of its own."""
    async with gated() as on:
        await on.decide("ls")
        on.start("/bin/bash -lc ls")
        assert await on.found() == []
        on.start("/bin/bash -lc ls")
        assert await on.found() == ["Bash call_1: no policy had judged it"]


async def test_another_input_another_id_another_turn_are_other_uses() -> None:
    """G3, F23."""
    for changed in (
        {"command": "/bin/bash -lc 'rm -r .'"},
        {"call_id": "call_2"},
        {"turnId": "other"},
    ):
        async with gated() as on:
            await on.decide("ls")
            on.start(**({"command": "/bin/bash -lc ls"} | changed))
            assert len(await on.found()) == 1


@pytest.mark.parametrize("web_search", [False, True])
async def test_a_search_of_the_providers_is_unmediated_unless_it_was_wanted(
    web_search: bool,
) -> None:
    """G8: and nothing but that is let pass where it was."""
    async with gated(web_search=web_search) as on:
        on.server.say("item/started", item={"type": "webSearch", "id": "search"})
        found = ["webSearch search: no policy had judged it"]
        assert await on.found() == ([] if web_search else found)
        on.start("ls", turnId="next")
        assert len(await on.found()) == (1 if web_search else 2)


async def test_a_use_of_a_thread_that_is_not_this_gates_is_denied() -> None:
    """G9: it answers for its thread and that one's sub-agents, whose uses are their own."""
    async with gated() as on:
        assert isinstance(await on.decide("ls", session_id="other"), Deny)
        assert isinstance(await on.decide("ls", agent_id="sub"), Proceed)
        on.start("ls", threadId="sub")
        assert await on.found() == []
        on.start("ls")
        assert await on.found() == ["Bash call_1: no policy had judged it"]


async def test_a_turn_is_stopped_once_and_its_processes_ended() -> None:
    """G7: and nothing more is let through in it, however often it is tried."""
    async with gated() as on:
        on.start("/bin/bash -lc ls")
        on.start("/bin/bash -lc id", "call_2")
        assert len(await on.found()) == 1
        assert on.server.asked == [
            f"turn/interrupt {TURN}",
            "thread/backgroundTerminals/list",
            "thread/backgroundTerminals/terminate",
            "thread/backgroundTerminals/clean",
        ]
        assert "This turn was stopped" in (await on.decide("ls")).reason
        assert await on.decide("ls", turn_id="next") == Proceed()


async def test_when_it_is_only_reported_the_turn_goes_on() -> None:
    """G7: the control."""
    async with gated("report") as on:
        on.start("/bin/bash -lc ls")
        assert len(await on.found()) == 1
        assert on.server.asked == []
        assert await on.decide("ls") == Proceed()


async def test_an_output_of_what_was_not_judged_is_withheld() -> None:
    """G3, G10: another input than the one that was judged, or a second output of one use."""
    async with gated("report") as on:
        await on.decide("ls")
        assert isinstance(await on.conclude("rm -r ."), Withhold)
        assert await on.conclude("ls") == Proceed()
        assert isinstance(await on.conclude("ls"), Withhold)
        assert len(await on.found()) == 2


async def test_a_command_that_outlives_its_turn_may_be_read_in_the_next() -> None:
    """G3, G10: its output has a post hook then, and is no use without a verdict."""
    async with gated() as on:
        await on.decide("sleep 9")
        on.start("/bin/bash -lc 'sleep 9'")
        on.server.say("turn/completed", turn={"id": TURN})
        await anyio.wait_all_tasks_blocked()
        assert await on.conclude("sleep 9", turn_id="next") == Proceed()
        assert await on.found() == []


async def test_a_use_that_begins_after_its_turn_is_the_one_that_was_judged() -> None:
    """G3, G7: code may call a tool and not wait for it; the second start is the control."""
    async with gated() as on:
        await on.decide("ls")
        on.server.say("turn/completed", turn={"id": TURN})
        on.start("/bin/bash -lc ls")
        assert await on.found() == []
        assert await on.conclude("ls") == Proceed()
        on.start("/bin/bash -lc ls")
        assert await on.found() == ["Bash call_1: no policy had judged it"]


async def test_items_that_are_no_use_of_a_tool_are_none_and_unknown_ones_are() -> None:
    """G7: a newer Codex may have more kinds of them."""
    async with gated("report") as on:
        for kind in ("userMessage", "agentMessage", "reasoning", "plan", "contextCompaction"):
            on.server.say("item/started", item={"type": kind, "id": "x"})
        on.server.say("item/started", item={"type": "commandExecution", "source": "userShell"})
        assert await on.found() == []
        for kind in ("webSearch", "imageGeneration", "somethingNew"):
            on.server.say("item/started", item={"type": kind, "id": "x"})
        assert [reason.partition(" ")[0] for reason in await on.found()] == [
            "webSearch",
            "imageGeneration",
            "somethingNew",
        ]


async def test_a_sub_agents_use_without_a_verdict_stops_its_parents_turn_too() -> None:
    """G7, G9: known from the item that tells of its birth."""
    async with gated() as on:
        on.thread.turn_id = TURN
        born = {"type": "collabAgentToolCall", "id": "x", "receiverThreadIds": ["child"]}
        on.server.say("item/completed", item=born)
        on.start("/bin/bash -lc ls", threadId="child", turnId="of child")
        (found,) = await on.found()
        assert found.startswith("Bash")
        interrupts = [asked for asked in on.server.asked if "interrupt" in asked]
        assert sorted(interrupts) == ["turn/interrupt of child", f"turn/interrupt {TURN}"]


async def test_a_thread_that_nobody_put_behind_the_gate_is_stopped_at_its_first_use() -> None:
    """G7."""
    async with gated() as on:
        on.start("/bin/bash -lc ls", threadId="stray")
        assert await on.found() == ["Bash call_1: its thread is not behind the gate"]
        assert on.server.asked[0] == f"turn/interrupt {TURN}"


async def test_events_that_were_lost_are_taken_for_the_worst(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """G7, R3: of the threads with a turn under way."""
    monkeypatch.setattr("codex_hooks_runtime._gate._tool_gate._CAPACITY", 2)
    async with gated() as on:
        on.thread.turn_id = TURN
        on.server.feed.publish([LiveEvent(n, "x", {"threadId": THREAD}) for n in range(5)])
        assert await on.found() == ["a tool : 3 events came faster than they could be read"]


async def test_the_run_is_told_why_its_turn_was_stopped() -> None:
    """G7: in the error and in the report, whatever the turn itself ended with."""

    async def turn(on: Gated, run: Run, ending: Exception | None) -> None:
        mode = {"approval_policy": "never", "sandbox": "read-only"}
        async with on.thread.turn(run, **mode, writable=()) as begun:
            begun(TURN)
            on.start("/bin/bash -lc ls")
            await anyio.wait_all_tasks_blocked()
            on.server.say("turn/completed", turn={"id": TURN})
            if ending is not None:
                raise ending

    for ending in (TurnInterrupted("interrupted"), EmptyAssistantText("said nothing"), None):
        async with gated() as on, HookKernel().run() as run:
            with pytest.raises(UnmediatedToolUse, match="Bash was used in it"):
                await turn(on, run, ending)
            assert "unmediated: Bash" in run.report.issues[0].message


@pytest.mark.parametrize(
    ("item", "judged", "fits"),
    [
        ({"changes": [{"path": "/repo/a"}]}, "*** Add File: a", True),
        ({"changes": [{"path": "/repo/a"}]}, "*** Add File: /repo/a", True),
        ({"changes": [{"path": "/a"}]}, "*** Update File: ../a", True),
        ({"changes": [{"path": "/repo/.env"}]}, "*** Add File: ./.env", True),
        ({"changes": [{"path": "/repo/a"}]}, "*** Add File: .//b/./../a", True),
        ({"changes": [{"path": "/repo/a"}]}, "*** Add File: ../repo/b/a", False),
        ({"changes": [{"path": "/repo/env"}]}, "*** Add File: .env", False),
        ({"changes": [{"path": "/repo/ba"}]}, "*** Add File: a", False),
        ({"changes": [{"path": "/repo/a"}, {"path": "/etc/b"}]}, "*** Add File: a", False),
        (
            {"changes": [{"path": "/repo/a", "kind": {"move_path": "/repo/b"}}]},
            "*** Update File: a",
            False,
        ),
    ],
)
def test_a_file_change_is_held_against_the_paths_of_its_patch(
    item: dict[str, Any], judged: str, *, fits: bool
) -> None:
    """G3."""
    seen = seen_use({"type": "fileChange", "id": "c", **item})
    assert seen is not None
    patch = {"command": judged}
    use = ToolUse("t", "u", "c", "apply_patch", "file_change", patch, digest_of(patch))
    assert seen.fits(use) is fits


def test_a_script_is_taken_out_of_the_shell_that_codex_wraps_it_in() -> None:
    assert script_of("/bin/bash -lc 'echo '\"'\"'a b'\"'\"''") == "echo 'a b'"
    assert script_of("/bin/bash -lc ls") == "ls"
    for as_it_is in ("ls", "ls -l 'a", "rm -r . x"):
        assert script_of(as_it_is) == as_it_is


def test_true_and_one_are_two_inputs() -> None:
    """G3: and what a ledger forgets cannot be claimed."""
    assert digest_of({"a": True}) != digest_of({"a": 1})
    ledger = Ledger()
    ledger.open(ToolUse("t", "u", "c", "x", "mcp", {}, digest_of({})))
    ledger.close_thread("t")
    assert ledger.claim("started", "t", "u", "c", lambda _use: True) is None


def use_of(thread_id: str, call_id: str) -> ToolUse:
    given = {"command": "ls"}
    return ToolUse(thread_id, TURN, call_id, "Bash", "command", given, digest_of(given))


def test_closing_a_thread_forgets_its_own_uses_alone() -> None:
    """G3."""
    ledger = Ledger()
    for thread_id in ("one", "two"):
        ledger.open(use_of(thread_id, "call_1"))
    ledger.close_thread("one")
    assert ledger.find("one", TURN, "call_1", lambda _: True) is None
    assert ledger.find("two", TURN, "call_1", lambda _: True) is not None


def test_a_command_that_outlives_its_turn_is_found_by_its_own_call_alone() -> None:
    """G3: the same command under another call is another use."""
    ledger = Ledger()
    ledger.open(use_of(THREAD, "call_1"))
    assert ledger.claim("started", THREAD, TURN, "call_1", lambda _: True) is not None
    ledger.close_turn(THREAD, TURN)
    assert ledger.find(THREAD, "next", "call_1", lambda _: True) is not None
    assert ledger.find(THREAD, "next", "call_2", lambda _: True) is None
