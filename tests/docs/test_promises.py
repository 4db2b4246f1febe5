"""Every promise has a test that names it, and every number that a test names is a promise."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
HOW_MANY = {"K": 15, "R": 9, "G": 10, "F": 30}
NUMBER = re.compile(r"\b([KRGF])([1-9]\d?)\b")


def numbers(text: str) -> set[str]:
    return {letter + digits for letter, digits in NUMBER.findall(text)}


def test_every_promise_is_named_by_a_test_and_the_other_way_round() -> None:
    rows = re.findall(
        r"^\| ([KRGF][^|]*) \|", (ROOT / "docs/promises.md").read_text(), re.MULTILINE
    )
    promised = set().union(*map(numbers, rows))
    folders = [ROOT / "tests", *ROOT.glob("plugins/*/tests")]
    tests = [path for folder in folders for path in folder.rglob("test_*.py")]
    named: set[str] = set()
    for path in tests:
        docstrings = re.findall(r'"""(.*?)"""', path.read_text(), re.DOTALL)
        named |= numbers(" ".join(docstrings))

    assert promised == {
        f"{letter}{n}" for letter, last in HOW_MANY.items() for n in range(1, last + 1)
    }
    assert promised - named == set()
    assert named - promised == set()
