"""Which paths a patch touches, read from its text.

A guard looks here, so that nothing a patch could touch may be missing: every line that an agent
might take for a header counts, also one that is really a line of some file's text.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_HEADERS: Final = ("*** Add File:", "*** Delete File:", "*** Update File:", "*** Move to:")


def touched_paths(tool_input: Mapping[str, object]) -> tuple[str, ...]:
    """Return each path of a patch once, as it is written there.

    The patch is ``tool_input["command"]``; or ``tool_input["changes"]`` lists changes with a
    ``path`` each, and a ``move_path`` in their ``kind`` where a file is moved.
    """
    paths = _headed(tool_input.get("command")) + _listed(tool_input.get("changes"))
    return tuple(dict.fromkeys(paths))


def _headed(patch: object) -> list[str]:
    lines = patch.split("\n") if isinstance(patch, str) else []
    return [
        line.removeprefix(header).strip()
        for line in map(str.strip, lines)
        for header in _HEADERS
        if line.startswith(header)
    ]


def _listed(changes: object) -> list[str]:
    paths: list[object] = []
    for change in changes if isinstance(changes, list | tuple) else ():
        if isinstance(change, Mapping):
            kind = change.get("kind")
            moved = kind.get("move_path") if isinstance(kind, Mapping) else None
            paths += [change.get("path"), moved]
    return [path for path in paths if isinstance(path, str)]
