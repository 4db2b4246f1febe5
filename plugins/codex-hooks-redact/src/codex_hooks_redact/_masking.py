"""Which bytes to hide, and what stands in their place: plain code over plain data.

A placeholder is ``[redacted KIND 1a2b3c4d5e6f]``. The digits are a keyed hash of the secret:
the same secret has the same ones while the key lives, and without the key they say nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from bisect import bisect_right
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

OUR_RULES: Final = "codex-hooks."

_CATALOGUE: Final = re.compile(r"^(?:betterleaks\.|kingfisher\.|veles\.secrets/|codex-hooks\.)")
_NUMBERED: Final = re.compile(r"\.\d+$")
_PLACEHOLDER: Final = re.compile(rb"\[redacted ([a-z0-9-]+) [0-9a-f]{12}\]")

# Looking for a secret a second time costs a pass over the text, so only so many are looked for.
_MAX_SOUGHT: Final = 64
# A shorter one would be found in words that have nothing to do with it.
_MIN_SOUGHT: Final = 8


class Span(NamedTuple):
    """Bytes from ``start`` up to ``end`` that hold a secret, and the rule that says so."""

    start: int
    end: int
    rule: str


class Found(NamedTuple):
    """One secret that was found: of which kind, and the placeholder that it has now."""

    kind: str
    placeholder: str


def kind_of(rule: str) -> str:
    """Return a rule's id as people would say it: ``github-pat``."""
    return _NUMBERED.sub("", _CATALOGUE.sub("", rule))


def found_in(secret: bytes, rule: str, key: bytes) -> Found:
    """Return what stands for ``secret``."""
    digits = hmac.new(key, secret, hashlib.sha256).hexdigest()[:12]
    kind = kind_of(rule)
    return Found(kind, f"[redacted {kind} {digits}]")


def outside_placeholders(data: bytes, spans: Sequence[Span]) -> list[Span]:
    """Return the spans that are not part of a placeholder, so that masking twice is masking once.

    What only looks like one, and names no kind of secret found here, protects nothing.
    """
    kinds = {kind_of(span.rule).encode() for span in spans}
    masked = [item.span() for item in _PLACEHOLDER.finditer(data) if item[1] in kinds]
    starts = [start for start, _ in masked]

    def is_outside(span: Span) -> bool:
        before = bisect_right(starts, span.start) - 1
        return before < 0 or masked[before][1] < span.end

    return [span for span in spans if is_outside(span)]


def merged(data: bytes, spans: Iterable[Span]) -> list[Span]:
    """Return ``spans`` in order, without overlaps and on whole characters of UTF-8.

    Where two rules found the same bytes, the one that knows the vendor gives its name.
    """
    ranked = sorted(spans, key=lambda span: (span.start, span.rule.startswith(OUR_RULES)))
    result: list[Span] = []
    for start, end, rule in ranked:
        whole = Span(_boundary(data, start, -1), _boundary(data, end, 1), rule)
        if result and whole.start < result[-1].end:
            last = result[-1]
            result[-1] = Span(last.start, max(last.end, whole.end), last.rule)
        else:
            result.append(whole)
    return result


def everywhere(data: bytes, spans: Sequence[Span]) -> list[Span]:
    """Return ``spans`` and those where the same bytes stand again, unannounced."""
    rules = {data[span.start : span.end]: span.rule for span in spans}
    more = []
    for secret, rule in list(rules.items())[:_MAX_SOUGHT]:
        at = data.find(secret) if len(secret) >= _MIN_SOUGHT else -1
        while at >= 0:
            more.append(Span(at, at + len(secret), rule))
            at = data.find(secret, at + len(secret))
    return merged(data, [*spans, *more])


def _boundary(data: bytes, at: int, step: int) -> int:
    while 0 < at < len(data) and data[at] & 0xC0 == 0x80:
        at += step
    return at
