"""Code of other languages on a command line: what can be seen of it without running it.

``python -c``, ``perl -e``, ``awk '…'`` and their like are read for their string literals, which
are taken for the files that they touch, and for calls that start programs or remove files. Code
that builds its strings out of something else, and hands them to such a call, is unreadable.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, option_values
from ._escapes import ansi
from ._find import glob_of
from ._grammar import Unreadable
from ._inner import Code, Inner, Run
from ._text import ANYTHING, EMPTY, Text, basename

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

_BY_OPTION: Final = {
    "python": ("-c",),
    "pypy": ("-c",),
    "perl": ("-e", "-E"),
    "ruby": ("-e",),
    "node": ("-e", "-p", "-pe", "--eval", "--print"),
    "nodejs": ("-e", "-p", "--eval", "--print"),
    "bun": ("-e", "--eval"),
    "deno": (),
    "php": ("-r",),
    "lua": ("-e",),
    "osascript": ("-e",),
    "Rscript": ("-e",),
    "julia": ("-e",),
    "tclsh": (),
    "expect": ("-c",),
}
_AWKS: Final = ("awk", "gawk", "mawk", "nawk")

# What such code calls the home.
_HOME: Final = re.compile(
    r"""Path\.home\(\)|(?:os\.)?homedir\(\)|Dir\.home|process\.env\.HOME
    |(?:os\.environ|ENV|process\.env)\[\s*['"]HOME['"]\s*\]|\$ENV\{['"]?HOME['"]?\}
    |(?:os\.)?(?:getenv|environ\.get)\(\s*['"]HOME['"]\s*\)""",
    re.VERBOSE,
)
_STRING: Final = re.compile(
    r"'''(?P<a>.*?)'''|\"\"\"(?P<b>.*?)\"\"\""
    r"|'(?P<c>(?:[^'\\\n]|\\.)*)'|\"(?P<d>(?:[^\"\\\n]|\\.)*)\"|`(?P<e>(?:[^`\\]|\\.)*)`"
    r"|(?:\bq[qwx]?\s*|%[qQwWx]?)(?:\{(?P<f>[^}]*)\}|\((?P<g>[^)]*)\)|/(?P<h>[^/]*)/|\[(?P<i>[^]]*)\])",
    re.DOTALL,
)
_GLUE: Final = re.compile(r"[\s+.]*")
_LIST_GLUE: Final = re.compile(r"[\s,]*")
_PATH_GLUE: Final = re.compile(r"[\s,/]*(?:Path\()?[\s/,]*")
_STARTS: Final = re.compile(
    r"\b(?:system|popen\d?|spawn\w*|exec[lv]?p?e?|execSync|execFile\w*|spawnSync|check_output"
    r"|check_call|getoutput|getstatusoutput|Popen|call|shell_exec|passthru|proc_open|qx|do\s+shell"
    r"|subprocess|pty|child_process|getline|os\.execute|shell-command|call-process)\b|`|%x|\|\s*[\"']"
)
_GIVEN_TO_SHELL: Final = re.compile(
    r"\b(?:system|popen|getoutput|getstatusoutput|execSync|shell_exec|passthru)\s*\(?\s*\Z"
)
_REMOVES: Final = re.compile(
    r"\b(?:rmtree|remove_tree|unlink\w*|rmdir\w*|removedirs|remove|rmSync|rm_rf?|rm_f|rimraf"
    r"|FileUtils|delete|truncate|file_delete)\b|(?<![\w.-])rm\("
)
_BUILDS: Final = re.compile(
    r"\b(?:[ab]\d\ddecode|fromhex|unhexlify|atob|rot_?13|fromCharCode|unpack|hex2bin"
    r"|str_rot13)\b|\.join\(\s*[\[(]\s*['\"]|\bchr\s*\(|\[::-1\]|,\s*['\"](?:base64|hex)['\"]\s*\)"
)
_RUNS_TEXT: Final = re.compile(
    r"(?<![\w.])(?:eval|compile|execfile|marshal|pickle|instance_eval|new Function)\s*[(\"'$]"
    r"|\bgetattr\s*\(\s*(?:os|subprocess|builtins|__)|__builtins__"
)
_EXEC: Final = re.compile(r"(?<![\w.])exec\s*\(")
_EVAL: Final = re.compile(r"\beval\s*[\w$\"'(@<;]")  # a block after it is not made of text
_FETCHES: Final = re.compile(
    r"\b(?:urlopen|urlretrieve|requests\s*\.\s*\w+|httpx\s*\.\s*\w+|fetch|LWP|HTTP::\w+|open-uri"
    r"|URI\.open|Net::HTTP|https?\.get|axios)\b"
)
_TOUCHES: Final = re.compile(
    r"\b(?:open|read_text|read_bytes|write_text|readFile\w*|writeFile\w*|file_get_contents|slurp"
    r"|File|Path)\b"
)
_SED_FILE: Final = re.compile(r"(?:^|[;{}\n\d$/!])\s*[rRwW]\s*([^\s;}]+)|/[gpiI\d]*w\s+([^\s;}]+)")
_SED_RUNS: Final = re.compile(r"(?:^|[;{}\n\d$])\s*e\b\s*(.*)|(?<=/)[gpiI\d]*e[gpiI\d]*\s*(?:$|;)")


def is_interpreter(name: str) -> bool:
    """Whether the program with that name runs code of a language that is no shell's."""
    return name in _AWKS or re.sub(r"[\d.]+$", "", name) in _BY_OPTION


def foreign_code(
    words: Sequence[Text], stdin: Text | None, streams: Mapping[str, Text]
) -> Text | None:
    """Return the code that an interpreter with these ``words`` runs; None where it runs a file.

    The code may come by an option, as an argument, on ``stdin``, or from one of the ``streams``.
    """
    name = basename(words[0]).literal or ""
    arguments = words[1:]
    if name in _AWKS:
        if option_values(arguments, "-f", "--file"):
            return None
        program = after_options(arguments, values="-F -v --assign --field-separator")
        return program[0] if program else EMPTY
    name = re.sub(r"[\d.]+$", "", name)
    if name not in _BY_OPTION:
        return None
    if name == "deno" and arguments and arguments[0].literal == "eval":
        return Text.join(arguments[1:], " ")
    for place, word in enumerate(arguments):
        option = word.literal or ""
        if option in _BY_OPTION[name] or (
            name in ("perl", "ruby", "python")
            and re.fullmatch(r"-[a-zA-Z]*[eEc]", option)
            and option[:2] + option[-1] != "--"
            and f"-{option[-1]}" in _BY_OPTION[name]
        ):
            return arguments[place + 1] if place + 1 < len(arguments) else EMPTY
        for flag in _BY_OPTION[name]:
            if (
                word.head.startswith(flag)
                and len(flag) == 2
                and word.head != flag
                and name != "node"
            ):
                return word.drop(2)
        if word.head[:1] != "-" or option == "-":
            return stdin if option in ("-", "/dev/stdin") else streams.get(option)
        if name == "python" and option == "-m":
            return None
    return stdin


def scripts_of(words: Sequence[Text]) -> Iterator[Text]:
    """Return the files that an interpreter may run: its script, and what its options name."""
    for place, word in enumerate(words[1:]):
        option = words[place].head
        yield Text.of(word, ".py") if option == "-m" else word
        if word.head[:1] != "-" and not (option[:1] == "-" and len(option) == 2):
            return


def read_foreign(name: str, code: Text, home: Text) -> Iterator[Inner]:
    """Return what ``code`` does as commands; raises `Unreadable`."""
    if code.is_open:
        raise Unreadable(f"the code of {name} is worked out by the command itself")
    text = _HOME.sub(lambda _: f"'{home}'", str(code))
    starts = _STARTS.search(text) is not None
    if _RUNS_TEXT.search(text) or (name.startswith("py") and _EXEC.search(text)):
        raise Unreadable(f"the code of {name} runs code that it makes")
    if name in ("perl", "ruby") and _EVAL.search(text):
        raise Unreadable(f"the code of {name} runs code that it makes")
    if _FETCHES.search(text) and (starts or "eval" in text):
        raise Unreadable(f"the code of {name} may run what it fetches")
    if _BUILDS.search(text) and (starts or _TOUCHES.search(text)):
        raise Unreadable(f"the code of {name} builds what it uses out of something else")
    literals = list(_literals(text))
    if literals:
        files = tuple(_file(literal, home) for literal in dict.fromkeys(literals))
        yield Run((Text.of("open"), *files), f"code of {name}")
        if _REMOVES.search(text):
            yield Run((Text.of("rm"), Text.of("-r"), *files), f"code of {name}")
    if starts:
        for command, surely in dict.fromkeys(_commands(text)):
            yield Code(Text.of(command), f"code of {name}", guessed=not surely)


def read_sed(arguments: Sequence[Text]) -> Iterator[Inner]:
    """Return what the scripts of sed read, write and run."""
    scripts = (
        option_values(arguments, "-e", "--expression")
        or after_options(arguments, values="-f --file -l")[:1]
    )
    for script in scripts:
        text = str(script)
        for found in _SED_FILE.finditer(text):
            yield Run((Text.of("open"), Text.of(found[1] or found[2])), "script of sed")
        if runs := _SED_RUNS.search(text):
            command = runs[1]
            yield Code(Text.of(command) if command else ANYTHING, "script of sed")


def _file(literal: str, home: Text) -> Text:
    """Return a string literal as a file; most code that has a ``~`` in one has it expanded."""
    if literal == "~" or literal.startswith("~/"):
        return Text.of(home, glob_of(Text.of(literal[1:])))
    return glob_of(Text.of(literal))


def _literals(text: str) -> Iterator[str]:
    """Return the string literals of ``text``, and neighbours joined as ``+`` or a path would."""
    joined = path = ""
    end = path_end = -1
    for found, value in _strings(text):
        yield value
        joined = joined + value if end >= 0 and _is(_GLUE, text[end : found.start()]) else value
        path = (
            f"{path}/{value}"
            if path_end >= 0 and _is(_PATH_GLUE, text[path_end : found.start()])
            else value
        )
        yield joined
        yield path
        end = path_end = found.end()


def _commands(text: str) -> Iterator[tuple[str, bool]]:
    """Return what may be run as a command, and whether it surely is.

    That is each literal, and the neighbours in a list joined.
    """
    words: list[str] = []
    end = -1
    for found, value in _strings(text):
        yield value, _GIVEN_TO_SHELL.search(text, 0, found.start()) is not None
        if end < 0 or not _is(_LIST_GLUE, text[end : found.start()]):
            words = []
        words.append(value)
        if len(words) > 1:
            yield " ".join(words), False
        end = found.end()


def _strings(text: str) -> Iterator[tuple[re.Match[str], str]]:
    for found in _STRING.finditer(text):
        value = next((group for group in found.groups() if group is not None), "")
        yield found, ansi(value) if "\\" in value else value


def _is(glue: re.Pattern[str], between: str) -> bool:
    return glue.fullmatch(between) is not None
