"""What a command prints, as far as that can be said without running it.

It matters where output becomes code, arguments or a variable. Files that are listed are told from
text that is made up: nobody chose which files there are.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, has_flag, option_values
from ._escapes import ansi
from ._find import glob_of, glob_of_regex, read_find
from ._programs import DOWNLOADERS, SAYS_LITTLE, SETUP_CODE
from ._signals import selects_codex
from ._text import AMBIENT, ANYTHING, EMPTY, LISTING, OPEN, Hole, Text, basename

if TYPE_CHECKING:
    from collections.abc import Sequence

_CONTENT: Final = Text((Hole.CONTENT,))
_DOWNLOAD: Final = Text((Hole.DOWNLOAD,))

_SAME_LINES: Final = frozenset(
    {"head", "tail", "sort", "uniq", "tac", "shuf", "tee", "sponge", "pv", "less", "more"}
)
_GIT_LISTS: Final = frozenset({"ls-files", "ls-tree", "diff", "status", "grep", "show"})
# With one of these a program prints what it is told to print.
_FORMATS: Final = ("-c", "-f", "-o", "--format", "--printf", "--output")


def printed(words: Sequence[Text], stdin: Text | None, cwd: Text) -> Text:
    """Return what the program with these ``words`` prints, given ``stdin``."""
    name = basename(words[0]).literal
    arguments = words[1:]
    if name is None:
        return ANYTHING
    if name in DOWNLOADERS or (stdin is not None and Hole.DOWNLOAD in stdin.parts):
        return _DOWNLOAD
    if name == "echo":
        return _echo(arguments)
    if name == "printf":
        return _printf(arguments)
    if name == "cat" or name in _SAME_LINES:
        files = after_options(arguments, values="-n -c --lines --bytes -k -t")
        if name == "tee" or not files or (len(files) == 1 and files[0].literal == "-"):
            return EMPTY if stdin is None else stdin
        if name == "cat" and len(files) == 1:
            return AMBIENT if files[0].tail.endswith(".pid") else _CONTENT
        return ANYTHING
    if name == "pwd":
        return Text.of(cwd, "\n")
    if name in ("true", "false", ":", "cd", "mkdir", "touch", "rm", "test", "[", "export", "sleep"):
        return EMPTY
    if (
        name in ("grep", "egrep", "fgrep", "rg")
        and stdin is not None
        and not _is_list(name, arguments)
    ):
        return _filtered(arguments, stdin)
    if name in ("which", "whereis", "type") or (name == "command" and has_flag(arguments, "-v")):
        return Text.join(
            [Text.of(Hole.AMBIENT, "/", a) for a in arguments if a.head[:1] != "-"], "\n"
        )
    if name in ("basename", "dirname", "realpath", "readlink"):
        return _part_of_path(name, arguments)
    if name == "mktemp":
        return Text.of("/tmp/tmp.", Hole.NAME)  # noqa: S108  # where it makes files, not ours
    if (listing := listing_of(name, arguments)) is not None:
        return listing
    if name == "date" and (formats := [word for word in arguments if word.head[:1] == "+"]):
        return Text.of(
            *re.sub(r"%[-_0^#]?\w", "\0", str(formats[0].drop(1))).partition("\0")[:1], Hole.AMBIENT
        )
    if name == "git" and [str(word) for word in arguments] == ["rev-parse", "--show-toplevel"]:
        return Text.of(cwd, "\n")  # or a folder above it, of the same repository
    if name in ("pgrep", "pidof"):  # whose ids these are matters to kill
        found = [*arguments, Text.of("codex")] if selects_codex(arguments) else arguments
        return Text.join([Text.of("⟨pid:", word, "⟩") for word in found], "\n")
    subcommand = f"{name} {arguments[0].literal}" if arguments else name
    if name in SETUP_CODE or [str(word) for word in arguments] in (["--version"], ["-V"], ["-v"]):
        return AMBIENT
    if not {name, subcommand}.isdisjoint(SAYS_LITTLE) and not has_flag(arguments, *_FORMATS):
        return AMBIENT
    return ANYTHING


def _echo(arguments: Sequence[Text]) -> Text:
    plain = list(arguments)
    escapes = ending = ""
    while plain and re.fullmatch(r"-[neE]+", plain[0].literal or ""):
        option = plain.pop(0).head
        escapes = "e" if "e" in option else escapes
        ending = "n" if "n" in option else ending
    text = Text.join(plain, " ")
    if not escapes and text.map(ansi) != text:
        return ANYTHING  # some shells' echo takes escapes without being asked
    return Text.of(text.map(ansi) if escapes else text, "" if ending else "\n")


def _printf(arguments: Sequence[Text]) -> Text:
    if arguments and arguments[0].literal == "--":
        arguments = arguments[1:]
    if not arguments or arguments[0].literal is None or arguments[0].literal == "-v":
        return EMPTY if arguments and arguments[0].literal == "-v" else ANYTHING
    pieces = re.split(r"(%(?:%|[-+ 0#]*\d*(?:\.\d+)?[a-zA-Z]))", ansi(arguments[0].literal))
    values = list(arguments[1:])
    printed: list[str | Text] = []
    while True:
        before = len(values)
        for piece in pieces:
            if piece == "%%":
                printed.append("%")
            elif piece[:1] != "%":
                printed.append(piece)
            elif piece in ("%s", "%b", "%q", "%d"):
                value = values.pop(0) if values else EMPTY
                printed.append(value.map(ansi) if piece == "%b" else value)
            else:
                return ANYTHING
        if not values or len(values) == before:
            return Text.of(*printed)


def _filtered(arguments: Sequence[Text], stdin: Text) -> Text:
    """Return the lines of ``stdin`` that a grep lets through.

    Of a listing, the pattern's own letters are kept: ``ls -a | grep env`` names ``.env``.
    """
    patterns = after_options(arguments, values="-e -m -A -B -C") or option_values(arguments, "-e")
    if not OPEN.isdisjoint(stdin.parts):
        return ANYTHING
    if Hole.BELOW not in stdin.parts or not patterns:
        return stdin
    source = patterns[0].literal
    if source is None or has_flag(arguments, "-v"):
        return stdin
    named = [glob_of_regex(Text.of(each)) for each in re.split(r"\\?\|", source)]
    found = [line for line in stdin.split("\n") if Hole.BELOW not in line.parts]
    folders = [line for line in stdin.split("\n") if Hole.BELOW in line.parts]
    found += [Text.of(folder, "/", name) for folder in folders for name in named]
    return Text.join(found, "\n")


def _part_of_path(name: str, arguments: Sequence[Text]) -> Text:
    paths = after_options(arguments, values="-s --suffix")
    if not paths:
        return AMBIENT
    path = paths[0]
    if name == "basename":
        return basename(path)
    if name == "dirname":
        if path.is_weak:
            return Text.of(".")
        last = basename(path)
        if last.literal and "/" in path.tail:
            return path.chop(len(last.literal) + 1)
        if path.literal:
            return Text.of(".")
        return ANYTHING if path.is_open else path
    return path


def _is_list(name: str, arguments: Sequence[Text]) -> bool:
    if name == "rg" and has_flag(arguments, "--files"):
        return True
    return has_flag(arguments, "-l", "-L", "--files-with-matches", "--files-without-match")


def listing_of(name: str, arguments: Sequence[Text]) -> Text | None:
    """Return the names that a listing prints, below the folders that it is given."""
    if name in ("grep", "egrep", "fgrep", "rg", "ag", "ack"):
        if not _is_list(name, arguments):
            return None
        given = after_options(
            arguments, values="-e -f -g -t -T -m --include --exclude --glob --type"
        )
        folders = given if has_flag(arguments, "--files", "-e") else given[1:]
        globs = option_values(arguments, "-g", "--glob", "--iglob")
        named = [Text.of(Hole.BELOW, "/", glob_of(g)) for g in globs if g.head[:1] != "!"]
        if named:
            return Text.join([*folders, *named], "\n")
    elif name in ("fd", "fdfind"):
        given = after_options(arguments, values="-e -E -t -d -g --extension --exclude --type")
        names = [each.map(lambda part: re.sub(r"[\\^$]", "", part)) for each in given[:1]]
        return Text.join(
            [*(Text.of(Hole.BELOW, "/", each) for each in names), *_below(given[1:])], "\n"
        )
    elif name == "find":
        found = read_find(arguments)
        return Text.join(found.files, "\n") if found.prints_names else None
    elif name in ("locate", "mlocate", "plocate", "mdfind"):
        given = after_options(arguments, values="-d -l -n -onlyin --database --limit")
        is_regex = has_flag(arguments, "-r", "--regex", "--regexp")
        named = [glob_of_regex(each) if is_regex else _located(each) for each in given]
        return Text.join([Text.of("/", Hole.BELOW, "/", each) for each in named], "\n")
    elif name == "ls":
        folders = after_options(arguments, values="")
    elif name == "git" and arguments and arguments[0].literal in _GIT_LISTS:
        if arguments[0].literal in ("diff", "show") and not has_flag(arguments, "--name-only"):
            return None
        if arguments[0].literal == "grep" and not has_flag(arguments, "-l", "--files-with-matches"):
            return None
        folders = after_options(arguments[1:], values="")
    else:
        return None
    return Text.join(_below(folders), "\n")


def _located(name: Text) -> Text:
    """Return the names that begin with ``name``; a glob has to be all of one."""
    return glob_of(name) if re.search(r"[*?[]", str(name)) else Text.of(name, Hole.LINE)


def _below(folders: Sequence[Text]) -> list[Text]:
    """Return the folders themselves, which may be files, and what is below them."""
    return [*folders, *(Text.of(folder, "/", Hole.BELOW) for folder in folders)] or [LISTING]
