"""``codex-hooks run``, as a person types it: exit codes, and what goes where."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from threading import Event
from typing import TYPE_CHECKING

import pytest

from cli.commands import COMMAND, call, offline_codex, shell
from codex import codex_binary
from codex_hooks_runtime.testing import Fail, Hang, RunCommand, Say

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from codex_hooks_runtime.testing import ModelRequest, Step

POLICY = """\
from pydantic import BaseModel

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


class Leaver:
    def __init__(self):
        raise SystemExit(3)


class Unlicensed:
    @hookimpl
    def plugin_start(self, registration):
        raise RuntimeError("no licence")


class Words:
    class Options(BaseModel):
        forbidden: str = "password"

    def __init__(self, options):
        self.forbidden = options.forbidden

    @hookimpl
    def pre_run(self, ctx):
        if self.forbidden in ctx.prompt:
            return Block("not this word")
"""

TALKER = """\
import structlog

from codex_hooks import hookimpl


class Talker:
    @hookimpl
    def pre_run(self, ctx):
        structlog.get_logger().warning("no server", tries=3)
"""


def run(
    *arguments: str,
    folder: Path,
    script: Sequence[Step] = (),
    settings: str = "enabled = []",
    **variables: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command with an isolated Codex, in a folder with the policy above."""
    (folder / "policy.py").write_text(POLICY)
    with offline_codex(script, settings) as (_, home):
        return call(COMMAND, "run", *arguments, cwd=folder, env=home.env | variables)


def run_in_shell(
    line: str, *, folder: Path, script: Sequence[Step] = ()
) -> subprocess.CompletedProcess[str]:
    """Like `run`, for a whole line of bash."""
    (folder / "policy.py").write_text(POLICY)
    with offline_codex(script) as (_, home):
        return shell(line, cwd=folder, env=home.env)


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
    assert done.stderr.startswith("pre_run blocked by NoPasswords: deploy, really? (plugin")


@pytest.mark.codex
def test_a_blocked_tool_use_is_told_and_the_run_still_succeeds(tmp_path: Path) -> None:
    script: list[Step] = [RunCommand("cat key"), Say("never mind")]
    arguments = ("go on", "--plugin", "policy:NoPasswords", "--report")

    done = run(*arguments, folder=tmp_path, script=script)

    assert (done.returncode, done.stdout) == (0, "never mind\n")
    assert "pre_tool_use blocked by NoPasswords: keys are not read" in done.stderr
    assert "hook report hk-" in done.stderr
    assert "block: keys" in done.stderr.replace("\n", "")


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


@pytest.mark.codex
def test_the_answer_ends_its_line_before_anything_else_is_said(tmp_path: Path) -> None:
    """On a terminal, and wherever both go to one place."""
    line = '$codex_hooks run "go on" --plugin policy:NoPasswords 2>&1'
    script: list[Step] = [RunCommand("cat key"), Say("never mind")]

    done = run_in_shell(line, folder=tmp_path, script=script)

    assert done.stdout.startswith("never mind\npre_tool_use blocked by NoPasswords")


@pytest.mark.codex
def test_an_answer_that_the_terminal_has_no_letters_for_is_written_as_escapes(
    tmp_path: Path,
) -> None:
    done = run("hello", folder=tmp_path, script=[Say("Zähne")], PYTHONIOENCODING="ascii")

    assert (done.returncode, done.stdout, done.stderr) == (0, "Z\\xe4hne\n", "")


@pytest.mark.codex
@pytest.mark.parametrize("closed", ["stdin", "stdout", "stderr"])
def test_a_run_puts_up_with_a_closed_stream(tmp_path: Path, closed: str) -> None:
    closing = {"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-"}[closed]
    done = run_in_shell(f"$codex_hooks run hello {closing}", folder=tmp_path, script=[Say("hi")])

    assert done.returncode == 0
    assert (done.stdout, done.stderr) == ("" if closed == "stdout" else "hi\n", "")


@pytest.mark.codex
def test_the_folder_of_a_policy_at_hand_takes_no_installed_modules_place(tmp_path: Path) -> None:
    """It may be the folder that the agent works in; the control is that the policy is found."""
    for name in ("importlib_metadata", "platformdirs", "pydantic_settings"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('taken over')")
    script: list[Step] = [RunCommand("cat key"), Say("never mind")]

    done = run("go on", "--plugin", "policy:NoPasswords", folder=tmp_path, script=script)

    assert (done.returncode, done.stdout) == (0, "never mind\n")
    assert done.stderr == "pre_tool_use blocked by NoPasswords: keys are not read\n"


@pytest.mark.codex
def test_what_is_logged_stays_out_of_the_answer(tmp_path: Path) -> None:
    (tmp_path / "talker.py").write_text(TALKER)
    arguments = ("hello", "--plugin", "talker:Talker", "--json")

    done = run(*arguments, folder=tmp_path, script=[Say("hi")])

    assert json.loads(done.stdout)["result"]["assistant_text"] == "hi"
    assert "event='no server' tries=3" in done.stderr


@pytest.mark.codex
def test_a_plugin_that_is_missing_is_told_of_on_stderr_and_once(tmp_path: Path) -> None:
    """K11."""
    done = run("hello", folder=tmp_path, script=[Say("hi")], settings='enabled = ["gaurd"]')

    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert done.stderr.startswith("plugin gaurd: ")
    assert "did you mean 'guard'?" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_options_that_a_plugin_does_not_take_let_nothing_start(tmp_path: Path) -> None:
    """K11: the control is the test above, in which nobody has said what the plugin is to do."""
    settings = 'enabled = ["redact"]\n[plugins.redact.options]\nrulez = []'

    done = run("hello", folder=tmp_path, settings=settings)

    assert (done.returncode, done.stdout) == (1, "")
    assert "rulez: there is no such key (did you mean 'rules'?)" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.codex
def test_a_turn_that_takes_longer_than_the_time_given_is_interrupted(tmp_path: Path) -> None:
    done = run("hello", "--timeout", "0.5", folder=tmp_path, script=[Hang()])

    assert (done.returncode, done.stdout) == (1, "")
    assert "did not end within 0.5 s and was interrupted" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Missing argument 'prompt'; see codex-hooks run --help"),
        (("x", "--colour"), "No such option: --colour; see codex-hooks run --help"),
        (("x", "--timeout", "soon"), "Invalid value for '--timeout'"),
        (("x", "--cwd", "nowhere"), "/nowhere' does not exist"),
        (("x", "--codex", "nowhere"), "there is no nowhere"),
        (("x", "--plugin", "nowhere:X"), "cannot import 'nowhere'"),
        (("x", "--plugin", "policy:Nobody"), "'policy' has no 'Nobody'"),
        (("x", "--plugin", "policy:Broken"), "Broken() raised RuntimeError: needs a server"),
        (("x", "--plugin", "policy:Leaver"), "Leaver() raised SystemExit: 3"),
        (("x", "--plugin", "policy.py:NoPasswords"), "for NoKeys in policy.py say policy:NoKeys"),
        (("x", "--plugin", ""), "'' is no module"),
        (("x", "--plugin", "policy"), "implements no hook"),
        (("x", "--plugin", "policy:Unlicensed"), "did not start: RuntimeError: no licence"),
        (("",), "the prompt is empty"),
        (("not \udcff text",), "prompt: it is no valid UTF-8 text"),
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


@pytest.mark.parametrize(
    ("arguments", "kind"),
    [
        (("x", "--codex", "nowhere"), "CodexNotFound"),
        (("x", "--plugin", "nowhere:X"), "PluginError"),
        (("x", "--cwd", "nowhere"), "ConfigError"),
        (("",), "ConfigError"),
    ],
)
def test_with_json_a_run_that_never_began_is_an_object_too(
    tmp_path: Path, arguments: tuple[str, ...], kind: str
) -> None:
    done = run(*arguments, "--json", folder=tmp_path)

    assert (done.returncode, done.stderr) == (1, "")
    document = json.loads(done.stdout)
    assert document["error"]["type"] == kind
    assert (document["result"], document["report"]) == (None, None)


def test_a_prompt_can_come_on_stdin(tmp_path: Path) -> None:
    line = "echo my password | $codex_hooks run - --plugin policy:NoPasswords"
    done = run_in_shell(line, folder=tmp_path)
    assert (done.returncode, done.stderr) == (
        2,
        "pre_run blocked by NoPasswords: no passwords in prompts\n",
    )

    done = run_in_shell("$codex_hooks run - < /dev/null", folder=tmp_path)
    assert (done.returncode, done.stderr) == (1, "error: the prompt is empty: say what to ask\n")


def test_a_plugin_at_hand_is_made_as_an_installed_one_is(tmp_path: Path) -> None:
    """With the defaults of its options, as `codex-hooks new` writes them."""
    done = run("my password", "--plugin", "policy:Words", folder=tmp_path)

    assert (done.returncode, done.stderr) == (2, "pre_run blocked by Words: not this word\n")


def test_only_the_head_of_a_line_is_coloured(tmp_path: Path) -> None:
    arguments = ("my password", "--plugin", "policy:NoPasswords")
    done = run(*arguments, folder=tmp_path, FORCE_COLOR="1", TERM="xterm")

    head, _, rest = done.stderr.partition("\x1b[0m")
    assert head == "\x1b[1;31mpre_run blocked by NoPasswords: "
    assert rest == "no passwords in prompts\n"


@pytest.mark.codex
def test_a_failure_of_a_plugin_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "talker.py").write_text(TALKER.replace("structlog.get", "nothing.get"))
    done = run("hello", "--plugin", "talker:Talker", folder=tmp_path)

    assert done.returncode == 2
    assert done.stderr.startswith("pre_run blocked by Talker: the plugin failed: raised NameError")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.codex
def test_who_is_not_logged_in_is_told_how(tmp_path: Path) -> None:
    done = run("hello", folder=tmp_path, script=[Fail("Missing bearer", status=401)])

    assert done.returncode == 1
    first, second = done.stderr.splitlines()
    assert "401 Unauthorized" in first
    assert second == f"log in with: {codex_binary()} login"


@pytest.mark.codex
def test_what_codex_tries_again_is_told(tmp_path: Path) -> None:
    script: list[Step] = [Fail("no luck"), Fail("no luck"), Say("hi")]
    with offline_codex(script) as (_, home):
        config = home.path / "config.toml"
        patient = config.read_text().replace("stream_max_retries = 0", "stream_max_retries = 3")
        config.write_text(patient)
        done = call(COMMAND, "run", "hello", cwd=tmp_path, env=home.env)

    assert (done.returncode, done.stdout) == (0, "hi\n")
    assert done.stderr.startswith("codex: Reconnecting... ")
    assert "no luck" in done.stderr


def begun(*command: str, cwd: Path, env: Mapping[str, str]) -> subprocess.Popen[bytes]:
    """Start ``command`` and wait until it has printed the first of what the model says."""
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=cwd, env=env, stdout=pipe, stderr=pipe)
    assert process.stdout is not None
    assert process.stdout.read(3) == b"one"
    return process


@pytest.mark.codex
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_a_run_with_130_and_leaves_nothing(tmp_path: Path, number: int) -> None:
    """R6: no process, no folder of the gate."""
    script: list[Step] = [[Say("one moment"), Hang()]]
    with offline_codex(script) as (_, home):
        process = begun(COMMAND, "run", "hello", cwd=tmp_path, env=home.env)
        assert processes_with(home.path)

        process.send_signal(number)
        _, complaints = process.communicate(timeout=120)

        assert (process.returncode, complaints) == (130, b"")
        assert processes_with(home.path) == []
        assert list(home.path.rglob("gate-*")) == []


@pytest.mark.codex
def test_under_nohup_the_end_of_the_terminal_ends_nothing(tmp_path: Path) -> None:
    """The control is the test above."""
    sent = Event()

    def answer(request: ModelRequest) -> Step:
        if not request.tool_outputs:
            return [Say("one moment"), RunCommand("true")]
        sent.wait(30)
        return Say("done")

    with offline_codex(answer) as (_, home):
        process = begun("nohup", COMMAND, "run", "hello", cwd=tmp_path, env=home.env)

        process.send_signal(signal.SIGHUP)
        sent.set()
        rest, _ = process.communicate(timeout=120)

        assert process.returncode == 0
        assert rest.endswith(b"\ndone\n")


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
