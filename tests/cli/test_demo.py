"""``codex-hooks demo``: the story that it tells is what happens."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from cli.commands import COMMAND, call, shell

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = pytest.mark.codex


@pytest.fixture
def place() -> Iterator[Path]:
    """A home of its own, so that what is left behind can be seen; short enough for a socket."""
    with tempfile.TemporaryDirectory(prefix="ch-") as folder:
        yield Path(folder)


def environment(place: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(place), "PYTHONUNBUFFERED": "1"}


def test_the_demo_shows_the_secret_kept_and_lost_without_plugins(place: Path) -> None:
    done = call(COMMAND, "demo", env=environment(place))

    assert (done.returncode, done.stderr) == (0, "")
    guarded, _, rest = done.stdout.partition("The same again without plugins")
    bare, _, installed = rest.partition("Under codex-hooks-guard, -redact and -audit")
    assert "house-rules  pre_turn adds a line to the prompt" in guarded
    assert "no-secrets  pre_tool_use blocks it" in guarded
    assert "files that hold secrets are not read here (blocked by plugin NoSecrets)" in guarded
    assert "was sent the secret: no" in guarded
    assert "hook report hk-" in guarded
    assert "was sent the secret: yes" in bare
    assert "received: Deploy the shop. The token is [redacted github-pat" in installed
    assert "rule credential-files" in installed
    assert "intact: " in installed
    assert "NOT INTACT: record 3 was changed" in installed
    assert "was sent the token or the key: no" in installed


def test_ctrl_c_during_the_demo_leaves_no_process_and_no_socket(place: Path) -> None:
    """R6: stopped while Codex and the gate are at work."""
    process = subprocess.Popen(
        [COMMAND, "demo"],
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    while "asks for" not in process.stdout.readline():
        assert process.poll() is None
    assert list(place.rglob("gate-*"))

    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=120)

    assert (process.returncode, complaints) == (130, "")
    left = [path for path in place.rglob("*") if path.name.startswith(("gate-", "home-"))]
    assert left == []
    with pytest.raises(ProcessLookupError):
        os.killpg(process.pid, 0)


def test_a_reader_that_leaves_the_demo_leaves_no_traceback(place: Path) -> None:
    """What is printed in a hook, on a pipe that is gone by then, ends nothing half-way (R6)."""
    done = shell("$codex_hooks demo | read -r", env=environment(place))

    assert (done.returncode, done.stderr) == (0, "")
    left = [path for path in place.rglob("*") if path.name.startswith(("gate-", "home-"))]
    assert left == []
