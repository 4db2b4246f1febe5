"""A JSON value as one text to look through, and back again.

All strings of a value are scanned at once: each behind the key that it stands under, since
``"password": "…"`` says more than ``…`` does, and with their neighbours, since some secrets come
in pairs. Keys are looked through as well. Numbers, booleans and null hold no secret; what else is
no JSON is refused, for nobody has looked into it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from codex_hooks_redact._detector import RedactionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codex_hooks_redact._masking import Span

_SCALARS: Final = (int, float, type(None))


class Leaves:
    """The strings of a value in one buffer, ``data``.

    Raises `RedactionError` for what is no JSON.
    """

    def __init__(self, value: Any) -> None:
        self._value = value
        self._parts: list[bytes] = []
        self._size = 0
        self._places: list[tuple[int, int]] = []
        if isinstance(value, str):
            self._add(value)
        else:
            self._collect(value)
        self.data = b"".join(self._parts)

    def replaced(self, spans: Sequence[Span], placeholders: Sequence[str]) -> Any:
        """Return the value with each span of ``data`` replaced; ``spans`` are in order."""
        texts: list[str] = []
        first = 0
        for start, end in self._places:
            while first < len(spans) and spans[first].end <= start:
                first += 1
            pieces, at, index = [], start, first
            while index < len(spans) and spans[index].start < end:
                pieces += [self.data[at : max(spans[index].start, at)]]
                pieces += [placeholders[index].encode()]
                at = min(spans[index].end, end)
                index += 1
            pieces.append(self.data[at:end])
            texts.append(b"".join(pieces).decode("utf-8", "surrogatepass"))
        texts.reverse()
        return self._rebuild(self._value, texts)

    def _collect(self, value: Any, key: str = "") -> None:
        if isinstance(value, str):
            self._add(value, f'"{key}": "' if key else '"', '"\n')
        elif isinstance(value, Mapping):
            for name, item in value.items():
                if isinstance(name, str):
                    self._add(name, "\n", "\n")
                elif not isinstance(name, _SCALARS):
                    raise _no_json("a key", name)
                self._collect(item, str(name))
        elif isinstance(value, list | tuple):
            for item in value:
                self._collect(item, key)
        elif not isinstance(value, _SCALARS):
            raise _no_json("a value", value)

    def _add(self, text: str, before: str = "", after: str = "") -> None:
        start, content, end = (
            part.encode("utf-8", "surrogatepass") for part in (before, text, after)
        )
        self._places.append((self._size + len(start), self._size + len(start) + len(content)))
        self._parts += (start, content, end)
        self._size += len(start) + len(content) + len(end)

    def _rebuild(self, value: Any, texts: list[str]) -> Any:
        """Take the texts in the order in which `_collect` put them."""
        if isinstance(value, str):
            return texts.pop()
        if isinstance(value, Mapping):
            return {
                texts.pop() if isinstance(name, str) else name: self._rebuild(item, texts)
                for name, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self._rebuild(item, texts) for item in value]
        return value


def _no_json(what: str, value: object) -> RedactionError:
    return RedactionError(
        f"{what} is of type {type(value).__name__}, which JSON does not have: "
        "turn it into text to have it looked through"
    )
