"""What is known of a shell word before the shell runs it: `Text`, characters with holes in them.

A hole says who fills it. That decides how much a hole may be taken for: what the environment
holds is not the command's to choose, what the command computes is.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


class Hole(Enum):
    """A part of a text that is not known, and how it is shown to a person."""

    CHAR = "?"
    """One character of a file name, by a glob."""
    NAME = "*"
    """Any part of one file name, by a glob: no slash, no dot at the start."""
    LINE = "⟨part of a name⟩"
    """Any part of one file name, by a search through names."""
    BELOW = "⟨any file⟩"
    """Files of a folder, as a listing names them: nobody chose which."""
    AMBIENT = "⟨env⟩"
    """What the environment or a harmless program says; may be empty."""
    UNKNOWN = "⟨unknown⟩"
    """What the command computes, and may be anything at all."""
    CONTENT = "⟨content of a file⟩"
    """What a file of this machine holds; may be anything too."""
    DOWNLOAD = "⟨download⟩"
    """What the network gave; may be anything too."""


OPEN: Final = frozenset({Hole.UNKNOWN, Hole.CONTENT, Hole.DOWNLOAD})
"""The holes that may be anything, by the command's doing."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text as literal parts and holes; there are no two literal neighbours, and no empty part."""

    parts: tuple[str | Hole, ...] = ()

    @classmethod
    def of(cls, *parts: str | Hole | Text) -> Text:
        """Join ``parts``."""
        joined: list[str | Hole] = []
        for part in parts:
            for piece in part.parts if isinstance(part, Text) else (part,):
                if isinstance(piece, Hole):
                    if piece is Hole.CHAR or not joined or joined[-1] is not piece:
                        joined.append(piece)
                elif piece and joined and isinstance(joined[-1], str):
                    joined[-1] += piece
                elif piece:
                    joined.append(piece)
        return cls(tuple(joined))

    @classmethod
    def join(cls, texts: Iterable[Text], separator: str) -> Text:
        """Join ``texts`` with ``separator`` between them."""
        parts: list[str | Text] = []
        for text in texts:
            parts += (separator, text) if parts else (text,)
        return cls.of(*parts)

    @property
    def literal(self) -> str | None:
        """The whole text where nothing of it is unknown."""
        if not self.parts:
            return ""
        return self.parts[0] if len(self.parts) == 1 and isinstance(self.parts[0], str) else None

    @property
    def head(self) -> str:
        """The known beginning, perhaps empty."""
        return self.parts[0] if self.parts and isinstance(self.parts[0], str) else ""

    @property
    def tail(self) -> str:
        """The known end, perhaps empty."""
        return self.parts[-1] if self.parts and isinstance(self.parts[-1], str) else ""

    @property
    def is_weak(self) -> bool:
        """Whether it is nothing but what the environment says."""
        return bool(self.parts) and all(part is Hole.AMBIENT for part in self.parts)

    @property
    def is_open(self) -> bool:
        """Whether some of it may be anything at all."""
        return not OPEN.isdisjoint(self.parts)

    @property
    def is_anything(self) -> bool:
        """Whether nothing is known of it, and the command computes it."""
        return self.is_open and not any(isinstance(part, str) for part in self.parts)

    def __len__(self) -> int:
        return sum(len(part) if isinstance(part, str) else 1 for part in self.parts)

    def drop(self, count: int) -> Text:
        """Return what follows the first ``count`` characters, which have to be known."""
        return Text.of(self.head[count:], *self.parts[1:])

    def chop(self, count: int) -> Text:
        """Return what precedes the last ``count`` characters, which have to be known."""
        return Text.of(*self.parts[:-1], self.tail[: len(self.tail) - count]) if count else self

    def split(self, separators: str) -> list[Text]:
        """Return the non-empty pieces between any of the ``separators``."""
        pieces: list[list[str | Hole]] = [[]]
        for part in self.parts:
            if isinstance(part, Hole):
                pieces[-1].append(part)
                continue
            start = 0
            for end, char in enumerate(part):
                if char in separators:
                    pieces[-1].append(part[start:end])
                    pieces.append([])
                    start = end + 1
            pieces[-1].append(part[start:])
        return [text for piece in pieces if (text := Text.of(*piece)).parts]

    def map(self, change: Callable[[str], str]) -> Text:
        """Return the text with every known part changed."""
        return Text.of(*(part if isinstance(part, Hole) else change(part) for part in self.parts))

    def __str__(self) -> str:
        return "".join(part if isinstance(part, str) else part.value for part in self.parts)


EMPTY: Final = Text()
ANYTHING: Final = Text((Hole.UNKNOWN,))
AMBIENT: Final = Text((Hole.AMBIENT,))
LISTING: Final = Text((Hole.BELOW,))


def basename(text: Text) -> Text:
    """Return what follows the last known slash."""
    pieces = text.split("/")
    return pieces[-1] if pieces and not text.tail.endswith("/") else EMPTY
