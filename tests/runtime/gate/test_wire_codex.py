"""The gate's wire on the real codex: approval policy ``never``, read-only sandbox.

What is blocked here is what Codex alone would have let through: reading a file.
"""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex import codex_binary
from codex_hooks_runtime._connection import Connection
from codex_hooks_runtime._errors import GateNotArmed
from codex_hooks_runtime._gate._arming import confirm_armed, hook_config, went_unheard
from codex_hooks_runtime._gate._payload import (
    Deny,
    Proceed,
    Reply,
    Rewrite,
    ToolHookEvent,
    Withhold,
)
from codex_hooks_runtime._gate._relay import Relay
from codex_hooks_runtime._gate._relay_client import SOCKET_NAME
from codex_hooks_runtime._live import LiveEvent
from codex_hooks_runtime._options import ConnectionOptions
from codex_hooks_runtime.testing import ApplyPatch, CodexHome, RunCommand, Say, ScriptedModel
from runtime.gate.asking import key_file

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from codex_hooks_runtime._gate._admission import Admission, Answer
    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex

SECRET = "SWORDFISH"
READ: list[Step] = [RunCommand("cat secret"), Say("done")]


async def proceed(_event: ToolHookEvent) -> Reply:
    return Proceed()


def only_before(reply: Reply) -> Answer:
    async def answer(event: ToolHookEvent) -> Reply:
        return reply if event.event == "PreToolUse" else Proceed()

    return answer


class Codex:
    """A real server, the model behind it, and the folder that its threads work in."""

    def __init__(
        self, connection: Connection, model: ScriptedModel, home: CodexHome, cwd: Path
    ) -> None:
        self.connection = connection
        self.model = model
        self.home = home
        self.cwd = cwd

    async def start(self, config: dict[str, Any], sandbox: str = "read-only") -> str:
        thread = {
            "cwd": str(self.cwd),
            "approvalPolicy": "never",
            "sandbox": sandbox,
            "config": config,
        }
        reply = await self.connection.call("thread/start", thread)
        thread_id: str = reply["thread"]["id"]
        return thread_id

    async def confirm(self, thread_id: str, config: dict[str, Any]) -> tuple[str, ...]:
        return await confirm_armed(
            self.connection.call, thread_id=thread_id, cwd=str(self.cwd), config=config
        )

    async def turn(self, thread_id: str) -> list[Mapping[str, Any]]:
        """Play a turn and return the runs of hooks in it, as ``hook/completed`` tells of them."""
        runs = []
        async with self.connection.subscribe_live(thread_id=thread_id) as events:
            await self.call_turn(thread_id)
            async for event in events:
                assert isinstance(event, LiveEvent)
                if event.method == "hook/completed":
                    runs.append(event.params)
                if event.method == "turn/completed":
                    break
        return runs

    async def call_turn(self, thread_id: str) -> str:
        prompt = [{"type": "text", "text": "go", "text_elements": []}]
        reply = await self.connection.call("turn/start", {"threadId": thread_id, "input": prompt})
        turn_id: str = reply["turn"]["id"]
        return turn_id

    def told(self) -> str:
        """Return what the model was told about its latest tool use."""
        return list(self.model.requests[-1].tool_outputs.values())[-1]

    def saw(self, text: str) -> bool:
        return any(text in request.text for request in self.model.requests)


@asynccontextmanager
async def codex(script: Sequence[Step], cwd: Path, extra_config: str = "") -> AsyncIterator[Codex]:
    (cwd / "secret").write_text(SECRET)
    (cwd / "public").write_text("nothing much")
    with (
        anyio.fail_after(60),
        ScriptedModel(script) as model,
        CodexHome(model.base_url, extra_config=extra_config) as home,
    ):
        options = ConnectionOptions(argv=(codex_binary(), "app-server"), env=home.env, cwd=cwd)
        async with Connection(options) as connection:
            yield Codex(connection, model, home, cwd)


@asynccontextmanager
async def admitted(answer: Answer) -> AsyncIterator[Admission]:
    async with Relay() as relay:
        with relay.admit(answer, deadline_s=60) as admission:
            yield admission


async def test_without_the_gate_the_command_runs(tmp_path: Path) -> None:
    """The control of all that follows."""
    async with codex(READ, tmp_path) as server:
        thread_id = await server.start({})
        assert await server.turn(thread_id) == []
        assert SECRET in server.told()
        with pytest.raises(GateNotArmed):
            await server.confirm(thread_id, hook_config("exit 0"))


async def test_what_is_denied_does_not_happen_and_the_model_is_told_why(tmp_path: Path) -> None:
    """G1, G2, G4, G6."""
    async with (
        codex(READ, tmp_path) as server,
        admitted(only_before(Deny("secrets stay secret: read `public`"))) as admission,
    ):
        config = hook_config(admission.command)
        thread_id = await server.start(config)
        assert await server.confirm(thread_id, config) == ()
        (run,) = await server.turn(thread_id)
        assert run["run"]["status"] == "blocked"
        assert went_unheard(run) is None
        assert "secrets stay secret: read `public`" in server.told()
        assert not server.saw(SECRET)


async def test_what_may_proceed_runs_and_is_seen_before_and_after(tmp_path: Path) -> None:
    """G1, G10."""
    events: list[ToolHookEvent] = []

    async def answer(event: ToolHookEvent) -> Reply:
        events.append(event)
        return Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        runs = await server.turn(thread_id)
        assert [went_unheard(run) for run in runs] == [None, None]
        assert SECRET in server.told()
    first, second = events
    assert (first.event, second.event) == ("PreToolUse", "PostToolUse")
    assert first.session_id == second.session_id == thread_id
    assert first.tool_use_id == second.tool_use_id == "call_1"
    assert first.tool_name == "Bash"
    assert first.tool_input == second.tool_input == {"command": "cat secret"}
    assert second.tool_response == SECRET


async def test_what_is_rewritten_runs_as_it_was_rewritten(tmp_path: Path) -> None:
    """G4."""
    async with (
        codex(READ, tmp_path) as server,
        admitted(only_before(Rewrite({"command": "cat public"}))) as admission,
    ):
        thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert "nothing much" in server.told()
        assert not server.saw(SECRET)


async def test_output_that_is_withheld_does_not_reach_the_model(tmp_path: Path) -> None:
    """G4, G10."""

    async def answer(event: ToolHookEvent) -> Reply:
        return Withhold("it was a secret") if event.event == "PostToolUse" else Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert server.told() == "it was a secret"
        assert not server.saw(SECRET)


async def test_a_patch_is_denied_like_a_command(tmp_path: Path) -> None:
    """G1."""
    patch = "*** Begin Patch\n*** Add File: made\n+hi\n*** End Patch\n"
    script: list[Step] = [ApplyPatch(patch), Say("done")]
    async with (
        codex(script, tmp_path) as server,
        admitted(only_before(Deny("no files here"))) as admission,
    ):
        thread_id = await server.start(hook_config(admission.command), "workspace-write")
        await server.turn(thread_id)
        assert "no files here" in server.told()
        assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    "reply",
    [
        Deny(""),
        Deny("\u00a0"),
        Deny("\ud800"),
        Deny("\x00\x1b[2J" * 5_000),
        Withhold("after"),
        Rewrite({"command": "cat secret", "x": float("nan")}),
        Rewrite({"command": "\ud800"}),
        None,
    ],
)
async def test_replies_that_codex_would_shrug_off_block_all_the_same(
    tmp_path: Path, reply: Any
) -> None:
    """G2, G4."""
    async with codex(READ, tmp_path) as server, admitted(only_before(reply)) as admission:
        thread_id = await server.start(hook_config(admission.command))
        (run,) = await server.turn(thread_id)
        assert run["run"]["status"] == "blocked"
        assert "blocked by PreToolUse hook" in server.told()
        assert not server.saw(SECRET)


async def test_a_rewrite_as_deep_as_we_let_through_is_read_by_codex(tmp_path: Path) -> None:
    """G4: some thirty levels deeper Codex would run the command as it was."""
    deep: Any = 10**30
    for _ in range(98):
        deep = [deep]
    async with (
        codex(READ, tmp_path) as server,
        admitted(only_before(Rewrite({"command": "cat public", "x": deep}))) as admission,
    ):
        thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert "nothing much" in server.told()


async def test_with_the_socket_gone_nothing_runs_and_the_model_is_told(tmp_path: Path) -> None:
    """G2, F22."""
    async with codex(READ, tmp_path) as server, admitted(proceed) as admission:
        thread_id = await server.start(hook_config(admission.command))
        key_file(admission).with_name(SOCKET_NAME).unlink()
        await server.turn(thread_id)
        assert "codex-hooks blocked this tool use" in server.told()
        assert not server.saw(SECRET)


async def test_with_the_relay_gone_nothing_runs_and_the_model_is_told(tmp_path: Path) -> None:
    """G2, F22."""
    async with codex(READ, tmp_path) as server:
        async with admitted(proceed) as admission:
            thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert "there was no verdict" in server.told()
        assert not server.saw(SECRET)


async def child_of(pid: int, mark: str) -> int:
    """Return the id of the child process with ``mark`` in its command line."""
    done = await anyio.run_process(["pgrep", "-P", str(pid), "-f", mark])
    return int(done.stdout)


async def test_a_killed_client_blocks(tmp_path: Path) -> None:
    """F22: the shell that Codex waits for outlives it."""

    async def answer(_event: ToolHookEvent) -> Reply:
        key = str(key_file(admission))
        shell = await child_of(server.connection.pid, key)
        os.kill(await child_of(shell, key), signal.SIGKILL)
        return Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        await server.turn(thread_id)
        assert "there was no verdict" in server.told()
        assert not server.saw(SECRET)


async def test_a_killed_shell_lets_the_command_run_and_is_seen(tmp_path: Path) -> None:
    """F22: Codex fails open here, so its own word on the hook is what the tripwire has."""

    async def answer(event: ToolHookEvent) -> Reply:
        if event.event == "PreToolUse":
            shell = await child_of(server.connection.pid, str(key_file(admission)))
            os.kill(shell, signal.SIGKILL)
            return Deny("this comes from an orphan")
        return Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        first, _after = await server.turn(thread_id)
        assert first["run"]["eventName"] == "preToolUse"
        assert went_unheard(first)
        assert SECRET in server.told()


async def test_a_folder_that_is_gone_lets_the_command_run_and_is_seen(tmp_path: Path) -> None:
    """F22: Codex cannot start a shell there, and fails open."""
    cwd = tmp_path / "repo"
    cwd.mkdir()
    script: list[Step] = [RunCommand("echo ran", {"workdir": "/"}), Say("done")]
    async with codex(script, cwd) as server, admitted(only_before(Deny("no"))) as admission:
        thread_id = await server.start(hook_config(admission.command))
        shutil.rmtree(cwd)
        runs = await server.turn(thread_id)
        assert ["No such file" in (went_unheard(run) or "") for run in runs] == [True, True]
        assert "ran" in server.told()


async def test_an_interrupted_turn_ends_the_question(tmp_path: Path) -> None:
    """R1."""
    asked, cancelled = anyio.Event(), anyio.Event()

    async def answer(_event: ToolHookEvent) -> Reply:
        asked.set()
        try:
            await anyio.sleep_forever()
        finally:
            cancelled.set()
        return Proceed()

    async with codex(READ, tmp_path) as server, admitted(answer) as admission:
        thread_id = await server.start(hook_config(admission.command))
        turn_id = await server.call_turn(thread_id)
        await asked.wait()
        interrupt = {"threadId": thread_id, "turnId": turn_id}
        await server.connection.call("turn/interrupt", interrupt)
        await cancelled.wait()
        assert not server.saw(SECRET)


def write_hostile_project(cwd: Path, marker: Path) -> str:
    """Make ``cwd`` a repository with hooks of its own, and return the config that trusts it."""
    (cwd / ".git").mkdir()
    folder = cwd / ".codex"
    folder.mkdir()
    hook = {"type": "command", "command": f"echo ran >> {shlex.quote(str(marker))}"}
    (folder / "hooks.json").write_text(json.dumps({"hooks": {"PreToolUse": [{"hooks": [hook]}]}}))
    (folder / "config.toml").write_text(
        "[features]\nhooks = false\n"
        '[hooks.state."/<session-flags>/config.toml:pre_tool_use:0:0"]\n'
        'enabled = false\ntrusted_hash = "sha256:0"\n'
    )
    return f"[projects.{json.dumps(str(cwd))}]\ntrust_level = 'trusted'\n"


async def test_a_trusted_project_can_neither_switch_the_gate_off_nor_bring_hooks(
    tmp_path: Path,
) -> None:
    """F24."""
    cwd, marker = tmp_path / "repo", tmp_path / "marker"
    cwd.mkdir()
    trust = write_hostile_project(cwd, marker)
    async with (
        codex([*READ, *READ], cwd, trust) as server,
        admitted(only_before(Deny("no"))) as admission,
    ):
        config = hook_config(admission.command)
        thread_id = await server.start(config)
        assert await server.confirm(thread_id, config) == ()
        await server.turn(thread_id)
        assert not server.saw(SECRET)
        assert not marker.exists()
        # The control: without our word for it, the project has its way, and we would know.
        del config["features.hooks"]
        thread_id = await server.start(config)
        with pytest.raises(GateNotArmed, match="hooks"):
            await server.confirm(thread_id, hook_config(admission.command))
        assert await server.turn(thread_id) == []
        assert SECRET in server.told()


async def test_a_user_who_switched_hooks_off_is_under_the_gate_all_the_same(
    tmp_path: Path,
) -> None:
    """G6: one entry for all hooks, and one for ours alone."""
    off = 'hooks = false\n[hooks.state."/<session-flags>/config.toml:{}:0:0"]\nenabled = false\n'
    for event in ("pre_tool_use", "post_tool_use"):
        async with (
            codex(READ, tmp_path, off.format(event)) as server,
            admitted(only_before(Deny("no"))) as admission,
        ):
            config = hook_config(admission.command)
            thread_id = await server.start(config)
            assert await server.confirm(thread_id, config) == ()
            await server.turn(thread_id)
            assert not server.saw(SECRET)


async def test_the_users_own_hook_keeps_running_and_is_named(tmp_path: Path) -> None:
    """G1, G6."""
    marker = tmp_path / "marker"
    command = f"cat > {shlex.quote(str(marker))}"
    own = "[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = 'command'\n"
    own += f"command = {json.dumps(command)}\n"
    async with codex(READ, tmp_path, own) as server, admitted(proceed) as admission:
        found = await server.connection.call("hooks/list", {"cwds": [str(tmp_path)]})
        (hook,) = found["data"][0]["hooks"]
        trusted = f"[hooks.state.{json.dumps(hook['key'])}]\ntrusted_hash = '{hook['currentHash']}'"
        with (server.home.path / "config.toml").open("a") as file:
            file.write(f"\n{trusted}\n")
        config = hook_config(admission.command)
        thread_id = await server.start(config)
        assert await server.confirm(thread_id, config) == (hook["key"],)
        await server.turn(thread_id)
        assert "cat secret" in marker.read_text()
        assert SECRET in server.told()


async def test_a_thread_that_was_loaded_before_is_not_taken_for_armed(tmp_path: Path) -> None:
    """G6: resuming it keeps the configuration that it had; a fork takes the new one."""
    async with codex([Say("hi"), *READ], tmp_path) as server, admitted(proceed) as admission:
        config = hook_config(admission.command)
        thread_id = await server.start({})
        await server.turn(thread_id)
        params = {"threadId": thread_id, "config": config, "excludeTurns": True}
        await server.connection.call("thread/resume", params)
        with pytest.raises(GateNotArmed):
            await server.confirm(thread_id, config)
        fork = await server.connection.call("thread/fork", params)
        assert await server.confirm(fork["thread"]["id"], config) == ()
        assert len(await server.turn(fork["thread"]["id"])) == 2


async def test_a_wrong_hash_is_a_silent_pass_in_codex(tmp_path: Path) -> None:
    """G1: the control of the hashes; an untrusted hook is skipped without a word."""
    async with codex(READ, tmp_path) as server, admitted(only_before(Deny("no"))) as admission:
        config = hook_config(admission.command)
        for state in config["hooks"]["state"].values():
            state["trusted_hash"] = "sha256:0"
        thread_id = await server.start(config)
        assert await server.turn(thread_id) == []
        assert SECRET in server.told()


async def test_side_doors_are_shut_for_the_thread_unless_asked_for(tmp_path: Path) -> None:
    """G8."""
    async with codex([Say("shut"), Say("open")], tmp_path) as server:
        wanted = {"web_search": "live"}
        await server.turn(await server.start({**wanted, **hook_config("exit 0")}))
        opened = hook_config("exit 0", interactive=True, web_search=True)
        await server.turn(await server.start({**wanted, **opened}))
        shut, open_ = (json.dumps(request.body["tools"]) for request in server.model.requests)
        for door in ('"tty"', '"web_search"'):
            assert door not in shut
            assert door in open_


@pytest.mark.parametrize("sandbox", ["read-only", "workspace-write"])
async def test_a_sandboxed_command_reaches_neither_the_relay_nor_its_folder(
    tmp_path: Path, sandbox: str
) -> None:
    """G2: even though it can read the key."""
    async with Relay() as relay:
        with relay.admit(proceed, deadline_s=60) as admission:
            key = key_file(admission)
            path = key.with_name(SOCKET_NAME)
            code = (
                "import socket\n"
                f"print(len(open({str(key)!r}).read()))\n"
                f"relay = socket.socket(socket.AF_UNIX)\nrelay.connect({str(path)!r})\n"
                "print('connected')"
            )
            connect = shlex.join([os.path.realpath(sys.executable), "-I", "-c", code])  # noqa: ASYNC240
            write = shlex.join(["touch", str(key.with_name("made"))])
            script: list[Step] = [RunCommand(f"{connect}; {write}"), Say("done")]
            async with codex(script, tmp_path) as server:
                await server.turn(await server.start(hook_config(admission.command), sandbox))
                told = server.told()
            assert "64" in told
            assert "Operation not permitted" in told
            assert "connected" not in told
            assert "Read-only file system" in told
            # The control: outside the sandbox the same command does both.
            done = await anyio.run_process(["/bin/sh", "-c", f"{connect}; {write}"])
            assert b"connected" in done.stdout
            assert key.with_name("made").exists()
