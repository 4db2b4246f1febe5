"""The simple commands that a shell command comes down to: what rules are about."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from ._text import EMPTY, Text, basename

Hidden: TypeAlias = Literal["unreadable", "download"]
"""Why nobody can say what is run: it cannot be read, or it comes from the network."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """One redirection: its operator (``>``, ``<``, ``>>``, …) and where it leads."""

    operator: str
    target: Text

    def __str__(self) -> str:
        return f"{self.operator} {self.target}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One program with its arguments, once everything around it is taken away.

    ``words`` are empty where there are redirections or assignments alone, and where the command is
    ``hidden``; ``why`` then says to a person what could not be seen. ``origin`` names what it was
    found in, from outside in. ``cwd`` is the folder that it runs in.
    """

    words: tuple[Text, ...]
    cwd: Text
    origin: tuple[str, ...] = ()
    env: tuple[tuple[str, Text], ...] = ()
    redirects: tuple[Redirect, ...] = ()
    hidden: Hidden | None = None
    why: str = ""

    @property
    def program(self) -> Text:
        """The program's name, without its folder; empty where there is none."""
        return basename(self.words[0]) if self.words else EMPTY

    @property
    def arguments(self) -> tuple[Text, ...]:
        """What follows the program."""
        return self.words[1:]

    def __str__(self) -> str:
        parts = [f"{name}={value}" for name, value in self.env]
        parts += [str(word) or "''" for word in self.words]
        parts += [str(redirect) for redirect in self.redirects]
        if self.hidden:
            parts.append(f"⟨{self.hidden}: {self.why}⟩")
        return " ".join(parts)
