"""The edge to the file system: what the log does to files, one call each.

Nothing is decided here, so that a test can stand in its place and fail at any call (F25). Files are
opened without following a symbolic link, and have to be ours alone (F29).
"""

from __future__ import annotations

import fcntl
import os
import stat
import sys
from typing import TYPE_CHECKING, Final

from codex_hooks_audit._errors import UnsafePath

if TYPE_CHECKING:
    from pathlib import Path

_FLAGS: Final = os.O_CLOEXEC | os.O_NOFOLLOW
_MODE: Final = 0o600
_OTHERS: Final = 0o022


class Files:
    """The real one."""

    def open(self, path: Path, *, append: bool = False) -> int:
        """Open a file to read and to write, made where there is none; ``append``: at its end."""
        return self._opened(path, os.O_RDWR | os.O_CREAT | (os.O_APPEND if append else 0))

    def lock(self, path: Path) -> int:
        """Wait until no other process has ``path`` locked; closing what is returned unlocks it."""
        fd = self.open(path)
        fcntl.flock(fd, fcntl.LOCK_EX)
        return fd

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write some of ``data``; return how many bytes."""
        return os.write(fd, data)

    def write_all(self, fd: int, data: bytes) -> None:
        """Write all of ``data``, in as many calls as it takes."""
        rest = memoryview(data)
        while rest:
            rest = rest[self.write(fd, rest) :]

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        """Write ``data`` over what stands at ``offset``, in one call."""
        if os.pwrite(fd, data, offset) != len(data):
            raise OSError("only a part was written")

    def sync(self, fd: int) -> None:
        """Return when the disk has it."""
        if sys.platform == "darwin":
            fcntl.fcntl(fd, fcntl.F_FULLFSYNC)  # fsync alone stops at the drive's cache there
        else:
            os.fdatasync(fd)

    def sync_folder(self, path: Path) -> None:
        """Return when the disk has the names in ``path``."""
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file off behind ``size`` bytes."""
        os.ftruncate(fd, size)

    def _opened(self, path: Path, flags: int) -> int:
        try:
            fd = os.open(path, flags | _FLAGS, _MODE)
        except OSError as error:
            if path.is_symlink():
                raise UnsafePath(f"{path} is a symbolic link: remove it") from error
            raise
        if problem := _problem(os.fstat(fd)):
            os.close(fd)
            raise UnsafePath(f"{path} {problem}: find out who did that, and move it away")
        return fd


def _problem(status: os.stat_result) -> str | None:
    if not stat.S_ISREG(status.st_mode):
        return "is not a plain file"
    if status.st_uid != os.geteuid():
        return "belongs to somebody else"
    if status.st_mode & _OTHERS:
        return "can be written to by others"
    if status.st_nlink != 1:
        return "has a second name (a hard link)"
    return None
