"""Hooks armed on the real codex: whatever its user or a repository has configured."""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING

import pytest

from codex_hooks_runtime._errors import GateNotArmed
from codex_hooks_runtime._gate._arming import hook_config
from codex_hooks_runtime._gate._payload import (
    Deny,
)
from codex_hooks_runtime.testing import Say
from runtime.gate.asking import admitted
from runtime.gate.bare_server import READ, SECRET, codex, only_before
from runtime.gate.hostile_project import write_hostile_project

if TYPE_CHECKING:
    from pathlib import Path


pytestmark = pytest.mark.codex


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
        await server.confirm(thread_id, config)
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
            await server.confirm(thread_id, config)
            await server.turn(thread_id)
            assert not server.saw(SECRET)


async def test_the_users_own_hook_keeps_running(tmp_path: Path) -> None:
    """G1, G6."""
    marker = tmp_path / "marker"
    command = f"cat > {shlex.quote(str(marker))}"
    own = "[[hooks.PreToolUse]]\n[[hooks.PreToolUse.hooks]]\ntype = 'command'\n"
    own += f"command = {json.dumps(command)}\n"
    async with codex(READ, tmp_path, own) as server, admitted() as admission:
        found = await server.connection.call("hooks/list", {"cwds": [str(tmp_path)]})
        (hook,) = found["data"][0]["hooks"]
        trusted = f"[hooks.state.{json.dumps(hook['key'])}]\ntrusted_hash = '{hook['currentHash']}'"
        with (server.home.path / "config.toml").open("a") as file:
            file.write(f"\n{trusted}\n")
        config = hook_config(admission.command)
        thread_id = await server.start(config)
        await server.confirm(thread_id, config)
        await server.turn(thread_id)
        assert "cat secret" in marker.read_text()
        assert SECRET in server.told()


async def test_a_thread_that_was_loaded_before_is_not_taken_for_armed(tmp_path: Path) -> None:
    """G6: resuming it keeps the configuration that it had; a fork takes the new one."""
    async with codex([Say("hi"), *READ], tmp_path) as server, admitted() as admission:
        config = hook_config(admission.command)
        thread_id = await server.start({})
        await server.turn(thread_id)
        params = {"threadId": thread_id, "config": config, "excludeTurns": True}
        await server.connection.call("thread/resume", params)
        with pytest.raises(GateNotArmed):
            await server.confirm(thread_id, config)
        fork = await server.connection.call("thread/fork", params)
        await server.confirm(fork["thread"]["id"], config)
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
