"""R6, F19: what a server has started is found by its mark, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from codex_hooks_runtime._mark import NAME, Mark

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="no other system tells the environment of a process"
)

ARGV = [sys.executable, "-I", "-S", "-c", "import signal; print(flush=True); signal.pause()"]


def started(env: dict[str, str]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(ARGV, env=env, stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout
    process.stdout.readline()
    return process


def test_only_what_has_the_very_mark_is_killed() -> None:
    mark, other = Mark(), Mark()
    value = mark.environment({})[NAME]
    marked = started(mark.environment({}))
    strangers = [
        started(env)
        for env in ({}, other.environment({}), {NAME: value[:-1]}, {"X": f"{NAME}={value}"})
    ]
    try:
        mark.kill_all()
        assert marked.wait(5) == -9
        assert [one.poll() for one in strangers] == [None] * 4
    finally:
        for one in [marked, *strangers]:
            one.kill()
            one.communicate()


def test_the_mark_is_added_to_the_environment_and_kept_to_itself() -> None:
    given = {"PATH": "/bin"}
    mark = Mark()
    assert mark.environment(given) == {"PATH": "/bin", NAME: mark.environment({})[NAME]}
    assert given == {"PATH": "/bin"}
    assert NAME not in os.environ
