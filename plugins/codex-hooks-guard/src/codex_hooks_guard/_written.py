"""The files that a command has written and what is in them, so that running one is seen through."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, option_values
from ._paths import resolve
from ._programs import NETWORK
from ._text import Hole, Text, basename

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from ._command import Redirect

_OUTPUTS: Final = ("-o", "-O", "--output", "--output-document", "--out")
_FOLDERS: Final = ("-P", "--directory-prefix", "--output-dir")
_DOWNLOAD: Final = Text((Hole.DOWNLOAD,))
_MAX_CONTENTS: Final = 8


@dataclass(slots=True)
class WrittenFiles:
    """What is in the files that were written so far, by their places.

    A file has several contents where it may have any of them. Content of which nothing is known is
    not noted: such a file is like any other script, and not looked into.
    """

    contents: dict[Text, tuple[Text, ...]] = field(default_factory=dict)

    def of(self, file: Text, folders: Iterable[Text]) -> tuple[Text, ...]:
        """Return what may be in ``file``, seen from any of ``folders``; nothing if not written."""
        if not self.contents or not file.parts:
            return ()
        found = (self.contents.get(resolve(file, folder), ()) for folder in folders)
        return tuple(dict.fromkeys(content for each in found for content in each))

    def is_download(self, file: Text, folders: Iterable[Text]) -> bool:
        """Whether ``file``, as a path or a name, is one that came from the network."""
        return any(Hole.DOWNLOAD in content.parts for content in self.of(file, folders))

    def note(
        self,
        words: Sequence[Text],
        redirects: Iterable[Redirect],
        out: Text,
        stdin: Text | None,
        folders: Sequence[Text],
    ) -> None:
        """Note what a simple command saves, passes on, copies or moves."""
        name = basename(words[0]).literal
        arguments = words[1:]
        if name in NETWORK:
            for file in _saved_by(arguments):
                self._add(file, _DOWNLOAD, folders)
        elif name in ("cp", "mv", "install", "ln") and len(arguments) > 1:
            *sources, target = arguments
            for source in sources:
                copied = self.of(source, folders)
                if source.literal == "/dev/stdin" and stdin is not None:
                    copied = (stdin,)
                for content in copied:
                    self._add(target, content, folders)
                    self._add(Text.of(target, "/", basename(source)), content, folders)
        elif name in ("tee", "sponge", "dd") and stdin is not None:
            files = [word.drop(3) for word in arguments if word.head.startswith("of=")]
            for file in (*after_options(arguments, values=""), *files):
                self._add(file, stdin, folders)
        self.note_redirects(redirects, out, folders)

    def note_redirects(
        self, redirects: Iterable[Redirect], out: Text, folders: Sequence[Text]
    ) -> None:
        """Note the files into which ``out`` is redirected."""
        for redirect in redirects:
            if ">" in redirect.operator:
                self._add(redirect.target, out, folders, appends=">>" in redirect.operator)

    def _add(
        self, file: Text, content: Text, folders: Sequence[Text], *, appends: bool = False
    ) -> None:
        """Add what may be in ``file`` now: what was there before may be there still."""
        downloaded = Hole.DOWNLOAD in content.parts
        if not file.parts or not content.parts or (content.is_open and not downloaded):
            return
        for place in dict.fromkeys(resolve(file, folder) for folder in folders):
            before = self.contents.get(place, ())
            longer = tuple(Text.of(each, content) for each in before) if appends else ()
            after = dict.fromkeys((*(longer or (*before, content)),))
            self.contents[place] = tuple(after)[-_MAX_CONTENTS:]


def _saved_by(arguments: Sequence[Text]) -> Iterator[Text]:
    """Return the files that a network program may save to, by option or by the address' name."""
    named = option_values(arguments, *_OUTPUTS)
    for place, word in enumerate(arguments):
        literal = word.literal or ""
        address = literal.partition("?")[0].partition("#")[0]
        named.append(Text.of(address.rsplit("/", 1)[-1].rsplit(":", 1)[-1]))
        if word.head.startswith("of="):
            named.append(word.drop(3))
        if literal[:1] == "-" and literal[1:2] != "-" and literal[-1:] in "oO":
            named += arguments[place + 1 : place + 2]  # the last of a cluster, as in -sSLo
    yield from named
    for folder in option_values(arguments, *_FOLDERS):
        yield from (Text.of(folder, "/", basename(file)) for file in named if file.parts)
