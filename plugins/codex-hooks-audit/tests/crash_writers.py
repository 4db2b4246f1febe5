"""Start writers and kill them: ``python crash_writers.py FOLDER KILLS NUMBER``.

Each writer appends records of all sizes to the log and then says which one is in. It is killed
after some of them, at no particular point; what it had said by then is printed, one a line.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from codex_hooks_audit import AuditLog

if TYPE_CHECKING:
    from codex_hooks_audit._log import Durability


def append_for_ever(folder: Path, writer: int, told: int) -> None:
    draw = random.Random(writer)
    durability: Durability = draw.choice(("process", "process", "power"))
    log = AuditLog(folder, durability=durability, segment_bytes=1_000_000)
    n = 0
    while True:
        size = draw.choice((10, 100, 1_000, 50_000, 400_000))
        batch = [{"id": f"{writer}-{n}", "pad": "x" * size}]
        log.append(batch)
        os.write(told, f"{writer}-{n}\n".encode())
        n += 1


def kill_one(folder: Path, writer: int, draw: random.Random) -> bytes:
    """Return what the writer had said when it was killed."""
    ours, its = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            append_for_ever(folder, writer, its)
        finally:
            os._exit(1)
    os.close(its)
    said = b""
    until = draw.randrange(12)
    while said.count(b"\n") < until and (part := os.read(ours, 4096)):
        said += part
    moment = time.perf_counter() + draw.random() * 0.002
    while time.perf_counter() < moment:
        pass
    os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    if not os.WIFSIGNALED(status):
        sys.exit(f"writer {writer} ended by itself: {status}")
    while part := os.read(ours, 4096):
        said += part
    os.close(ours)
    return said


def main() -> None:
    folder, kills, number = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    draw = random.Random(number)
    for writer in range(kills):
        sys.stdout.buffer.write(kill_one(folder, writer, draw))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
