"""K11, F10: installed plugins that cannot be used, or that are required and not there."""

import sys
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from codex_hooks import (
    DiscoveryError,
    HookKernel,
    Settings,
)
from hooked import turn
from kernel.packages import BLOCKING, Site

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
    "async": ("async def make():\n    return None", "make", "made by an async function"),
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
    assert skipped.broken
    assert "Some-Policy 1.5" in skipped.reason
    assert problem in skipped.reason
    assert discovery.skipped == kernel.skipped == (skipped,)
    assert [item.skipped for item in discovery.plugins] == [skipped.reason, None]
    assert [(line["plugin"], line["log_level"]) for line in log] == [("broken", "warning")]
    assert log[0]["reason"] == skipped.reason


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
        (Settings(required=["guards", "missing", "zeal"]), "is required by the settings and not"),
    ],
)
def test_a_required_plugin_that_is_not_there_stops_start_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Settings, problem: str
) -> None:
    """F10: missing, disabled, or not among the enabled; nothing is loaded before that is known."""
    site = Site(tmp_path, monkeypatch)
    module = site.offer("guards")
    site.offer("zeal")
    kernel = HookKernel()

    with pytest.raises(DiscoveryError) as refused:
        kernel.load_installed(settings)

    assert problem in str(refused.value)
    assert refused.value.plugin in settings.required
    assert module not in sys.modules
    kernel.load_installed(Settings(required=["guards"]))


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
