"""What no policy has judged is noticed on the real codex's event stream, and its turn ended."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import sys
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from codex_hooks import Block, Mutate, hookimpl
from codex_hooks_runtime import Client, ClientConfig, SessionConfig, UnmediatedToolUse
from codex_hooks_runtime.testing import CallTool, CodexHome, RunCommand, Say, ScriptedModel
from runtime.gate.gated import Tools, gated, tool_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from codex_hooks import Decision, HookContext
    from codex_hooks_runtime.testing import ModelRequest, Step

pytestmark = pytest.mark.codex

SECRET = "SWORDFISH"


async def kill_shells_of(client: Client) -> None:
    """Kill the shell between Codex and the relay's client; Codex then goes on without a verdict."""
    gate = client.runtime.gate
    assert gate is not None
    assert gate._relay is not None
    done = await anyio.run_process(["pgrep", "-f", f" -c .*{gate._relay.folder}"])
    for pid in done.stdout.split():
        os.kill(int(pid), signal.SIGKILL)


class KillsShells:
    """Has the shell killed that waits for its verdict on a command that reads the key."""

    client: Client

    @hookimpl
    async def pre_tool_use(self, ctx: HookContext) -> Decision | None:
        if "cat key" not in tool_of(ctx).input["command"]:
            return None
        await kill_shells_of(self.client)
        return Block("too late")


@pytest.mark.parametrize("on_unmediated", ["interrupt", "report"])
async def test_a_use_that_slipped_by_is_recorded_and_ends_its_turn(
    tmp_path: Path, on_unmediated: str
) -> None:
    """G7, F22: with the control, in which it is only reported and the turn goes on."""
    (tmp_path / "key").write_text(SECRET)
    # It lasts: a command that is over at once can tell the model before the turn is stopped.
    slips_by = RunCommand("cat key; sleep 600" if on_unmediated == "interrupt" else "cat key")
    steps: list[Step] = [RunCommand("sleep 600", {"yield_time_ms": 250}), slips_by, Say("done")]
    plugin = KillsShells()

    with anyio.fail_after(60), ScriptedModel(steps) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(
            plugins=[plugin],
            load_installed=False,
            env=home.env,
            on_unmediated="interrupt" if on_unmediated == "interrupt" else "report",
        )
        async with Client.connect(config) as client:
            plugin.client = client
            session = await client.start_session(SessionConfig(cwd=tmp_path))
            if on_unmediated == "interrupt":
                with pytest.raises(UnmediatedToolUse, match="Codex went on without the gate"):
                    await session.ask("go on")
            else:
                await session.ask("go on")
            params = {"threadId": session.thread_id}
            running = await client.runtime.call("thread/backgroundTerminals/list", params)
            uses = [use for use in client.tool_uses if use.decision == "unmediated"]
            issues = [issue for report in client.kernel.reports() for issue in report.issues]
    assert "unmediated" in issues[-1].message
    assert {use.via for use in uses} == {"tripwire"}
    assert {use.call_id for use in uses} == {"call_2"}
    assert len(model.requests) == (2 if on_unmediated == "interrupt" else 3)
    # Its processes are ended with it:
    assert [item["command"] for item in running["data"]] == (
        [] if on_unmediated == "interrupt" else ["sleep 600"]
    )


async def test_a_folder_that_is_gone_ends_the_turn(tmp_path: Path) -> None:
    """G7, F22: Codex can start no shell there, and would go on."""
    cwd = tmp_path / "repo"
    cwd.mkdir()

    class TakesTheFolderAway:
        @hookimpl
        async def pre_turn(self, ctx: HookContext) -> None:
            shutil.rmtree(cwd)

    script: list[Step] = [RunCommand("echo ran", {"workdir": "/"}), Say("done")]
    async with gated(script, Tools()) as (client, _):
        session = await client.start_session(SessionConfig(cwd=cwd))
        client.kernel.register(TakesTheFolderAway())
        with pytest.raises(UnmediatedToolUse, match="No such file"):
            await session.ask("go on")


async def test_what_a_hook_of_the_users_own_makes_of_a_use_has_not_been_judged(
    tmp_path: Path,
) -> None:
    """G3, G7: Codex asks all hooks at once, takes the last rewrite, and ours judged another."""
    (tmp_path / "key").write_text(SECRET)
    rewrite = {
        "hookSpecificOutput": {
            "hookEventName": "PreToolUse",
            "permissionDecision": "allow",
            "updatedInput": {"command": "cat key"},
        }
    }
    own = "[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = 'command'\n"
    own += f"command = {json.dumps('echo ' + shlex.quote(json.dumps(rewrite)))}\n"

    def keep_keys(ctx: HookContext) -> Decision | None:
        return Block("no keys") if "key" in str(tool_of(ctx).input) else None

    script: list[Step] = [RunCommand("echo hi"), Say("done")]
    with (
        anyio.fail_after(60),
        ScriptedModel(script) as model,
        CodexHome(model.base_url, extra_config=own) as home,
    ):
        config = ClientConfig(plugins=[Tools(keep_keys)], load_installed=False, env=home.env)
        async with Client.connect(config) as client:
            found = await client.runtime.call("hooks/list", {"cwds": [str(tmp_path)]})
            (hook,) = (hook for hook in found["data"][0]["hooks"])
            trusted = f"[hooks.state.{json.dumps(hook['key'])}]\n"
            trusted += f"trusted_hash = '{hook['currentHash']}'"
            with (home.path / "config.toml").open("a") as file:
                file.write(f"\n{trusted}\n")
            with pytest.raises(UnmediatedToolUse, match="no policy had judged it"):
                await client.run(tmp_path, "go on")
        assert not any(SECRET in request.text for request in model.requests)


async def test_one_call_id_used_again_is_another_use(tmp_path: Path) -> None:
    """G3, F23: side by side and one after the other; each has its own verdict."""
    (tmp_path / "key").write_text(SECRET)

    def keep_keys(ctx: HookContext) -> Decision | None:
        match tool_of(ctx).input["command"]:
            case "cat key":
                return Block("no keys")
            case "echo old":
                return Mutate(tool_input={"command": "echo new"})
        return None

    same: list[Any] = [
        RunCommand(command, call_id="same") for command in ("echo a", "cat key", "echo old")
    ]
    script: list[Any] = [same, same[1], same[0], [same[0], same[0]], Say("done")]
    plugin = Tools(keep_keys)
    async with gated(script, plugin) as (client, model):
        await client.run(tmp_path, "go on")
        decisions = [use.decision for use in client.tool_uses]
    assert sorted(decisions) == sorted(
        ["nothing", "block", "mutate", "block", "nothing", "nothing", "nothing"]
    )
    assert not any(SECRET in request.text for request in model.requests)
    assert "no keys" in model.requests[2].tool_outputs["same"]
    assert "a\n" in model.requests[3].tool_outputs["same"]
    outputs = [tool_of(ctx).output for ctx in plugin.seen if not ctx.phase.is_pre]
    assert sorted(outputs) == ["a\n"] * 4 + ["new\n"]


def written(text: str) -> Callable[[ModelRequest], Step]:
    def step(request: ModelRequest) -> Step:
        outputs = request.tool_outputs
        if not outputs:
            return RunCommand(f"{sys.executable} -i", {"tty": True, "yield_time_ms": 300})
        if len(outputs) == 1:
            number = outputs["call_1"].partition("session ID ")[2].split()[0]
            text_for = {"session_id": int(number or 0), "chars": text, "yield_time_ms": 500}
            return CallTool("write_stdin", text_for)
        return Say("done")

    return step


async def test_without_a_terminal_nothing_can_be_written_into_a_command(tmp_path: Path) -> None:
    """G8: by default Codex itself refuses; the next test is the control."""
    script: list[Step] = [RunCommand("cat", {"tty": True}), Say("done")]
    async with gated(script, Tools()) as (client, model):
        await client.run(tmp_path, "go on")
    assert "TTY execution is disabled" in model.requests[-1].tool_outputs["call_1"]


@pytest.mark.parametrize("blocks", [True, False])
async def test_what_is_written_into_a_command_is_judged_late(
    tmp_path: Path, *, blocks: bool
) -> None:
    """G8: ``interactive`` is the caller's to ask for; then the tripwire judges what is written."""

    def decide(ctx: HookContext) -> Decision | None:
        return Block("not that") if blocks and "42" in tool_of(ctx).input["command"] else None

    plugin = Tools(decide)
    async with gated(written("print(40 + 2) # 42\n"), plugin) as (client, model):
        config = SessionConfig(cwd=tmp_path, interactive=True)
        async with await client.start_session(config) as session:
            if blocks:
                with pytest.raises(UnmediatedToolUse, match="not that"):
                    await session.ask("go on")
                params = {"threadId": session.thread_id}
                running = await client.runtime.call("thread/backgroundTerminals/list", params)
                assert running["data"] == []
            else:
                await session.ask("go on")
                assert "42" in model.requests[-1].tool_outputs["call_2"]
        late = next(ctx for ctx in plugin.seen if tool_of(ctx).name == "write_stdin")
        assert tool_of(late).input["command"] == "print(40 + 2) # 42\n"
        assert "tripwire" in {use.via for use in client.tool_uses}


UNTIL_GO = "until [ -e go ]; do sleep 0.05; done"


def read_on(request: ModelRequest, milliseconds: int) -> Step:
    """Read what the first command has written since it was last read."""
    number = int(request.tool_outputs["call_1"].partition("session ID ")[2].split()[0])
    reading = {"session_id": number, "chars": "", "yield_time_ms": milliseconds}
    return CallTool("write_stdin", reading)


def first_command_has_ended(client: Client) -> bool:
    assert client.runtime.gate is not None
    turns = client.runtime.gate.ledger._open.values()
    return any("ended" in use.stages for turn in turns for use in turn.get("call_1", ()))


@pytest.mark.parametrize("reads_on", [True, False])
async def test_output_that_the_model_reads_while_a_command_runs_is_judged_late(
    tmp_path: Path, *, reads_on: bool
) -> None:
    """G7, G10: no hook of Codex's is told of it; with the control, in which nobody minds."""
    (tmp_path / "key").write_text(SECRET)

    def script(request: ModelRequest) -> Step:
        outputs = request.tool_outputs
        if not outputs:
            return RunCommand(f"cat key; {UNTIL_GO}; echo end", {"yield_time_ms": 250})
        if SECRET not in "".join(outputs.values()):
            return read_on(request, 250)
        if not (tmp_path / "go").exists():
            (tmp_path / "go").touch()
            if reads_on:
                return read_on(request, 30_000)
        if not reads_on and not first_command_has_ended(client):
            return RunCommand("sleep 0.2")
        return Say("done")

    for minds in (False, True):

        def mask(ctx: HookContext, *, minds: bool = minds) -> Decision | None:
            return Mutate(tool_output="***") if minds and SECRET in tool_of(ctx).output else None

        plugin = Tools(None, mask)
        async with gated(script, plugin) as (client, model):
            if minds:  # at the latest at the end of the turn, if the rest is never read
                with pytest.raises(UnmediatedToolUse, match="had read a part of its output"):
                    await client.run(tmp_path, "go on")
            else:
                await client.run(tmp_path, "go on")
        outputs = [tool_of(ctx).output for ctx in plugin.seen if not ctx.phase.is_pre]
        assert f"{SECRET}end\n" in outputs
        # What cannot be undone: the model has read it.
        assert any(SECRET in request.text for request in model.requests)
        (tmp_path / "go").unlink()


async def test_output_that_comes_at_the_end_alone_is_withheld_in_time(tmp_path: Path) -> None:
    """G10: however slow the command is; nothing of it was read before."""
    (tmp_path / "key").write_text(SECRET)

    def script(request: ModelRequest) -> Step:
        outputs = request.tool_outputs
        if not outputs:
            return RunCommand(f"{UNTIL_GO}; cat key", {"yield_time_ms": 250})
        if len(outputs) == 1:
            (tmp_path / "go").touch()
            return read_on(request, 30_000)
        return Say("done")

    plugin = Tools(None, lambda _ctx: Mutate(tool_output="***"))
    async with gated(script, plugin) as (client, model):
        await client.run(tmp_path, "go on")
    assert "***" in model.requests[-1].tool_outputs["call_2"]
    assert not any(SECRET in request.text for request in model.requests)


async def test_what_was_judged_when_it_ended_is_not_judged_again_when_it_is_read(
    tmp_path: Path,
) -> None:
    """G10: one ``post_tool_use`` for a use, whose answer holds for the later turn too."""
    (tmp_path / "key").write_text(SECRET)
    ended = anyio.Event()

    def script(request: ModelRequest) -> Step:
        if not request.tool_outputs:
            return RunCommand(f"cat key; {UNTIL_GO}", {"yield_time_ms": 250})
        if request.user_texts[-1] == "go on" or len(request.tool_outputs) > 1:
            return Say("later")
        return read_on(request, 30_000)

    def mask(ctx: HookContext) -> Decision | None:
        if SECRET not in str(tool_of(ctx).output):
            return None
        ended.set()
        return Mutate(tool_output="***")

    plugin = Tools(None, mask)
    async with gated(script, plugin, on_unmediated="report") as (client, model):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        await session.ask("go on")
        (tmp_path / "go").touch()
        await ended.wait()
        await session.ask("read it")
    assert plugin.uses == [("pre_tool_use", "Bash"), ("post_tool_use", "Bash")]
    assert "***" in model.requests[-1].tool_outputs["call_2"]


async def test_a_command_that_outlives_its_turn_is_judged_when_it_ends(tmp_path: Path) -> None:
    """G7, G10: after the fact, and on the record."""
    (tmp_path / "key").write_text(SECRET)
    script: list[Step] = [RunCommand(f"cat key; {UNTIL_GO}", {"yield_time_ms": 250}), Say("later")]
    ended = anyio.Event()

    def mind(ctx: HookContext) -> Decision | None:
        if SECRET not in str(tool_of(ctx).output):
            return None
        ended.set()
        return Block("not for a model")

    async with gated(script, Tools(None, mind)) as (client, _):
        session = await client.start_session(SessionConfig(cwd=tmp_path))
        await session.ask("go on")
        assert [use.decision for use in client.tool_uses] == ["nothing"]
        (tmp_path / "go").touch()
        await ended.wait()
        await anyio.wait_all_tasks_blocked()
        assert "unmediated" in [use.decision for use in client.tool_uses]
