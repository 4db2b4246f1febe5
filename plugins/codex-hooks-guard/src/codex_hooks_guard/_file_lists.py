"""Programs that read which files they are to take: from a file, or as their input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from ._arguments import after_options, has_flag, option_values
from ._inner import Run
from ._text import EMPTY, Hole, Text, basename

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_BY_OPTION: Final = {
    "tar": ("-T", "--files-from"),
    "gtar": ("-T", "--files-from"),
    "bsdtar": ("-T", "--files-from"),
    "rsync": ("--files-from",),
    "wc": ("--files0-from",),
    "sort": ("--files0-from",),
}
_BY_INPUT: Final = {
    "cpio": ("-o", "-p", "--create", "--pass-through"),
    "pax": ("-w",),
    "zip": ("-@", "--names-stdin"),
}


def read_list(
    words: Sequence[Text], stdin: Text | None, content_of: Callable[[Text], Text | None]
) -> Iterator[Run]:
    """Return the program with the files in the place of the list of them."""
    name = basename(words[0]).literal or ""
    arguments = words[1:]
    options = _BY_OPTION.get(name, ())
    lists = [content_of(file) for file in option_values(arguments, *options)]
    if has_flag(arguments, *_BY_INPUT.get(name, ())):
        lists.append(stdin)
    folders = option_values(arguments, "-C", "--directory")
    target: list[Text] = []
    if name == "rsync":
        *folders, to = after_options(arguments, values="--files-from") or [EMPTY]
        target = [to]
    kept = [word for word in arguments if word.head.startswith("--remove")]
    for files in lists:
        # A list in a file is not looked into, as a script is not.
        if files is not None and Hole.CONTENT not in files.parts:
            names = files.split("\n\0")
            said = (words[0], *kept, *names, *target)
            yield Run(said, f"list for {name}", folder=next(iter(folders), None))
