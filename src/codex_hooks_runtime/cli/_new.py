"""``codex-hooks new``: a policy package that installs, passes its tests and blocks something."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from importlib.resources import files
from importlib.util import find_spec
from keyword import iskeyword
from pathlib import Path
from string import Template

from codex_hooks_runtime import ConfigError

from ._output import console, printable


def new_policy(name: str, parent: Path) -> None:
    """Write the package into a new folder below ``parent``; `ConfigError` where that cannot be."""
    if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name):
        raise ConfigError(
            f"{name!r} is no name for a policy: use small letters, digits and single hyphens, "
            "as in org-policy"
        )
    folder = parent / name
    if folder.exists():
        raise ConfigError(
            f"{folder} exists already: take another name, or another folder as --into"
        )
    module = name.replace("-", "_")
    if iskeyword(module) or find_spec(module) is not None:
        raise ConfigError(
            f"{name!r} cannot be the policy's name, because {module!r} means something to Python "
            f"already: take another, such as my-{name}"
        )
    names = {"distribution": name, "module": module}
    targets = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        "policy.py": f"src/{module}/__init__.py",
        "test_policy.py": "tests/test_policy.py",
    }
    try:
        folder.mkdir()
        for template, target in targets.items():
            text = files(__package__).joinpath(f"template/{template}.txt").read_text("utf-8")
            path = folder / target
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(Template(text).substitute(names), encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"the policy cannot be written to {folder}: {error.strerror}") from error
    python = _python()
    console().print(
        printable(
            f"{folder} is a policy that blocks reading secrets.\n"
            f"Next: {python} -m pip install -e {shlex.quote(_local(folder))} pytest && "
            f"{python} -m pytest {shlex.quote(str(folder))}\n"
            f"Then: make it yours in {folder / targets['policy.py']}"
        )
    )


def _python() -> str:
    """Return what to type for the Python that this runs in: another has no codex-hooks."""
    found = shutil.which("python")
    ours = found is not None and Path(found).parent == Path(sys.executable).parent
    return "python" if ours else shlex.quote(sys.executable)


def _local(folder: Path) -> str:
    """Return ``folder`` as pip takes it: a bare name would be looked for on an index."""
    return str(folder) if folder.name != str(folder) else f".{os.sep}{folder}"
