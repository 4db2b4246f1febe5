"""Small distributions, laid out on disk as pip leaves them, or packed as wheels for pip."""

import itertools
import zipfile
from pathlib import Path

import importlib_metadata
import pytest

_numbers = itertools.count()

BLOCKING = """
import codex_hooks
@codex_hooks.hookimpl
def pre_turn(ctx):
    return codex_hooks.Block("blocked by " + __name__)
"""


class Site:
    """A folder on the import path, and the only one in which plugins are looked for."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self.search(folder)

    def search(self, *folders: Path) -> None:
        for folder in reversed(folders):
            self._monkeypatch.syspath_prepend(folder)
        self._monkeypatch.setattr(
            importlib_metadata,
            "distributions",
            lambda: importlib_metadata.Distribution.discover(path=[str(item) for item in folders]),
        )

    def offer(
        self,
        plugin: str,
        source: str = BLOCKING,
        *,
        attribute: str = "",
        distribution: str | None = None,
        folder: Path | None = None,
    ) -> str:
        """Install a distribution with one module and one plugin; return the module's name."""
        module = f"plugin_{next(_numbers)}"
        files = contents(plugin, source, module, attribute, distribution or f"dist-{plugin}")
        for path, text in files.items():
            target = (folder or self.folder) / path
            target.parent.mkdir(exist_ok=True, parents=True)
            target.write_text(text)
        return module


def contents(
    plugin: str, source: str, module: str, attribute: str, distribution: str
) -> dict[str, str]:
    """Return the files of a distribution by their paths."""
    info = f"{distribution.replace('-', '_')}-1.5.dist-info"
    value = f"{module}:{attribute}" if attribute else module
    return {
        f"{module}.py": source,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/RECORD": "",
        f"{info}/entry_points.txt": f"[codex_hooks]\n{plugin} = {value}\n",
    }


def wheel(folder: Path, plugin: str) -> Path:
    """Pack a wheel that offers ``plugin``; return its path."""
    path = folder / "wheel_probe-1.5-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in contents(plugin, BLOCKING, "wheel_probe", "", "wheel-probe").items():
            archive.writestr(name, text)
    return path
