"""K14: a program as a plugin, and everything that a program can do wrong."""

import json
import os
import re
import signal
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest

from codex_hooks import (
    Allow,
    Ask,
    AtPath,
    Block,
    HookContext,
    HookKernel,
    HookMatcher,
    HookPhase,
    ImageUrl,
    InvalidDecision,
    IssueKind,
    LocalImage,
    Mutate,
    PluginError,
    ShellCommandHook,
    Skill,
    ToolApproval,
    ToolCall,
)
from codex_hooks._command import MAX_OUTPUT, Finished
from codex_hooks._shell_protocol import context_json, decision_of


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


def test_the_context_is_told_in_full() -> None:
    """K14: every field but ``deadline``, whatever is in it."""
    tool = ToolCall(
        call_id="call_1",
        name="Bash",
        kind="command",
        input={"command": ["ls", {"deep": None}]},
        approval=ToolApproval(kind="command", reason="to look", grants={"network": True}),
    )
    ctx = HookContext(
        phase=HookPhase.PRE_TOOL_USE,
        correlation_id="hk-1",
        thread_id="thr_1",
        cwd="/project",
        ts_ms=1,
        metadata={"team": "a"},
        prompt="hi",
        attachments=(AtPath("a"), ImageUrl("u"), LocalImage("i"), Skill("s", "p")),
        tool=tool,
        deadline=5.0,
    )

    assert json.loads(context_json(ctx)) == {
        "phase": "pre_tool_use",
        "correlation_id": "hk-1",
        "thread_id": "thr_1",
        "parent_thread_id": None,
        "turn_id": None,
        "cwd": "/project",
        "model": None,
        "status": None,
        "ts_ms": 1,
        "metadata": {"team": "a"},
        "prompt": "hi",
        "attachments": [
            {"type": "at_path", "path": "a", "placeholder": None},
            {"type": "image_url", "url": "u"},
            {"type": "local_image", "path": "i"},
            {"type": "skill", "name": "s", "path": "p"},
        ],
        "tool": {
            "call_id": "call_1",
            "name": "Bash",
            "kind": "command",
            "input": {"command": ["ls", {"deep": None}]},
            "output": None,
            "approval": {"kind": "command", "reason": "to look", "grants": {"network": True}},
        },
        "result": None,
        "error": None,
        "approval_policy": None,
        "sandbox": None,
        "round": 1,
    }


def answered(text: str | bytes, status: int = 0, stderr: bytes = b"") -> Finished:
    return Finished(status, text.encode() if isinstance(text, str) else text, stderr)


def test_every_decision_can_be_answered() -> None:
    """K14."""
    attachments = [{"type": "at_path", "path": "a", "placeholder": None}]
    change = {
        "action": "mutate",
        "model": "m",
        "metadata": {"a": [1]},
        "prompt": None,
        "add_attachments": attachments,
        "tool_input": {"command": "ls"},
        "tool_output": "x",
    }

    assert decision_of(answered(" \n")) is None
    assert decision_of(answered('{"action": "allow"}')) == Allow()
    assert decision_of(answered('{"action": "ask", "message": "sure?"}')) == Ask("sure?")
    assert decision_of(answered('{"action": "block", "message": "no"}\n')) == Block("no")
    assert decision_of(answered(json.dumps(change))) == Mutate(
        model="m",
        metadata={"a": [1]},
        add_attachments=[AtPath("a")],
        tool_input={"command": "ls"},
        tool_output="x",
    )


def test_a_block_by_status_always_has_a_message() -> None:
    """K14: undecodable text is still a block, endless text is cut, no text is replaced."""
    for stderr in (b"", b" \n", b"\xff", b"x" * MAX_OUTPUT):
        decision = decision_of(answered("not even JSON", 2, stderr))
        assert isinstance(decision, Block)
        assert 0 < len(decision.message) <= 4000


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "true",
        '"block"',
        "{}",
        '{"action": null}',
        '{"action": ["block"]}',
        '{"action": "BLOCK", "message": "no"}',
        '{"action": "block"}',
        '{"action": "block", "message": ""}',
        '{"action": "block", "message": 3}',
        '{"action": "ask", "message": ["sure?"]}',
        '{"action": "allow"} {"action": "block", "message": "no"}',
        '{"action": "allow", "message": "fine"}',
        '{"action": "mutate", "prompt": 3}',
        '{"action": "mutate", "promt": "x"}',
        '{"action": "mutate", "metadata": []}',
        '{"action": "mutate", "metadata": {"a": NaN}}',
        '{"action": "mutate", "metadata": {"a": 1, "a": 2}}',
        '{"action": "mutate", "tool_input": "ls"}',
        '{"action": "mutate", "add_attachments": "a"}',
        '{"action": "mutate", "add_attachments": 3}',
        '{"action": "mutate", "add_attachments": 0}',
        '{"action": "mutate", "add_attachments": {}}',
        '{"action": "mutate", "metadata": {"a": 1e999}}',
        '{"action": "mutate", "add_attachments": [3]}',
        '{"action": "mutate", "add_attachments": [{"type": "at_path"}]}',
        '{"action": "mutate", "add_attachments": [{"type": "at_path", "path": 3}]}',
        '{"action": "mutate", "add_attachments": [{"type": "link", "path": "a"}]}',
        '{"action": "mutate", "add_attachments": [{"type": "at_path", "path": "a", "x": "y"}]}',
        '{"action": "mutate", "metadata": ' + '{"a":' * 200 + "1" + "}" * 201,
        "[" * 100_000,
        "1" * 10_000,
        b"\xef\xbb\xbf{}",
    ],
)
def test_an_answer_that_is_not_exactly_right_is_no_answer(text: str | bytes) -> None:
    """K14, K5."""
    with pytest.raises(InvalidDecision):
        decision_of(answered(text))


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


def test_the_documents_answers_are_decisions() -> None:
    """docs/shell-hooks.md: the table and the example context."""
    text = (Path(__file__).parents[2] / "docs" / "shell-hooks.md").read_text()
    actions = re.findall(r"^\| 0 \| `(.*?)` \|", text, re.MULTILINE)
    (told,) = re.findall(r"```json\n(.*?)```", text, re.DOTALL)
    (python,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)

    assert [type(decision_of(answered(action))) for action in actions] == [
        Allow,
        Ask,
        Block,
        Mutate,
    ]
    ctx = HookContext(
        phase=HookPhase.PRE_TOOL_USE, tool=ToolCall(call_id="1", name="Bash", kind="command")
    )
    full = json.loads(context_json(ctx))
    assert json.loads(told).keys() <= full.keys()
    assert json.loads(told)["tool"].keys() == full["tool"].keys()
    exec(compile(python, "shell-hooks.md", "exec"), {})
