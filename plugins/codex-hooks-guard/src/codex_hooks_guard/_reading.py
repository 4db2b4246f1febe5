"""What one reading of a command has come to so far, and where it is at the moment."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ._command import Command, Hidden, Redirect
from ._grammar import Unreadable
from ._text import ANYTHING, Hole, Text
from ._written import WrittenFiles

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tree_sitter import Node

    from ._shell import Shell

MAX_COMMANDS: Final = 1_000
"""A command that comes down to more simple ones than this is not followed."""

MAX_NESTING: Final = 16
"""Code in code, calls in calls: deeper than this nobody looks."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where the reading is: in which shell, in what (from outside in), with what as its input.

    ``stdin`` is None where the input is that of the whole command, of which nothing is known.
    """

    shell: Shell
    origin: tuple[str, ...] = ()
    stdin: Text | None = None

    def within(self, via: str) -> Scope:
        """Go into what ``via`` runs; raises `Unreadable` where that is too deep."""
        if len(self.origin) == MAX_NESTING:
            raise Unreadable(f"it is nested more than {MAX_NESTING} levels deep")
        return replace(self, origin=(*self.origin, via))

    def fed(self, stdin: Text | None) -> Scope:
        """Return the scope with that input."""
        return replace(self, stdin=stdin)

    def subshell(self) -> Scope:
        """Return the scope in a shell of its own."""
        return replace(self, shell=self.shell.copy())

    def given(self, stdin: Text | None) -> Scope:
        """Return the scope with that input if there is one, else with the one it has."""
        return self if stdin is None else self.fed(stdin)


@dataclass(frozen=True, slots=True)
class Around:
    """What stands around the words of a simple command: assignments before it, redirections."""

    env: tuple[tuple[str, Text], ...] = ()
    redirects: tuple[Redirect, ...] = ()


@dataclass(slots=True)
class Reading:
    """The commands that were found, and the files that they write.

    ``defined`` are the functions that nothing has called so far, by the ids of their bodies.
    ``streams`` are what the ``<(…)`` print, by the names that they have as files. ``at_exit`` is
    what a shell runs when it ends, or is told to.
    """

    found: list[Command] = field(default_factory=list)
    written: WrittenFiles = field(default_factory=WrittenFiles)
    defined: dict[int, tuple[str, Node, Scope]] = field(default_factory=dict)
    streams: dict[str, Text] = field(default_factory=dict)
    at_exit: list[tuple[Text, Scope]] = field(default_factory=list)

    def add(self, at: Scope, words: tuple[Text, ...], around: Around) -> None:
        """Add a command, once for each folder that it may run in."""
        for folder in at.shell.folders:
            self.add_all(
                [
                    Command(
                        words=words,
                        cwd=folder,
                        origin=at.origin,
                        env=around.env,
                        redirects=around.redirects,
                    )
                ]
            )

    def add_all(self, commands: Iterable[Command]) -> None:
        """Add commands as they are; raises `Unreadable` for one too many."""
        self.found += commands
        if len(self.found) > MAX_COMMANDS:
            raise Unreadable(f"it comes down to more than {MAX_COMMANDS:,} commands")

    def content_of(self, file: Text, at: Scope) -> Text | None:
        """Return what a redirection from ``file`` gives; None for an unknown descriptor."""
        if file.literal in self.streams:
            return self.streams[file.literal]
        if file.head.startswith("/dev/fd/"):
            return None
        written = self.written.of(file, at.shell.folders)
        for content in written:
            if Hole.DOWNLOAD in content.parts:
                return content
        return written[0] if len(written) == 1 else Text((Hole.CONTENT,))

    def hide(self, at: Scope, hidden: Hidden, why: str) -> Text:
        """Add a command of which nobody can say what it is; return what it prints."""
        cwd = at.shell.cwd
        self.add_all([Command(words=(), cwd=cwd, origin=at.origin, hidden=hidden, why=why)])
        return ANYTHING
