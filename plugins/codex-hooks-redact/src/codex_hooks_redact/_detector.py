"""Finding secrets in bytes: the edge to the scanner, which is native code and works offline.

The scanner lets go of the interpreter while it works, and gives up at a deadline. What it found
but cannot point at (it reads UTF-16 too, and then counts other bytes) hides everything.
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Final

from codex_hooks import CodexHooksError

from codex_hooks_redact._masking import Span
from codex_hooks_redact._wrapped import Unwrapped

if TYPE_CHECKING:
    from kingfisher_sdk import Finding, Scanner

_OUR_RULES: Final = Path(__file__).with_name("rules.yml")
# Rules for the other half of a pair are not reported by themselves. Some of them find a secret, as
# that of an AWS secret key does, but these find a name or an address.
_COMPANION: Final = re.compile(r"-(?:id|name|url|host|domain|address|repository)(?:\.\d+)?$")
_making: Final = Lock()
_BASE64: Final = re.compile(rb"[A-Za-z0-9+/=_\-\s]+")


class RedactionError(CodexHooksError):
    """Whether there are secrets in a text could not be found out: do not pass it on."""


class Detector:
    """The scanner with its catalogue, our rules, and those of ``rules`` (files in its format).

    Findings of the rule ids in ``ignore`` are left alone. ``timeout`` is in seconds for one scan.
    The scanner is made on first use: from the cache of its compiled rules within half a second,
    the very first time on a machine in some four, on a busy one in many more.
    """

    def __init__(
        self, rules: tuple[str, ...] = (), ignore: frozenset[str] = frozenset(), timeout: float = 5
    ) -> None:
        self._rules = rules
        self._ignore = ignore
        self._timeout = timeout

    def find(self, data: bytes) -> list[Span]:
        """Return where there are secrets in ``data``, in no order; `RedactionError` if unknown."""
        unwrapped = Unwrapped(data)
        inside = self._scan(unwrapped.text) if unwrapped.text else []
        return [*self._scan(data), *map(unwrapped.place_of, inside)]

    def _scan(self, data: bytes) -> list[Span]:
        scanner = self._scanner()
        try:
            findings = scanner.scan(data, timeout=self._timeout)
        except TimeoutError:
            raise RedactionError(
                f"looking for secrets in {len(data):,} bytes took longer than {self._timeout:g} s: "
                "ask for less at a time, or raise scan_timeout"
            ) from None
        return [
            _span(item, data)
            for item in findings
            if item.rule_id not in self._ignore
            and (item.visible or not _COMPANION.search(item.rule_id))
        ]

    def _scanner(self) -> Scanner:
        try:
            scanner, known = _scanner(self._rules)
        except (ImportError, ValueError, OSError, RuntimeError) as error:
            raise RedactionError(f"the secret scanner cannot be started: {error}") from error
        if unknown := sorted(self._ignore - known):
            raise RedactionError(f"ignore names rules that there are not: {', '.join(unknown)}")
        return scanner


def _scanner(rules: tuple[str, ...]) -> tuple[Scanner, frozenset[str]]:
    """Return the scanner with these rules; those who come meanwhile wait, as it is made once."""
    with _making:
        return _made(rules)


@lru_cache(maxsize=4)
def _made(rules: tuple[str, ...]) -> tuple[Scanner, frozenset[str]]:
    import kingfisher_sdk  # noqa: PLC0415  # a library of 36 MB, needed once there is text

    catalogue = kingfisher_sdk.Rules([_OUR_RULES, *rules])
    known = frozenset(rule["id"] for rule in catalogue.metadata())
    return kingfisher_sdk.Scanner(catalogue), known


def _span(finding: Finding, data: bytes) -> Span:
    start, end = finding.location["start_offset"], finding.location["end_offset"]
    there = data[start:end]
    if finding.is_base64_encoded:
        located = _BASE64.fullmatch(there) is not None
    else:
        located = there == finding.secret.encode("utf-8", "surrogatepass")
    return Span(start, end, finding.rule_id) if located else Span(0, len(data), finding.rule_id)
