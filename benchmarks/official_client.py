"""The official Python client (`openai-codex`), driven as its own package drives itself."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from openai_codex.client import CodexClient, CodexConfig
from openai_codex.retry import retry_on_overload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence


class OfficialClient:
    """One server and the seconds that things take on it."""

    def __init__(self, client: CodexClient) -> None:
        self._client = client

    def round_trips(self, count: int) -> float:
        """Return the seconds for ``count`` requests, one after the other."""
        began = time.perf_counter()
        for number in range(count):
            self._client._request_raw("bench/echo", {"number": number})
        return time.perf_counter() - began

    def pipelined(self, callers: int, each: int) -> float:
        """Return the seconds for ``each`` requests from each of ``callers``: threads, here."""
        return _together([lambda: self.round_trips(each)] * callers)

    def notifications(self, method: str, params: dict[str, Any], count: int) -> float:
        """Return the seconds until ``count`` notifications were read by one reader."""
        read: Callable[[], object] = self._client.next_notification
        turn_id = params.get("turnId")
        if turn_id is not None:
            self._client.register_turn_notifications(turn_id)
            read = lambda: self._client.next_turn_notification(turn_id)  # noqa: E731
        began = time.perf_counter()
        self._client._request_raw(
            "bench/notify", {"method": method, "params": params, "count": count}
        )
        for _ in range(count):
            read()
        seconds = time.perf_counter() - began
        if turn_id is not None:
            self._client.unregister_turn_notifications(turn_id)
        return seconds

    def unread(self, method: str, params: dict[str, Any], count: int) -> None:
        """Let ``count`` notifications come and read none of them."""
        self._client._request_raw(
            "bench/notify", {"method": method, "params": params, "count": count}
        )
        self._client._request_raw("bench/echo", {})

    def turns(self, count: int, words: int, cwd: str) -> tuple[float, list[float]]:
        """Return the seconds for ``count`` turns at once, and those of interrupts meanwhile."""
        threads = [self._thread(cwd) for _ in range(count)]
        latencies: list[float] = []
        over = threading.Event()

        def interrupt() -> None:
            thread = self._thread(cwd)
            while not over.is_set():
                turn_id = self._client.turn_start(thread, "hang").turn.id
                self._client.register_turn_notifications(turn_id)
                self._client.next_turn_notification(turn_id)  # before it has begun, Codex says no
                began = time.perf_counter()
                self._client.turn_interrupt(thread, turn_id)
                latencies.append(time.perf_counter() - began)
                self._client.wait_for_turn_completed(turn_id)

        def stream(thread: str) -> None:
            retry_on_overload(lambda: read(thread), max_attempts=1_000)

        def read(thread: str) -> None:
            for _ in self._client.stream_text(thread, f"say {words}"):
                pass

        interrupting = threading.Thread(target=interrupt)
        interrupting.start()
        seconds = _together([lambda thread=thread: stream(thread) for thread in threads])  # type: ignore[misc]
        over.set()
        interrupting.join()
        return seconds, latencies

    def _thread(self, cwd: str) -> str:
        reply: Any = self._client._request_raw("thread/start", {"cwd": cwd})
        return str(reply["thread"]["id"])


@contextmanager
def official_client(
    argv: Sequence[str], env: Mapping[str, str] | None = None
) -> Iterator[OfficialClient]:
    """Start ``argv`` under the official client."""
    config = CodexConfig(launch_args_override=tuple(argv), env=dict(env) if env else None)
    with CodexClient(config) as client:
        client.initialize()
        yield OfficialClient(client)


def _together(work: Sequence[Callable[[], object]]) -> float:
    threads = [threading.Thread(target=one) for one in work]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return time.perf_counter() - began
