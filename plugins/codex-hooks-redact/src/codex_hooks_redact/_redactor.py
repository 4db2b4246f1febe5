"""`redact`: a text without its secrets. The plugin and other plugins stand on it."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from codex_hooks_redact._detector import Detector, RedactionError
from codex_hooks_redact._leaves import Leaves
from codex_hooks_redact._masking import Found, everywhere, found_in, merged, outside_placeholders

if TYPE_CHECKING:
    from collections.abc import Sequence

MAX_BYTES: Final = 32 * 1024 * 1024
"""How much text is looked through at once; more is not passed on."""

# One for the process: a secret has the same placeholder in all its runs, and no other process's.
_PROCESS_KEY: Final = secrets.token_bytes(32)


class Redacted(NamedTuple):
    """A text that may be passed on, and what was taken out of it, in order."""

    text: str
    found: tuple[Found, ...]


class RedactedJson(NamedTuple):
    """A JSON value that may be passed on, and what was taken out of it, in order."""

    value: Any
    found: tuple[Found, ...]


class Redactor:
    """Masks secrets. Safe to use from several threads at once.

    ``rules`` are files of further rules in the scanner's format, ``ignore`` ids of rules to leave
    alone, ``timeout`` seconds for one text, ``max_bytes`` the most that one text may have.
    """

    def __init__(
        self,
        *,
        rules: Sequence[str] = (),
        ignore: Sequence[str] = (),
        timeout: float = 5.0,
        max_bytes: int = MAX_BYTES,
    ) -> None:
        self._detector = Detector(tuple(rules), frozenset(ignore), timeout)
        self._max_bytes = max_bytes

    def redact(self, text: str) -> Redacted:
        """Return ``text`` with a placeholder for each secret; doing it twice changes nothing.

        Raises `RedactionError` where it cannot be known what the text holds.
        """
        return Redacted(*self._redact(text))

    def redact_json(self, value: Any) -> RedactedJson:
        """Like `redact`, for every string and key in ``value``; tuples come back as lists.

        Raises `RedactionError` for what is no JSON as well, such as bytes or a set. Keys may be
        numbers, booleans or None, which `json.dumps` takes too; they stay as they are.
        """
        return RedactedJson(*self._redact(value))

    def _redact(self, value: Any) -> tuple[Any, tuple[Found, ...]]:
        leaves = Leaves(value)
        data = leaves.data
        if len(data) > self._max_bytes:
            raise RedactionError(
                f"{len(data):,} bytes are more than the {self._max_bytes:,} that are looked "
                "through for secrets: ask for less at a time, or raise max_bytes"
            )
        found = outside_placeholders(data, self._detector.find(data))
        if not found:
            return value, ()
        spans = everywhere(data, merged(data, found))
        placeholders = [
            found_in(data[span.start : span.end], span.rule, _PROCESS_KEY) for span in spans
        ]
        return leaves.replaced(spans, [item.placeholder for item in placeholders]), tuple(
            dict.fromkeys(placeholders)
        )


_default: Final = Redactor()


def redact(text: str) -> Redacted:
    """Return ``text`` with a placeholder for each secret, by the default rules.

    Within one process the same secret has the same placeholder. Raises `RedactionError` where it
    cannot be known what the text holds.
    """
    return _default.redact(text)
