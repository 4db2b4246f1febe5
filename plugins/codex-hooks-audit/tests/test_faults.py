"""F25: whatever the disk refuses, at whichever call, no promise is broken."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, get_args

import pytest
from codex_hooks import HookContext, HookKernel, HookPhase, ToolCall

from codex_hooks_audit import Audit, AuditError, AuditLog, Options, verify
from codex_hooks_audit._files import Files
from codex_hooks_audit._log import Durability
from codex_hooks_audit._read import records
from faulty import Fault, FaultyFiles

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.parametrize("fault", get_args(Fault))


def written(folder: Path, what: str) -> list[Any]:
    return [record[what] for _, record in records(folder) if what in record]


class Shortened(Files):
    """Writes at most ten bytes at a time, which is no fault."""

    def write(self, fd: int, data: bytes | memoryview) -> int:
        return super().write(fd, data[:10])


@pytest.mark.parametrize("for_good", [False, True], ids=["once", "for good"])
@pytest.mark.parametrize("durability", get_args(Durability))
def test_what_was_acknowledged_is_there_and_the_log_is_valid_whichever_call_fails(
    tmp_path: Path, fault: Fault, durability: Durability, for_good: bool
) -> None:
    """F25: every n, with rotation on the way; and the next process goes on."""
    at, done = 0, False
    while not done:
        at += 1
        folder = tmp_path / str(at)
        files = FaultyFiles(at, fault, for_good=for_good)
        log = AuditLog(folder, durability=durability, segment_bytes=600, files=files)
        acknowledged = []
        for n in range(6):
            try:
                log.append([{"n": n, "pad": "x" * (n % 3 * 200)}])
            except AuditError:
                assert files.failed
            else:
                acknowledged.append(n)
        done = not files.failed
        assert done == (acknowledged == list(range(6)))
        if acknowledged:
            assert verify(folder).intact
        log.close()

        AuditLog(folder, segment_bytes=600).append([{"n": "next"}])

        assert verify(folder).intact
        found = written(folder, "n")
        assert [n for n in found if n in acknowledged] == acknowledged
        assert found[-1] == "next"
    assert at > 20


async def test_a_tool_use_whose_intent_cannot_be_written_is_blocked(
    tmp_path: Path, fault: Fault
) -> None:
    """F25: through the kernel, at every call; the control is the run in which nothing fails."""
    at, done = 0, False
    while not done:
        at += 1
        files = FaultyFiles(at, fault)
        plugin = Audit(Options(path=tmp_path / str(at)), files=files)
        kernel = HookKernel()
        allowed = []
        with kernel.register(plugin, "audit"):
            for n in range(3):
                tool = ToolCall(call_id=f"call {n}", name="Bash", kind="command")
                outcome = await kernel.run_pre(HookContext(phase=HookPhase.PRE_TOOL_USE, tool=tool))
                if outcome.blocked is None:
                    allowed.append(f"call {n}")
                else:
                    assert "cannot be recorded" in outcome.blocked.message
        done = not files.failed
        assert (len(allowed) < 3) is files.failed
        if files.failed:  # one fault of the disk is over with the next call
            assert len(allowed) >= 1
        if allowed:
            assert verify(tmp_path / str(at)).intact
            calls = written(tmp_path / str(at), "call")
            assert [call for call in calls if call in allowed] == allowed
    assert at > 8


def test_a_write_in_many_small_parts_is_no_fault(tmp_path: Path, fault: Fault) -> None:
    AuditLog(tmp_path, files=Shortened()).append([{"n": 1}, {"n": 2}])
    assert written(tmp_path, "n") == [1, 2]
    assert verify(tmp_path).intact
