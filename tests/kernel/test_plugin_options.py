"""K11: what the settings give to a plugin, by the plugin's own model."""

import sys
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from codex_hooks import (
    DiscoveryError,
    HookKernel,
    PluginSettings,
    Settings,
)
from kernel.packages import BLOCKING, Site

WITH_OPTIONS = """
import codex_hooks, pydantic
class Policy:
    class Options(pydantic.BaseModel):
        words: list[str] = ["x"]
        limit: int = 3
        token: pydantic.SecretStr = pydantic.SecretStr("")
    def __init__(self, options):
        self.options = options
    @codex_hooks.hookimpl
    def pre_turn(self, ctx):
        return None
"""


def test_options_are_validated_by_the_plugins_own_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: secrets stay wrapped."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe", WITH_OPTIONS, attribute="Policy")
    kernel = HookKernel()
    options = {"limit": "5", "token": "hush"}

    discovery = kernel.load_installed(Settings(plugins={"probe": PluginSettings(options=options)}))

    (plugin,) = discovery.plugins
    assert (plugin.options.limit, plugin.options.words) == (5, ["x"])
    assert plugin.options.token.get_secret_value() == "hush"
    assert "hush" not in repr(discovery.plugins)
    (registration,) = kernel.registrations()
    assert registration.plugin.options is plugin.options is registration.options  # type: ignore[attr-defined]
    assert isinstance(plugin.options, type(registration.plugin).Options)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"wrods": ["y"]}, "wrods: there is no such key (did you mean 'words'?)"),
        ({"zebra": 1}, "there is words, limit, token"),
        ({"limit": "hush"}, "limit: Input should be a valid integer"),
        ({"words": "hush"}, "words: it has to be a list"),
    ],
)
def test_options_that_do_not_fit_are_told_without_their_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object], problem: str
) -> None:
    """K11: they stop start-up, for a misspelt rule is no rule; an option may be a secret."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe", WITH_OPTIONS, attribute="Policy")
    kernel = HookKernel()
    settings = Settings(
        plugins={"probe": PluginSettings(options=options)}, said_by={"plugins.probe": "/etc/x.toml"}
    )

    with pytest.raises(DiscoveryError, match=r"/etc/x\.toml gives options to") as error:
        kernel.load_installed(settings)

    assert problem in str(error.value)
    assert "hush" not in str(error.value)
    assert kernel.registrations() == ()


def test_a_plugin_that_validates_by_itself_is_told_without_values_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: pydantic's own text would repeat them."""
    site = Site(tmp_path, monkeypatch)
    source = WITH_OPTIONS.replace(
        "self.options = options", "self.Options.model_validate({'limit': 'hush'})"
    )
    site.offer("probe", source, attribute="Policy")
    kernel = HookKernel()

    with capture_logs():
        kernel.load_installed(Settings())

    assert "limit: Input should be a valid integer" in kernel.skipped[0].reason
    assert "hush" not in kernel.skipped[0].reason


def test_a_model_may_take_options_that_it_does_not_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: if it says so itself."""
    site = Site(tmp_path, monkeypatch)
    source = WITH_OPTIONS.replace("BaseModel)", "BaseModel, extra='allow')")
    site.offer("probe", source, attribute="Policy")
    settings = Settings(plugins={"probe": PluginSettings(options={"more": 1})})

    discovery = HookKernel().load_installed(settings)

    assert [item.options.more for item in discovery.plugins] == [1]


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (BLOCKING, "it takes no options, and the settings give x"),
        (BLOCKING + "class Options: pass", "its Options is not a pydantic model"),
    ],
)
def test_options_for_a_plugin_that_takes_none_stop_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, problem: str
) -> None:
    """K11."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe", source)
    settings = Settings(plugins={"probe": PluginSettings(options={"x": 1})})

    with pytest.raises(DiscoveryError) as error:
        HookKernel().load_installed(settings)

    assert problem in str(error.value)


@pytest.mark.parametrize(
    ("source", "options", "problem"),
    [
        ("import no_such_module_at_all", {"x": 1}, "no_such_module_at_all"),
        (WITH_OPTIONS.replace("limit: int = 3", "limit: int"), {}, "limit: Field required"),
    ],
)
def test_a_plugin_that_fails_without_wrong_options_is_skipped(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    source: str,
    options: dict[str, Any],
    problem: str,
) -> None:
    """K11, the control: nobody counts on an option of it."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe", source, attribute="Policy" if "Policy" in source else "")
    settings = Settings(plugins={"probe": PluginSettings(options=options)})

    (skipped,) = HookKernel().load_installed(settings).skipped

    assert problem in skipped.reason


def test_a_module_finds_its_options_as_it_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: nobody calls a module, so its registration carries them."""
    site = Site(tmp_path, monkeypatch)
    module = site.offer(
        "probe",
        "import codex_hooks, pydantic\n"
        "class Options(pydantic.BaseModel):\n    limit: int\n"
        "limits = []\n"
        "@codex_hooks.hookimpl\n"
        "def plugin_start(registration):\n    limits.append(registration.options.limit)\n",
    )

    HookKernel().load_installed(
        Settings(plugins={"probe": PluginSettings(options={"limit": 4})}, required=["probe"])
    )

    assert sys.modules[module].limits == [4]
