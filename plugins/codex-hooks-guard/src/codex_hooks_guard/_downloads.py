"""Which files a command has fetched, so that running one of them is seen as what it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, option_values
from ._paths import resolve
from ._programs import NETWORK
from ._text import Hole, Text, basename

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._command import Redirect

_OUTPUTS: Final = ("-o", "-O", "--output", "--output-document", "--out")


@dataclass(slots=True)
class Downloads:
    """The files that came from the network so far."""

    files: list[Text] = field(default_factory=list)

    def note(
        self,
        words: Sequence[Text],
        redirects: Iterable[Redirect],
        out: Text,
        stdin: Text | None,
        cwd: Text,
    ) -> None:
        """Note what a simple command saves, passes on, copies or moves."""
        name = basename(words[0]).literal
        arguments = words[1:]
        if name in NETWORK:
            named = option_values(arguments, *_OUTPUTS)
            for word in arguments:
                address = (word.literal or "").partition("?")[0].partition("#")[0]
                named.append(Text.of(address.rsplit("/", 1)[-1]))
                if word.head.startswith("of="):
                    named.append(word.drop(3))
            self._add(named, cwd)
        elif name in ("cp", "mv", "install", "ln"):
            if any(self.has(argument, cwd) for argument in arguments[:-1]):
                self._add(arguments[-1:], cwd)
        elif name in ("tee", "sponge", "dd") and stdin and Hole.DOWNLOAD in stdin.parts:
            outputs = [word.drop(3) for word in arguments if word.head.startswith("of=")]
            self._add([*after_options(arguments, values=""), *outputs], cwd)
        self.note_redirects(redirects, out, cwd)

    def note_redirects(self, redirects: Iterable[Redirect], out: Text, cwd: Text) -> None:
        """Note the files into which what came from the network is redirected."""
        if Hole.DOWNLOAD in out.parts:
            self._add([each.target for each in redirects if ">" in each.operator], cwd)

    def has(self, file: Text, cwd: Text) -> bool:
        """Whether ``file``, as a path or a name, is one of the downloads."""
        if not self.files or not file.parts:
            return False
        return resolve(file, cwd) in self.files

    def _add(self, files: Iterable[Text], cwd: Text) -> None:
        self.files += [resolve(file, cwd) for file in files if file.parts]
