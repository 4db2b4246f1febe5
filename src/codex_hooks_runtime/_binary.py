"""Which codex is started: the one given, the one that was installed along, or the one on PATH.

What is returned is an absolute path to a file that can be executed; whether it is a codex that
this package can talk to is found out by the handshake.
"""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from pathlib import Path

from ._errors import CodexNotFound

_INSTALL = 'install one with `pip install "codex-hooks[codex]"`, or give the path of yours'


def find_codex(explicit: Path | str | None = None) -> Path:
    """Return the codex binary to start, as an absolute path.

    ``explicit`` is taken or refused, never replaced; without it the binary of the extra
    ``codex-hooks[codex]`` comes before ``codex`` on ``PATH``. Raises ``CodexNotFound``.
    """
    if explicit is not None:
        return _executable(Path(explicit).expanduser())
    if bundled := _bundled():
        return _executable(bundled)
    if on_path := shutil.which("codex"):
        return Path(on_path).absolute()
    raise CodexNotFound(f"there is no codex on PATH and none was installed along: {_INSTALL}")


def _bundled() -> Path | None:
    try:
        package = import_module("codex_cli_bin")
    except ImportError:
        return None
    try:
        return Path(package.bundled_codex_path())
    except FileNotFoundError as error:
        # Another version on PATH is no silent replacement for the one that was asked for.
        raise CodexNotFound(
            f"the package openai-codex-cli-bin is installed without its binary ({error}); "
            "reinstall it, or uninstall it to use the codex on PATH"
        ) from error


def _executable(path: Path) -> Path:
    if path.is_dir():
        raise CodexNotFound(f"{path} is a folder; give the path of the codex binary in it")
    if not path.exists():
        raise CodexNotFound(f"there is no {path}: {_INSTALL}")
    if not os.access(path, os.X_OK):
        raise CodexNotFound(f"{path} cannot be executed; `chmod +x {path}` if it is codex")
    # A relative path would be looked up in the working directory of the process to be started.
    return path.absolute()
