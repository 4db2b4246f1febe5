"""The plugin in a kernel, as it is installed."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import pytest
from codex_hooks import (
    Allow,
    DiscoveryError,
    HookContext,
    HookKernel,
    PluginSettings,
    Settings,
)
from codex_hooks.testing import (
    assert_asks,
    assert_blocks,
    assert_passes,
    check_plugin,
    command,
    kernel_with,
    patch,
    tool,
)

from codex_hooks_guard import Guard, GuardOptions, RuleError

if TYPE_CHECKING:
    from pathlib import Path


def test_a_block_names_its_rule_its_reason_and_the_command_inside() -> None:
    block = assert_blocks(Guard(), command("bash -lc \"$(printf 'cat %s' .env)\" > out"))
    assert block.message == (
        "Keys, tokens and passwords are not read. Ask the user for what you need to know. "
        "(rule credential-files; seen: cat .env)"
    )


def test_what_no_rule_is_about_passes() -> None:
    guard = Guard()
    assert_passes(guard, command("git status && pytest -q"))
    assert_passes(guard, patch("*** Begin Patch\n*** Add File: a.py\n+x\n*** End Patch"))
    assert_passes(guard, tool("mcp__docs__search", {"q": "cat .env"}, kind="mcp"))


def test_a_question_is_asked() -> None:
    assert_asks(Guard(), command("git commit --amend"), match="rule history-amend")


def test_a_patch_is_judged_by_its_files() -> None:
    text = "*** Begin Patch\n*** Add File: .codex/config.toml\n+x\n*** End Patch"
    assert_blocks(Guard(), patch(text), match="rule gate-files")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ([{"path": "codex-hooks.toml", "kind": {"type": "update"}}], "gate-files"),
        ([{"path": "/etc/x", "kind": {"type": "delete"}}], "removal-outside"),
        ([{"path": "a", "kind": {"type": "update", "move_path": ".codex/x"}}], "gate-files"),
        ([{"path": 1}], "unreadable-command"),
        (None, "unreadable-command"),
    ],
)
def test_a_list_of_changes_is_judged_by_its_files(changes: object, rule: str) -> None:
    about = tool("apply_patch", {"changes": changes}, kind="file_change")
    assert_blocks(Guard(), about, match=f"rule {rule}")


def test_a_plain_list_of_changes_passes() -> None:
    changes = [{"path": "src/a.py", "kind": {"type": "add"}}]
    assert_passes(Guard(), tool("apply_patch", {"changes": changes}, kind="file_change"))


@pytest.mark.parametrize("given", [{}, {"command": ["ls"]}, {"command": None}, {"cmd": "ls"}])
def test_a_command_of_an_unknown_shape_is_blocked(given: dict[str, object]) -> None:
    """In doubt: closed."""
    assert_blocks(Guard(), tool("Bash", given, kind="command"), match="unreadable-command")


def test_without_a_working_folder_nothing_may_be_removed() -> None:
    assert_blocks(Guard(), command("rm -rf build", cwd=None), match="removal-outside")
    assert_passes(Guard(), command("rm -rf build"))


def test_the_plugin_keeps_the_hook_contract() -> None:
    check_plugin(Guard())


async def test_a_command_that_another_plugin_rewrites_is_judged_as_rewritten() -> None:
    """K3: the guard sees the final command, wherever it stands in the order."""
    from codex_hooks import Mutate, hookimpl

    class Rewriter:
        @hookimpl(trylast=True)
        def pre_tool_use(self, ctx: HookContext) -> Mutate:
            return Mutate(tool_input={"command": "cat .env"})

    outcome = await kernel_with(Guard(), Rewriter()).run_pre(command("cat notes"))
    assert outcome.blocked is not None
    assert "credential-files" in outcome.blocked.message


async def test_an_allow_for_one_command_is_no_allow_for_another(tmp_path: Path) -> None:
    """K4."""
    path = tmp_path / "rules.toml"
    path.write_text(
        '[[rule]]\nname = "git"\naction = "allow"\nreason = "fine"\ncommands = ["git", "cat"]\n'
    )
    kernel = kernel_with(Guard(GuardOptions(rules=(path,))))
    assert isinstance((await kernel.run_pre(command("git status"))).decision, Allow)
    assert (await kernel.run_pre(command("git push -f"))).blocked is not None
    assert (await kernel.run_pre(command("cat .env"))).blocked is not None


def why_not(**options: object) -> str | None:
    """Load the installed guard with ``options``; return why nothing starts, if nothing does."""
    kernel = HookKernel()
    try:
        kernel.load_installed(
            Settings(enabled=["guard"], plugins={"guard": PluginSettings(options=options)})
        )
    except DiscoveryError as error:
        return str(error)
    assert [item.name for item in kernel.registrations()] == ["guard"]
    kernel.close()
    return None


def test_it_is_found_by_being_installed_and_its_options_are_checked() -> None:
    """K11: the entry point is all; an option that is wrong is named, and skips nothing silently."""
    names = {point.name: point.value for point in entry_points(group="codex_hooks")}
    assert names["guard"] == "codex_hooks_guard:Guard"

    assert why_not() is None
    assert why_not(disable=["history-amend"]) is None
    assert "disabel: there is no such key (did you mean 'disable'?)" in str(why_not(disabel=[]))
    assert "rules.0" in str(why_not(rules=[1]))


def test_with_a_wrong_rule_nothing_starts(tmp_path: Path) -> None:
    """K11: the control is the same rule with an example that it matches."""
    rules = tmp_path / "rules.toml"
    rule = '[[rule]]\nname = "x"\naction = "block"\nreason = "y"\ncommands = ["a"]\n'
    rules.write_text(f'{rule}match = ["a"]\n')
    assert why_not(rules=[str(rules)]) is None
    rules.write_text(f'{rule}match = ["b"]\n')
    reason = why_not(rules=[str(rules)])
    assert "rule 'x' does not match its own match example 'b'" in str(reason)
    assert str(rules) in str(reason)


def test_a_default_rule_that_is_not_there_cannot_be_taken_out() -> None:
    with pytest.raises(RuleError, match="disable"):
        GuardOptions(disable=("nonsense",)).load()


def test_importing_it_does_not_import_the_runtime() -> None:
    code = (
        "import sys, codex_hooks_guard, codex_hooks_guard.cli\n"
        "late = ('codex_hooks_runtime', 'tree_sitter')\n"
        "assert not [name for name in sys.modules if name.startswith(late)]"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
