"""What importing the packages costs, and that every public name is there."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import codex_hooks
import codex_hooks_runtime
import codex_hooks_runtime.testing


@pytest.mark.parametrize("package", [codex_hooks, codex_hooks_runtime, codex_hooks_runtime.testing])
def test_every_public_name_is_there(package: object) -> None:
    names = package.__all__  # type: ignore[attr-defined]
    assert len(names) == len(set(names)) > 0
    for name in names:
        assert getattr(package, name) is not None


@pytest.mark.parametrize(
    ("statement", "unneeded"),
    [
        ("import codex_hooks", {"pydantic", "structlog", "typer", "rich", "codex_hooks_runtime"}),
        ("import codex_hooks_runtime", {"pydantic", "structlog", "typer", "rich", "starlette"}),
        ("from codex_hooks_runtime import Client", {"structlog", "typer", "rich", "uvicorn"}),
        ("import codex_hooks_runtime.cli", {"typer", "rich", "structlog"}),
        ("import codex_hooks.testing.pytest_plugin", {"pydantic", "structlog"}),
    ],
)
def test_an_import_brings_nothing_that_is_not_needed_yet(
    statement: str, unneeded: set[str]
) -> None:
    source = f"{statement}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", source], capture_output=True, check=True)

    loaded = {name.partition(".")[0] for name in json.loads(done.stdout)}
    assert not loaded & unneeded
