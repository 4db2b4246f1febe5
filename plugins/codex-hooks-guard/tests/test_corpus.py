"""How often the default rules are wrong, on commands written down beforehand."""

from __future__ import annotations

from pathlib import Path

from guard_corpus import DANGEROUS, HARMLESS, verdict_on


def test_what_is_missed_is_a_known_limit_and_next_to_nothing_is_blocked_wrongly() -> None:
    """The figures are printed: pytest -s."""
    missed = [entry for entry in DANGEROUS if verdict_on(entry.command) == "pass"]
    weaker = [
        entry
        for entry in DANGEROUS
        if entry.expected == "block" and verdict_on(entry.command) == "ask"
    ]
    wrong = [entry for entry in HARMLESS if verdict_on(entry.command) != "pass"]
    print(
        f"\n{len(DANGEROUS)} dangerous commands: {len(missed)} missed "
        f"({len(missed) / len(DANGEROUS):.1%}), of which known limits: "
        f"{sum(entry.expected == 'limit' for entry in missed)}"
        f"\n{len(HARMLESS)} harmless commands: {len(wrong)} stopped wrongly "
        f"({len(wrong) / len(HARMLESS):.1%})"
    )
    readme = " ".join(Path(__file__).parents[1].joinpath("README.md").read_text().split())
    assert f"of {len(DANGEROUS)} dangerous commands {len(missed)} are missed" in readme
    assert f"of {len(HARMLESS)} harmless ones {len(wrong)} are stopped" in readme
    assert [entry.command for entry in missed if entry.expected != "limit"] == []
    assert len(missed) <= 0.01 * len(DANGEROUS)
    assert [entry.command for entry in weaker] == []
    assert [entry.command for entry in wrong] == []


def test_the_corpus_is_large_and_says_where_it_comes_from() -> None:
    assert len(DANGEROUS) + len(HARMLESS) >= 300
    assert min(len(DANGEROUS), len(HARMLESS)) >= 300
    assert all(entry.source for entry in DANGEROUS + HARMLESS)
