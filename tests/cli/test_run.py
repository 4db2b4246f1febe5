"""``codex-hooks run``, as a person types it: exit codes, and what goes where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from codex_hooks_runtime.testing import CodexHome, Fail, Hang, RunCommand, Say, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codex_hooks_runtime.testing import Step

COMMAND = str(Path(sys.executable).with_name("codex-hooks"))

POLICY = """\
from codex_hooks import Ask, Block, hookimpl


class NoPasswords:
    @hookimpl
    def pre_run(self, ctx):
        if "password" in ctx.prompt:
            return Block("no passwords in prompts")
        if "deploy" in ctx.prompt:
            return Ask("deploy, really?")

    @hookimpl
    def pre_tool_use(self, ctx):
        if "key" in ctx.tool.input["command"]:
            return Block("keys are not read")


class Broken:
    def __init__(self):
        raise RuntimeError("needs a server")
"""


def run(
    *arguments: str, folder: Path, script: Sequence[Step] = ()
) -> subprocess.CompletedProcess[str]:
    """Run the command with an isolated Codex, in a folder with the policy above."""
    (folder / "policy.py").write_text(POLICY)
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        leave_out_installed_plugins(home)
        return subprocess.run(
            [COMMAND, "run", *arguments],
            cwd=folder,
            env=home.env,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


def leave_out_installed_plugins(home: CodexHome) -> None:
    settings = home.path / "user" / ".config" / "codex-hooks" / "codex-hooks.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text("enabled = []")


@pytest.mark.codex
def test_the_answer_goes_to_stdout_and_nothing_else_does(tmp_path: Path) -> None:
    done = run("hello", folder=tmp_path, script=[Say("hello you", chunks=3)])

    assert (done.returncode, done.stdout, done.stderr) == (0, "hello you\n", "")


@pytest.mark.codex
def test_a_blocked_run_exits_with_2_and_says_who_blocked_it(tmp_path: Path) -> None:
    done = run("my password", "--plugin", "policy:NoPasswords", folder=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "pre_run blocked by NoPasswords: no passwords in prompts\n"


@pytest.mark.codex
def test_a_question_that_nobody_can_answer_is_a_block(tmp_path: Path) -> None:
    done = run("deploy it", "--plugin", "policy:NoPasswords", folder=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(
        "error: blocked by plugin 'NoPasswords' in pre_run: deploy, really?"
    )


@pytest.mark.codex
def test_a_blocked_tool_use_is_told_and_the_run_still_succeeds(tmp_path: Path) -> None:
    script: list[Step] = [RunCommand("cat key"), Say("never mind")]
    arguments = ("go on", "--plugin", "policy:NoPasswords", "--report")

    done = run(*arguments, folder=tmp_path, script=script)

    assert (done.returncode, done.stdout) == (0, "never mind\n")
    assert "pre_tool_use blocked by NoPasswords: keys are not read" in done.stderr
    assert "hook report hk-" in done.stderr


@pytest.mark.codex
def test_json_is_one_object_with_the_result_and_the_report(tmp_path: Path) -> None:
    arguments = ("hello", "--plugin", "policy:NoPasswords", "--json")

    done = run(*arguments, folder=tmp_path, script=[Say("hi")])

    document = json.loads(done.stdout)
    assert document["result"]["assistant_text"] == "hi"
    assert document["error"] is None
    assert [call["decision"] for call in document["report"]["calls"]] == ["nothing"]


@pytest.mark.codex
def test_a_failed_turn_exits_with_1_and_one_sentence(tmp_path: Path) -> None:
    done = run("hello", folder=tmp_path, script=[Fail("out of ideas")])

    assert done.returncode == 1
    assert done.stderr.startswith("error: the turn failed: ")
    assert "out of ideas" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.codex
def test_terminal_escapes_in_an_answer_are_shown_not_obeyed(tmp_path: Path) -> None:
    """F28, for what a model says."""
    done = run("hello", folder=tmp_path, script=[Say("\x1b[2Jgone")])

    assert done.stdout == "\\x1b[2Jgone\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Missing parameter: prompt"),
        (("x", "--colour"), "No such option: --colour"),
        (("x", "--cwd", "nowhere"), "the working folder 'nowhere' does not exist"),
        (("x", "--plugin", "nowhere:X"), "cannot import 'nowhere'"),
        (("x", "--plugin", "policy:Nobody"), "'policy' has no 'Nobody'"),
        (("x", "--plugin", "policy:Broken"), "Broken() raised RuntimeError: needs a server"),
        (("x", "--plugin", "policy"), "implements no hook"),
        (("",), "prompt"),
    ],
)
def test_a_mistake_in_the_call_is_one_sentence_and_exit_1(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = run(*arguments, folder=tmp_path)

    assert done.returncode == 1
    assert sentence in done.stderr
    assert done.stderr.startswith("error: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.codex
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_run_with_130_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    """R6: no process, no folder of the gate."""
    script: list[Step] = [[Say("one moment"), Hang()]]
    with ScriptedModel(script) as model, CodexHome(model.base_url) as home:
        leave_out_installed_plugins(home)
        process = subprocess.Popen(
            [COMMAND, "run", "hello"],
            cwd=tmp_path,
            env=home.env,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdout is not None
        assert process.stdout.read(3) == b"one"
        assert processes_with(home.path)

        process.send_signal(number)
        _, complaints = process.communicate(timeout=30)

        assert (process.returncode, complaints) == (130, b"")
        assert processes_with(home.path) == []
        assert list((home.path / "user").rglob("gate-*")) == []


def processes_with(home: Path) -> list[str]:
    """Return the command lines of the processes that were started with this home."""
    listing = subprocess.run(
        ["ps", "axeww", "-o", "pid=,command="], capture_output=True, text=True, check=True
    )
    return [
        line
        for line in listing.stdout.splitlines()
        if f"CODEX_HOME={home}" in line and f" {os.getpid()} " not in line
    ]
