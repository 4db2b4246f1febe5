"""Programs that end others: whether Codex is among those."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._arguments import after_options, has_flag
from ._inner import Run
from ._text import Text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_USERS: Final = ("-u", "-U", "--euid", "--uid", "--user")
_VALUES: Final = "-u -U -g -G -P -s -t -F --signal --euid --uid --group --parent --session --ns"
_NAME: Final = "codex"
_COMMAND_LINE: Final = "codex app-server"
_ENDED: Final = Run((Text.of("kill"), Text.of("⟨pid:codex⟩")), "a signal to all")


def read_signal(name: str, arguments: Sequence[Text]) -> Iterator[Run]:
    """Return the end of Codex where it is not named, but meant with all others."""
    if (
        (name == "kill" and any(word.literal == "-1" for word in _targets(arguments)))
        or (name == "pkill" and selects_codex(arguments))
        or (name in ("killall", "skill") and _is_by_user(arguments))
        or name == "killall5"
    ):
        yield _ENDED


def selects_codex(arguments: Sequence[Text]) -> bool:
    """Whether ``pkill`` or ``pgrep`` with these ``arguments`` finds Codex."""
    patterns = after_options(arguments, values=_VALUES)
    if not patterns:
        return _is_by_user(arguments)
    searched = _COMMAND_LINE if has_flag(arguments, "-f", "--full") else _NAME
    find = re.fullmatch if has_flag(arguments, "-x", "--exact") else re.search
    try:
        return find(patterns[0].literal or _NAME, searched) is not None
    except re.error:
        return True


def _is_by_user(arguments: Sequence[Text]) -> bool:
    return has_flag(arguments, *_USERS) and not after_options(arguments, values=_VALUES)


def _targets(arguments: Sequence[Text]) -> Sequence[Text]:
    """Return what follows the signal."""
    if not arguments or arguments[0].head[:1] != "-":
        return arguments
    takes_value = arguments[0].literal in ("-s", "-n", "--signal")
    rest = arguments[2 if takes_value else 1 :]
    return rest[1:] if rest and rest[0].literal == "--" else rest
