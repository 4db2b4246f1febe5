"""Two libraries on the labelled corpus: what each misses, and what it takes for a secret.

``python benchmarks/compare.py`` prints a table, with ``--json`` one object, with ``--list`` the
names of the samples that went wrong. Needs ``detect-secrets`` beside this package.

A secret counts as found when nothing of the text that is left holds it. A harmless sample counts
against precision when anything in it was taken for a secret.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

import kingfisher_sdk
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

from codex_hooks_redact import redact
from redact_corpus import corpus

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass
class Score:
    """How one detector did."""

    detector: str
    found: int = 0
    missed: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def precision(self) -> float:
        """The part of what was reported that is a secret."""
        return self.found / ((self.found + len(self.false_alarms)) or 1)

    @property
    def recall(self) -> float:
        """The part of the secrets that was reported."""
        return self.found / (self.found + len(self.missed))


def detect_secrets(text: str) -> str:
    """detect-secrets with its default plugins and filters, over a file as it wants it."""
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        secrets = SecretsCollection()
        with default_settings():
            secrets.scan_file(file.name)
    for _, secret in secrets:
        text = text.replace(secret.secret_value or "\0", "*")
    return text


def kingfisher(scanner: kingfisher_sdk.Scanner) -> Callable[[str], str]:
    """Kingfisher with its own catalogue alone."""

    def run(text: str) -> str:
        data = bytearray(text.encode())
        for item in scanner.scan(text):
            start, end = item.location["start_offset"], item.location["end_offset"]
            data[start:end] = b"*" * (end - start)
        return data.decode()

    return run


def score(name: str, mask: Callable[[str], str]) -> Score:
    """Run one detector over the corpus."""
    result = Score(name)
    mask("warm up")
    began = time.perf_counter()
    for sample in corpus():
        left = mask(sample.text)
        if not sample.secrets and left != sample.text:
            result.false_alarms.append(sample.name)
        elif sample.secrets and any(secret in left for secret in sample.secrets):
            result.missed.append(sample.name)
        elif sample.secrets:
            result.found += 1
    result.seconds = time.perf_counter() - began
    return result


def main() -> None:
    """Print the comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--list", action="store_true", help="what went wrong, by name")
    wanted = parser.parse_args()
    scores = [
        score("detect-secrets", detect_secrets),
        score("kingfisher", kingfisher(kingfisher_sdk.Scanner())),
        score("this package", lambda text: redact(text).text),
    ]
    if wanted.json:
        print(json.dumps([asdict(item) for item in scores]))
        return
    secret = sum(bool(sample.secrets) for sample in corpus())
    print(f"{len(corpus())} samples, {secret} with secrets\n")
    print(f"{'':<16}{'found':>6}{'missed':>8}{'false':>7}{'precision':>11}{'recall':>8}{'ms':>8}")
    for item in scores:
        print(
            f"{item.detector:<16}{item.found:>6}{len(item.missed):>8}{len(item.false_alarms):>7}"
            f"{item.precision:>11.2f}{item.recall:>8.2f}{item.seconds * 1000:>8.0f}"
        )
        if wanted.list:
            print(f"  missed: {', '.join(item.missed)}\n  false: {', '.join(item.false_alarms)}")


if __name__ == "__main__":
    main()
