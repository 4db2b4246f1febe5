"""Every decision under every approval policy in every sandbox, on one server, in many threads."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING, Any, NamedTuple

import anyio
import pytest

from codex_hooks import Allow, Ask, Block, Mutate
from codex_hooks_runtime.testing import ApplyPatch, RunCommand, Say
from runtime.gate.gated import Tools, asks, by_prompt, gated, told

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks import Decision, HookContext
    from codex_hooks_runtime import ApprovalQuestion
    from codex_hooks_runtime.testing import Step

pytestmark = pytest.mark.codex

SECRET = "SWORDFISH"
MODES: list[dict[str, Any]] = [
    {"approval_policy": policy, "sandbox_policy": sandbox}
    for policy, sandbox in itertools.product(
        ["never", "on-request", "untrusted"], ["read-only", "workspace-write"]
    )
] + [
    # Without a sandbox, ``never`` is refused before anything is sent (R9).
    {
        "approval_policy": policy,
        "sandbox_policy": "danger-full-access",
        "privileged_escalation_approved": True,
    }
    for policy in ("on-request", "untrusted")
]


class Case(NamedTuple):
    """What becomes of ``cat key``: ``asked`` is where Codex asks about it, under ``untrusted``."""

    name: str
    decision: Decision | None
    person_says: bool
    unasked: str
    asked: str


CASES = [
    Case("block", Block("no keys"), True, "no keys", "no keys"),
    Case("mutate", Mutate(tool_input={"command": "echo instead"}), True, "instead", "instead"),
    Case("ask yes", Ask("a key?"), True, SECRET, SECRET),
    Case("ask no", Ask("a key?"), False, "the approver said no", "the approver said no"),
    Case("allow", Allow(), False, SECRET, SECRET),
    Case("nothing yes", None, True, SECRET, SECRET),
    Case("nothing no", None, False, SECRET, "rejected by user"),
]


async def test_each_decision_does_what_it_says_under_every_policy_and_sandbox(
    tmp_path: Path,
) -> None:
    """G4, G5: ``nothing`` is the control, in which what Codex decides is what happens."""
    (tmp_path / "key").write_text(SECRET)
    cases = {
        f"{case.name}, {mode['approval_policy']}, {mode['sandbox_policy']}": (case, mode)
        for mode in MODES
        for case in CASES
    }
    turns: dict[str, Case] = {}

    def decide(ctx: HookContext) -> Decision | None:
        return turns[str(ctx.turn_id)].decision

    def approver(question: ApprovalQuestion) -> bool:
        return turns[str(question.turn_id)].person_says

    script = by_prompt({prompt: [RunCommand("cat key"), Say("ok")] for prompt in cases})
    plugin = Tools(decide)
    async with gated(script, plugin, approver=approver, seconds=300) as (client, model):
        places = anyio.CapacityLimiter(4)

        async def run(prompt: str) -> None:
            case, mode = cases[prompt]
            async with places, client.stream(tmp_path, prompt, **mode) as stream:
                turns[stream.turn_id] = case
                await stream.finish()

        async with anyio.create_task_group() as tasks:
            for prompt in cases:
                tasks.start_soon(run, prompt)
        assert all(use.decision != "unmediated" for use in client.tool_uses)

    for prompt, (case, mode) in cases.items():
        expected = case.asked if mode["approval_policy"] == "untrusted" else case.unasked
        assert expected in told(model, prompt), prompt
        if expected != SECRET:
            assert SECRET not in told(model, prompt), prompt
    questions = {ctx.approval_policy for ctx in plugin.seen if asks(ctx)}
    assert questions == {"untrusted"}


PATCH = "*** Begin Patch\n*** Add File: patched\n+hi\n*** End Patch\n"
ACTIONS: list[Step] = [
    RunCommand("touch made"),
    RunCommand("touch ../outside"),
    ApplyPatch(PATCH),
    RunCommand("rm -rf made"),
    RunCommand("touch asked", {"sandbox_permissions": "require_escalated", "justification": "x"}),
    Say("ok"),
]


async def test_a_plugin_that_only_watches_changes_nothing_on_disk(tmp_path: Path) -> None:
    """G1: what each policy and sandbox leave behind is the same with the gate and without."""
    left: list[dict[str, set[str]]] = []
    for name, gate in (("with", "native"), ("without", "off")):
        folders = {f"{mode['approval_policy']}-{mode['sandbox_policy']}": mode for mode in MODES}
        plugin = Tools()
        async with gated(by_prompt(dict.fromkeys(folders, ACTIONS)), plugin, tool_gate=gate) as (
            client,
            _,
        ):
            for prompt, mode in folders.items():
                cwd = tmp_path / name / prompt / "repo"
                cwd.mkdir(parents=True)
                await client.run(cwd, prompt, **mode)
        base = tmp_path / name
        left.append(
            {
                prompt: {str(path.relative_to(base)) for path in (base / prompt).rglob("*")}
                for prompt in folders
            }
        )
        assert bool(plugin.seen) is (name == "with")
    assert left[0] == left[1]
    # Not the same by being nothing at all:
    assert any("patched" in path for path in left[0]["never-workspace-write"])
    assert not any("made" in path for path in left[0]["never-read-only"])
