"""A file edge that fails at one call, or from one call on."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING, Literal, TypeAlias

from codex_hooks_audit._files import Files

if TYPE_CHECKING:
    from pathlib import Path

Fault: TypeAlias = Literal["ENOSPC", "EIO", "short"]


class FaultyFiles(Files):
    """Fails at its call number ``at`` (from 1); with ``for_good`` at all later ones too.

    ``short`` writes a part before it fails, as a disk does that fills up.
    """

    def __init__(self, at: int, fault: Fault, *, for_good: bool = False) -> None:
        self.calls = 0
        self._at = at
        self._fault = fault
        self._for_good = for_good

    @property
    def failed(self) -> bool:
        return self.calls >= self._at

    def open(self, path: Path, *, append: bool = False) -> int:
        self._count()
        return super().open(path, append=append)

    def write(self, fd: int, data: bytes | memoryview) -> int:
        if self._comes() and self._fault == "short":
            os.write(fd, data[: len(data) // 2])
        self._count()
        return super().write(fd, data)

    def write_at(self, fd: int, data: bytes, offset: int) -> None:
        if self._comes() and self._fault == "short":
            os.pwrite(fd, data[:100], offset)
        self._count()
        super().write_at(fd, data, offset)

    def sync(self, fd: int) -> None:
        self._count()
        super().sync(fd)

    def sync_folder(self, path: Path) -> None:
        self._count()
        super().sync_folder(path)

    def truncate(self, fd: int, size: int) -> None:
        self._count()
        super().truncate(fd, size)

    def _comes(self) -> bool:
        return self.calls + 1 == self._at or (self._for_good and self.calls + 1 > self._at)

    def _count(self) -> None:
        fails = self._comes()
        self.calls += 1
        if fails:
            number = errno.EIO if self._fault == "EIO" else errno.ENOSPC
            raise OSError(number, os.strerror(number))
