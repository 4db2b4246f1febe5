from __future__ import annotations

import errno
import json
import os
import resource
import stat
import sys
from typing import TYPE_CHECKING

import anyio
import pytest

from codex_hooks_runtime._errors import GateNotArmed
from codex_hooks_runtime._gate import _relay
from codex_hooks_runtime._gate._payload import Deny, Proceed, Reply, Rewrite, ToolHookEvent
from codex_hooks_runtime._gate._relay import Relay
from codex_hooks_runtime._gate._relay_client import MAX_EVENT, SOCKET_NAME
from runtime.gate.asking import ALLOWED, Heard, Undecided, admitted, ask, blocked, key_file, proceed
from runtime.gate.tool_events import after, before

if TYPE_CHECKING:
    from pathlib import Path

    from anyio.abc import SocketListener, SocketStream


async def test_an_answer_reaches_whoever_asked() -> None:
    """G2, G4."""
    seen: list[ToolHookEvent] = []

    async def answer(event: ToolHookEvent) -> Reply:
        seen.append(event)
        return Rewrite({"command": "ls"}) if event.event == "PreToolUse" else Proceed()

    async with admitted(answer) as admission:
        heard = await ask(admission, before())
        assert heard.exit_code == 0
        updated = json.loads(heard.stdout)["hookSpecificOutput"]["updatedInput"]
        assert updated == {"command": "ls"}
        assert await ask(admission, after()) == ALLOWED
    assert [(event.event, event.tool_use_id) for event in seen] == [
        ("PreToolUse", "call_1"),
        ("PostToolUse", "call_1"),
    ]


async def test_nobody_without_the_key_is_answered() -> None:
    """G2, F22."""
    asked = False

    async def answer(_event: ToolHookEvent) -> Reply:
        nonlocal asked
        asked = True
        return Proceed()

    async with admitted(answer) as admission:
        key = key_file(admission).read_bytes()
        for wrong in (b"0" * 64, key[:-1] + b"-", b"\xff" * 64, b"\0" * 64):
            assert "closed" in blocked(await ask(admission, before(), key=wrong))
        assert not asked
        assert await ask(admission, before()) == ALLOWED  # the control
        assert asked


async def test_another_user_is_not_answered_even_with_the_key(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """G2."""
    async with admitted() as admission:
        assert await ask(admission, before()) == ALLOWED  # the control
        monkeypatch.setattr(_relay, "peer_uid", lambda _socket: os.geteuid() + 1)
        assert "another user" in blocked(await ask(admission, before()))


async def test_a_key_opens_its_own_admission_only() -> None:
    """G2."""

    async def deny(_event: ToolHookEvent) -> Reply:
        return Deny("no")

    async with Relay() as relay:
        with relay.admit(proceed, deadline_s=60) as one, relay.admit(deny, deadline_s=5) as other:
            assert await ask(one, before()) == ALLOWED
            assert (await ask(other, before())).stdout
            mixed = key_file(one).read_bytes()[:16] + key_file(other).read_bytes()[16:]
            blocked(await ask(one, before(), key=mixed))


async def test_a_connection_with_the_key_cannot_change_another_calls_verdict() -> None:
    """G2, F23: the same call id, asked about by a stranger before and while the call is judged."""
    judging, forged = anyio.Event(), anyio.Event()

    async def answer(event: ToolHookEvent) -> Reply:
        if event.tool_input == {"command": "harmless"}:
            return Proceed()
        judging.set()
        await forged.wait()
        return Deny("not this")

    real: list[Heard] = []
    async with admitted(answer) as admission:

        async def real_call() -> None:
            real.append(await ask(admission, before()))

        forgery = before(tool_input={"command": "harmless"})
        assert await ask(admission, forgery) == ALLOWED
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(real_call)
            await judging.wait()
            assert await ask(admission, forgery) == ALLOWED
            forged.set()
    assert b"not this" in real[0].stdout


@pytest.mark.parametrize("payload", [b"", b"{}", before()[:-2], before(hook_event_name="Stop")])
async def test_what_is_no_event_is_blocked(payload: bytes) -> None:
    """G2."""
    async with admitted() as admission:
        blocked(await ask(admission, payload))
        assert await ask(admission, before()) == ALLOWED


async def test_an_event_that_claims_to_be_huge_is_blocked_unread() -> None:
    """G2."""
    async with admitted() as admission:
        claim = key_file(admission).read_bytes() + (MAX_EVENT + 1).to_bytes(8, "big")
        assert "too large" in blocked(await ask(admission, b"", key=claim))


async def test_an_answer_that_raises_blocks_and_gives_nothing_away() -> None:
    """G2, F22."""

    async def answer(_event: ToolHookEvent) -> Reply:
        raise LookupError("the password is hunter2")

    async with admitted(answer) as admission:
        reason = blocked(await ask(admission, before()))
    assert "LookupError" in reason
    assert "hunter2" not in reason


async def test_an_answer_that_is_late_blocks() -> None:
    """G2, F22."""

    async def answer(_event: ToolHookEvent) -> Reply:
        await anyio.sleep_forever()
        return Proceed()

    async with Relay() as relay:
        with relay.admit(answer, deadline_s=0.01) as admission, anyio.fail_after(60):
            assert "0.01 s" in blocked(await ask(admission, before()))


async def test_an_answer_that_comes_although_it_was_cancelled_is_too_late() -> None:
    """G2, F22."""

    async def answer(_event: ToolHookEvent) -> Reply:
        try:
            await anyio.sleep_forever()
        finally:
            return Proceed()  # noqa: B012  # what a careless policy does

    async with admitted(answer, deadline_s=0.01) as admission:
        blocked(await ask(admission, before()))


async def test_an_answer_that_is_no_reply_blocks() -> None:
    """G2, G4."""

    async def answer(_event: ToolHookEvent) -> Reply:
        return None  # type: ignore[return-value]

    async with admitted(answer) as admission:
        assert "NoneType" in blocked(await ask(admission, before()))


async def test_calls_that_wait_while_the_relay_closes_are_blocked() -> None:
    """G2, F22."""
    waiting = anyio.Event()

    async def answer(_event: ToolHookEvent) -> Reply:
        waiting.set()
        await anyio.sleep_forever()
        return Proceed()

    heard: list[Heard] = []
    async with anyio.create_task_group() as tasks, Relay() as relay:
        admission = relay.admit(answer, deadline_s=60)

        async def call() -> None:
            heard.append(await ask(admission, before()))

        tasks.start_soon(call)
        await waiting.wait()
    blocked(heard[0])


async def test_calls_that_wait_while_the_relay_is_cancelled_are_blocked() -> None:
    """G2, F22, F30."""
    waiting = anyio.Event()
    heard: list[Heard] = []
    admitted: list[tuple[Relay, Path]] = []

    async def answer(_event: ToolHookEvent) -> Reply:
        waiting.set()
        await anyio.sleep_forever()
        return Proceed()

    async def call() -> None:
        relay, _folder = admitted[0]
        heard.append(await ask(relay.admit(answer, deadline_s=60), before()))

    async with anyio.create_task_group() as tasks:
        with anyio.CancelScope() as scope:
            async with Relay() as relay:
                admitted.append((relay, key_file(relay.admit(proceed, deadline_s=60)).parent))
                tasks.start_soon(call)
                await waiting.wait()
                scope.cancel()
                await anyio.sleep_forever()
    blocked(heard[0])
    assert not admitted[0][1].exists()


async def test_a_closed_admission_blocks_what_waits_and_what_comes() -> None:
    """G2."""
    waiting = anyio.Event()
    heard: list[Heard] = []

    async def answer(_event: ToolHookEvent) -> Reply:
        waiting.set()
        await anyio.sleep_forever()
        return Proceed()

    async with Relay() as relay, anyio.create_task_group() as tasks:
        admission = relay.admit(answer, deadline_s=60)
        key = key_file(admission).read_bytes()

        async def call() -> None:
            heard.append(await ask(admission, before()))

        tasks.start_soon(call)
        await waiting.wait()
        admission.close()
        admission.close()
        assert not key_file(admission).exists()
        blocked(await ask(admission, before(), key=key))
    blocked(heard[0])


async def test_an_answer_that_nobody_waits_for_any_more_is_cancelled() -> None:
    """R1: an interrupted turn leaves no question open."""
    answer = Undecided()
    async with Relay() as relay:
        with relay.admit(answer, deadline_s=60) as admission, anyio.fail_after(60):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(ask, admission, before())
                await answer.asked.wait()
                tasks.cancel_scope.cancel()
            await answer.cancelled.wait()


async def test_a_thousand_calls_at_once_are_all_answered() -> None:
    """G2."""
    here, count = anyio.Event(), 0

    async def answer(_event: ToolHookEvent) -> Reply:
        nonlocal count
        count += 1
        if count == 1_000:
            here.set()
        await here.wait()  # so all of them are open at the same time
        return Proceed()

    heard: list[Heard] = []
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, max(soft, 4_096)), hard))
    try:
        async with admitted(answer) as admission:

            async def call() -> None:
                heard.append(await ask(admission, before()))

            async with anyio.create_task_group() as tasks:
                for _ in range(1_000):
                    tasks.start_soon(call)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert heard == [ALLOWED] * 1_000


async def test_running_out_of_file_descriptors_does_not_end_the_relay(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """G2: asyncio and trio tell of it in different ways."""
    errors: list[Exception] = [OSError(errno.EMFILE, "too many"), anyio.BrokenResourceError()]
    make = anyio.create_unix_listener

    async def create(path: Path, *, mode: int) -> SocketListener:
        listener = await make(path, mode=mode)
        accept = listener.accept

        async def accept_in_the_end() -> SocketStream:
            if errors:
                raise errors.pop()
            return await accept()

        monkeypatch.setattr(listener, "accept", accept_in_the_end)
        return listener

    monkeypatch.setattr(anyio, "create_unix_listener", create)
    async with admitted() as admission:
        assert await ask(admission, before()) == ALLOWED
    assert errors == []


async def test_the_folder_is_private_and_goes_with_the_relay() -> None:
    """G2."""
    async with Relay() as relay:
        key = key_file(relay.admit(proceed, deadline_s=60))
        assert stat.S_IMODE(key.parent.stat().st_mode) == 0o700
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
        assert stat.S_IMODE(key.with_name(SOCKET_NAME).stat().st_mode) == 0o600
    assert not key.parent.exists()


async def test_what_the_body_raises_comes_out_as_it_is_and_leaves_no_folder() -> None:
    """F30."""
    folders: list[Path] = []

    async def body() -> None:
        async with Relay() as relay:
            folders.append(key_file(relay.admit(proceed, deadline_s=60)).parent)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await body()
    assert not folders[0].exists()


async def test_a_relay_that_is_gone_admits_nobody() -> None:
    """G6."""
    async with Relay() as relay:
        pass
    with pytest.raises(GateNotArmed, match="closed"):
        relay.admit(proceed, deadline_s=60)


async def test_a_client_that_does_not_run_here_refuses_the_gate(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """G6: Codex goes on where a hook's program is missing."""
    monkeypatch.setattr(sys, "executable", str(tmp_path / "no-python"))
    with pytest.raises(GateNotArmed, match="no verdict"):
        async with Relay():
            pass
    monkeypatch.undo()
    monkeypatch.setattr(_relay, "_login_shell", lambda: "/bin/false")
    with pytest.raises(GateNotArmed, match="/bin/false"):
        async with Relay():
            pass
    monkeypatch.setattr(_relay, "_login_shell", lambda: str(tmp_path / "no-shell"))
    with pytest.raises(GateNotArmed, match="no-shell"):
        async with Relay():
            pass
