"""Bytes in, lines out: however the bytes were cut, in linear time and bounded memory (R7)."""

from __future__ import annotations

DEFAULT_LINE_LIMIT = 64 * 1024 * 1024


class LineSplitter:
    """Cuts a stream of bytes into lines, without their ends.

    A line of more than ``limit_bytes`` is dropped up to its end and counted in ``dropped``; the
    lines after it are whole. What follows the last line end is never returned: a line that was
    cut off is no message.
    """

    def __init__(self, *, limit_bytes: int = DEFAULT_LINE_LIMIT) -> None:
        self.dropped = 0
        self._limit = limit_bytes
        # Grows in place: joining each chunk to what came before would be quadratic, and a list
        # of parts takes eight times its size when they come one byte at a time.
        self._open = bytearray()
        self._too_long = False

    def feed(self, chunk: bytes) -> list[bytes]:
        """Return the lines that ``chunk`` completes."""
        first, *others = chunk.split(b"\n")
        self._extend(first)
        if not others:
            return []
        rest = others.pop()
        lines = [self._finish(), *others]
        self._extend(rest)
        whole = [line for line in lines if line is not None and len(line) <= self._limit]
        self.dropped += len(lines) - len(whole)
        return whole

    def _extend(self, part: bytes) -> None:
        if self._too_long:
            return
        if len(self._open) + len(part) > self._limit:
            self._too_long = True
            self._open = bytearray()
        else:
            self._open += part

    def _finish(self) -> bytes | None:
        """Return the open line, or None if it was too long, and begin the next."""
        if self._too_long:
            self._too_long = False
            return None
        line = bytes(self._open)
        self._open.clear()
        return line
