"""A folder of the relay's own, gone when the relay is.

It stands where neither another user nor a command in Codex's sandbox can write: a thread with
write access to its workspace may write the temporary folder too, and could put its own client
and its own socket there.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import platformdirs

from codex_hooks_runtime._errors import GateNotArmed

if TYPE_CHECKING:
    from collections.abc import Iterator

# A socket's address holds 104 bytes on macOS and 108 on Linux.
_MAX_ADDRESS: Final = 100


@contextmanager
def private_folder(socket_name: str) -> Iterator[Path]:
    """Make a folder (mode 0700) with a path short enough for a socket in it; remove it at the end.

    In ``XDG_RUNTIME_DIR`` if that is the user's alone, else in the user's cache folder. Raises
    `GateNotArmed` where neither can be used.
    """
    base = _runtime_dir() or Path(platformdirs.user_cache_dir("codex-hooks"))
    try:
        base.mkdir(mode=0o700, parents=True, exist_ok=True)
        folder = Path(tempfile.mkdtemp(prefix="gate-", dir=base))
    except OSError as error:
        raise GateNotArmed(
            f"the gate can make no folder in {base} ({error}); "
            "set XDG_RUNTIME_DIR to a folder of yours with mode 0700"
        ) from error
    try:
        if len(os.fsencode(folder / socket_name)) > _MAX_ADDRESS:
            raise GateNotArmed(
                f"{folder} is too long a path for the gate's socket; "
                "set XDG_RUNTIME_DIR to a shorter folder of yours with mode 0700"
            )
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _runtime_dir() -> Path | None:
    path = os.environ.get("XDG_RUNTIME_DIR", "")
    if not path.startswith("/"):
        return None
    try:
        info = os.stat(path)  # noqa: PTH116  # one call, for owner, kind and mode
    except OSError:
        return None
    private = info.st_uid == os.geteuid() and not stat.S_IMODE(info.st_mode) & 0o077
    return Path(path) if private and stat.S_ISDIR(info.st_mode) else None
