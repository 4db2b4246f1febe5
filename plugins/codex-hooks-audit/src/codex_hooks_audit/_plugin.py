"""The plugin: every phase is recorded, and what cannot be recorded does not happen.

Its hooks come first, so that an attempt is on record even if another plugin then blocks it. They
leave the context alone: when a later plugin changes it they are asked again (K3), so that what is
about to happen is on record as well. An intent is in the log before the tool may run.
"""

from __future__ import annotations

import os
import threading
import time
from typing import TYPE_CHECKING, Any, Final

from codex_hooks import Block, HookPhase, hookimpl

from codex_hooks_audit._content import Content, load_key
from codex_hooks_audit._describe import of_context, of_report
from codex_hooks_audit._errors import AuditError
from codex_hooks_audit._files import Files
from codex_hooks_audit._folder import prepare
from codex_hooks_audit._group import GroupCommit
from codex_hooks_audit._log import AuditLog
from codex_hooks_audit._options import Options as AuditOptions

if TYPE_CHECKING:
    from collections.abc import Callable

    from codex_hooks import HookContext, HookReport

CODEX_HOOKS_API: Final = "1"

# The redactor may have to compile its rules first, which takes long on a slow or busy machine.
_TIMEOUTS: Final = {"digest": 10.0, "redacted": 60.0}


class Audit:
    """The plugin ``audit``.

    The log is opened with the first record, not here: a plugin that fails to load is skipped, and
    one that cannot record must not be. ``files`` is the edge to the disk.
    """

    Options = AuditOptions

    def __init__(self, options: AuditOptions | None = None, *, files: Files | None = None) -> None:
        self._options = options or AuditOptions()
        self._files = files or Files()
        self._opening = threading.Lock()
        self._opened: tuple[GroupCommit, Content] | None = None
        mark = hookimpl(
            tryfirst=True,
            on_error=self._options.on_error,
            timeout=_TIMEOUTS[self._options.text],
        )
        for phase in HookPhase:
            setattr(self, phase.value, mark(self._recorder(phase)))

    @hookimpl
    def hook_report(self, report: HookReport) -> None:
        """Record who decided what in a run that has finished."""
        log, content = self._open()
        log.append(_stamped(of_report(report, content)))

    @hookimpl
    def plugin_stop(self) -> None:
        """Close the log."""
        with self._opening:
            if self._opened is not None:
                self._opened[0].close()

    def _recorder(self, phase: HookPhase) -> Callable[[HookContext], Block | None]:
        can_block = phase.is_pre or phase is HookPhase.POST_TOOL_USE
        blocks = can_block and self._options.on_error == "block"

        def record(ctx: HookContext) -> Block | None:
            try:
                log, content = self._open()
                log.append(_stamped(of_context(ctx, content)))
            except (AuditError, OSError) as error:
                if not blocks:
                    raise  # an issue of the report, counted as failed_open where it may pass (K5)
                return Block(f"this cannot be recorded, so it does not happen: {error}")
            return None

        return record

    def _open(self) -> tuple[GroupCommit, Content]:
        with self._opening:
            if self._opened is None:
                options = self._options
                folder = options.path
                prepare(folder)
                key = load_key(folder, self._files)
                content = Content(key, options.max_text if options.text == "redacted" else 0)
                log = GroupCommit(
                    AuditLog(
                        folder,
                        durability=options.durability,
                        segment_bytes=options.segment_bytes,
                        files=self._files,
                    )
                )
                log.append(_stamped(_opening_of(options)))
                self._opened = log, content
            return self._opened


def _opening_of(options: AuditOptions) -> dict[str, Any]:
    return {
        "kind": "open",
        "pid": os.getpid(),
        "durability": options.durability,
        "text": options.text,
        "on_error": options.on_error,
    }


def _stamped(body: dict[str, Any]) -> dict[str, Any]:
    """Return the body with the time of writing, in milliseconds since 1970."""
    return {"ts": time.time_ns() // 1_000_000, **body}
