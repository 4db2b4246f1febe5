"""Builtins that change the shell they run in: folder, variables, parameters, aliases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, option_values
from ._printed import printed
from ._text import ANYTHING, Text, basename

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._shell import Shell

_DECLARING: Final = ("export", "declare", "local", "readonly", "typeset")


def change_shell(words: Sequence[Text], shell: Shell, stdin: Text | None) -> None:
    """Carry out what the builtin with these ``words`` does to ``shell``; others do nothing."""
    name = basename(words[0]).literal
    arguments = words[1:]
    if name in ("cd", "pushd", "chdir"):
        _cd(after_options(arguments, values=""), shell)
    elif name == "popd":
        shell.change_folder(ANYTHING)
    elif name in ("read", "mapfile", "readarray", "getopts"):
        _read(name, arguments, shell, stdin)
    elif name == "printf":
        for variable in option_values(arguments, "-v"):
            rest = [words[0], *after_options(arguments, values="-v")]
            shell.assign(str(variable), (printed(rest, None, shell.cwd),))
    elif name == "set":
        place = next((n for n, word in enumerate(arguments) if word.literal == "--"), None)
        if place is not None:
            shell.params = tuple(arguments[place + 1 :])
        elif arguments and arguments[0].head[:1] not in ("-", "+"):
            shell.params = tuple(arguments)
    elif name == "shift" and shell.params:
        # In a loop it is not known how often: every parameter may be the first.
        shell.params = (ANYTHING,) if shell.branching else shell.params[1:]
    elif name == "alias":
        for alias in arguments:
            key, sign, _ = alias.head.partition("=")
            if sign:
                shell.aliases[key] = alias.drop(len(key) + 1)
    elif name in _DECLARING:
        for word in arguments:
            if found := re.match(r"(\w+)\+?=", word.head):
                shell.assign(found[1], (word.drop(found.end()),))


def _cd(given: Sequence[Text], shell: Shell) -> None:
    if not given:
        shell.change_folder(shell.home)
        return
    to = given[0]
    if to.literal == "-":
        (to, *more) = shell.values("OLDPWD")
        to = ANYTHING if more else to
    shell.change_folder(ANYTHING if shell.branching and to.literal == ".." else to)


def _read(name: str, arguments: Sequence[Text], shell: Shell, stdin: Text | None) -> None:
    values = "-a -d -i -n -N -p -t -u -O -s -c -C"
    names = [*after_options(arguments, values=values), *option_values(arguments, "-a")]
    if stdin is None:
        lines: tuple[Text, ...] = (ANYTHING,)
    else:
        # A line goes into one variable, or word by word into several.
        lines = tuple(stdin.split("\n") if len(names) <= 1 else stdin.split(" \t\n"))
    for variable in names or [Text.of("MAPFILE" if name != "read" else "REPLY")]:
        shell.assign(str(variable), lines or (ANYTHING,))
