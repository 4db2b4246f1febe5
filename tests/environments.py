"""New Python environments with packages installed, for tests of what an installation brings."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

PLUGINS = ("audit", "guard", "redact")
PACKAGES = Path(__file__).parent / "packages"


def environment_with(folder: Path, *packages: Path) -> Path:
    """Return the Python of a new environment: ``packages``, and what this one has but plugins."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    base = folder / "base"
    base.mkdir()
    for item in Path(sysconfig.get_path("purelib")).iterdir():
        if not any(f"codex_hooks_{name}" in item.name for name in PLUGINS):
            (base / item.name).symlink_to(item)
    (site / "base.pth").write_text(f"import site; site.addsitedir({str(base)!r})\n")
    for package in packages:
        options = ["--quiet", "--no-deps", "--no-build-isolation", f"--target={site}"]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, package], check=True)
    return folder / "bin" / "python"
