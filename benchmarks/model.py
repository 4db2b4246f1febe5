"""The scripted model in a process of its own, so that no client has to share its time with it.

It prints its address and serves until its stdin is closed. A turn whose prompt is ``hang`` hangs.
"""

from __future__ import annotations

import logging
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING

from codex_hooks_runtime.testing import Hang, Say, ScriptedModel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from codex_hooks_runtime.testing import ModelRequest, Step

WORDS = 50


@contextmanager
def model_process() -> Iterator[str]:
    """Run this file for the ``with`` block; yield the model's address."""
    process = subprocess.Popen(
        [sys.executable, __file__], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        if process.stdin is None or process.stdout is None:
            raise TypeError("asked for pipes and got none")
        yield process.stdout.readline().strip()
        process.stdin.close()


def _step(request: ModelRequest) -> Step:
    return Hang() if request.user_texts[-1] == "hang" else Say("word " * WORDS, chunks=WORDS)


if __name__ == "__main__":
    logging.disable()
    with ScriptedModel(_step) as model:
        print(model.base_url, flush=True)
        sys.stdin.read()
