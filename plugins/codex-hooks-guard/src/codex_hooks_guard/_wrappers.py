"""Programs that run other programs: what a command comes down to when they are taken away."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, has_flag, option_values
from ._by_option import run_by_option
from ._find import put_in, read_find
from ._inner import Code, Inner, Run
from ._pattern import compile_pattern
from ._printed import listing_of
from ._programs import DEVELOPER, NO_FILES, REMOVERS, SHELLS, TAKERS
from ._signals import read_signal
from ._text import ANYTHING, EMPTY, Text, basename
from ._wrapper_table import RUNS_AFTER, WRAPPERS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_TRAPPED_AT_ONCE: Final = ("DEBUG", "ERR", "RETURN")
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_]\w*=")

# What any program that nobody knows is assumed to be able to start.
_STARTED: Final = SHELLS | REMOVERS | frozenset({"eval", "curl", "wget", "git", "dd"})
_KNOWN: Final = NO_FILES | TAKERS | REMOVERS | DEVELOPER | SHELLS


def inner(words: Sequence[Text], stdin: Text | None) -> Iterator[Inner]:
    """Return what the program with these ``words`` runs, as far as its arguments say."""
    name = basename(words[0]).literal
    arguments = words[1:]
    if name is None:
        return
    if name in SHELLS:
        yield from _shell_code(name, arguments)
    elif name == "env":
        yield from _env(arguments)
    elif name in ("eval", "trap", "su", "script", "watch", "ssh", "complete"):
        yield from _code(name, arguments, stdin)
    elif name == "xargs":
        yield from _xargs(arguments, stdin)
    elif name == "find":
        found = read_find(arguments)
        yield from (Run(run, "find -exec") for run in found.runs)
        if found.deletes:
            yield Run((Text.of("rm"), *found.files), "find -delete")
        if found.writes:
            yield Run((Text.of("tee"), *found.writes), "find -fprint")
    elif name in ("fd", "fdfind"):
        yield from _fd(arguments)
    elif name in WRAPPERS:
        yield from _wrapped(name, arguments)
    elif name == "direnv":
        yield Run(tuple(arguments[2:]), "direnv exec")
    elif name == "parallel":
        yield from _parallel(arguments, stdin)
    elif name in RUNS_AFTER and len(arguments) > 1:
        if arguments[0].literal == RUNS_AFTER[name]:
            rest = _past_options(arguments[1:], "-p --python --with --from -n")
            yield Run(tuple(rest), f"{name} {RUNS_AFTER[name]}")
    elif name not in _KNOWN:
        for place, word in enumerate(arguments):
            if basename(word).literal in _STARTED:
                yield Run(tuple(arguments[place:]), f"an argument of {name}")
            elif " " in word.head and _begins_with_a_program(word):
                yield Code(word, f"an argument of {name}", guessed=True)
    yield from run_by_option(name, arguments)
    yield from read_signal(name, arguments)


def _begins_with_a_program(word: Text) -> bool:
    first = next(iter(word.split(" ")), None)
    return first is not None and basename(first).literal in _KNOWN | WRAPPERS.keys()


def names_of(program: Text) -> list[str]:
    """Return the known programs that ``program`` may turn out to be, if it is not clear."""
    if program.is_open:
        return []
    if program.literal is not None:
        name = program.literal.lower()  # some file systems do not tell upper from lower case
        return [name] if program.literal not in _KNOWN and name in _KNOWN else []
    known = sorted(_KNOWN | WRAPPERS.keys() | {"eval", "xargs", "find", "env"})
    return [name for name in known if compile_pattern(name, path=False).may(program)]


def script_of(words: Sequence[Text]) -> Text | None:
    """Return the file that a shell is given as its script; ``-`` and None are its input."""
    rest = _past_options(words[1:], "-o -O +o +O --rcfile --init-file")
    if has_flag(words[1:], "-c") or not rest or has_flag(words[1:], "-s"):
        return None
    return (
        None if rest[0].literal in ("-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0") else rest[0]
    )


def _shell_code(name: str, arguments: Sequence[Text]) -> Iterator[Inner]:
    place = 0
    given = False
    while place < len(arguments) and arguments[place].head[:1] in ("-", "+"):
        option = arguments[place].literal or ""
        given = given or option == "--command" or bool(re.match(r"-\w*c", option))
        place += 1 + (option in ("-o", "-O", "+o", "+O", "--rcfile", "--init-file"))
        if option == "--":
            break
    if given:
        code = arguments[place] if place < len(arguments) else EMPTY
        yield Code(code, f"{name} -c", params=tuple(arguments[place + 2 :]))


def _env(arguments: Sequence[Text]) -> Iterator[Inner]:
    for text in option_values(arguments, "-S", "--split-string"):
        yield Code(text, "env -S")
    folder = next(iter(option_values(arguments, "-C", "--chdir")), None)
    rest = _past_options(arguments, "-u -C -S --unset --chdir --split-string")
    env = []
    while rest and _ASSIGNMENT.match(rest[0].head):
        name = rest[0].head.partition("=")[0]
        env.append((name, rest.pop(0).drop(len(name) + 1)))
    if rest:
        yield Run(tuple(rest), "env", folder=folder, env=tuple(env))


def _code(name: str, arguments: Sequence[Text], stdin: Text | None) -> Iterator[Inner]:
    if name == "eval":
        yield Code(Text.join(arguments, " "), "eval", here=True)
    elif name == "trap":
        rest = after_options(arguments, values="")
        if len(rest) > 1:
            at_once = any(str(signal) in _TRAPPED_AT_ONCE for signal in rest[1:])
            yield Code(rest[0], "trap", here=at_once, later=not at_once)
    elif name == "complete":
        for text in option_values(arguments, "-C"):
            yield Code(text, "complete -C")
    elif name in ("su", "script"):
        for option, text in pairwise(arguments):
            if re.fullmatch(r"-\w*c|--command", str(option)):
                yield Code(text, f"{name} -c")
        for text in option_values(arguments, "--command"):
            yield Code(text, f"{name} -c")
    elif name == "watch":
        rest = _past_options(arguments, "-n -d --interval")
        yield Code(Text.join(rest, " "), "watch")
    else:
        rest = _past_options(arguments, "-i -p -l -o -F -J -L -R -D -W -b -c -e -m -E -S")
        if len(rest) > 1:
            yield Code(Text.join(rest[1:], " "), "ssh")
        elif stdin is not None:
            yield Code(stdin, "input of ssh", guessed=True)


def _xargs(arguments: Sequence[Text], stdin: Text | None) -> Iterator[Inner]:
    values = "-n -P -d -L -s -E -a -I --max-args --max-procs --delimiter --arg-file --replace"
    rest = _past_options(arguments, values)
    marks = option_values(arguments, "-I", "--replace", "-J") or (
        [Text.of("{}")] if has_flag(arguments, "-i") else []
    )
    words = rest or [Text.of("echo")]
    given = [ANYTHING] if stdin is None or option_values(arguments, "-a") else _items(stdin)
    mark = marks[0].literal if marks else None
    if mark:
        for item in given:
            yield Run(tuple(put_in(word, mark, item) for word in words), "xargs")
    else:
        yield Run((*words, *given), "xargs")


def _parallel(arguments: Sequence[Text], stdin: Text | None) -> Iterator[Inner]:
    """Return what parallel runs: its words with each argument, or each argument as code."""
    marks = [place for place, word in enumerate(arguments) if word.head.startswith(":::")]
    end = marks[0] if marks else len(arguments)
    words = _past_options(arguments[:end], "-j -n -N -I -S -a --jobs --arg-file --joblog --colsep")
    given = [word for word in arguments[end:] if not word.head.startswith(":::")]
    if not marks:
        is_open = stdin is None or option_values(arguments, "-a", "--arg-file")
        given = [ANYTHING] if is_open else _lines_of(stdin)
    for item in given:
        filled = [put_in(word, "{}", item) for word in words]
        code = Text.join(filled if filled != words else [*words, item], " ")
        yield Code(code, "parallel", guessed=bool(words))


def _lines_of(stdin: Text | None) -> list[Text]:
    return [] if stdin is None else stdin.split("\n")


def _items(stdin: Text) -> list[Text]:
    # xargs has quotes of its own, and takes them away.
    return [item.map(lambda part: re.sub(r"[\"'\\]", "", part)) for item in stdin.split(" \t\n\0")]


def _fd(arguments: Sequence[Text]) -> Iterator[Inner]:
    for place, word in enumerate(arguments):
        if word.literal in ("-x", "-X", "--exec", "--exec-batch"):
            run = arguments[place + 1 :]
            names = listing_of("fd", arguments[:place]) or ANYTHING
            for file in names.split("\n"):
                filled = [put_in(each, "{}", file) for each in run]
                yield Run((*filled, file) if filled == list(run) else tuple(filled), "fd --exec")


def _wrapped(name: str, arguments: Sequence[Text]) -> Iterator[Inner]:
    wrapper = WRAPPERS[name]
    if name == "command" and has_flag(arguments, "-v", "-V"):
        return
    rest = _past_options(arguments, wrapper.values)
    if name == "flock":
        for text in option_values(arguments, "-c", "--command"):
            yield Code(text, "flock -c")
    env = []
    if name in ("sudo", "doas"):
        while rest and _ASSIGNMENT.match(rest[0].head):
            variable = rest[0].head.partition("=")[0]
            env.append((variable, rest.pop(0).drop(len(variable) + 1)))
    rest = rest[wrapper.skip :]
    folder = next(iter(option_values(arguments, "-D", "--chdir")), None) if name == "sudo" else None
    if rest and rest[0].literal not in ("-c", "--command"):
        yield Run(tuple(rest), name, folder=folder, env=tuple(env))
    elif not rest and name == "sudo" and has_flag(arguments, "-s", "-i"):
        yield Run((Text.of("sh"),), "sudo -s")


def _past_options(words: Sequence[Text], values: str) -> list[Text]:
    """Return the words from the first on that is no option."""
    with_value = values.split()
    place = 0
    while (
        place < len(words) and words[place].head[:1] in ("-", "+") and words[place].literal != "-"
    ):
        if words[place].literal == "--":
            return list(words[place + 1 :])
        place += 1 + (words[place].literal in with_value)
    return list(words[place:])
