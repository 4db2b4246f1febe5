"""The plugin: secrets are taken out of prompts before they are sent, and out of tool output.

Its hooks come early and see every later change again (K3), so that a secret that another plugin
adds does not pass. They run off the event loop. What cannot be looked through is not passed on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from codex_hooks import Block, Mutate, hookimpl

from codex_hooks_redact._detector import RedactionError
from codex_hooks_redact._options import Options as RedactOptions
from codex_hooks_redact._redactor import Redactor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from codex_hooks import Decision, HookContext

    from codex_hooks_redact._masking import Found

CODEX_HOOKS_API: Final = "1"

# Above two of the longest scans, and above the once-a-machine compilation of the rules, which takes
# four seconds where nothing else runs, and many more on a slow or busy machine (K6).
_TIMEOUT: Final = 60.0


class Redact:
    """The plugin ``redact``."""

    Options = RedactOptions

    def __init__(self, options: RedactOptions | None = None) -> None:
        self._options = options = options or RedactOptions()
        self._redactor = Redactor(
            rules=[str(path) for path in options.rules],
            ignore=options.ignore,
            timeout=options.scan_timeout,
            max_bytes=options.max_bytes,
        )

    @hookimpl(tryfirst=True, recheck=True, timeout=_TIMEOUT)
    def pre_run(self, ctx: HookContext) -> Decision | None:
        """Mask the prompt, or block the run."""
        return self._prompt(ctx)

    @hookimpl(tryfirst=True, recheck=True, timeout=_TIMEOUT)
    def pre_turn(self, ctx: HookContext) -> Decision | None:
        """Mask the prompt, or block the turn."""
        return self._prompt(ctx)

    @hookimpl(tryfirst=True, recheck=True, timeout=_TIMEOUT, on_error="block")
    def post_tool_use(self, ctx: HookContext) -> Decision | None:
        """Mask what the tool gave back, or withhold it (G10)."""
        if self._options.tool_output == "off" or ctx.tool is None or ctx.tool.output is None:
            return None
        try:
            value, found = self._redactor.redact_json(ctx.tool.output)
        except RedactionError as error:
            return Block(f"the output is withheld: {error}")
        if not found:
            return None
        if self._options.tool_output == "block":
            return Block(f"the output is withheld: it holds secrets ({_kinds(found)})")
        return Mutate(tool_output=value)

    def _prompt(self, ctx: HookContext) -> Decision | None:
        if self._options.prompts == "off":
            return None
        try:
            text, found = self._redactor.redact(ctx.prompt)
        except RedactionError as error:
            return Block(f"the prompt is not sent: {error}")
        if not found:
            return None
        if self._options.prompts == "block":
            return Block(f"the prompt holds secrets ({_kinds(found)}): take them out and try again")
        return Mutate(prompt=text)


def _kinds(found: Sequence[Found]) -> str:
    return ", ".join(dict.fromkeys(item.kind for item in found))
