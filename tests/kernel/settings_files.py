"""The settings files of a machine, a user and a project, for one test."""

import os
from pathlib import Path

import pytest

from codex_hooks import Settings, _settings_files


class Files:
    """A machine, a user and a project of one test."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.machine = folder / "etc" / "codex-hooks.toml"
        self.user = folder / "home" / "codex-hooks" / "codex-hooks.toml"
        self.project = folder / "project" / "codex-hooks.toml"
        for path in (self.machine, self.user, self.project):
            path.parent.mkdir(parents=True)
        monkeypatch.setattr(_settings_files, "MACHINE_FILE", self.machine)
        monkeypatch.setattr(_settings_files, "user_file", lambda: self.user)
        for name in [name for name in os.environ if name.startswith("CODEX_HOOKS_")]:
            monkeypatch.delenv(name)

    def load(self, *, machine: str = "", user: str = "", project: str = "") -> Settings:
        written = ((self.machine, machine), (self.user, user), (self.project, project))
        for path, text in written:
            path.unlink(missing_ok=True)
            if text:
                path.write_text(text)
        return Settings.load(self.project.parent)
