"""K11: installed plugins, loaded one by one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from codex_hooks import (
    Block,
    DiscoveryError,
    HookContext,
    HookKernel,
    HookPhase,
    PluginSettings,
    Settings,
    hookimpl,
)
from hooked import turn
from kernel.packages import BLOCKING, Site, wheel

ASKED = """
import codex_hooks, pydantic
class Policy:
    def __init__(self, options=None):
        self.options = options
    @codex_hooks.hookimpl
    def pre_turn(self, ctx):
        return codex_hooks.Block("from a " + self.kind)
class FromClass(Policy):
    kind = "class"
def factory():
    made = Policy()
    made.kind = "factory"
    return made
class Nested:
    class Inner(Policy):
        kind = "nested class"
instance = Policy()
instance.kind = "instance"
"""


@pytest.mark.parametrize(
    ("attribute", "message"),
    [
        ("FromClass", "from a class"),
        ("factory", "from a factory"),
        ("Nested.Inner", "from a nested class"),
        ("instance", "from a instance"),
    ],
)
async def test_what_is_installed_is_active(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, attribute: str, message: str
) -> None:
    """K11: whatever sort of thing the entry point names."""
    site = Site(tmp_path, monkeypatch)
    module = site.offer("probe", ASKED, attribute=attribute)
    kernel = HookKernel()

    discovery = kernel.load_installed(Settings())
    outcome = await kernel.run_pre(turn())

    assert outcome.blocked == Block(message, plugin="probe", phase=HookPhase.PRE_TURN)
    (plugin,) = discovery.plugins
    assert (plugin.name, plugin.mode, plugin.hooks) == ("probe", "enforce", ("pre_turn",))
    assert plugin.source.distribution == "dist-probe"
    assert plugin.source.version == "1.5"
    assert plugin.source.entry_point == f"{module}:{attribute}"
    assert plugin.source.path == str(tmp_path)
    assert plugin.skipped is None
    assert kernel.registrations()[0].source == plugin.source
    assert not kernel.skipped


async def test_a_module_is_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """K11."""
    site = Site(tmp_path, monkeypatch)
    module = site.offer("probe")
    kernel = HookKernel()
    kernel.load_installed(Settings())

    outcome = await kernel.run_pre(turn())

    assert outcome.blocked
    assert outcome.blocked.message == f"blocked by {module}"


def test_pip_install_is_all_it_takes(tmp_path: Path) -> None:
    """K11: a real wheel, installed by pip, found by a process that has no settings at all."""
    target = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "install", "--quiet"]
    offline = ["--no-index", "--no-deps", "--target", str(target)]
    subprocess.run([*pip, *offline, str(wheel(tmp_path, "probe"))], check=True, timeout=120)
    script = (
        "import anyio, codex_hooks as ch\n"
        "kernel = ch.HookKernel()\n"
        "kernel.load_installed(ch.Settings(enabled=['probe']))\n"
        "print(anyio.run(kernel.run_pre, ch.HookContext(phase='pre_turn')).blocked.message)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", script],
        check=True,
        timeout=60,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": os.pathsep.join([str(target), *sys.path]), "HOME": str(tmp_path)},
    )

    assert done.stdout == "blocked by wheel_probe\n"


def test_the_configured_order_comes_first_and_then_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K1: the same on every machine, whatever the path, and before what code registers."""

    class Early:
        @hookimpl
        def pre_turn(self, ctx: HookContext) -> None:
            """Say nothing."""

    folders = [tmp_path / "one", tmp_path / "two"]
    site = Site(tmp_path, monkeypatch)
    for number, name in enumerate(("b", "d", "a", "c", "Z")):
        site.offer(name, folder=folders[number % 2])
    for searched in (folders, folders[::-1]):
        site.search(*searched)
        kernel = HookKernel()
        kernel.register(Early(), name="0-in-code")

        found = kernel.load_installed(Settings(order=["d", "missing", "b", "d"]))

        asked = [item.plugin for item in kernel.plan("pre_turn").implementations]
        assert [item.name for item in found.plugins] == asked[:-1]
        assert asked == ["d", "b", "Z", "a", "c", "0-in-code"]
        assert [item.name for item in kernel.registrations()] == asked


async def test_a_plugin_in_observe_mode_is_reported_and_not_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K12: with the control beside it."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe")
    for mode in ("observe", "enforce", None):
        kernel = HookKernel()
        found = kernel.load_installed(Settings(plugins={"probe": PluginSettings(mode=mode)}))

        (registration,) = kernel.registrations()
        assert registration.mode == found.plugins[0].mode == (mode or "enforce")
        outcome = await kernel.run_pre(turn())

        assert bool(outcome.blocked) is (mode != "observe")
        assert [call.decision for call in outcome.report.calls] == ["block"]


@pytest.mark.parametrize("settings", [Settings(), Settings(disabled=["guard"])])
def test_two_distributions_with_one_name_stop_start_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings
) -> None:
    """F11: the error names both, whatever the settings say of that name."""
    site = Site(tmp_path, monkeypatch)
    modules = [site.offer("guard", distribution=name) for name in ("good-guard", "evil-guard")]

    with pytest.raises(DiscoveryError) as refused:
        HookKernel().load_installed(settings)

    assert all(name in str(refused.value) for name in ("'guard'", "good-guard", "evil-guard"))
    assert refused.value.plugin == "guard"
    assert not sys.modules.keys() & set(modules)


def test_of_one_distribution_that_is_there_twice_the_first_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F11: as for imports; that is no second distribution."""
    site = Site(tmp_path, monkeypatch)
    first, second = tmp_path / "first", tmp_path / "second"
    site.offer("guard", distribution="the-guard", folder=first)
    site.offer("guard", distribution="The.Guard", folder=second)
    site.search(first, second)

    discovery = HookKernel().load_installed(Settings())

    assert [item.source.path for item in discovery.plugins] == [str(first)]


def test_disabled_plugins_are_not_even_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: and the record says who turned them off."""
    site = Site(tmp_path, monkeypatch)
    modules = {name: site.offer(name) for name in ("on", "off", "out")}
    said_by = {"disabled.off": "/a/file", "enabled": "/another/file"}
    kernel = HookKernel()

    discovery = kernel.load_installed(
        Settings(enabled=["on", "off"], disabled=["off"], said_by=said_by)
    )

    assert [item.name for item in kernel.registrations()] == ["on"]
    assert {name for name, module in modules.items() if module in sys.modules} == {"on"}
    assert {item.name: item.skipped for item in discovery.plugins} == {
        "on": None,
        "off": "disabled by /a/file",
        "out": "not among the plugins enabled by /another/file",
    }
    assert not any(item.broken for item in discovery.skipped)


def test_what_is_named_and_not_installed_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: a typo in ``enabled`` or ``[plugins]`` must not leave a guard out unseen."""
    site = Site(tmp_path, monkeypatch)
    site.offer("guard")

    discovery = HookKernel().load_installed(
        Settings(enabled=["gaurd"], plugins={"gurad": PluginSettings(mode="enforce")})
    )

    reasons = {item.plugin: item.reason for item in discovery.skipped}
    assert reasons.keys() == {"guard", "gaurd", "gurad"}
    assert "did you mean 'guard'?" in reasons["gaurd"]
    assert "did you mean 'guard'?" in reasons["gurad"]
    assert {item.plugin for item in discovery.skipped if item.broken} == {"gaurd", "gurad"}


STARTING = """
import pathlib
@codex_hooks.hookimpl
def plugin_start(registration):
    pathlib.Path("{folder}", "started").touch()
@codex_hooks.hookimpl
def plugin_stop(registration):
    pathlib.Path("{folder}", "stopped").touch()
"""


@pytest.mark.parametrize("loads", [False, True])
def test_a_survey_starts_nothing_and_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, loads: bool
) -> None:
    """K11: not even where it fails half-way; loading is the control."""
    site = Site(tmp_path, monkeypatch)
    site.offer("a", BLOCKING + STARTING.format(folder=tmp_path))
    site.offer("b", "import no_such_module_at_all")
    find = HookKernel().load_installed if loads else HookKernel.survey_installed

    with pytest.raises(DiscoveryError):
        find(Settings(required=["b"]))

    for moment in ("started", "stopped"):
        assert (tmp_path / moment).exists() is loads


def test_a_plugin_says_which_api_it_is_written_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: on the module, on the class, or on the module of the class."""
    site = Site(tmp_path, monkeypatch)
    good, bad = 'CODEX_HOOKS_API = "1"\n', "CODEX_HOOKS_API = 2\n"
    site.offer("module", good + BLOCKING)
    site.offer("class", f"{ASKED}FromClass.{good}", attribute="FromClass")
    site.offer("bad-class", f"{ASKED}FromClass.{bad}", attribute="FromClass")
    site.offer("bad-module-of-class", bad + ASKED, attribute="FromClass")
    kernel = HookKernel()

    with capture_logs():
        kernel.load_installed(Settings())

    assert [item.name for item in kernel.registrations()] == ["class", "module"]


async def test_a_name_that_code_has_taken_is_not_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K9, K11: the installed one is skipped, and refused if it is required."""

    class Mine:
        @hookimpl
        def pre_turn(self, ctx: HookContext) -> None:
            """Say nothing."""

    site = Site(tmp_path, monkeypatch)
    site.offer("probe")
    kernel = HookKernel()
    kernel.register(Mine(), name="probe")

    with capture_logs():
        kernel.load_installed(Settings())

    assert "registered globally already" in kernel.skipped[0].reason
    with pytest.raises(DiscoveryError, match="registered globally already"):
        kernel.load_installed(Settings(required=["probe"]))
