"""New Python environments with packages installed, for tests of what an installation brings."""

from __future__ import annotations

import subprocess
import sys
import sysconfig
from pathlib import Path

PACKAGES = Path(__file__).parent / "packages"


def environment_with(folder: Path, *packages: Path) -> Path:
    """Return the Python of a new environment that has ``packages``, and all that this one has."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    site = next(folder.glob("lib/python*/site-packages"))
    here = sysconfig.get_path("purelib")
    (site / "here.pth").write_text(f"import site; site.addsitedir({here!r})\n")
    for package in packages:
        options = ["--quiet", "--no-deps", "--no-build-isolation", f"--target={site}"]
        subprocess.run([sys.executable, "-m", "pip", "install", *options, package], check=True)
    return folder / "bin" / "python"
