"""Builtins that change the shell they run in: folder, variables, parameters, aliases."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, has_flag, option_values
from ._printed import printed
from ._text import ANYTHING, EMPTY, Text, basename

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._shell import Shell

_DECLARING: Final = ("export", "declare", "local", "readonly", "typeset")


def change_shell(
    words: Sequence[Text],
    shell: Shell,
    stdin: Text | None,
    env: Sequence[tuple[str, Text]] = (),
) -> None:
    """Carry out what the builtin with these ``words`` does to ``shell``; others do nothing.

    ``env`` is what is set for the builtin alone.
    """
    name = basename(words[0]).literal
    arguments = words[1:]
    if name in ("cd", "pushd", "chdir"):
        shell.stack = (*shell.stack, shell.folders) if name == "pushd" else shell.stack
        _cd(after_options(arguments, values=""), shell)
    elif name == "popd":
        *rest, shell.folders = shell.stack or ((ANYTHING,),)
        shell.stack = tuple(rest)
    elif name in ("read", "mapfile", "readarray", "getopts"):
        _read(name, arguments, shell, stdin, dict(env).get("IFS"))
    elif name == "printf":
        for variable in option_values(arguments, "-v"):
            said = [words[0], *after_options(arguments, values="-v")]
            shell.assign(str(variable), (printed(said, None, shell.cwd),))
    elif name == "set":
        shell.careful = (
            shell.careful or has_flag(arguments, "-e") or "errexit" in map(str, arguments)
        )
        place = next((n for n, word in enumerate(arguments) if word.literal == "--"), None)
        if place is not None:
            shell.set_params(arguments[place + 1 :])
        elif arguments and arguments[0].head[:1] not in ("-", "+"):
            shell.set_params(arguments)
    elif name == "shift":
        shell.shift()
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
    if given[0].literal == "-":
        (to, *more) = shell.values("OLDPWD")
        shell.change_folder(ANYTHING if more else to)
    else:
        shell.change_folder(given[0])


def _read(
    name: str, arguments: Sequence[Text], shell: Shell, stdin: Text | None, ifs: Text | None
) -> None:
    separators = shell.separators if ifs is None else ifs.literal
    values = "-a -d -i -n -N -p -t -u" if name == "read" else "-d -n -O -s -u -C -c"
    names = [*after_options(arguments, values=values), *option_values(arguments, "-a")]
    names = names or [Text.of("MAPFILE" if name != "read" else "REPLY")]
    if stdin is None:
        rows = [[ANYTHING] * len(names)]
    elif name != "read" or option_values(arguments, "-a"):
        rows = [[piece] for line in stdin.split("\n") for piece in (line, *shell.split(line))]
    else:
        lines = stdin.split("\n") or [EMPTY]
        if not has_flag(arguments, "-r"):
            lines += [line.map(lambda part: part.replace("\\", "")) for line in lines]
        rows = [row for line in lines for row in _fields(line, len(names), separators)]
    for place, variable in enumerate(names):
        found = [row[place] for row in rows if place < len(row)] or [EMPTY]
        shell.assign(str(variable), tuple(dict.fromkeys(found)))


def _fields(line: Text, count: int, separators: str | None) -> list[list[Text]]:
    """Return rows of what ``read`` may put into ``count`` variables, the rest into the last."""
    if count == 1:
        return [[line.map(lambda part: part.strip(" \t"))]]
    if separators is None or separators.strip(" \t\n"):
        return [[ANYTHING] * count]
    if line.literal is None:
        return [[each] * count for each in (line, *line.split(" \t"), EMPTY)]
    fields = [Text.of(field) for field in line.literal.split(maxsplit=count - 1)]
    return [fields + [EMPTY] * (count - len(fields))]
