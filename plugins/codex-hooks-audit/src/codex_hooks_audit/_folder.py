"""Where the log lies: a folder that nobody else can change or redirect (F29)."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, Final

from codex_hooks_audit._errors import UnsafePath

if TYPE_CHECKING:
    from pathlib import Path

_OTHERS: Final = 0o022


def prepare(folder: Path) -> None:
    """Make ``folder``, for us alone, where there is none, and check it and all above it.

    Raises `UnsafePath` where it is a symbolic link, where it or a folder above it belongs to or
    can be written to by somebody else, and where it cannot be made.
    """
    _check_above(folder)
    try:
        # One by one: mkdir(parents=True) leaves those above to the umask.
        for path in (*reversed(folder.parents), folder):
            if not path.exists():
                path.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise UnsafePath(
            f"the audit folder {folder} cannot be made ({error.strerror}): set another path"
        ) from error
    _check_above(folder)
    status = folder.lstat()
    if stat.S_ISLNK(status.st_mode):
        raise UnsafePath(f"the audit folder {folder} is a symbolic link: give the place itself")
    if not stat.S_ISDIR(status.st_mode):
        raise UnsafePath(f"the audit folder {folder} is no folder: set another path")
    if status.st_uid != os.geteuid():
        raise UnsafePath(f"the audit folder {folder} belongs to somebody else: set another path")
    if status.st_mode & _OTHERS:
        raise UnsafePath(
            f"the audit folder {folder} can be written to by others: chmod 700 it, once you know "
            "that nobody has"
        )


def _check_above(folder: Path) -> None:
    """Refuse a way that others can bend: both as it is written and as it is resolved."""
    for path in dict.fromkeys((*folder.parents, *folder.resolve().parents)):
        try:
            link, status = path.lstat(), path.stat()
        except FileNotFoundError:
            continue  # it will be made by us, in a folder that is checked
        except OSError as error:
            raise UnsafePath(f"{path} cannot be looked at ({error.strerror})") from error
        for owner in (link.st_uid, status.st_uid):
            if owner not in (0, os.geteuid()):
                raise UnsafePath(f"{path}, above the audit folder, belongs to somebody else")
        # In a sticky folder, such as /tmp, nobody can move away what belongs to another.
        if status.st_mode & _OTHERS and not status.st_mode & stat.S_ISVTX:
            raise UnsafePath(
                f"{path}, above the audit folder, can be written to by others: "
                "chmod go-w it, or set another path"
            )
