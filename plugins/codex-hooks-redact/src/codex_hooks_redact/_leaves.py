"""A JSON value as one text to look through, and back again.

All strings of a value are scanned at once: each behind the key that it stands under, since
``"password": "…"`` says more than ``…`` does, and with their neighbours, since some secrets come
in pairs. Keys are looked through as well.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codex_hooks_redact._masking import Span


class Leaves:
    """The strings of a value in one buffer, ``data``."""

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
                self._add(name, "\n", "\n")
                self._collect(item, name)
        elif isinstance(value, list | tuple):
            for item in value:
                self._collect(item, key)

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
            return {texts.pop(): self._rebuild(item, texts) for item in value.values()}
        if isinstance(value, list | tuple):
            return [self._rebuild(item, texts) for item in value]
        return value
