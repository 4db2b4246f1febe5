"""The plugin in the kernel: prompts, tool output, options, and what happens in doubt."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import anyio
import pytest
from codex_hooks import (
    HookContext,
    HookKernel,
    HookPhase,
    Mutate,
    PluginSettings,
    Settings,
    ToolCall,
    hookimpl,
)
from codex_hooks.testing import check_plugin
from pydantic import ValidationError

from codex_hooks_redact import Options, Redact

KEY = "k3yTr0mb0neQ7"
PROMPT = f"password={KEY}, please log in"


def kernel_with(*plugins: object, **options: Any) -> HookKernel:
    kernel = HookKernel()
    kernel.register(Redact(Options(**options)), "redact")
    for plugin in plugins:
        kernel.register(plugin)
    return kernel


def prompt(text: str, phase: HookPhase = HookPhase.PRE_TURN) -> HookContext:
    return HookContext(phase=phase, prompt=text)


def output(value: Any) -> HookContext:
    call = ToolCall(call_id="c", name="Bash", kind="command", output=value)
    return HookContext(phase=HookPhase.POST_TOOL_USE, tool=call)


@pytest.mark.parametrize("phase", [HookPhase.PRE_RUN, HookPhase.PRE_TURN])
async def test_a_secret_in_a_prompt_is_masked(phase: HookPhase) -> None:
    outcome = await kernel_with().run_pre(prompt(PROMPT, phase))
    assert outcome.blocked is None
    assert outcome.context.prompt.startswith("password=[redacted named-secret ")
    assert outcome.context.prompt.endswith(", please log in")
    # The control: without the plugin it goes on as it is.
    assert (await HookKernel().run_pre(prompt(PROMPT, phase))).context.prompt == PROMPT


async def test_a_secret_in_the_output_of_a_tool_is_masked_however_deep() -> None:
    """G10."""
    result = {"content": [{"type": "text", "text": PROMPT}], "isError": False}
    outcome = await kernel_with().run_post(output(result))
    assert outcome.context.tool is not None
    assert KEY not in str(outcome.context.tool.output)
    assert outcome.context.tool.output["isError"] is False
    # The control.
    tool = (await HookKernel().run_post(output(result))).context.tool
    assert tool is not None
    assert KEY in str(tool.output)


async def test_what_holds_no_secret_is_left_alone() -> None:
    kernel = kernel_with()
    assert (await kernel.run_pre(prompt("say hello"))).decision is None
    for value in (None, 3, "done", {"lines": ["a"]}):
        outcome = await kernel.run_post(output(value))
        assert outcome.withheld is None
        assert [call.decision for call in outcome.report.calls] == ["nothing"]


async def test_blocked_instead_of_masked_names_the_kind_and_not_the_secret() -> None:
    kernel = kernel_with(prompts="block", tool_output="block")
    before = (await kernel.run_pre(prompt(PROMPT))).blocked
    after = (await kernel.run_post(output(PROMPT))).withheld
    assert before is not None
    assert after is not None
    for block in (before, after):
        assert block.plugin == "redact"
        assert "named-secret" in block.message
        assert KEY not in block.message


async def test_switched_off_for_one_side_it_still_works_on_the_other() -> None:
    kernel = kernel_with(prompts="off")
    assert (await kernel.run_pre(prompt(PROMPT))).context.prompt == PROMPT
    assert (await kernel.run_post(output(PROMPT))).report.calls[0].decision == "mutate"
    kernel = kernel_with(tool_output="off")
    assert (await kernel.run_post(output(PROMPT))).report.calls[0].decision == "nothing"


class Adds:
    """Adds a line to every prompt and output, after the redactor has seen it."""

    def __init__(self, line: str) -> None:
        self.line = line

    @hookimpl(trylast=True)
    async def pre_run(self, ctx: HookContext) -> Mutate:
        return Mutate(prompt=f"{ctx.prompt}\n{self.line}")

    pre_turn = pre_run

    @hookimpl(trylast=True)
    async def post_tool_use(self, ctx: HookContext) -> Mutate:
        return Mutate(tool_output=f"{text_of(ctx)}\n{self.line}")


class Watches:
    """Notes every prompt and output that it is shown."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    @hookimpl
    async def pre_run(self, ctx: HookContext) -> None:
        self.seen.append(text_of(ctx))

    pre_turn = post_tool_use = pre_run


def text_of(ctx: HookContext) -> str:
    return ctx.prompt if ctx.tool is None else str(ctx.tool.output)


async def run(kernel: HookKernel, ctx: HookContext) -> str:
    """Return what is left of the text of ``ctx``."""
    if ctx.phase.is_pre:
        return text_of((await kernel.run_pre(ctx)).context)
    return text_of((await kernel.run_post(ctx)).context)


each_text = pytest.mark.parametrize(
    "ctx", [prompt(PROMPT, HookPhase.PRE_RUN), prompt(PROMPT), output(PROMPT)]
)


@each_text
async def test_a_secret_that_a_later_plugin_adds_is_masked_too(ctx: HookContext) -> None:
    """K3: recheck, also where the redactor has changed the text itself before."""
    text = await run(kernel_with(Adds("token=s3cr3tZ0ne99")), ctx)
    assert KEY not in text
    assert "s3cr3tZ0ne99" not in text
    assert text.count("[redacted") == 2


@each_text
async def test_plugins_that_were_there_before_are_shown_no_secret_either(ctx: HookContext) -> None:
    """K1: the redactor is asked first; without it the same plugin sees all, the control."""
    watches = Watches()
    kernel = HookKernel()
    kernel.register(watches, "watches")
    await run(kernel, ctx)
    assert watches.seen == [PROMPT]
    kernel.register(Redact(), "redact")
    await run(kernel, ctx)
    assert len(watches.seen) == 2
    assert KEY not in watches.seen[1]


async def test_rules_of_ones_own_are_the_plugins_too(tmp_path: Path) -> None:
    rules = tmp_path / "acme.yml"
    rules.write_text(
        "rules:\n  - name: Acme\n    id: acme.badge\n    pattern: '\\b(ACME-[0-9]{6})\\b'\n"
        "    min_entropy: 0\n    confidence: medium\n    examples: [ACME-123456]\n"
    )
    text = "badge ACME-123456"
    assert await run(kernel_with(), prompt(text)) == text
    assert "ACME-123456" not in await run(kernel_with(rules=[rules]), prompt(text))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"max_bytes": 1024}, "raise max_bytes"),
        ({"scan_timeout": 1e-9}, "raise scan_timeout"),
        ({"ignore": ["gone"]}, "rules that there are not: gone"),
    ],
)
async def test_in_doubt_nothing_is_passed_on(options: dict[str, Any], says: str) -> None:
    """K5: too much, too slow, or not able to look."""
    kernel = kernel_with(**options)
    long = "a long line of words\n" * 50_000
    blocked = (await kernel.run_pre(prompt(long))).blocked
    withheld = (await kernel.run_post(output(long))).withheld
    assert blocked is not None
    assert withheld is not None
    assert says in blocked.message
    assert says in withheld.message


async def test_a_scanner_that_fails_in_a_way_nobody_thought_of_blocks_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """F1."""

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("codex_hooks_redact._redactor.Redactor._redact", fail)
    kernel = kernel_with()
    assert (await kernel.run_pre(prompt("hello"))).blocked is not None
    assert (await kernel.run_post(output("hello"))).withheld is not None


async def test_ten_megabytes_of_output_do_not_hold_up_the_event_loop() -> None:
    """K6: the hook runs in a thread, and the scanner lets go of the interpreter."""
    threads: list[str] = []

    class Watches(Redact):
        def _prompt(self, ctx: HookContext) -> None:
            threads.append(threading.current_thread().name)

    kernel = HookKernel()
    kernel.register(Watches(), "redact")
    await kernel.run_pre(prompt("x"))
    assert threads == ["codex-hooks"]
    with anyio.fail_after(30):
        outcome = await kernel_with().run_post(output(f"{'words ' * 1_700_000}{PROMPT}"))
    assert outcome.context.tool is not None
    assert KEY not in outcome.context.tool.output


def test_an_option_that_does_not_exist_or_does_not_fit_is_named() -> None:
    for options, key in (
        ({"promts": "mask"}, "promts"),
        ({"prompts": "hide"}, "prompts"),
        ({"rules": ["/no/such/file.yml"]}, "rules"),
        ({"scan_timeout": 60}, "scan_timeout"),
    ):
        with pytest.raises(ValidationError, match=key):
            Options.model_validate(options)


async def test_installed_it_is_active_with_its_options() -> None:
    """K11: pip install is all it takes."""
    settings = Settings(
        enabled=("redact",),
        plugins={"redact": PluginSettings(options={"prompts": "block"})},
    )
    kernel = HookKernel()
    discovery = kernel.load_installed(settings)
    plugin = next(item for item in discovery.plugins if item.name == "redact")
    assert plugin.hooks == ("post_tool_use", "pre_run", "pre_turn")
    assert (await kernel.run_pre(prompt(PROMPT))).blocked is not None


def test_importing_the_package_does_not_load_the_scanner() -> None:
    import subprocess
    import sys

    code = "import sys, codex_hooks_redact; sys.exit('kingfisher_sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    assert (Path(__file__).parents[1] / "src/codex_hooks_redact/py.typed").exists()


def test_the_plugin_keeps_the_hook_contract() -> None:
    """K3, K5: asked at once, cancelled, without time, and about huge and odd text."""
    assert not check_plugin(Redact()).faults
