r"""Escapes in shell text: in double quotes, in backticks, in ``$'…'`` and for ``printf``."""

from __future__ import annotations

import re
from typing import Final

_NAMED: Final = {
    "a": "\a",
    "b": "\b",
    "e": "\x1b",
    "E": "\x1b",
    "f": "\f",
    "n": "\n",
    "r": "\r",
    "t": "\t",
    "v": "\v",
    "\\": "\\",
    "'": "'",
    '"': '"',
    "?": "?",
}
_ANSI: Final = re.compile(
    r"\\(?:x(?P<hex>[0-9a-fA-F]{1,2})|u(?P<u>[0-9a-fA-F]{1,4})|U(?P<U>[0-9a-fA-F]{1,8})"
    r"|(?P<octal>0?[0-7]{1,3})|c(?P<control>.)|(?P<named>.))",
    re.DOTALL,
)


def in_double_quotes(text: str) -> str:
    """Return what ``text`` between double quotes, or in a here-document, stands for."""
    return re.sub(r'\\([$`"\\]|\n)', lambda m: "" if m[1] == "\n" else m[1], text)


def in_backticks(text: str) -> str:
    """Return the command that ``text`` between backticks stands for."""
    return re.sub(r"\\([$`\\])", r"\1", text)


def ansi(text: str) -> str:
    r"""Return what ``text`` of ``$'…'``, of ``echo -e`` or of a ``printf`` format stands for."""
    return _ANSI.sub(_ansi_escape, text)


def _ansi_escape(found: re.Match[str]) -> str:
    if found["named"] is not None:
        return _NAMED.get(found["named"], found[0])
    if found["control"] is not None:
        return chr(ord(found["control"]) & 0x1F)
    if found["octal"] is not None:
        # A byte; the grammar's text is UTF-8, and names that matter are ASCII.
        return chr(int(found["octal"], 8) & 0xFF)
    number = int(found["hex"] or found["u"] or found["U"], 16)
    return chr(number) if number <= 0x10FFFF else found[0]
