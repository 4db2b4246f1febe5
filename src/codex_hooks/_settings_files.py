"""Where settings are: ``codex-hooks.toml`` of the machine, the user and the project (K11).

A file that is there and cannot be used is an error; only one that is not there says nothing.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from codex_hooks._errors import SettingsError
from codex_hooks._layers import combine
from codex_hooks._settings import Settings

if TYPE_CHECKING:
    from collections.abc import Iterable

FILE_NAME: Final = "codex-hooks.toml"

_MACHINE_FOLDERS: Final = {"darwin": "/Library/Application Support/codex-hooks"}

# Said here and not by platformdirs: there, XDG_CONFIG_DIRS decides, and with it the user would
# decide whether the machine has a policy.
MACHINE_FILE: Final = Path(_MACHINE_FOLDERS.get(sys.platform, "/etc/codex-hooks"), FILE_NAME)

# A repository brings its own file: what is read of it is bounded.
MAX_BYTES: Final = 1 << 20


def load(cwd: str | os.PathLike[str] | None) -> Settings:
    """Return what all settings together say; see `Settings.load`."""
    project = _nearest(Path(cwd or "."), besides=(MACHINE_FILE, user_file()))
    return combine(
        machine=_read(MACHINE_FILE),
        user=_read(user_file()),
        environment=_environment(),
        project=_read(project) if project else Settings(),
    )


def user_file() -> Path:
    """Return where the user's own settings are looked for."""
    import platformdirs  # noqa: PLC0415  # only whoever loads settings pays for it

    return platformdirs.user_config_path("codex-hooks") / FILE_NAME


def _nearest(cwd: Path, besides: Iterable[Path]) -> Path | None:
    folder = Path(os.path.realpath(cwd))
    others = [os.path.realpath(path) for path in besides]
    for candidate in (place / FILE_NAME for place in (folder, *folder.parents)):
        if os.path.lexists(candidate) and os.path.realpath(candidate) not in others:
            return candidate
    return None


def _read(path: Path) -> Settings:
    try:
        content = _bounded(path)
    except (FileNotFoundError, NotADirectoryError):
        return Settings()
    except OSError as error:
        raise SettingsError(f"{path} cannot be read: {error.strerror}") from error
    import tomllib  # noqa: PLC0415  # only whoever has settings pays for it

    try:
        table = tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        raise SettingsError(f"{path} is no TOML: byte {error.start} is not UTF-8") from None
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is no TOML: {error}") from None
    except RecursionError:
        raise SettingsError(f"{path} is nested too deeply") from None
    if not table:
        return Settings(sources=(str(path),))
    from codex_hooks._settings_model import settings_of_file  # noqa: PLC0415  # brings pydantic

    return settings_of_file(table, str(path))


def _bounded(path: Path) -> bytes:
    path.lstat()
    # From here on the file is there: a link that leads nowhere is no missing file.
    try:
        found = path.stat()
    except OSError as error:
        message = f"it is a link to what cannot be reached ({error.strerror})"
        raise PermissionError(error.errno, message) from error
    if not stat.S_ISREG(found.st_mode):
        raise SettingsError(f"{path} is no regular file: settings are read from plain files alone")
    with path.open("rb") as file:
        content = file.read(MAX_BYTES + 1)
    if len(content) > MAX_BYTES:
        raise SettingsError(f"{path} has more than {MAX_BYTES} bytes: these are no settings")
    return content


def _environment() -> Settings:
    if not any(name.upper().startswith("CODEX_HOOKS_") for name in os.environ):
        return Settings()
    from codex_hooks._settings_model import settings_of_environment  # noqa: PLC0415  # pydantic

    return settings_of_environment()
