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


def turn() -> HookContext:
    return HookContext(phase=HookPhase.PRE_TURN)


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

        kernel.load_installed(Settings(order=["d", "missing", "b", "d"]))

        asked = [item.plugin for item in kernel.plan("pre_turn").implementations]
        assert asked == ["d", "b", "Z", "a", "c", "0-in-code"]
        assert [item.name for item in kernel.registrations()] == asked


async def test_a_plugin_in_observe_mode_is_reported_and_not_enforced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K12: with the control beside it."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe")
    for mode in ("observe", "enforce"):
        kernel = HookKernel()
        kernel.load_installed(Settings(plugins={"probe": PluginSettings(mode=mode)}))

        outcome = await kernel.run_pre(turn())

        assert bool(outcome.blocked) is (mode == "enforce")
        assert [call.decision for call in outcome.report.calls] == ["block"]


BROKEN = {
    "import": ("import no_such_module_at_all", "", "No module named 'no_such_module_at_all'"),
    "syntax": ("def", "", "SyntaxError"),
    "exit": ("raise SystemExit(0)", "", "SystemExit"),
    "attribute": (BLOCKING, "missing", "missing"),
    "constructor": (
        "class Policy:\n    def __init__(self):\n        raise OSError(13, 'Denied', '/log')",
        "Policy",
        "Denied",
    ),
    "argument": ("def make(x):\n    return x", "make", "TypeError"),
    "no hooks": ("", "", "implements no hook"),
    "unknown hook": (BLOCKING.replace("pre_turn", "pre_trun"), "", "pre_trun"),
    "keyword-only": (BLOCKING.replace("(ctx)", "(*, ctx)"), "", "keyword"),
    "of another API": ('CODEX_HOOKS_API = "2"' + BLOCKING, "", "version '2' of the codex_hooks"),
    "refuses to start": (
        BLOCKING
        + "@codex_hooks.hookimpl\ndef plugin_start(registration):\n    raise ValueError(7)",
        "",
        "7",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
async def test_a_broken_plugin_is_skipped_aloud(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """K11: it is in the log and in every report with its distribution; the others are active."""
    source, attribute, problem = BROKEN[case]
    site = Site(tmp_path, monkeypatch)
    site.offer("broken", source, attribute=attribute, distribution="Some-Policy")
    site.offer("sound")
    kernel = HookKernel()

    with capture_logs() as log:
        discovery = kernel.load_installed(Settings())
    outcome = await kernel.run_pre(turn())

    assert outcome.blocked
    assert outcome.blocked.plugin == "sound"
    (skipped,) = outcome.report.skipped
    assert skipped.plugin == "broken"
    assert not outcome.report.is_clean
    assert "Some-Policy 1.5" in skipped.reason
    assert problem in skipped.reason
    assert discovery.skipped == kernel.skipped == (skipped,)
    assert [item.skipped for item in discovery.plugins] == [skipped.reason, None]
    assert [(line["plugin"], line["log_level"]) for line in log] == [("broken", "warning")]


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_plugin_that_is_required_stops_start_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    """F10: the error names plugin and distribution, and nothing stays registered."""
    source, attribute, problem = BROKEN[case]
    site = Site(tmp_path, monkeypatch)
    stops = BLOCKING + (
        "stopped = []\n@codex_hooks.hookimpl\ndef plugin_stop(registration):\n    stopped.append(1)"
    )
    started = site.offer("active", stops)
    site.offer("broken", source, attribute=attribute, distribution="Some-Policy")
    kernel = HookKernel()

    with pytest.raises(DiscoveryError) as refused:
        kernel.load_installed(Settings(required=["broken"]))

    assert refused.value.plugin == "broken"
    assert all(text in str(refused.value) for text in ("'broken'", "Some-Policy 1.5", problem))
    assert kernel.registrations() == ()
    assert sys.modules[started].stopped == [1]


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        (Settings(required=["guard"]), "not installed (did you mean 'guards'?)"),
        (Settings(required=["guards"], disabled=["guards"]), "disabled by the settings"),
        (Settings(required=["guards"], enabled=[]), "not among the plugins enabled"),
    ],
)
def test_a_required_plugin_that_is_not_there_stops_start_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, problem: str
) -> None:
    """F10: missing, disabled, or not among the enabled; nothing is loaded before that is known."""
    site = Site(tmp_path, monkeypatch)
    module = site.offer("guards")
    kernel = HookKernel()

    with pytest.raises(DiscoveryError) as refused:
        kernel.load_installed(settings)

    assert problem in str(refused.value)
    assert refused.value.plugin in settings.required
    assert module not in sys.modules
    kernel.load_installed(Settings(required=["guards"]))


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


def test_broken_metadata_hides_no_other_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """K11: and what cannot be read is named, for it may have been a policy."""
    site = Site(tmp_path, monkeypatch)
    for name, content in (("bad", b"[codex_hooks]\nguard\n"), ("worse", b"[codex_hooks]\n\xff=")):
        info = tmp_path / f"{name}-1.dist-info"
        info.mkdir()
        (info / "entry_points.txt").write_bytes(content)
    (tmp_path / "bad-1.dist-info" / "METADATA").write_text("Name: bad\nVersion: 1\n")
    site.offer("sound")
    kernel = HookKernel()

    discovery = kernel.load_installed(Settings())

    assert [item.name for item in kernel.registrations()] == ["sound"]
    assert {item.plugin for item in discovery.skipped} == {"bad", "unknown distribution"}
    assert all(str(tmp_path) in item.reason for item in discovery.skipped)


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
    """K11: an option may be a secret, and a misspelt rule must not be dropped in silence."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe", WITH_OPTIONS, attribute="Policy")
    kernel = HookKernel()

    with capture_logs():
        kernel.load_installed(Settings(plugins={"probe": PluginSettings(options=options)}))

    (skipped,) = kernel.skipped
    assert problem in skipped.reason
    assert "hush" not in skipped.reason


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
def test_options_for_a_plugin_that_takes_none_skip_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, problem: str
) -> None:
    """K11."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe", source)
    kernel = HookKernel()

    with capture_logs():
        kernel.load_installed(Settings(plugins={"probe": PluginSettings(options={"x": 1})}))

    assert problem in kernel.skipped[0].reason


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


def test_a_reason_is_one_short_printable_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F28: what a broken plugin says ends up on terminals and in every report."""
    site = Site(tmp_path, monkeypatch)
    site.offer("probe", r"raise ValueError('\x1b[2J\n' + 'x' * 10_000)")
    kernel = HookKernel()

    with capture_logs():
        kernel.load_installed(Settings())

    (skipped,) = kernel.skipped
    assert skipped.reason.isprintable()
    assert len(skipped.reason) < 1000
