"""Base64 over several lines, as ``base64`` and ``openssl`` print it: one text to look through.

The scanner looks into base64 itself, but takes each line for a text of its own.
"""

from __future__ import annotations

import binascii
import re
from bisect import bisect_right
from typing import Final

from codex_hooks_redact._masking import Span

_WRAPPED: Final = re.compile(
    rb"(?<![A-Za-z0-9+/])(?:[A-Za-z0-9+/]{60,76}(?:\r?\n|\\n)[ \t]*)+[A-Za-z0-9+/]{2,76}={0,2}"
)
_BREAK: Final = re.compile(rb"\\n|\s")


class Unwrapped:
    """What the wrapped base64 in ``data`` stands for, all of it in ``text``; often nothing."""

    def __init__(self, data: bytes) -> None:
        parts: list[bytes] = []
        self._starts: list[int] = []
        self._places: list[tuple[int, int]] = []
        size = 0
        for found in _WRAPPED.finditer(data):
            encoded = _BREAK.sub(b"", found[0]).rstrip(b"=")
            whole = encoded[: len(encoded) - (len(encoded) % 4 == 1)]
            part = binascii.a2b_base64(whole + b"=" * (-len(whole) % 4)) + b"\n"
            parts.append(part)
            self._starts.append(size)
            self._places.append(found.span())
            size += len(part)
        self.text = b"".join(parts)

    def place_of(self, span: Span) -> Span:
        """Return where the base64 stands that ``span`` of ``text`` is from."""
        start, end = self._places[bisect_right(self._starts, span.start) - 1]
        return Span(start, end, span.rule)
