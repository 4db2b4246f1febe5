"""Which files a simple command reads, writes and removes, and which hosts it speaks to.

Arguments are taken apart (``--file=x``, ``@x``, ``host:x``, ``-ox``), and every part counts as a
path. A part that may be anything counts as any file for programs whose business are files; to
others it is what the environment would have been.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, has_flag, option_values
from ._paths import resolve
from ._programs import (
    CODE_TAKERS,
    COPIERS,
    EDITORS_IN_PLACE,
    GLOBAL_VALUES,
    HARMLESS_GIT,
    MESSAGES,
    MOVING_OPTIONS,
    NETWORK,
    NO_FILES,
    PATTERN_FIRST,
    READERS,
    REMOVERS,
    TAKERS,
    TREE_READERS,
    UNPACKERS,
)
from ._text import ANYTHING, EMPTY, LISTING, OPEN, Hole, Text, basename
from ._wrapper_table import WRAPPERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._command import Command

_NETWORK_FILE: Final = re.compile(r"/dev/(?:tcp|udp)/([^/]+)")
_ADDRESS: Final = re.compile(
    r"(?P<scheme>\w+://)?(?P<user>[^/@]*@)?(?P<host>\[[^]]*\]|[\w.-]+)(?P<port>:)?(?:/|:|\d|$)"
)
_ALWAYS_DEEP: Final = TREE_READERS | {"rg", "ag", "ack"}
# Words that say which files are not meant.
_LEFT_OUT: Final = re.compile(r"!|--(?:exclude|ignore|exclude-dir|exclude-path)=")
# Settings that make git run a program that nobody asked for.
_RUNS_UNSEEN: Final = re.compile(
    r"core\.(?:fsmonitor (?!true$|false$)|sshcommand )|filter\.|diff\..*\.(?:textconv|command) "
    r"|(?:credential\.helper|alias\.\S+) !",
    re.IGNORECASE,
)
_RCLONE_REMOVES: Final = ("purge", "delete", "deletefile", "rmdir", "rmdirs", "move", "sync")
_MAX_PATH: Final = 4_096  # no system opens a longer one
_COPY_VALUES: Final = "-t --target-directory -S --suffix -m -o -g --mode -e -i -P -F"


@dataclass(frozen=True, slots=True)
class Access:
    """Absolute paths, and hosts; no host at all for a program that needs none."""

    reads: tuple[Text, ...]
    writes: tuple[Text, ...]
    removes: tuple[Text, ...]
    hosts: tuple[Text, ...]


def access_of(command: Command) -> Access:
    """Return what ``command`` touches."""
    reads: list[Text] = []
    writes: list[Text] = []
    removes: list[Text] = []
    if command.words:
        _sort_arguments(command, reads, writes, removes)
    for redirect in command.redirects:
        if "<" in redirect.operator:
            reads.append(redirect.target)
        if ">" in redirect.operator:
            writes.append(redirect.target)

    def absolute(paths: Iterable[Text]) -> tuple[Text, ...]:
        return tuple(
            dict.fromkeys(
                resolve(path, command.cwd) for path in paths if len(str(path)) <= _MAX_PATH
            )
        )

    return Access(absolute(reads), absolute(writes), absolute(removes), tuple(_hosts(command)))


def _sort_arguments(
    command: Command, reads: list[Text], writes: list[Text], removes: list[Text]
) -> None:
    name = command.program.literal or ""
    arguments = command.arguments
    if name not in TAKERS and name not in REMOVERS:
        arguments = tuple(_weakened(word) for word in arguments)
    arguments = tuple(word for word in arguments if not _LEFT_OUT.match(word.head))
    if name == "git":
        subcommand = _subcommand(arguments)
        if subcommand == "grep" and not has_flag(arguments, "-e", "-f"):
            place = next(n for n, word in enumerate(arguments) if word.literal == "grep")
            arguments = (*arguments[:place], *_without_first(arguments[place + 1 :]))
        _sort_git(subcommand, arguments, writes, removes)
        if subcommand in HARMLESS_GIT:
            return
    if name in NO_FILES:
        return
    if name in REMOVERS:
        removes += after_options(arguments, values="")
        return
    if name in PATTERN_FIRST and not has_flag(arguments, *PATTERN_FIRST[name]):
        arguments = _without_first(arguments)
    if name in COPIERS:
        _sort_copy(name, arguments, reads, writes, removes)
        return
    if name in CODE_TAKERS or name in WRAPPERS:
        arguments = tuple(word for word in arguments if not re.search(r"\s", str(word)))
    if name in MESSAGES:
        arguments = _without_messages(arguments, MESSAGES[name].split())
    files = [part for word in arguments for part in parts_of(word)]
    reads += files
    if name in _ALWAYS_DEEP or (name in READERS and has_flag(arguments, "-r", "-R", "--recursive")):
        reads += [Text.of(file, "/", Hole.BELOW) for file in files]
    if name in ("docker", "podman"):
        reads += [Text.of(folder, "/", Hole.BELOW) for folder in _mounted(arguments)]
    if name in UNPACKERS:
        folders = option_values(arguments, *UNPACKERS[name])
        writes += [Text.of(folder, "/", Hole.BELOW) for folder in folders]
    if name in TREE_READERS and has_flag(arguments, *MOVING_OPTIONS):
        removes += after_options(arguments, values="-C -f -T")
    if name == "rclone":
        verb, *given = map(str, after_options(arguments, values="")) or [""]
        removes += map(Text.of, given if verb in _RCLONE_REMOVES else ())
    in_place = has_flag(arguments, "-i", "--in-place", "--include")
    if name in READERS or (name in EDITORS_IN_PLACE and not in_place):
        return
    writes += files


def _sort_git(
    subcommand: str | None, arguments: Sequence[Text], writes: list[Text], removes: list[Text]
) -> None:
    given = after_options(arguments, values=f"{GLOBAL_VALUES['git']} -e")[1:]
    settings = [each.head.partition("=")[0] for each in option_values(arguments, "-c")]
    settings += [word.head for word in given[:-1]] if subcommand == "config" else []
    if "core.hookspath" in map(str.lower, settings):
        writes.append(Text.of(".git/hooks"))  # others are put in their place
    if subcommand == "config" and len(given) > 1 and _RUNS_UNSEEN.match(f"{given[-2]} {given[-1]}"):
        writes.append(Text.of(".git/config"))
    if subcommand == "clean":
        folders = option_values(arguments, "-C", "--work-tree")
        removes += [Text.of(folder, "/", Hole.BELOW) for folder in folders] or [LISTING]
        removes += given
    elif subcommand == "rm" and not has_flag(arguments, "--cached"):
        removes += given
    elif subcommand == "mv":
        removes += given[:-1]
    elif subcommand == "worktree" and [str(word) for word in given[:1]] == ["remove"]:
        removes += given[1:]
    elif subcommand in ("apply", "am"):
        writes += [Text.of(folder, "/", Hole.BELOW) for folder in option_values(arguments, "-C")]


def _sort_copy(
    name: str,
    arguments: Sequence[Text],
    reads: list[Text],
    writes: list[Text],
    removes: list[Text],
) -> None:
    given = after_options(arguments, values=_COPY_VALUES)
    targets = option_values(arguments, "-t", "--target-directory") or given[-1:]
    sources = given if len(targets) == 1 and targets[0] not in given else given[:-1]
    files = [part for source in sources for part in parts_of(source)]
    files += [part for word in option_values(arguments, "-i", "-F") for part in parts_of(word)]
    reads += files
    if name in TREE_READERS or has_flag(arguments, "-r", "-R", "-a", "--recursive", "--archive"):
        reads += [Text.of(file, "/", Hole.BELOW) for file in files]
    for target in targets:
        writes += parts_of(target)
        if any(source.tail.endswith(("/.", "/")) or source.literal == "." for source in sources):
            writes.append(Text.of(target, "/", Hole.BELOW))
        writes += [Text.of(target, "/", basename(source)) for source in sources]
    if name == "mv" or has_flag(arguments, *MOVING_OPTIONS):
        removes += sources
    if name == "rsync" and any(word.head.startswith("--del") for word in arguments):
        removes += [Text.of(target, "/", Hole.BELOW) for target in targets]


def _mounted(arguments: Sequence[Text]) -> Iterable[Text]:
    """Return the folders that a container is given."""
    for word in option_values(arguments, "-v", "--volume"):
        yield word.split(":")[0] if word.parts else EMPTY
    for word in option_values(arguments, "--mount"):
        for setting in word.split(","):
            if found := re.match("(?:src|source)=", setting.head):
                yield setting.drop(found.end())


def parts_of(word: Text) -> list[Text]:
    """Return ``word`` and the parts of it that may be paths of their own."""
    found = [word]
    if re.match(r"-\w.", word.head):
        found.append(word.drop(2))
    pieces = word.split("=,@:")
    if len(pieces) > 1 or word.head[:1] in "=,@:":
        found += pieces
    if word.head.startswith("file://"):
        found.append(word.drop(7))
    for start in re.finditer(r"[=@:,]", word.head):
        found.append(word.drop(start.end()))
    return [part for part in dict.fromkeys(found) if part.parts and part.literal != "-"]


def _without_first(arguments: Sequence[Text]) -> tuple[Text, ...]:
    for place, word in enumerate(arguments):
        if word.head[:1] != "-":
            return (*arguments[:place], *arguments[place + 1 :])
    return tuple(arguments)


def _without_messages(arguments: Sequence[Text], options: Sequence[str]) -> tuple[Text, ...]:
    kept: list[Text] = []
    said = False
    for word in arguments:
        if not said:
            kept.append(word)
        literal = word.head
        cluster = re.fullmatch(r"-\w*m", literal) is not None and "-m" in options
        said = not said and (literal in options or cluster)
    return tuple(word for word in kept if word.head.partition("=")[0] not in options)


def _subcommand(arguments: Sequence[Text]) -> str | None:
    return next(iter(after_options(arguments, values=GLOBAL_VALUES["git"])), EMPTY).literal


def _weakened(word: Text) -> Text:
    return Text.of(*(Hole.AMBIENT if part in OPEN else part for part in word.parts))


def _hosts(command: Command) -> Iterable[Text]:
    for redirect in command.redirects:
        if found := _NETWORK_FILE.match(str(redirect.target)):
            yield Text.of(found[1])
    if command.program.literal in NETWORK:
        named = [host for word in command.arguments if (host := _host(word)) is not None]
        yield from named or [EMPTY]


def _host(word: Text) -> Text | None:
    if word.is_open:
        return ANYTHING
    found = _ADDRESS.match(str(word))
    if found is None or word.head[:1] == "-":
        return None
    is_address = found["scheme"] or found["user"] or found["port"]
    looks_like_one = "." in found["host"] or found["host"] == "localhost"
    return Text.of(found["host"]) if is_address or looks_like_one else None
