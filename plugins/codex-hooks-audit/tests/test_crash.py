from __future__ import annotations

import os
import secrets
import shutil
import subprocess
import sys
from pathlib import Path

from codex_hooks_audit import AuditLog, verify
from codex_hooks_audit._read import records

KILLS = int(os.environ.get("CODEX_HOOKS_AUDIT_KILLS", "200"))
"""A soak asks for 10,000, on one log after the other."""

KILLS_A_LOG = 200


def test_no_acknowledged_record_is_lost_to_sigkill(tmp_path: Path) -> None:
    """F26: killed at random points, again and again, on one log."""
    number = secrets.randbelow(2**32)
    print(f"number {number}")  # noqa: T201  # to run the same kills again
    script = Path(__file__).with_name("crash_writers.py")
    repairs = 0
    for first in range(0, KILLS, KILLS_A_LOG):
        folder = tmp_path / str(first)
        kills = min(KILLS_A_LOG, KILLS - first)
        command = [sys.executable, str(script), str(folder), str(kills), str(number + first)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        acknowledged = done.stdout.split()

        AuditLog(folder).append([{"id": "last"}])

        verdict = verify(folder)
        assert verdict.intact, verdict
        assert (verdict.unanchored, verdict.torn_bytes) == (0, 0)
        found = [record for _, record in records(folder)]
        ids = [record["id"] for record in found if "id" in record]
        assert len(ids) == len(set(ids))
        assert set(acknowledged) <= set(ids)
        repairs += sum(record.get("kind") == "repair" for record in found)
        shutil.rmtree(folder)  # some 100 MB
    # Or the kills would all have come between two appends, and shown nothing.
    assert repairs > KILLS // 50
