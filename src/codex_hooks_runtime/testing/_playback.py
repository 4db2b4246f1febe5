"""How a script is played: each request gets its step, and what no script foresaw is noted.

Plain code without I/O. A request is answered by one call at a time, on the server's thread.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from typing import TypeAlias

from ._request import ModelRequest
from ._sse import Reply, reply_with
from ._steps import Fail, Step, parts_of

Script: TypeAlias = Sequence[Step] | Callable[[ModelRequest], Step]


class Playback:
    """A script, the requests that came, and a sentence for each that it had no answer for."""

    def __init__(self, script: Script) -> None:
        self._script = script if callable(script) else tuple(map(parts_of, script))
        self._call_numbers = itertools.count(1)
        self.requests: list[ModelRequest] = []
        self.unexpected: list[str] = []

    def answer(self, request: ModelRequest) -> Reply:
        """Return the reply to ``request``; a fault of the script is a reply too."""
        self.requests.append(request)
        number = len(self.requests)
        try:
            if callable(self._script):
                return reply_with(parts_of(self._script(request)), self._new_call_id)
            if number <= len(self._script):
                return reply_with(self._script[number - 1], self._new_call_id)
        except BaseException as error:  # as pytest.fail raises
            # It has to fail the turn that met it, and to show in the test, not in a server's log.
            return self.refuse(f"the script raised {error!r} at request {number}", 400)
        why = f"request {number} came, but the script has steps for {len(self._script)}"
        return self.refuse(why, 400)

    def refuse(self, why: str, status: int) -> Reply:
        """Note ``why`` as unexpected, and return the reply that says so."""
        self.unexpected.append(why)
        fail = Fail(f"unexpected by the scripted model: {why}", "unexpected_request", status)
        return reply_with((fail,), self._new_call_id)

    def _new_call_id(self) -> str:
        return f"call_{next(self._call_numbers)}"
