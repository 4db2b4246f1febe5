"""K11: which settings are read, and how they are refused."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from codex_hooks import PluginSettings, Settings, SettingsError
from kernel.settings_files import Files

DOCS = Path(__file__).parents[2] / "docs" / "settings.md"


def test_without_any_settings_everything_is_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11."""
    settings = Files(tmp_path, monkeypatch).load()

    assert settings == Settings(disabled=(), required=(), order=(), plugins={}, said_by={})
    assert settings.why_off("audit") is None


def test_every_key_can_be_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """K11: and whose file says it is known."""
    files = Files(tmp_path, monkeypatch)

    settings = files.load(
        user="""
            enabled = ["audit", "guard", "redact"]
            disabled = ["redact"]
            required = ["audit"]
            order = ["guard"]
            [plugins.guard]
            mode = "observe"
            [plugins.guard.options]
            deny = ["rm"]
            [plugins."my.policy"]
        """
    )

    assert settings.why_off("audit") is None
    assert settings.why_off("redact") == f"disabled by {files.user}"
    assert settings.why_off("other") == f"not among the plugins enabled by {files.user}"
    assert list(settings.required) == ["audit"]
    assert list(settings.order) == ["guard"]
    assert settings.of("guard") == PluginSettings(mode="observe", options={"deny": ["rm"]})
    assert settings.of("my.policy") == settings.of("other") == PluginSettings()
    assert settings.sources == (str(files.user),)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('disabld = ["x"]', "disabld: there is no such key (did you mean 'disabled'?)"),
        ("zebra = 1", "there is enabled, disabled, required, order, plugins"),
        (
            'disabled = "x"',
            'disabled: it has to be a list. It goes like this: disabled = ["audit"]',
        ),
        ("required = [1]", "required.0: Input should be a valid string"),
        ('order = [""]', "order.0: String should have at least 1 character"),
        ("plugins = 3", "plugins: it has to be a table"),
        ('[plugins.a]\nmode = "obs"', "plugins.a.mode: Input should be 'enforce' or 'observe'"),
        (
            '[plugins.a]\nmoed = "observe"',
            "plugins.a.moed: there is no such key (did you mean 'mode'",
        ),
        ('[plugins.a]\noptions = ["x"]', "plugins.a.options: it has to be a table"),
        ('order = ["x"]\nenabled = \n', "is no TOML: Invalid value (at line 2"),
        ("x = " + "[" * 100_000, "is nested too deeply"),
        ("#" * ((1 << 20) + 1), "has more than 1048576 bytes"),
    ],
)
@pytest.mark.parametrize("whose", ["machine", "user", "project"])
def test_what_is_wrong_is_said_with_file_and_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whose: str, text: str, problem: str
) -> None:
    """K11: in one line, without a traceback of pydantic's."""
    files = Files(tmp_path, monkeypatch)

    with pytest.raises(SettingsError) as refused:
        files.load(**{whose: text})

    assert problem in str(refused.value)
    assert str(refused.value).startswith(str(getattr(files, whose)))
    assert "\n" not in str(refused.value)


def test_a_file_that_is_there_and_cannot_be_read_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: when in doubt, closed; the control is a file that is not there."""
    files = Files(tmp_path, monkeypatch)

    files.load()
    files.machine.symlink_to(tmp_path / "nowhere")
    with pytest.raises(SettingsError, match="cannot be read: it is a link to what cannot be"):
        Settings.load(files.project.parent)
    files.machine.unlink()
    files.machine.symlink_to(files.machine)
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(files.project.parent)
    files.machine.unlink()
    files.machine.mkdir()
    with pytest.raises(SettingsError, match="is no regular file"):
        Settings.load(files.project.parent)
    files.machine.rmdir()
    files.machine.write_bytes(b"# \xff")
    with pytest.raises(SettingsError, match="byte 2 is not UTF-8"):
        Settings.load(files.project.parent)


def test_a_project_with_a_pipe_for_settings_does_not_hang(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: a repository can hold anything under that name."""
    files = Files(tmp_path, monkeypatch)
    os.mkfifo(files.project)

    with pytest.raises(SettingsError, match="is no regular file"):
        Settings.load(files.project.parent)


def test_the_nearest_project_counts_and_no_file_counts_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: from the working folder upwards; the user's own file is nobody's project."""
    files = Files(tmp_path, monkeypatch)
    files.user.write_text('disabled = ["redact"]')
    deep = files.project.parent / "a" / "b"
    deep.mkdir(parents=True)
    files.project.write_text('required = ["outer"]')
    assert list(Settings.load(deep).required) == ["outer"]
    (deep.parent / "codex-hooks.toml").write_text('required = ["inner"]')
    assert list(Settings.load(deep).required) == ["inner"]
    monkeypatch.chdir(deep)
    assert list(Settings.load().required) == ["inner"]

    at_home = Settings.load(files.user.parent)

    assert list(at_home.disabled) == ["redact"]
    assert at_home.sources == (str(files.user),)


def test_the_environment_is_the_users_and_stands_before_the_users_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: key by key; what is required adds up."""
    files = Files(tmp_path, monkeypatch)
    monkeypatch.setenv("CODEX_HOOKS_DISABLED", "one, two")
    monkeypatch.setenv("CODEX_HOOKS_REQUIRED", "three")
    monkeypatch.setenv("CODEX_HOOKS_ENABLED", "")
    monkeypatch.setenv("CODEX_HOOKS_PLUGINS", '{"my-plugin": {"mode": "observe"}}')
    monkeypatch.setenv("CODEX_HOOKS_PLUGINS__GUARD__OPTIONS__LIMIT", "high")
    monkeypatch.setenv("CODEX_HOOKS_SOMETHING_ELSE", "of another program")

    settings = files.load(
        user="""
            disabled = ["four"]
            required = ["five"]
            order = ["six"]
            [plugins.guard]
            mode = "observe"
            options = {limit = "low", deny = []}
        """
    )

    assert list(settings.disabled) == ["one", "two"]
    assert list(settings.required) == ["five", "three"]
    assert list(settings.order) == ["six"]
    assert settings.enabled is None
    assert settings.of("my-plugin").mode == "observe"
    assert settings.of("guard") == PluginSettings(
        mode="observe", options={"limit": "high", "deny": []}
    )
    assert settings.why_off("one") == "disabled by the environment (CODEX_HOOKS_…)"


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("DISABELD", "x", "no variable CODEX_HOOKS_DISABELD: did you mean CODEX_HOOKS_DISABLED?"),
        ("DISABLED", '["x"]', "disabled: write names with commas between them"),
        ("ENABLED", '["x"]', "enabled: write names with commas between them"),
        ("PLUGINS", "hush", "write it as JSON"),
        ("PLUGINS__A__MODE", "obs", "plugins.a.mode: Input should be 'enforce' or 'observe'"),
        (
            "PLUGINS__A__MDOE",
            "observe",
            "plugins.a.mdoe: there is no such key (did you mean 'mode'",
        ),
        ("PLUGINS__A", "observe", "plugins.a: it has to be a table"),
    ],
)
def test_what_is_wrong_in_the_environment_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, problem: str
) -> None:
    """K11."""
    files = Files(tmp_path, monkeypatch)
    monkeypatch.setenv(f"CODEX_HOOKS_{name}", value)

    with pytest.raises(SettingsError) as refused:
        files.load()

    assert problem in str(refused.value)
    assert "CODEX_HOOKS_" in str(refused.value)
    assert "hush" not in str(refused.value)


def test_names_are_given_in_a_collection() -> None:
    """K11: a string is one, of letters."""
    with pytest.raises(TypeError, match="Settings\\(disabled=\\)"):
        Settings(disabled="audit")


def test_settings_cost_nothing_where_there_are_none() -> None:
    """pydantic and its like are loaded by whoever has a settings file."""
    script = (
        "import sys, codex_hooks, codex_hooks._settings_files as f, pathlib\n"
        "f.MACHINE_FILE = pathlib.Path('/nonexistent/file')\n"
        "codex_hooks.Settings.load('/')\n"
        "print(sorted({'pydantic', 'pydantic_settings', 'structlog'} & set(sys.modules)))\n"
    )
    home = {"HOME": "/nonexistent", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], check=True, capture_output=True, text=True, env=home
    )

    assert done.stdout == "[]\n"


def test_the_documents_examples_are_what_they_say(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """docs/settings.md: each example begins with whose file it is."""
    files = Files(tmp_path, monkeypatch)
    places = {
        "/etc/codex-hooks/codex-hooks.toml": "machine",
        "~/.config/codex-hooks/codex-hooks.toml": "user",
        "codex-hooks.toml in the project": "project",
    }
    examples = re.findall(r"```toml\n# ([^\n]*)\n(.*?)```", DOCS.read_text(), re.DOTALL)

    assert {place for place, _ in examples} == set(places)
    for place, text in examples:
        assert files.load(**{places[place]: text}).said_by or "order" in text
