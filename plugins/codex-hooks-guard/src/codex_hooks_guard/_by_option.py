"""Commands that options and settings of everyday programs carry."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, option_values
from ._inner import Code, Inner, Run
from ._programs import GLOBAL_VALUES
from ._text import EMPTY, Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_GIT_RUNS: Final = re.compile(
    r"pager|editor|sshcommand|fsmonitor|textconv|hook|helper|cmd", re.IGNORECASE
)
_GIT_CODE: Final = {
    "rebase": ("-x", "--exec"),
    "difftool": ("-x", "--extcmd"),
    "grep": ("-O", "--open-files-in-pager"),
    "clone": ("-u", "--upload-pack"),
    "fetch": ("--upload-pack",),
    "pull": ("--upload-pack",),
    "push": ("--receive-pack", "--exec"),
    "ls-remote": ("--upload-pack", "--exec"),
    "filter-branch": ("--tree-filter", "--index-filter", "--msg-filter", "--env-filter"),
}
_CODE_OPTIONS: Final = {
    "rsync": ("-e", "--rsh", "--rsync-path"),
    "scp": ("-S",),
    "sftp": ("-S",),
    "man": ("-P", "--pager", "-H", "--html"),
    "zip": ("-TT", "--unzip-command"),
    "sort": ("--compress-program",),
}
_CMAKE_TOOLS: Final = {
    "remove": "rm",
    "remove_directory": "rm",
    "copy": "cp",
    "copy_directory": "cp",
    "rename": "mv",
}
_TAR_RUNS: Final = (
    "--checkpoint-action",
    "--to-command",
    "-I",
    "--use-compress-program",
    "--rsh-command",
)


def run_by_option(name: str, arguments: Sequence[Text]) -> Iterator[Inner]:
    """Return the commands that options of everyday programs carry."""
    if name == "git":
        yield from _git(arguments)
    elif name in ("npx", "npm"):
        for command in option_values(arguments, "-c", "--call"):
            yield Code(command, f"{name} -c")
    elif name == "tar":
        for action in option_values(arguments, *_TAR_RUNS):
            yield Code(action.drop(5 * action.head.startswith("exec=")), "tar's option")
    elif name == "cmake":
        for place, word in enumerate(arguments[:-1]):
            if word.literal == "-E":
                tool = arguments[place + 1]
                known = Text.of(_CMAKE_TOOLS.get(tool.literal or "", tool))
                yield Run((known, *arguments[place + 2 :]), "cmake -E")
    elif name in _CODE_OPTIONS:
        for command in option_values(arguments, *_CODE_OPTIONS[name]):
            yield Code(command, f"{name}'s option", guessed=True)
    if name in ("ssh", "scp", "sftp", "rsync"):
        for setting in option_values(arguments, "-o", "-e", "--rsh"):
            if found := re.match(r"(?:Proxy|Local)Command[= ]", setting.head, re.IGNORECASE):
                yield Code(setting.drop(found.end()), f"{name}'s option")
    elif name in ("vim", "vi", "nvim", "ex", "view"):
        for each in (*option_values(arguments, "-c", "--cmd"), *arguments):
            if found := re.match(r"\+?:?!", each.head):
                yield Code(each.drop(found.end()), f"{name} -c")


def _git(arguments: Sequence[Text]) -> Iterator[Inner]:
    """Return what git is told to run: by settings, by options, and by its subcommands."""
    subcommand, *rest = after_options(arguments, values=GLOBAL_VALUES["git"]) or [EMPTY]
    settings = [(each.head.partition("=")[0], each) for each in option_values(arguments, "-c")]
    given = [(key, each.drop(len(key) + 1)) for key, each in settings]
    if subcommand.literal == "config" and len(rest) > 1:
        given.append((rest[-2].head, rest[-1]))
    for key, value in given:
        if value.head.startswith("!"):
            yield Code(value.drop(1), "git's setting", guessed=True)
        elif key.startswith("alias."):
            yield Code(Text.of("git ", value), "git's setting", guessed=True)
        elif _GIT_RUNS.search(key):
            yield Code(value, "git's setting", guessed=True)
    for command in option_values(arguments, *_GIT_CODE.get(subcommand.literal or "", ())):
        yield Code(command, f"git {subcommand}", guessed=True)
    if subcommand.literal == "submodule" and rest and rest[0].literal == "foreach":
        yield Code(Text.join(rest[1:], " "), "git submodule foreach", guessed=True)
    elif subcommand.literal == "bisect" and rest and rest[0].literal == "run":
        yield Run(tuple(arguments[arguments.index(rest[0]) + 1 :]), "git bisect run")
