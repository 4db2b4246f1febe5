"""Which bytes are hidden, whatever the scanner says: plain data, and no scanner."""

from __future__ import annotations

import pytest

from codex_hooks_redact._masking import OUR_RULES, Span, everywhere, merged, outside_placeholders

NAMED = f"{OUR_RULES}named-secret"
MASKED = b"token=[redacted named-secret 0123456789ab]!"


def test_no_half_of_a_character_is_left() -> None:
    data = "aéa€a".encode()
    assert merged(data, [Span(2, 5, "x")]) == [Span(1, 7, "x")]
    assert merged(data, [Span(1, 3, "x")]) == [Span(1, 3, "x")]
    assert merged(data, [Span(0, len(data), "x")]) == [Span(0, len(data), "x")]


def test_of_rules_that_meet_the_vendors_gives_its_name_and_nothing_is_hidden_twice() -> None:
    spans = [Span(5, 7, "next"), Span(0, 3, NAMED), Span(0, 3, "vendor"), Span(2, 5, "late")]
    assert merged(b"0123456789", spans) == [Span(0, 5, "vendor"), Span(5, 7, "next")]
    assert merged(b"0123456789", [Span(0, 6, "long"), Span(1, 3, "in it")]) == [Span(0, 6, "long")]


@pytest.mark.parametrize(
    ("data", "span", "is_left_alone"),
    [
        (MASKED, Span(6, 42, NAMED), True),
        (MASKED, Span(29, 41, NAMED), True),
        (MASKED, Span(6, 43, NAMED), False),
        (MASKED, Span(0, 5, NAMED), False),
        (MASKED.replace(b"named-secret", b"invented-one"), Span(6, 42, NAMED), False),
    ],
)
def test_what_is_masked_is_left_alone_and_what_looks_like_it_is_not(
    data: bytes, span: Span, is_left_alone: bool
) -> None:
    assert outside_placeholders(data, [span]) == ([] if is_left_alone else [span])


def test_a_secret_is_hidden_wherever_it_stands_unless_it_is_too_short_to_tell() -> None:
    data = b"s3cr3tZ0 key=s3cr3tZ0 s3cr3tZ0"
    assert everywhere(data, [Span(13, 21, "x")]) == [
        Span(0, 8, "x"),
        Span(13, 21, "x"),
        Span(22, 30, "x"),
    ]
    assert everywhere(data, [Span(13, 20, "x")]) == [Span(13, 20, "x")]
