"""The plugin in the kernel: what is recorded, when, and what happens when it cannot be."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path
from typing import Any, get_args

import pytest
from codex_hooks import (
    AtPath,
    Block,
    HookContext,
    HookKernel,
    HookPhase,
    Mutate,
    PluginSettings,
    Settings,
    ToolApproval,
    ToolCall,
    hookimpl,
)
from codex_hooks.testing import check_plugin
from codex_hooks_redact import Redact
from pydantic import ValidationError

from codex_hooks_audit import Audit, Options, verify
from codex_hooks_audit._files import Files
from codex_hooks_audit._log import Durability
from codex_hooks_audit._read import records
from faulty import FaultyFiles

SECRET = "k3yTr0mb0neQ7"


def tool_use(command: str = "ls", phase: str = "pre_tool_use", output: Any = None) -> HookContext:
    tool = ToolCall(
        call_id="call_1", name="Bash", kind="command", input={"command": command}, output=output
    )
    return HookContext(phase=HookPhase(phase), thread_id="thr", turn_id="turn", tool=tool)


def kernel_with(folder: Path, *others: object, **options: Any) -> HookKernel:
    kernel = HookKernel()
    kernel.register(Audit(Options(path=folder, **options)), "audit")
    for plugin in others:
        kernel.register(plugin)
    return kernel


def found(folder: Path, kind: str) -> list[dict[str, Any]]:
    return [record for _, record in records(folder) if record["kind"] == kind]


def bytes_in(folder: Path, names: str) -> bytes:
    return b"".join(path.read_bytes() for path in folder.glob(names))


def digest_of(folder: Path, text: str) -> str:
    key = bytes.fromhex((folder / "digest.key").read_text())
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()


class Blocks:
    """Blocks every tool use."""

    @hookimpl
    def pre_tool_use(self, ctx: HookContext) -> Block:
        return Block("not here")


class Rewrites:
    """Rewrites every command, after everyone else has seen it."""

    @hookimpl(trylast=True)
    def pre_tool_use(self, ctx: HookContext) -> Mutate:
        return Mutate(tool_input={"command": "git status"})

    @hookimpl(trylast=True)
    def post_tool_use(self, ctx: HookContext) -> Mutate:
        return Mutate(tool_output="instead")


async def test_the_intent_is_in_the_log_before_the_tool_may_run_and_the_outcome_after(
    tmp_path: Path,
) -> None:
    kernel = kernel_with(tmp_path)
    async with kernel.run() as run:
        ctx = tool_use()
        assert (await run.pre(ctx)).blocked is None
        (intent,) = found(tmp_path, "intent")  # from here on the tool may run
        assert found(tmp_path, "outcome") == []
        await run.post(tool_use(phase="post_tool_use", output="a\nb"))
    (outcome,) = found(tmp_path, "outcome")
    for record in (intent, outcome):
        assert (record["call"], record["tool"]) == ("call_1", "Bash")
        assert (record["thread"], record["turn"]) == ("thr", "turn")
    assert intent["input"]["hmac"] == digest_of(tmp_path, '{"command":"ls"}')
    assert outcome["output"] == {"bytes": 3, "hmac": digest_of(tmp_path, "a\nb")}
    assert verify(tmp_path).intact


async def test_an_attempt_that_another_plugin_blocks_is_on_record_with_the_block(
    tmp_path: Path,
) -> None:
    kernel = kernel_with(tmp_path, Blocks())
    async with kernel.run() as run:
        assert (await run.pre(tool_use("rm -rf /"))).blocked is not None
    (intent,) = found(tmp_path, "intent")
    assert intent["input"]["hmac"] == digest_of(tmp_path, '{"command":"rm -rf /"}')
    (report,) = found(tmp_path, "report")
    assert report["run"] == run.correlation_id
    assert report["clean"] is False
    assert report["blocks"] == [
        {
            "plugin": "Blocks",
            "phase": "pre_tool_use",
            "message": {"bytes": 8, "hmac": digest_of(tmp_path, "not here")},
        }
    ]
    assert report["decisions"] == [
        {"plugin": "Blocks", "phase": "pre_tool_use", "decision": "block", "call": "call_1"}
    ]


async def test_what_is_about_to_happen_is_on_record_after_every_change(tmp_path: Path) -> None:
    """K3: the first intent is what the model asked for, the last one is what runs."""
    kernel = kernel_with(tmp_path, Rewrites())
    async with kernel.run() as run:
        final = (await run.pre(tool_use("git push"))).context
        await run.post(tool_use(phase="post_tool_use", output="told"))
    assert final.tool is not None
    asked, runs = found(tmp_path, "intent")
    assert asked["input"]["hmac"] == digest_of(tmp_path, '{"command":"git push"}')
    assert runs["input"]["hmac"] == digest_of(tmp_path, '{"command":"git status"}')
    assert "round" not in asked
    assert runs["round"] == 2
    given, seen = found(tmp_path, "outcome")
    assert given["output"]["hmac"] == digest_of(tmp_path, "told")
    assert seen["output"]["hmac"] == digest_of(tmp_path, "instead")


async def test_every_phase_is_on_record(tmp_path: Path) -> None:
    kernel = kernel_with(tmp_path)
    async with kernel.run() as run:
        for phase in HookPhase:
            if phase.value.endswith("_tool_use"):
                continue
            ctx = run.context(
                phase,
                prompt="hello",
                attachments=(AtPath("notes.md"),),
                result=None if phase.is_pre else "done",
                status=None if phase.is_pre else "error",
                error=None if phase.is_pre else "it said no",
            )
            await (run.pre(ctx) if phase.is_pre else run.post(ctx))
    kinds = [record["kind"] for _, record in records(tmp_path)]
    phases = [phase.value for phase in HookPhase if not phase.value.endswith("_tool_use")]
    assert kinds == ["open", *phases, "report"]
    (turn,) = found(tmp_path, "pre_turn")
    assert turn["prompt"]["hmac"] == digest_of(tmp_path, "hello")
    assert turn["attachments"]["bytes"] > 0
    (ended,) = found(tmp_path, "post_turn")
    assert ended["status"] == "error"
    assert {"result", "error"} <= ended.keys()


async def test_an_approval_is_on_record_with_what_it_asks_for(tmp_path: Path) -> None:
    """G5."""
    asked = ToolApproval(kind="escalate", reason="network", grants={"host": "example.org"})
    tool = ToolCall(call_id="c", name="Bash", kind="command", approval=asked)
    await kernel_with(tmp_path).run_pre(HookContext(phase=HookPhase.PRE_TOOL_USE, tool=tool))
    (intent,) = found(tmp_path, "intent")
    assert intent["approval"]["kind"] == "escalate"
    assert intent["approval"]["asked"]["bytes"] > 0


async def test_no_text_is_in_the_log_unless_it_is_asked_for(tmp_path: Path) -> None:
    """F28: not of prompts, inputs, outputs, results, errors, or other plugins' messages."""

    class Talks:
        @hookimpl
        def pre_tool_use(self, ctx: HookContext) -> Block:
            return Block(f"no {SECRET}")

    kernel = kernel_with(tmp_path, Talks())
    async with kernel.run() as run:
        await run.pre(run.context(HookPhase.PRE_TURN, prompt=SECRET))
        await run.pre(tool_use(SECRET))
        await run.post(tool_use(phase="post_tool_use", output=[SECRET]))
        await run.post(run.context(HookPhase.POST_TURN, result=SECRET, error=SECRET))
    assert SECRET.encode() not in bytes_in(tmp_path, "*")


async def test_text_that_is_asked_for_is_masked_escaped_and_cut(tmp_path: Path) -> None:
    """F28."""
    kernel = kernel_with(tmp_path, text="redacted", max_text=100)
    prompt = f"password={SECRET}\n\x1b[31mred\x1b[0m \u202e" + "long " * 50
    await kernel.run_pre(HookContext(phase=HookPhase.PRE_TURN, prompt=prompt))
    await kernel.run_pre(tool_use(f"export DB_PASSWORD={SECRET}"))
    (turn,) = found(tmp_path, "pre_turn")
    assert turn["prompt"]["text"].startswith("password=[redacted named-secret ")
    assert len(turn["prompt"]["text"]) == 100
    assert turn["prompt"]["cut"] is True
    assert turn["prompt"]["masked"] == 1
    (intent,) = found(tmp_path, "intent")
    assert json.loads(intent["input"]["text"])["command"].startswith("export DB_PASSWORD=[redacted")
    data = bytes_in(tmp_path, "*.jsonl")
    assert SECRET.encode() not in data
    assert all(32 <= byte < 127 or byte == 10 for byte in data)


async def test_text_without_the_redactor_blocks_and_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "codex_hooks_redact", None)
    outcome = await kernel_with(tmp_path, text="redacted").run_pre(tool_use())
    assert outcome.blocked is not None
    assert "pip install 'codex-hooks-audit[redact]'" in outcome.blocked.message


async def test_behind_the_redactor_the_log_has_what_the_model_sees_as_well(tmp_path: Path) -> None:
    kernel = kernel_with(tmp_path, Redact())
    prompt = f"password={SECRET}"
    outcome = await kernel.run_pre(HookContext(phase=HookPhase.PRE_TURN, prompt=prompt))
    typed, sent = found(tmp_path, "pre_turn")
    assert typed["prompt"]["hmac"] == digest_of(tmp_path, prompt)
    assert sent["prompt"]["hmac"] == digest_of(tmp_path, outcome.context.prompt)


@pytest.mark.parametrize("phase", list(HookPhase))
async def test_what_cannot_be_recorded_does_not_happen(tmp_path: Path, phase: HookPhase) -> None:
    """F25, F29: a place that is refused blocks every pre phase, and withholds a tool's output."""
    (tmp_path / "link").symlink_to(tmp_path)
    kernel = kernel_with(tmp_path / "link")
    ctx = tool_use().evolve(phase=phase)
    if phase.is_pre:
        blocked = (await kernel.run_pre(ctx)).blocked
    else:
        outcome = await kernel.run_post(ctx)
        blocked = outcome.withheld
        assert outcome.report.calls[0].issue or blocked
    if phase.is_pre or phase is HookPhase.POST_TOOL_USE:
        assert blocked is not None
        assert blocked.plugin == "audit"
        assert "is a symbolic link" in blocked.message


async def test_with_on_error_ignore_it_happens_and_is_counted(tmp_path: Path) -> None:
    """K5."""
    plugin = Audit(Options(path=tmp_path, on_error="ignore"), files=FaultyFiles(1, "EIO"))
    kernel = HookKernel()
    kernel.register(plugin, "audit")
    outcome = await kernel.run_pre(tool_use())
    assert outcome.blocked is None
    assert outcome.report.failed_open == 1
    assert (await kernel.run_post(tool_use(phase="post_tool_use", output="x"))).withheld is None


async def test_a_report_that_cannot_be_written_touches_nobody(tmp_path: Path) -> None:
    """K8."""
    (tmp_path / "link").symlink_to(tmp_path)
    kernel = kernel_with(tmp_path / "link")
    async with kernel.run():
        pass
    assert kernel.report_failures == 1


async def test_each_process_says_that_it_has_begun(tmp_path: Path) -> None:
    for _ in range(2):
        kernel = kernel_with(tmp_path)
        await kernel.run_pre(tool_use())
        kernel.close()
    opened = found(tmp_path, "open")
    assert [(record["durability"], record["text"]) for record in opened] == [
        ("process", "digest"),
        ("process", "digest"),
    ]
    assert all(isinstance(record["pid"], int) for record in opened)


def open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


class SyncedFiles(Files):
    """Counts how often the disk was waited for."""

    def __init__(self) -> None:
        self.synced = 0

    def sync(self, fd: int) -> None:
        self.synced += 1
        super().sync(fd)


@pytest.mark.parametrize("durability", get_args(Durability))
async def test_a_record_that_is_to_outlive_a_power_failure_is_on_the_disk_before_the_use(
    tmp_path: Path, durability: Durability
) -> None:
    """The control is one that only outlives the process."""
    files, kernel = SyncedFiles(), HookKernel()
    kernel.register(Audit(Options(path=tmp_path, durability=durability), files=files), "audit")
    await kernel.run_pre(tool_use())
    before = files.synced
    await kernel.run_pre(tool_use())
    assert (files.synced > before) is (durability == "power")


async def test_a_plugin_that_has_stopped_keeps_no_file_open(tmp_path: Path) -> None:
    """K9: the control is the one at work."""
    before = open_files()
    kernel = kernel_with(tmp_path)
    await kernel.run_pre(tool_use())
    assert open_files() > before
    kernel.close()
    assert open_files() == before


async def test_a_damaged_key_blocks_instead_of_being_replaced(tmp_path: Path) -> None:
    await kernel_with(tmp_path).run_pre(tool_use())
    (tmp_path / "digest.key").write_text("zz")
    outcome = await kernel_with(tmp_path).run_pre(tool_use())
    assert outcome.blocked is not None
    assert "digest.key is damaged" in outcome.blocked.message


def test_with_text_a_hook_has_time_for_the_rules_to_be_compiled(tmp_path: Path) -> None:
    """K6: once a machine, and longer than a hook has where there is nothing to compile."""
    deadlines = [
        vars(Audit(Options(path=tmp_path, text=text)))["pre_run"].codex_hooks_impl["timeout"]
        for text in get_args(Options.model_fields["text"].annotation)
    ]
    assert deadlines == [10.0, 60.0]


def test_an_option_that_does_not_exist_or_does_not_fit_is_named() -> None:
    for options, key in (
        ({"pth": "x"}, "pth"),
        ({"durability": "forever"}, "durability"),
        ({"on_error": "allow"}, "on_error"),
        ({"text": "plain"}, "text"),
        ({"max_text": 0}, "max_text"),
        ({"segment_bytes": 1}, "segment_bytes"),
        ({"path": "log"}, "path"),
        ({"path": ""}, "path"),
    ):
        with pytest.raises(ValidationError, match=key):
            Options.model_validate(options)


async def test_installed_it_is_active_with_its_options(tmp_path: Path) -> None:
    """K11: pip install is all it takes."""
    options = {"path": str(tmp_path / "log"), "durability": "power"}
    settings = Settings(enabled=("audit",), plugins={"audit": PluginSettings(options=options)})
    kernel = HookKernel()
    discovery = kernel.load_installed(settings)
    plugin = next(item for item in discovery.plugins if item.name == "audit")
    assert {phase.value for phase in HookPhase} <= set(plugin.hooks)
    await kernel.run_pre(tool_use())
    assert len(found(tmp_path / "log", "intent")) == 1


def test_the_log_lies_with_the_users_state_unless_told_otherwise(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert Options().path.is_relative_to(tmp_path)
    assert Options().path.name == "audit"


def test_the_plugin_keeps_the_hook_contract(tmp_path: Path) -> None:
    """K5: asked at once, cancelled, without time, about huge and odd input; the log stays whole."""
    folder = tmp_path / "log"

    assert not check_plugin(Audit(Options(path=folder))).faults
    assert verify(folder).intact
