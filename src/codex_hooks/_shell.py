"""`ShellCommandHook`: a plugin that is any program (K14).

What it is told and how it answers is written down in `codex_hooks._shell_protocol`.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from codex_hooks._command import MAX_OUTPUT, TooMuchOutput, run_command
from codex_hooks._context import HookPhase
from codex_hooks._decisions import InvalidDecision
from codex_hooks._errors import PluginError
from codex_hooks._shell_protocol import context_json, decision_of
from codex_hooks._specs import DEFAULT_TIMEOUT, hookimpl

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from codex_hooks._context import HookContext
    from codex_hooks._decisions import Decision
    from codex_hooks._match import HookMatcher
    from codex_hooks._specs import OnError

PRE_PHASES: Final = tuple(phase for phase in HookPhase if phase.is_pre)

# What a command gets of this process' environment; all else, secrets included, stays here.
_INHERITED: Final = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")


class ShellCommandHook:
    """A program that is asked about each of ``phases``: register it like any plugin.

    ``command`` is a list of the program and its arguments, or a string for ``/bin/sh -c``. It
    runs in the working folder of this process, with ``PATH``, ``HOME``, ``LANG``, ``LC_ALL`` and
    ``TMPDIR`` of its environment and ``env``. ``timeout`` is in seconds (K6); with it, with a
    cancellation, and with the end of the command itself, everything ends that the command has
    started, unless it has left the command's session. ``match`` and ``on_error`` are those of
    `hookimpl`. Raises `PluginError` for what nobody could run.
    """

    def __init__(
        self,
        name: str,
        command: str | Sequence[str],
        timeout: float | None = DEFAULT_TIMEOUT,
        *,
        env: Mapping[str, str] | None = None,
        phases: Collection[HookPhase] = PRE_PHASES,
        match: HookMatcher | None = None,
        on_error: OnError | None = None,
    ) -> None:
        self.name = self.__name__ = name  # the kernel calls a plugin by its __name__
        self._argv = _argv(name, command)
        self._env = dict(env or {})
        for key, value in self._env.items():
            if not (_is_text(key) and _is_text(value) and key and "=" not in key):
                raise PluginError(
                    f"the env of {name!r} has {key!r}: give names and values as text", plugin=name
                )
        if isinstance(phases, str) or not phases:
            raise PluginError(f"{name!r} has no phases: give a list of HookPhase", plugin=name)

        @hookimpl(timeout=timeout, match=match, on_error=on_error)
        async def ask(ctx: HookContext) -> Decision | None:
            return await self._ask(ctx)

        for phase in phases:
            setattr(self, HookPhase(phase).value, ask)

    def __repr__(self) -> str:
        return f"ShellCommandHook({self.name!r})"

    async def _ask(self, ctx: HookContext) -> Decision | None:
        inherited = {key: os.environ[key] for key in _INHERITED if key in os.environ}
        try:
            finished = await run_command(
                self._argv, env={**inherited, **self._env}, given=context_json(ctx)
            )
        except TooMuchOutput:
            raise InvalidDecision(f"the command wrote more than {MAX_OUTPUT} bytes") from None
        except OSError as error:
            raise InvalidDecision(
                f"the command {self._argv[0]!r} cannot be started: {error.strerror}"
            ) from error
        return decision_of(finished)


def _argv(name: str, command: object) -> tuple[str, ...]:
    if isinstance(command, str):
        command = ("/bin/sh", "-c", command)
    if not (isinstance(command, list | tuple) and all(map(_is_text, command))):
        raise PluginError(f"the command of {name!r} is no list of strings", plugin=name)
    if not (command and command[-1] and command[0]):
        raise PluginError(f"{name!r} has no command: give a program", plugin=name)
    return tuple(command)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and "\0" not in value
