"""The guard's reading beside what a real bash does: it never knows a word that bash does not use.

A program ``probe`` notes the arguments that it is started with. For each of them the guard has to
have seen a command ``probe`` with that argument, or one with a hole in its place, or to have said
that it cannot read the script.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings

from bash_scripts import SCRIPTS
from codex_hooks_guard._paths import Place
from codex_hooks_guard._reader import read_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codex_hooks_guard._text import Text

BASH = shutil.which("bash")
PROBE = f"""#!{sys.executable} -IS
import os, sys
with open(os.environ["PROBE_LOG"], "ab") as log:
    log.write(b"\\0".join(map(os.fsencode, sys.argv[1:])) + b"\\0\\n")
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A folder that is the home, the working folder, and where ``probe`` is."""
    with tempfile.TemporaryDirectory(prefix="guard-") as name:
        probe = Path(name, "bin", "probe")
        probe.parent.mkdir()
        probe.write_text(PROBE)
        probe.chmod(0o755)
        yield Path(name)


def runs_of(script: str, folder: Path) -> list[list[str]]:
    """Run ``script`` in bash; return the arguments of each start of ``probe``."""
    log = folder / "log"
    log.unlink(missing_ok=True)
    env = {
        "PATH": f"{folder / 'bin'}:/usr/bin:/bin",
        "HOME": str(folder),
        "PROBE_LOG": str(log),
        "LANG": "C.UTF-8",
    }
    assert BASH is not None
    subprocess.run(
        [BASH, "-c", script],
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=20,
        check=False,
    )
    starts = log.read_text().split("\0\n")[:-1] if log.exists() else []
    return [start.split("\0") for start in starts]


def covers(text: Text, word: str) -> bool:
    pattern = "".join(re.escape(part) if isinstance(part, str) else ".*" for part in text.parts)
    return re.fullmatch(pattern, word, re.DOTALL) is not None


@settings(
    max_examples=150,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(script=SCRIPTS)
def test_what_bash_starts_the_guard_has_seen(script: str, folder: Path) -> None:
    """No hole in the reading: whatever bash makes of a word is among what the guard expects."""
    commands = read_command(script, Place(str(folder), str(folder)))
    if any(command.hidden for command in commands):
        return
    seen = [command for command in commands if command.program.literal == "probe"]
    for arguments in runs_of(script, folder):
        for argument in arguments:
            if argument:
                assert any(covers(text, argument) for each in seen for text in each.arguments), (
                    f"bash gives {argument!r}, the guard expects {[str(c) for c in seen]}"
                )
