"""The plugin around the real Codex: what its log says of a run."""

from __future__ import annotations

import errno
import hashlib
import hmac
import json
import os
from typing import TYPE_CHECKING, Any

import pytest
from codex_hooks import HookContext, Mutate, hookimpl
from codex_hooks_runtime import Client, ClientConfig
from codex_hooks_runtime.testing import CodexHome, RunCommand, Say, ScriptedModel

from codex_hooks_audit import Audit, Options, verify
from codex_hooks_audit._files import Files
from codex_hooks_audit._read import records

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex


async def told_by_a_run(cwd: Path, *plugins: object) -> str:
    """Run one command in ``cwd``; return what the model was told of it."""
    script: list[Step] = [RunCommand("cat notes"), Say("tea")]
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        config = ClientConfig(plugins=plugins, load_installed=False, env=home.env)
        async with Client.connect(config) as client:
            await client.run(cwd, "when is tea?")
    return next(iter(model.requests[-1].tool_outputs.values()))


def flip_a_byte(folder: Path, of: dict[str, Any]) -> None:
    (path,) = folder.glob("*.jsonl")
    lines = path.read_bytes().splitlines(keepends=True)
    at = of["seq"] - 1
    assert json.loads(lines[at])["hash"] == of["hash"]
    lines[at] = lines[at].replace(b'"tool":"Bash"', b'"tool":"bash"')
    path.write_bytes(b"".join(lines))


async def test_the_log_of_a_run_verifies_and_one_flipped_byte_names_its_record(
    tmp_path: Path,
) -> None:
    """G1, G10, F27: intent before the command, outcome after it, every phase around them."""
    folder = tmp_path / "log"
    (tmp_path / "notes").write_text("tea at four")

    told = await told_by_a_run(tmp_path, Audit(Options(path=folder)))

    assert "tea at four" in told
    found = [record for _, record in records(folder)]
    assert [record["kind"] for record in found] == [
        "open",
        "pre_run",
        "pre_session_start",
        "post_session_start",
        "pre_turn",
        "intent",
        "outcome",
        "post_turn",
        "post_run",
        "report",
    ]
    assert len({record["run"] for record in found[1:]}) == 1
    intent = found[5]
    key = bytes.fromhex((folder / "digest.key").read_text())
    command = b'{"command":"cat notes"}'
    assert intent["input"]["hmac"] == hmac.new(key, command, hashlib.sha256).hexdigest()
    assert (intent["cwd"], intent["sandbox"]) == (str(tmp_path), "read-only")
    verdict = verify(folder)
    assert verdict.intact
    assert verdict.records == len(found)

    flip_a_byte(folder, of=intent)
    problem = verify(folder).problem
    assert problem is not None
    assert problem.record == intent["seq"]
    assert "was changed after it was written" in problem.reason


class Disk(Files):
    """A disk that is full from some moment on."""

    full = False

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().write(fd, data)


class FillsUp:
    """Fills the disk once the tool is asked for, and changes what it is asked for."""

    def __init__(self, disk: Disk) -> None:
        self.disk = disk

    @hookimpl
    async def pre_tool_use(self, ctx: HookContext) -> Mutate:
        self.disk.full = True
        return Mutate(tool_input={"command": "cat ./notes"})


async def test_a_command_whose_intent_cannot_be_written_does_not_run(tmp_path: Path) -> None:
    """F25, K3: the disk is full when the final input is to be recorded.

    The control is the same without the plugin: the command runs.
    """
    (tmp_path / "notes").write_text("tea at four")
    disk = Disk()
    audit = Audit(Options(path=tmp_path / "log"), files=disk)

    told = await told_by_a_run(tmp_path, audit, FillsUp(disk))

    assert "tea at four" not in told
    assert "cannot be recorded, so it does not happen" in told
    assert "No space left on device" in told
    assert verify(tmp_path / "log").intact

    assert "tea at four" in await told_by_a_run(tmp_path, FillsUp(disk))
