"""What a shell knows while it works through a command: variables, functions, the working folder.

A variable has several values where it may have any of them: what happens under a condition leaves
it with those from before as well.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from ._paths import resolve
from ._text import AMBIENT, ANYTHING, EMPTY, Hole, Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tree_sitter import Node

_NUMBERS: Final = frozenset({"$", "!", "?", "#", "UID", "EUID", "RANDOM", "LINENO", "SECONDS"})

MAX_FOLDERS: Final = 8
"""A shell that may be in more folders than this may be anywhere."""

MAX_VALUES: Final = 64
"""A variable that may have more values than this may have any."""


@dataclass(slots=True)
class Shell:
    """One shell. ``folders`` are those that it may be in, the likeliest first.

    ``params`` are ``$1`` and on; where they are not ``exact``, any of them may not be there, and
    the last may be any number of them. ``careful`` says that it
    ends with the first command that fails.

    ``sourced`` says that it ran code that nobody saw, so that any name may be set.
    """

    folders: tuple[Text, ...]
    home: Text
    params: tuple[Text, ...] = ()
    exact: bool = True
    variables: dict[str, tuple[Text, ...]] = field(default_factory=dict)
    functions: dict[str, tuple[Node, ...]] = field(default_factory=dict)
    aliases: dict[str, Text] = field(default_factory=dict)
    stack: tuple[tuple[Text, ...], ...] = ()
    sourced: bool = False
    careful: bool = False

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
            return self.folders
        if name == "TMPDIR":
            return (Text.of("/tmp"),)  # noqa: S108  # what the name says, no file of ours
        if name in ("SHELL", "BASH"):
            return (Text.of("/bin/bash"),)
        if name == "PPID":
            return (Text.of("⟨codex⟩"),)  # what has started the command
        if name in _NUMBERS:
            return (Text.of(Hole.NAME),)
        if name in ("@", "*"):
            return self.params
        if name.isdigit() and name != "0":
            place = int(name) - 1
            if self.exact:
                return self.params[place : place + 1] or (EMPTY,)
            return (*self.params[place:], *self.params[-1:], EMPTY)
        return (ANYTHING,) if self.sourced and name.isidentifier() else (AMBIENT,)

    @contextmanager
    def perhaps(self) -> Iterator[None]:
        """Within this, what happens may not happen: afterwards both is possible."""
        before = self.copy()
        yield
        for name in self.variables.keys() | before.variables.keys():
            self.assign(name, (*before.values(name), *self.values(name)))
        for name, bodies in before.functions.items():
            self.functions[name] = tuple(dict.fromkeys((*bodies, *self.functions[name])))
        self._be_in((*self.folders, *before.folders))
        if self.params != before.params:
            self.params, self.exact = (*before.params, *self.params), False

    def set_params(self, params: Sequence[Text]) -> None:
        """Set ``$1`` and on."""
        self.params = tuple(params)
        # One that may be empty may not be there, and then those after it come earlier.
        self.exact = all(each.literal for each in params)

    def shift(self) -> None:
        """Take the first of the parameters away."""
        if self.exact:
            self.params = self.params[1:]

    @property
    def separators(self) -> str | None:
        """The characters at which unquoted values are split; None where nobody knows them."""
        if "IFS" not in self.variables:
            return " \t\n"
        known = {value.literal for value in self.variables["IFS"]}
        return known.pop() if len(known) == 1 else None

    def split(self, value: Text) -> list[Text]:
        """Return the words that an unquoted ``value`` becomes."""
        if self.separators is None:
            return [ANYTHING]
        return value.split(self.separators)

    def assign(self, name: str, values: tuple[Text, ...], *, adds: bool = False) -> None:
        """Set ``name``; where it ``adds``, the old values stay possible."""
        if adds:
            values = (*self.values(name), *values)
        values = tuple(dict.fromkeys(values))
        self.variables[name] = values if len(values) <= MAX_VALUES else (ANYTHING,)

    @property
    def cwd(self) -> Text:
        """The folder that it is in, unknown where there are several."""
        return self.folders[0] if len(self.folders) == 1 else ANYTHING

    def change_folder(self, to: Text) -> None:
        """Go ``to`` a folder."""
        self.variables["OLDPWD"] = self.folders
        self._be_in(resolve(to, folder) for folder in self.folders)

    def may_be_in(self, folders: tuple[Text, ...]) -> None:
        """Be in one of these ``folders`` as well: that the last change failed is possible."""
        if not self.careful:
            self._be_in((*self.folders, *folders))

    def _be_in(self, folders: Iterable[Text]) -> None:
        different = tuple(dict.fromkeys(folders))
        self.folders = different if len(different) <= MAX_FOLDERS else (ANYTHING,)
