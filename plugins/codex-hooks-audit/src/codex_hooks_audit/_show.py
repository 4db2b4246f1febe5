"""A record as one line for a person: what a terminal would act on is shown escaped (F28)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from codex_hooks_audit._export import content_of, time_of
from codex_hooks_audit._printable import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_MAX: Final = 160


def line_of(record: Mapping[str, Any]) -> str:
    """Return number, time, run and kind, and what is particular to the kind."""
    parts = [
        f"{record.get('seq', '?')!s:>6}",
        time_of(record)[:23] or "-",
        str(record.get("run", "-")),
        f"{record.get('kind', '?')!s:<18}",
        *_particulars(record),
    ]
    return printable("  ".join(parts))


def _particulars(record: Mapping[str, Any]) -> Iterable[str]:
    kind = record.get("kind")
    if kind == "report":
        yield from _of_report(record)
    elif kind == "repair":
        yield f"kept {record.get('kept_records')} records, cut {record.get('torn_bytes')} bytes"
    elif kind == "open":
        yield f"pid {record.get('pid')}, durability {record.get('durability')}"
    elif "tool" in record:
        yield f"{record['tool']} {record.get('call', '')}"
    if "round" in record:
        yield f"round {record['round']}"
    if status := record.get("status"):
        yield str(status)
    content = content_of(record)
    if "text" in content:
        yield str(content["text"])[:_MAX]
    elif content:
        yield f"{content.get('bytes')} bytes, hmac {str(content.get('hmac'))[:12]}"


def _of_report(record: Mapping[str, Any]) -> Iterable[str]:
    yield "clean" if record.get("clean") else "not clean"
    for block in _objects(record.get("blocks")):
        yield f"{block.get('phase')} blocked by {block.get('plugin')}"
    for issue in _objects(record.get("issues")):
        yield f"{issue.get('plugin')} failed in {issue.get('phase')}"


def _objects(items: object) -> Iterator[Mapping[str, Any]]:
    """Return what can be shown of a list; a record that was changed may hold anything."""
    if isinstance(items, list):
        yield from (item for item in items if isinstance(item, dict))
