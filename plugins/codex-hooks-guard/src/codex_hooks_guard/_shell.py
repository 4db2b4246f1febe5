"""What a shell knows while it works through a command: variables, functions, the working folder.

A variable has several values where it may have any of them. What happens under a condition adds
values, what happens in any case replaces them.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ._paths import resolve
from ._text import AMBIENT, ANYTHING, EMPTY, Text

if TYPE_CHECKING:
    from tree_sitter import Node

MAX_VALUES: Final = 64
"""A variable that may have more values than this may have any."""


@dataclass(slots=True)
class Shell:
    """One shell: ``params`` are ``$1`` and on.

    ``sourced`` says that it ran code that nobody saw, so that any name may be set. ``branching``
    is above zero where it is not certain that what comes next happens.
    """

    cwd: Text
    home: Text
    params: tuple[Text, ...] = ()
    variables: dict[str, tuple[Text, ...]] = field(default_factory=dict)
    functions: dict[str, Node] = field(default_factory=dict)
    aliases: dict[str, Text] = field(default_factory=dict)
    sourced: bool = False
    branching: int = 0

    def copy(self) -> Shell:
        """Return a subshell: what happens in it stays there."""
        return replace(
            self,
            variables=dict(self.variables),
            functions=dict(self.functions),
            aliases=dict(self.aliases),
        )

    def values(self, name: str) -> tuple[Text, ...]:
        """Return what ``$name`` may be."""
        if name in self.variables:
            return self.variables[name]
        if name == "HOME":
            return (self.home,)
        if name == "PWD":
            return (self.cwd,)
        if name == "TMPDIR":
            return (Text.of("/tmp"),)  # noqa: S108  # what the name says, no file of ours
        if name in ("@", "*"):
            return self.params
        if name.isdigit() and name != "0":
            place = int(name) - 1
            if place < len(self.params):
                return (self.params[place],)
            return (AMBIENT,) if AMBIENT in self.params else (EMPTY,)
        return (ANYTHING,) if self.sourced and name.isidentifier() else (AMBIENT,)

    def assign(self, name: str, values: tuple[Text, ...], *, adds: bool = False) -> None:
        """Set ``name``; under a condition, or where it ``adds``, the old values stay possible."""
        if self.branching or adds:
            values = tuple(dict.fromkeys((*self.values(name), *values)))
        self.variables[name] = values if len(values) <= MAX_VALUES else (ANYTHING,)

    def change_folder(self, to: Text) -> None:
        """Go ``to`` a folder."""
        self.variables["OLDPWD"] = (self.cwd,)
        self.cwd = resolve(to, self.cwd)
