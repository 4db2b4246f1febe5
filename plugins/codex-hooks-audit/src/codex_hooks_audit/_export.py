"""Records for other programs: JSON lines as they stand in the log, or CSV of their main fields."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

from codex_hooks_audit._printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from typing import TextIO

Format: TypeAlias = Literal["jsonl", "csv"]

COLUMNS: Final = (
    "seq",
    "time",
    "kind",
    "run",
    "thread",
    "turn",
    "round",
    "call",
    "tool",
    "status",
    "cwd",
    "model",
    "content_hmac",
    "content_bytes",
    "content_text",
    "decisions",
    "hash",
)

# A spreadsheet would take a cell that begins with one of these for a formula.
_FORMULA: Final = ("=", "+", "-", "@")


def export(found: Iterable[tuple[bytes, Mapping[str, Any]]], out: TextIO, wanted: Format) -> int:
    """Write every record of ``found`` to ``out``; return how many."""
    count = 0
    if wanted == "csv":
        writer = csv.writer(out)
        writer.writerow(COLUMNS)
        for _, record in found:
            writer.writerow([_cell(value) for value in row(record)])
            count += 1
        return count
    for line, _ in found:
        out.write(line.decode("ascii", "backslashreplace"))
        count += 1
    return count


def row(record: Mapping[str, Any]) -> list[Any]:
    """Return what stands under each of `COLUMNS`."""
    content = content_of(record)
    values = {
        **record,
        "time": time_of(record),
        "content_hmac": content.get("hmac"),
        "content_bytes": content.get("bytes"),
        "content_text": content.get("text"),
        "decisions": json.dumps(record["decisions"]) if "decisions" in record else None,
    }
    return [values.get(column) for column in COLUMNS]


def content_of(record: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what is said of the record's main content: its output, input, prompt or result."""
    for name in ("output", "input", "prompt", "result", "error"):
        content = record.get(name)
        if isinstance(content, dict):
            return content
    return {}


def time_of(record: Mapping[str, Any]) -> str:
    """Return the time of writing as ISO 8601 in UTC; empty for a record without one."""
    ts = record.get("ts")
    if not isinstance(ts, int):
        return ""
    try:
        return datetime.fromtimestamp(ts / 1000, UTC).isoformat(timespec="milliseconds")
    except (ValueError, OverflowError, OSError):  # no time of ours; `verify` says so
        return ""


def _cell(value: object) -> object:
    if not isinstance(value, str):
        return value
    text = printable(value)  # a CSV is looked at in a terminal too
    return f"'{text}" if text.startswith(_FORMULA) else text
