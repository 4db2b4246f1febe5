"""The documentation is true: its examples run, and it leaves no hook out."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import pytest

from codex_hooks._specs import HookSpecs

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
OTHERS = [*ROOT.glob("C*.md"), *sorted(ROOT.glob("plugins/*/*.md"))]


def blocks(page: Path, language: str) -> list[tuple[int, str]]:
    """Return the fenced blocks of a page with the line that each begins at."""
    text = page.read_text()
    found = re.finditer(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    return [(text.count("\n", 0, match.start(1)) + 1, match[1]) for match in found]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_python_example_runs(page: Path) -> None:
    """From top to bottom: an example may use what those above it have defined."""
    namespace: dict[str, Any] = {"__name__": page.stem}
    for line, source in blocks(page, "python"):
        padded = "\n" * (line - 1) + source
        exec(compile(padded, page, "exec"), namespace)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_toml_example_is_toml(page: Path) -> None:
    for _, source in blocks(page, "toml"):
        assert tomllib.loads(source)


def test_every_hook_is_documented() -> None:
    """Each with when it runs, what it sees and what it may return."""
    page = (ROOT / "docs" / "writing-a-policy.md").read_text()
    table = page.partition("## The hooks")[2].partition("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)` \| \S.*? \| \S.*? \| \S.*? \|$", table, re.MULTILINE)

    assert set(rows) == {name for name in vars(HookSpecs) if not name.startswith("_")}


@pytest.mark.parametrize("page", PAGES + OTHERS, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text()):
        assert (page.parent / target).exists(), target


@pytest.mark.codex
async def test_the_example_on_the_real_codex_holds(tmp_path: Path) -> None:
    namespace: dict[str, Any] = {}
    for _, source in blocks(ROOT / "docs" / "writing-a-policy.md", "python"):
        await anyio.to_thread.run_sync(exec, source, namespace)  # examples may run a loop
    (tmp_path / ".env").write_text("PASSWORD=hunter2")

    await namespace["the_secret_stays_here"](tmp_path)


def test_every_command_is_documented() -> None:
    from codex_hooks_runtime.cli._app import app

    page = (ROOT / "docs" / "command-line.md").read_text()
    names = [command.callback.__name__ for command in app.registered_commands if command.callback]

    assert names
    for name in names:
        assert f"$ codex-hooks {name}" in page
