"""How often the default rules are wrong, on commands written down beforehand.

The figures are printed (pytest -s) and have to be those of the README.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from guard_corpus import DANGEROUS, HARMLESS, HELD_OUT, Entry, verdict_on


@dataclass(frozen=True)
class Score:
    """What the default rules made of a corpus."""

    dangerous: list[Entry]
    harmless: list[Entry]
    missed: list[Entry]
    weaker: list[Entry]
    wrong: list[Entry]

    @classmethod
    def of(cls, corpus: list[Entry]) -> Score:
        said = {entry: verdict_on(entry.command) for entry in corpus}
        dangerous = [entry for entry in corpus if entry.expected != "pass"]
        harmless = [entry for entry in corpus if entry.expected == "pass"]
        return cls(
            dangerous,
            harmless,
            missed=[entry for entry in dangerous if said[entry] == "pass"],
            weaker=[
                entry for entry in dangerous if entry.expected == "block" and said[entry] == "ask"
            ],
            wrong=[entry for entry in harmless if said[entry] != "pass"],
        )

    def row(self, corpus: str) -> str:
        """Return the corpus's row in the README."""
        return (
            f"| {corpus} | {len(self.dangerous)} | {_share(self.missed, self.dangerous)} "
            f"| {len(self.harmless)} | {_share(self.wrong, self.harmless)} |"
        )


def _share(some: list[Entry], of: list[Entry]) -> str:
    return f"{len(some)} ({len(some) / len(of):.1%})"


README = Path(__file__).parents[1].joinpath("README.md").read_text(encoding="utf-8")


def test_what_is_missed_and_stopped_wrongly_is_what_the_readme_says() -> None:
    held_out, tuned = Score.of(HELD_OUT), Score.of(DANGEROUS + HARMLESS)
    rows = [held_out.row("held out"), tuned.row("main")]
    print(f"\n| corpus | dangerous | missed | harmless | stopped |\n{rows[0]}\n{rows[1]}")
    assert [row for row in rows if row not in README] == []
    assert [entry.command for entry in tuned.missed if entry.expected != "limit"] == []
    assert [entry.command for entry in tuned.weaker] == []
    assert [entry.command for entry in tuned.wrong] == []


def test_the_corpora_are_large_share_nothing_and_say_where_they_come_from() -> None:
    assert min(len(DANGEROUS), len(HARMLESS)) >= 300
    assert sum(entry.expected != "pass" for entry in HELD_OUT) >= 200
    assert sum(entry.expected == "pass" for entry in HELD_OUT) >= 200
    assert all(entry.source for entry in DANGEROUS + HARMLESS + HELD_OUT)
    tuned_on = {entry.command for entry in DANGEROUS + HARMLESS}
    assert [entry.command for entry in HELD_OUT if entry.command in tuned_on] == []
