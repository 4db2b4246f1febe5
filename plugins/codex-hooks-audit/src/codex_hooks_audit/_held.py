"""A file that is kept open between appends, and is asked each time whether it is still that file.

Somebody may have moved it away or deleted it: what is written to it then is in nobody's log.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from codex_hooks_audit._files import Files


class HeldFile:
    """One open file, or none."""

    def __init__(self, files: Files) -> None:
        self._files = files
        self._path: Path | None = None
        self.fd = -1

    def open(self, path: Path, *, append: bool = False) -> None:
        """Hold ``path`` from now on, made where there is none."""
        self.close()
        self.fd = self._files.open(path, append=append)
        self._path = path

    def close(self) -> None:
        """Hold nothing."""
        if self.fd >= 0:
            fd, self.fd = self.fd, -1
            os.close(fd)

    def is_still_there(self) -> bool:
        """Whether the file of that name is the one that is open."""
        if self._path is None or self.fd < 0:
            return False
        try:
            named = os.lstat(self._path)
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(self.fd))

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return os.fstat(self.fd).st_size

    def read(self, offset: int, size: int) -> bytes:
        """Return up to ``size`` bytes from ``offset``; less only where the file ends."""
        parts = []
        while size > 0 and (part := os.pread(self.fd, size, offset)):
            parts.append(part)
            offset += len(part)
            size -= len(part)
        return b"".join(parts)
