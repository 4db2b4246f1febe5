"""K14: a program as a plugin, and everything that its process can do wrong."""

import os
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from codex_hooks import (
    Block,
    HookContext,
    HookKernel,
    HookMatcher,
    HookPhase,
    IssueKind,
    PluginError,
    ShellCommandHook,
    ToolCall,
)
from codex_hooks._command import MAX_OUTPUT


class Alive:
    """Knows whether any process that a command has started is alive: they all hold its pipe."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "alive"
        os.mkfifo(self._path)
        self._end = os.open(self._path, os.O_RDONLY | os.O_NONBLOCK)

    def watch(self, script: str) -> str:
        return f"exec 9>{self._path}; echo started >&9; {script}"

    async def started(self) -> None:
        with anyio.fail_after(10):
            await anyio.wait_readable(self._end)
        assert os.read(self._end, 100)

    async def nobody(self) -> None:
        """Return when the last holder has ended."""
        with anyio.fail_after(10):
            while True:
                await anyio.wait_readable(self._end)
                if not os.read(self._end, 100):
                    os.close(self._end)
                    return


def turn(prompt: str = "hello") -> HookContext:
    return HookContext(phase=HookPhase.PRE_TURN, prompt=prompt)


async def test_a_command_that_says_nothing_has_nothing_to_say() -> None:
    """K14: exit status 0 and nothing on stdout."""
    kernel = HookKernel()
    kernel.register(ShellCommandHook("quiet", "cat >/dev/null"))

    outcome = await kernel.run_pre(turn())

    assert outcome.decision is None
    assert [call.decision for call in outcome.report.calls] == ["nothing"]
    assert [call.plugin for call in outcome.report.calls] == ["quiet"]


async def test_a_command_reads_the_context_and_changes_it() -> None:
    """K14: JSON in, ``mutate`` out."""
    kernel = HookKernel()
    script = (
        "import json, sys; ctx = json.load(sys.stdin); "
        "print(json.dumps({'action': 'mutate', 'prompt': ctx['prompt'].upper()}))"
    )
    kernel.register(ShellCommandHook("loud", [sys.executable, "-c", script], timeout=30))

    outcome = await kernel.run_pre(turn("grüße\ud800"))

    assert outcome.context.prompt == "GRÜSSE\ud800"


async def test_exit_status_2_blocks_with_what_is_on_stderr() -> None:
    """K14."""
    kernel = HookKernel()
    kernel.register(ShellCommandHook("guard", "echo 'not on fridays' >&2; exit 2"))

    outcome = await kernel.run_pre(turn())

    assert outcome.blocked == Block("not on fridays", plugin="guard", phase=HookPhase.PRE_TURN)
    assert not outcome.report.issues


async def test_a_list_is_run_without_a_shell() -> None:
    """K14: nothing in an argument is for a shell to read."""
    kernel = HookKernel()
    script = "import sys; sys.exit(sys.argv[1] != '$(exit 3); echo')"
    command = [sys.executable, "-c", script, "$(exit 3); echo"]
    kernel.register(ShellCommandHook("exact", command, timeout=30))

    assert not (await kernel.run_pre(turn())).blocked


async def test_a_command_sees_a_minimal_environment_and_what_it_is_given(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """K14: this process' secrets are not the command's."""
    monkeypatch.setenv("API_TOKEN", "hush")
    kernel = HookKernel()
    command = 'test -z "$API_TOKEN" && test -n "$PATH" && test "$COLOUR" = blue || exit 9'
    kernel.register(ShellCommandHook("curious", command, env={"COLOUR": "blue"}))

    assert not (await kernel.run_pre(turn())).blocked


async def test_a_command_is_asked_before_things_happen_unless_told_otherwise() -> None:
    """K14: all pre phases by default; ``phases`` and ``match`` narrow that."""
    block = "exit 2"
    kernel = HookKernel()
    kernel.register(ShellCommandHook("all", "true"))
    kernel.register(ShellCommandHook("turns", "true", phases=["pre_turn"]))  # type: ignore[list-item]
    match = HookMatcher(tool_name="Bash")
    kernel.register(ShellCommandHook("bash", block, phases=[HookPhase.PRE_TOOL_USE], match=match))

    hooks = {item.name: set(item.hooks) for item in kernel.registrations()}
    assert hooks["all"] == {"pre_run", "pre_session_start", "pre_turn", "pre_tool_use"}
    assert hooks["turns"] == {"pre_turn"}
    for name, blocked in (("Bash", True), ("apply_patch", False)):
        tool = ToolCall(call_id="1", name=name, kind="command")
        outcome = await kernel.run_pre(HookContext(phase=HookPhase.PRE_TOOL_USE, tool=tool))
        assert bool(outcome.blocked) is blocked


@pytest.mark.parametrize(
    ("command", "problem"),
    [
        ("exit 1", "exited with status 1"),
        ("exit 127", "exited with status 127"),
        ("kill -KILL $$", "ended by signal 9"),
        ("echo hello", "something else than one JSON object"),
        (r"printf '{\"action\": \"allow\", \"x\": \"\377\"}'", "not UTF-8"),
        ("""echo '{"action": "allow", "until": "friday"}'""", "does not take"),
        (["/no/such/program"], "'/no/such/program' cannot be started: No such file"),
        (["/"], "'/' cannot be started: Permission denied"),
    ],
)
async def test_anything_else_is_a_failure_that_blocks(command: str, problem: str) -> None:
    """K14, K5: and with ``on_error="ignore"`` the same failure passes, counted."""
    for on_error in (None, "ignore"):
        kernel = HookKernel()
        kernel.register(ShellCommandHook("odd", command, on_error=on_error))

        outcome = await kernel.run_pre(turn())

        (issue,) = outcome.report.issues
        assert issue.plugin == "odd"
        assert issue.kind is IssueKind.VALIDATION
        assert problem in issue.message
        assert bool(outcome.blocked) is (on_error is None)
        assert outcome.report.failed_open == (on_error == "ignore")


async def test_the_whole_group_ends_with_the_deadline(tmp_path: Path) -> None:
    """K14: whatever it ignores, and whatever it has started."""
    alive = Alive(tmp_path)
    stubborn = "trap '' TERM INT HUP; sleep 1000 & sh -c 'sleep 1000 & wait' & wait"
    kernel = HookKernel()
    kernel.register(ShellCommandHook("stubborn", alive.watch(stubborn), timeout=0.5))

    with anyio.fail_after(10):
        outcome = await kernel.run_pre(turn())

    assert outcome.blocked
    assert [issue.kind for issue in outcome.report.issues] == [IssueKind.TIMEOUT]
    await alive.nobody()


async def test_the_whole_group_ends_with_a_cancellation(tmp_path: Path) -> None:
    """K14, F2: no decision comes of it, and no process is left."""
    alive = Alive(tmp_path)
    kernel = HookKernel()
    kernel.register(ShellCommandHook("slow", alive.watch("sleep 1000 & wait"), timeout=None))
    outcomes = []

    async def ask() -> None:
        outcomes.append(await kernel.run_pre(turn()))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(ask)
        await alive.started()
        tasks.cancel_scope.cancel()

    assert not outcomes
    await alive.nobody()


async def test_a_grandchild_with_the_pipes_in_hand_holds_up_nothing(tmp_path: Path) -> None:
    """K14: the answer is there when the command ends; what it left behind ends with it."""
    alive = Alive(tmp_path)
    script = """sleep 1000 & echo '{"action": "allow"}'"""
    kernel = HookKernel()
    kernel.register(ShellCommandHook("parent", alive.watch(script), timeout=60))

    with anyio.fail_after(20):
        outcome = await kernel.run_pre(turn())

    assert outcome.allowed
    await alive.nobody()


async def test_a_process_that_has_left_the_group_holds_up_nothing_either(tmp_path: Path) -> None:
    """K14: it is not ended, being out of reach, but nobody waits for it."""
    script = (
        "import os, signal, sys\n"
        "if os.fork():\n"
        "    os.wait()\n"
        "    sys.exit(0)\n"
        "os.setsid()\n"
        "if pid := os.fork():\n"
        "    open(sys.argv[1], 'w').write(str(pid))\n"
        "    os._exit(0)\n"
        "signal.pause()\n"
    )
    kernel = HookKernel()
    pid_file = tmp_path / "pid"
    command = [sys.executable, "-c", script, str(pid_file)]
    kernel.register(ShellCommandHook("daemon", command, timeout=60))

    with anyio.fail_after(20):
        outcome = await kernel.run_pre(turn())

    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    assert not outcome.blocked


@pytest.mark.parametrize("target", ["1", "2"])
async def test_a_command_that_never_stops_writing_fails_soon(tmp_path: Path, target: str) -> None:
    """K14: output is bounded; what is written beyond is never held."""
    alive = Alive(tmp_path)
    kernel = HookKernel()
    kernel.register(ShellCommandHook("yes", alive.watch(f"yes >&{target}"), timeout=60))

    with anyio.fail_after(20):
        outcome = await kernel.run_pre(turn())

    assert outcome.blocked
    assert f"more than {MAX_OUTPUT} bytes" in outcome.blocked.message
    await alive.nobody()


async def test_as_much_as_is_allowed_is_read_to_its_end() -> None:
    """K14: the control of the bound, and of the last bytes before the exit."""
    kernel = HookKernel()
    script = (
        "import sys; sys.stdout.write(' ' * (int(sys.argv[1]) - 19) + '{\"action\": \"allow\"}')"
    )
    command = [sys.executable, "-c", script, str(MAX_OUTPUT)]
    kernel.register(ShellCommandHook("large", command, timeout=60))

    assert (await kernel.run_pre(turn())).allowed


@pytest.mark.parametrize(
    ("script", "blocked"), [("exit 0", False), ("sleep 1000", True), ("exec <&-; sleep 0.1", False)]
)
async def test_a_command_need_not_read_what_it_is_told(
    tmp_path: Path, script: str, *, blocked: bool
) -> None:
    """K14: a context larger than a pipe, and a command that ends, hangs, or shuts its eyes."""
    alive = Alive(tmp_path)
    kernel = HookKernel()
    kernel.register(ShellCommandHook("deaf", alive.watch(script), timeout=3))

    with anyio.fail_after(20):
        outcome = await kernel.run_pre(turn("x" * 8_000_000))

    assert bool(outcome.blocked) is blocked
    await alive.nobody()


async def test_no_file_descriptor_is_left() -> None:
    """K14: neither after an answer nor after a failure."""
    kernel = HookKernel()
    for number, command in enumerate((["true"], ["sleep", "1000"], ["yes"], ["/no/such"])):
        kernel.register(ShellCommandHook(str(number), command, timeout=0.5, on_error="ignore"))
    await kernel.run_pre(turn())
    before = len(os.listdir("/dev/fd"))  # noqa: PTH208

    await kernel.run_pre(turn())

    assert len(os.listdir("/dev/fd")) == before  # noqa: PTH208


async def test_a_prompt_pasted_into_json_adds_no_second_action() -> None:
    """K14: of two actions in one object neither counts."""
    kernel = HookKernel()
    script = """cat >/dev/null; echo '{"action": "block", "message": "no", "action": "allow"}'"""
    kernel.register(ShellCommandHook("naive", script))

    outcome = await kernel.run_pre(turn())

    assert outcome.blocked
    assert outcome.report.issues


@pytest.mark.parametrize("command", ["", [], [""], ["a\0b"], "a\0b", [1], b"true", 1])
def test_a_command_that_nobody_could_run_is_refused_at_once(command: Any) -> None:
    """K14."""
    with pytest.raises(PluginError):
        ShellCommandHook("none", command)


@pytest.mark.parametrize(
    "fields",
    [
        {"env": {"A": 1}},
        {"env": {"A": "a\0b"}},
        {"env": {"A=B": "x"}},
        {"env": {"": "x"}},
        {"phases": "pre_turn"},
        {"phases": []},
    ],
)
def test_a_command_that_nobody_could_ask_is_refused_at_once(fields: dict[str, Any]) -> None:
    """K14."""
    with pytest.raises(PluginError):
        ShellCommandHook("none", "true", **fields)
