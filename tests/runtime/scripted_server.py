"""A program that speaks as ``codex app-server`` does, fast and as told; no model, no tools.

Standard library alone: started as ``python -I -S scripted_server.py app-server``. What a turn does
is its prompt: ``say N`` answers in N deltas, ``hang`` says one and then nothing until it is
interrupted, ``die`` kills the server, ``leave`` lets it exit with status 0. Turns that are under
way take their steps in rotation, so that any number of them stream at the same time. Threads are
kept in the file that ``SCRIPTED_RECORD`` names, if it does, and so survive the process.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

Json = dict[str, Any]
Handler = Callable[[Json], tuple[Json, bytes]]

_READ = 1 << 20
_TURNS_KEPT = 5
_FEATURES = [{"name": "hooks", "enabled": True}, {"name": "unified_exec_tty", "enabled": False}]


class Refused(Exception):
    """A request that is answered with an error."""


class Turn:
    """A turn under way: what it has said, and how many words it still has to say."""

    def __init__(self, thread_id: str, turn_id: str, prompt: str) -> None:
        self.thread_id = thread_id
        self.turn_id = turn_id
        self.hangs = prompt == "hang"
        self.left = 1 if self.hangs else int(prompt.removeprefix("say "))
        self.said = 0
        self._delta = event("item/agentMessage/delta", self.about(itemId="m", delta="word "))

    def about(self, **more: Any) -> Json:
        return {"threadId": self.thread_id, "turnId": self.turn_id, **more}

    def next_word(self) -> bytes:
        self.left -= 1
        self.said += 1
        return self._delta

    def message(self) -> Json:
        return {"type": "agentMessage", "id": "m", "text": "word " * self.said}

    def record(self, status: str) -> Json:
        return {"id": self.turn_id, "status": status, "items": [], "error": None}


class Server:
    """The threads and their turns, and the answer to each request about them."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known: dict[str, list[Json]] = {}
        if file is not None and file.exists():
            self._known = json.loads(file.read_text())
        self._loaded: set[str] = set()
        self._turns: dict[str, Turn] = {}
        self._numbers = count(1)

    @property
    def is_busy(self) -> bool:
        """Whether a turn has something to say."""
        return any(turn.left or not turn.hangs for turn in self._turns.values())

    def step(self) -> bytes:
        """Let each turn say its next word, or end."""
        said = []
        for turn in list(self._turns.values()):
            if turn.left:
                said.append(turn.next_word())
            elif not turn.hangs:
                said.append(self._end(turn, "completed"))
        return b"".join(said)

    def answer(self, message: Json) -> bytes:
        """Return what ``message`` is answered with."""
        if "id" not in message or "method" not in message:
            return b""
        name = f"on_{message['method'].replace('/', '_')}"
        handle: Handler | None = getattr(self, name, None)
        try:
            if handle is None:
                raise Refused(f"unknown variant `{message['method']}`")
            result, after = handle(message.get("params") or {})
        except Refused as error:
            return line({"id": message["id"], "error": {"code": -32600, "message": str(error)}})
        return line({"id": message["id"], "result": result}) + after

    def on_initialize(self, _: Json) -> tuple[Json, bytes]:
        return {"userAgent": "codex-hooks/0.163.0 (Scripted 1; none)"}, b""

    def on_thread_start(self, params: Json) -> tuple[Json, bytes]:
        thread_id = f"thread-{os.getpid()}-{next(self._numbers)}"
        self._known[thread_id] = []
        self._save()
        return self._open(thread_id, params)

    def on_thread_resume(self, params: Json) -> tuple[Json, bytes]:
        if params["threadId"] not in self._known:
            raise Refused(f"no rollout found for thread id {params['threadId']}")
        return self._open(params["threadId"], params)

    def on_thread_archive(self, params: Json) -> tuple[Json, bytes]:
        self._loaded.discard(params["threadId"])
        self._known.pop(params["threadId"], None)
        self._save()
        return {}, event("thread/archived", {"threadId": params["threadId"]})

    def on_thread_unsubscribe(self, _: Json) -> tuple[Json, bytes]:
        return {"status": "unsubscribed"}, b""

    def on_thread_loaded_list(self, _: Json) -> tuple[Json, bytes]:
        return {"data": sorted(self._loaded)}, b""

    def on_thread_turns_list(self, params: Json) -> tuple[Json, bytes]:
        turns = [{**turn, "items": []} for turn in self._known[params["threadId"]]]
        under_way = self._turns.get(params["threadId"])
        if under_way is not None:
            turns.append(under_way.record("inProgress"))
        return {"data": turns[::-1]}, b""

    def on_thread_items_list(self, params: Json) -> tuple[Json, bytes]:
        turns = self._known[params["threadId"]]
        items = [turn["items"] for turn in turns if turn["id"] == params["turnId"]]
        return {"data": [{"turnId": params["turnId"], "item": one[0]} for one in items]}, b""

    def on_thread_backgroundTerminals_clean(self, _: Json) -> tuple[Json, bytes]:  # noqa: N802
        return {}, b""

    def on_experimentalFeature_list(self, _: Json) -> tuple[Json, bytes]:  # noqa: N802
        return {"data": _FEATURES}, b""

    def on_hooks_list(self, _: Json) -> tuple[Json, bytes]:
        return {"data": []}, b""

    def on_configRequirements_read(self, _: Json) -> tuple[Json, bytes]:  # noqa: N802
        return {"requirements": None}, b""

    def on_turn_start(self, params: Json) -> tuple[Json, bytes]:
        thread_id, prompt = params["threadId"], params["input"][0]["text"]
        if thread_id not in self._loaded:
            raise Refused(f"thread not found: {thread_id}")
        if prompt == "die":
            os.kill(os.getpid(), signal.SIGKILL)
        if prompt == "leave":
            sys.exit(0)
        turn = self._turns[thread_id] = Turn(thread_id, f"turn-{next(self._numbers)}", prompt)
        started = {"threadId": thread_id, "turn": turn.record("inProgress")}
        return {"turn": turn.record("inProgress")}, event("turn/started", started)

    def on_turn_interrupt(self, params: Json) -> tuple[Json, bytes]:
        turn = self._turns.get(params["threadId"])
        if turn is None or turn.turn_id != params["turnId"]:
            raise Refused("no active turn to interrupt")
        return {}, self._end(turn, "interrupted")

    def on_bench_turns(self, _: Json) -> tuple[Json, bytes]:
        return {"active": sorted(self._turns)}, b""

    def on_bench_echo(self, params: Json) -> tuple[Json, bytes]:
        return params, b""

    def on_bench_notify(self, params: Json) -> tuple[Json, bytes]:
        return {}, event(params["method"], params["params"]) * params["count"]

    def _open(self, thread_id: str, params: Json) -> tuple[Json, bytes]:
        self._loaded.add(thread_id)
        thread = {"id": thread_id, "cwd": params["cwd"], "status": {"type": "idle"}}
        return {"thread": thread, "model": "scripted"}, event("thread/started", {"thread": thread})

    def _end(self, turn: Turn, status: str) -> bytes:
        del self._turns[turn.thread_id]
        turns = self._known[turn.thread_id]
        turns.append({**turn.record(status), "items": [turn.message()]})
        del turns[:-_TURNS_KEPT]
        self._save()
        ended = event("turn/completed", turn.about(turn=turn.record(status)))
        if status != "completed":
            return ended
        return event("item/completed", turn.about(item=turn.message())) + ended

    def _save(self) -> None:
        if self._file is not None:
            self._file.write_text(json.dumps(self._known))


def line(message: Json) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode() + b"\n"


def event(method: str, params: Json) -> bytes:
    return line({"method": method, "params": params})


def serve(server: Server) -> None:
    """Answer what comes on stdin until it ends; speak in between."""
    rest = b""
    while True:
        if select.select([0], [], [], 0 if server.is_busy else None)[0]:
            chunk = os.read(0, _READ)
            if not chunk:
                return
            *lines, rest = (rest + chunk).split(b"\n")
            write(b"".join(server.answer(json.loads(one)) for one in lines))
        write(server.step())


def write(data: bytes) -> None:
    while data:
        data = data[os.write(1, data) :]


if __name__ == "__main__":
    record = os.environ.get("SCRIPTED_RECORD")
    serve(Server(Path(record) if record else None))
