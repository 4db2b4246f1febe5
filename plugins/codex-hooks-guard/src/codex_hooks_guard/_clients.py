"""Programs with a command language of their own: transfers, editors, databases, debuggers.

Their commands come by options, as arguments, from a file or as input. Of these commands it is
read which of them run a shell, and which name files of this machine; the rest is their own.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, option_values
from ._inline import read_foreign
from ._inner import Code, Inner, Run
from ._text import EMPTY, Hole, Text, basename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

_FLAGS: Final = re.MULTILINE | re.IGNORECASE


def _patterns(*sources: str) -> tuple[re.Pattern[str], ...]:
    return tuple(re.compile(source, _FLAGS) for source in sources)


@dataclass(frozen=True, slots=True)
class _Language:
    """What matters in a program's commands, each as the one group of a pattern.

    ``runs`` finds shell code, ``touches`` a file, ``embeds`` code of another language; where all
    of the commands are such code, ``is_code`` is set.
    """

    runs: tuple[re.Pattern[str], ...] = ()
    touches: tuple[re.Pattern[str], ...] = ()
    embeds: tuple[re.Pattern[str], ...] = ()
    is_code: bool = False


@dataclass(frozen=True, slots=True)
class _Client:
    """How a program is given commands besides its input.

    ``options`` take commands, ``files`` take a file with commands; where ``arguments`` is set, all
    arguments but the first are commands.
    """

    language: _Language
    options: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    arguments: bool = False


_EDITOR: Final = _Language(
    runs=_patterns(r"^[\s:%\d,.$'/]*(?:(?:sil\w*!?|r\w*|w\w*)\s+)*!+(.+)$"),
    touches=_patterns(
        r"^[\s:%\d,.$]*(?:r|re|read|e|ed|edit|w|wq|write|x|sav\w*|so|source|tabe\w*|vs\w*|sp\w*)"
        r"!?\s+(?:>>\s*)?([^!\s]\S*)"
    ),
    embeds=_patterns(r"^[\s:]*(?:sil\w*!?\s+)*(?:call|echo|exe\w*|lua|py\w*|perl|ruby)\b(.+)$"),
)
_DATABASE: Final = _Language(
    runs=_patterns(
        r"\\!\s*(.+)$",
        r"^\s*(?:system|\.shell|\.system)\s+(.+)$",
        r"\\(?:o|out|g|gx|w|write|watch)\s*\|\s*(.+)$",
        r"^\s*\.(?:read|import|output|once)\s+[\"']?\|\s*([^\"'\n]+)",
        r"\b(?:from|to)\s+program\s+'([^']*)'",
    ),
    touches=_patterns(
        r"\\(?:i|ir|include\w*|o|out|w|write|g|lo_import|\.)\s+([^\s;|]+)",
        r"\\copy\b.*?\b(?:from|to)\s+([^\s;]+)",
        r"^\s*source\s+([^\s;]+)",
        r"^\s*\.(?:read|import|output|once|open|save|backup|restore|log|load)\s+(?:-\S+\s+)*(\S+)",
        r"\b(?:infile|outfile|dumpfile|from|to)\s+'([^']+)'",
        r"\b(?:load_file|readfile\w*|writefile\w*|pg_read\w*|read_\w+|lo_import)\s*\("
        r"\s*[\"']([^\"']+)",
    ),
)
_ESCAPES: Final = _Language(
    runs=_patterns(r"^\s*:?(?:!|(?:platform\s+)?shell\b)\s*(.+)$"),
    embeds=_patterns(r"^\s*(?:python|py|script)\b(.+)$"),
)
_CODE: Final = _Language(runs=_ESCAPES.runs, is_code=True)
_TCL: Final = _Language(runs=_patterns(r"(?:^|[;{\[\s])(?:exec|spawn|system)\s+(.+)$"))
_MACROS: Final = _Language(
    runs=_patterns(r"\be?syscmd\(\s*[`']?([^)'\n]*)"),
    touches=_patterns(r"\bs?include\(\s*[`']?([^)'\n]*)"),
)
_RECIPES: Final = _Language(runs=_patterns(r"(?:^\t|;)\s*[@+-]*(.+)$", r"\$\(shell\s+([^)\n]*)\)"))
_TRANSFER: Final = _Language()

_CLIENTS: Final = {
    "sftp": _Client(_TRANSFER, files=("-b",)),
    "ftp": _Client(_TRANSFER),
    "tftp": _Client(_TRANSFER, ("-c",)),
    "lftp": _Client(_TRANSFER, ("-c", "-e"), files=("-f",)),
    "smbclient": _Client(_TRANSFER, ("-c", "--command")),
    **dict.fromkeys(("ed", "red"), _Client(_EDITOR)),
    **dict.fromkeys(
        ("ex", "vi", "vim", "nvim", "view"), _Client(_EDITOR, ("-c", "--cmd"), files=("-S",))
    ),
    **dict.fromkeys(("mysql", "mariadb"), _Client(_DATABASE, ("-e", "--execute"))),
    "psql": _Client(_DATABASE, ("-c", "--command"), files=("-f", "--file")),
    "sqlite3": _Client(_DATABASE, ("-cmd",), files=("-init",), arguments=True),
    "duckdb": _Client(_DATABASE, ("-c", "-s", "-cmd"), arguments=True),
    **dict.fromkeys(("mongosh", "mongo"), _Client(_DATABASE, ("--eval",))),
    "gdb": _Client(_ESCAPES, ("-ex", "-iex", "--eval-command"), files=("-x",)),
    "lldb": _Client(_ESCAPES, ("-o", "-O", "--one-line"), files=("-s",)),
    "ghci": _Client(_ESCAPES, ("-e",)),
    "bc": _Client(_ESCAPES),
    **dict.fromkeys(
        ("R", "octave", "irb", "ipython", "jshell", "gnuplot", "emacs", "emacsclient"),
        _Client(_CODE, ("-e", "-c", "--eval", "-eval", "--execute")),
    ),
    **dict.fromkeys(("tclsh", "expect"), _Client(_TCL, ("-c",))),
    "m4": _Client(_MACROS),
    "make": _Client(_RECIPES, ("--eval",), files=("-f", "--file", "--makefile")),
}
# Lines that an editor's script puts into the file are no commands.
_INSERTED: Final = re.compile(r"^[\d,$./]*[aic]\n.*?^\.$", re.MULTILINE | re.DOTALL)

_SENDS: Final = ("put", "mput", "reput", "send", "append")
_FETCHES: Final = ("get", "mget", "reget", "recv", "pget")
_REMOTE: Final = Text.of("remote:")


def read_client(
    words: Sequence[Text],
    stdin: Text | None,
    content_of: Callable[[Text], Text | None],
    home: Text,
) -> Iterator[Inner]:
    """Return what the commands that a client with these ``words`` is given do here.

    ``content_of`` tells what is in a file. Raises `Unreadable`.
    """
    name = basename(words[0]).literal or ""
    client = _CLIENTS.get(name)
    if client is None:
        return
    for text in _commands_for(client, words[1:], stdin, content_of):
        if Hole.DOWNLOAD in text.parts and client.language not in (_DATABASE, _TRANSFER):
            yield Code(text, f"commands of {name}")
        if not any(isinstance(part, str) for part in text.parts):
            continue  # a dump, or what another program made: the client's own business
        if client.language is _TRANSFER:
            yield from _read_transfer(name, text)
            continue
        if client.language.is_code and not text.is_open:
            yield from read_foreign(name, text, home)
        code = _INSERTED.sub("", str(text)) if client.language is _EDITOR else str(text)
        yield from _read_lines(name, client.language, code, home)


def _commands_for(
    client: _Client,
    arguments: Sequence[Text],
    stdin: Text | None,
    content_of: Callable[[Text], Text | None],
) -> Iterator[Text]:
    yield from option_values(arguments, *client.options)
    if client.arguments:
        yield from after_options(arguments, values="-cmd -init -c -s")[1:]
    if client.language is _EDITOR:
        yield from (word.drop(1) for word in arguments if word.head[:1] == "+")
    for file in option_values(arguments, *client.files):
        yield content_of(file) or EMPTY
    if client.language is not _RECIPES:
        yield stdin or EMPTY


def _read_lines(name: str, language: _Language, code: str, home: Text) -> Iterator[Inner]:
    for found in _found(language.runs, code):
        yield Code(Text.of(found), f"command of {name}", guessed=True)
    files = [_file(found.strip("\"'"), home) for found in _found(language.touches, code)]
    if files:
        yield Run((Text.of("open"), *files), f"command of {name}")
    for found in _found(language.embeds, code):
        yield from read_foreign(name, Text.of(found), home)


def _found(patterns: Iterable[re.Pattern[str]], code: str) -> Iterator[str]:
    return (found[1] for pattern in patterns for found in pattern.finditer(code))


def _file(name: str, home: Text) -> Text:
    return Text.of(home, name[1:]) if name.startswith("~/") else Text.of(name)


def _read_transfer(name: str, text: Text) -> Iterator[Inner]:
    """Return what the commands of a file transfer do, as copies from and to another machine."""
    via = f"command of {name}"
    folder: Text | None = None
    for statement in text.split("\n;&"):
        if statement.head.lstrip().startswith("!"):
            yield Code(statement.map(lambda part: part.lstrip(" \t!")), via, guessed=True)
            continue
        verb, *rest = [_plain(word) for word in statement.split(" \t")] or [EMPTY]
        files = [word for word in rest if word.head[:1] != "-"]
        sends = any(word.head in ("-R", "--reverse") for word in rest)
        if verb.literal == "lcd" and files:
            folder = files[0]
        elif verb.literal in _SENDS or (verb.literal == "mirror" and sends):
            sources = files if verb.literal == "mput" else files[:1]
            yield Run((Text.of("scp"), Text.of("-r"), *sources, _REMOTE), via, folder=folder)
        elif verb.literal in (*_FETCHES, "mirror") and files:
            here = files[1] if len(files) > 1 else basename(files[0])
            yield Run((Text.of("scp"), Text.of("-r"), _REMOTE, here), via, folder=folder)


def _plain(word: Text) -> Text:
    return word.map(lambda part: part.strip("\"'"))
