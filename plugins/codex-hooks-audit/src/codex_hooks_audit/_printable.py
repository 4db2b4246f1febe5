"""Text for a terminal: what would steer it is shown escaped (F28)."""

from __future__ import annotations


def printable(text: str) -> str:
    """Return ``text`` on one line, with every character escaped that is not to be seen."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in text)
