"""``codex-hooks doctor``: what it says of the installed Codex is what was seen of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from cli.commands import COMMAND, call
from codex_hooks_runtime.cli import _doctor
from codex_hooks_runtime.cli._probes import PROBES, Probe
from codex_hooks_runtime.testing import CallTool

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.codex
def test_every_kind_of_tool_use_is_mediated_on_the_installed_codex() -> None:
    """G1 to G10, as an administrator would look: with the control, in which each one happens."""
    done = call(COMMAND, "doctor", "--json", timeout=180)

    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["healthy"] is True
    assert document["codex"].startswith("0.")
    assert [row["label"] for row in document["tool_uses"]] == [probe.label for probe in PROBES]
    for row in document["tool_uses"]:
        assert row["mediated"], row
        assert row["ran_when_allowed"], row
        assert row["note"] == ""
    assert set(document["doors"].values()) == {True}


@pytest.mark.codex
async def test_a_tool_that_no_hook_is_asked_about_makes_it_unhealthy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The tool's search of tools is one that Codex puts before no hook."""
    blind = Probe(
        "search of tools",
        "tool_search",
        lambda _cwd: (CallTool("tool_search", {"query": "x"}),),
        lambda _cwd, _sent: True,
    )
    monkeypatch.setattr(_doctor, "PROBES", (blind,))

    assert await _doctor.doctor(None, as_json=False) == 1

    printed = capsys.readouterr().out
    assert "NOT EVERYTHING IS MEDIATED" in printed
    assert "search of tools" in printed


def test_a_codex_that_is_none_is_one_sentence(tmp_path: Path) -> None:
    done = call(COMMAND, "doctor", "--codex", tmp_path / "codex")

    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: ")
