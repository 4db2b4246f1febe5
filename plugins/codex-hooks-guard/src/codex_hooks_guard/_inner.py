"""What one program runs in its turn: a command with its words, or shell code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ._text import Text


@dataclass(frozen=True, slots=True)
class Run:
    """A command that is run with these words. ``folder`` is where, if somewhere else."""

    words: tuple[Text, ...]
    via: str
    folder: Text | None = None
    env: tuple[tuple[str, Text], ...] = ()


@dataclass(frozen=True, slots=True)
class Code:
    """Shell code that is run; ``here`` is in the same shell, ``params`` are its ``$1`` and on.

    ``guessed`` is what may be no code at all: where it cannot be read, it is none. ``later`` is run
    at the end, by the shell as it is then.
    """

    text: Text
    via: str
    params: tuple[Text, ...] = ()
    here: bool = False
    guessed: bool = False
    later: bool = False


Inner: TypeAlias = Run | Code
