"""K11: who may say what; the machine's settings are only ever tightened."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from codex_hooks import PluginSettings, SettingsError
from kernel.settings_files import Files

LOOSENED = {
    "disables a required plugin": ('required = ["guard"]', 'disabled = ["guard"]'),
    "disables an enabled plugin": ('enabled = ["guard"]', 'disabled = ["guard"]'),
    "disables a configured plugin": ('[plugins.guard]\nmode = "observe"', 'disabled = ["guard"]'),
    "leaves out a required plugin": ('required = ["guard"]', 'enabled = ["other"]'),
    "leaves out everything": ('required = ["guard"]', "enabled = []"),
    "leaves out a configured plugin": ("[plugins.guard]", 'enabled = ["other"]'),
    "shrinks what is enabled": ('enabled = ["guard", "audit"]', 'enabled = ["audit"]'),
    "adds to what is enabled": ('enabled = ["guard"]', 'enabled = ["guard", "approve-all"]'),
    "observes what is required": ('required = ["guard"]', '[plugins.guard]\nmode = "observe"'),
    "observes what is enabled": ('enabled = ["guard"]', '[plugins.guard]\nmode = "observe"'),
    "observes what is enforced": (
        '[plugins.guard]\nmode = "enforce"',
        '[plugins.guard]\nmode = "observe"',
    ),
    "overrides an option": (
        '[plugins.guard.options]\ndeny = ["rm"]',
        "[plugins.guard.options]\ndeny = []",
    ),
    "adds an option": ('required = ["guard"]', "[plugins.guard.options]\ndry_run = true"),
}


@pytest.mark.parametrize("case", LOOSENED)
def test_the_user_cannot_loosen_what_the_machine_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """K11: the error names both files; the control is a machine that says nothing."""
    machine, user = LOOSENED[case]
    files = Files(tmp_path, monkeypatch)

    with pytest.raises(SettingsError) as refused:
        files.load(machine=machine, user=user)

    assert str(files.machine) in str(refused.value)
    assert str(files.user) in str(refused.value)
    files.load(user=user)


def test_nor_can_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """K11: it is the user's."""
    files = Files(tmp_path, monkeypatch)
    monkeypatch.setenv("CODEX_HOOKS_DISABLED", "guard")

    with pytest.raises(SettingsError, match=r"the environment .* disables plugin 'guard'"):
        files.load(machine='required = ["guard"]')


def test_the_users_surroundings_do_not_move_the_machines_file(tmp_path: Path) -> None:
    """K11: XDG_CONFIG_DIRS is the user's to set, and so says nothing about the machine."""
    script = "from codex_hooks import _settings_files as files; print(files.MACHINE_FILE)"
    surroundings = {
        "HOME": str(tmp_path),
        "XDG_CONFIG_DIRS": str(tmp_path),
        "PYTHONPATH": os.pathsep.join(sys.path),
    }

    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=surroundings
    )

    assert Path(done.stdout.strip()).is_absolute()
    assert str(tmp_path) not in done.stdout


def test_the_user_can_tighten_what_the_machine_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: require more, disable what the machine does not keep, enforce, order the rest."""
    files = Files(tmp_path, monkeypatch)

    settings = files.load(
        machine="""
            required = ["guard"]
            disabled = ["experimental", "both"]
            order = ["guard"]
            [plugins.audit]
            mode = "observe"
            options = {path = "/var/log/audit"}
            [plugins.both]
        """,
        user="""
            required = ["mine"]
            disabled = ["redact", "both"]
            order = ["mine", "guard"]
            enabled = ["guard", "audit", "mine", "experimental"]
            [plugins.audit]
            mode = "enforce"
            options = {path = "/var/log/audit"}
            [plugins.mine.options]
            words = []
        """,
    )

    assert list(settings.required) == ["guard", "mine"]
    assert settings.why_off("experimental") == f"disabled by {files.machine}"
    assert settings.why_off("redact") == f"disabled by {files.user}"
    assert list(dict.fromkeys(settings.order)) == ["guard", "mine"]
    assert settings.of("guard").mode in (None, "enforce")
    assert settings.of("audit") == PluginSettings(
        mode="enforce", options={"path": "/var/log/audit"}
    )
    assert settings.of("mine").options == {"words": []}


@pytest.mark.parametrize(
    "user", ['order = ["audit"]', 'enabled = ["audit"]', '[plugins.audit]\nmode = "observe"']
)
def test_what_the_machine_says_holds_where_the_user_is_silent_or_says_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: str
) -> None:
    """K11."""
    settings = Files(tmp_path, monkeypatch).load(
        machine='enabled = ["audit"]\n[plugins.audit]\nmode = "observe"\noptions = {a = 1}',
        user=user,
    )

    assert list(settings.enabled or ()) == ["audit"]
    assert settings.of("audit") == PluginSettings(mode="observe", options={"a": 1})


@pytest.mark.parametrize(
    "text",
    [
        'disabled = ["guard"]',
        "enabled = []",
        'enabled = ["approve-all"]',
        'order = ["approve-all"]',
        '[plugins.guard]\nmode = "observe"',
        '[plugins.approve-all]\nmode = "enforce"',
        "[plugins.guard.options]\ndeny = []",
    ],
)
def test_a_project_can_only_demand_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    """K11: its file belongs to whoever wrote the repository that the agent works in."""
    files = Files(tmp_path, monkeypatch)

    with pytest.raises(SettingsError) as refused:
        files.load(project=text)

    assert str(refused.value).startswith(f"{files.project} may only say `required`")
    settings = files.load(project='required = ["guard"]', user='required = ["audit"]')
    assert set(settings.required) == {"guard", "audit"}
    assert settings.who("required.guard") == str(files.project)
