"""One codex app-server process, and the talk with it: calls, live events, server requests.

A connection owns its process and its tasks and ends with its ``async with``, leaving neither. It
never restarts: a supervisor makes another one. Nobody who waits on it hangs: the death of the
server fails every call at once (R5) and ends every subscription.
"""

from __future__ import annotations

import shlex
from collections import Counter
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any

import anyio

from ._calls import Caller
from ._ending import Ending
from ._errors import CodexUnsupported, ResponseError, RpcTimeout, TransportClosed
from ._framing import LineSplitter
from ._handshake import initialize_params, server_version
from ._live import LiveFeed, LiveSubscription
from ._messages import Garbage, LiveEvent, Reply
from ._options import ConnectionCounters
from ._outbox import Outbox
from ._rpc import parse_line
from ._server_requests import ServerRequestDesk
from ._tasks import owned_tasks
from ._transport import StdioTransport

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable, Sequence
    from typing import Self

    from anyio.abc import TaskGroup

    from ._handshake import Version
    from ._messages import ServerRequest
    from ._options import ConnectionOptions
    from ._rpc import JsonObject

# How long a server that has gone silent may take to exit, and its last output to arrive.
_LAST_MOMENTS = 1.0


class Connection:
    """A started and initialised server while its ``async with`` lasts; to be entered once.

    Entering raises ``CodexNotFound`` if there is nothing to start, ``CodexUnsupported`` if what
    was started is no codex or too old a one, ``TransportClosed`` if it exits, ``RpcTimeout`` if
    it does not answer. Subscriptions made before entering miss nothing. ``observe`` is called with
    each batch of events by the reader itself, which it must not keep waiting (R2).
    """

    _transport: StdioTransport
    _outbox: Outbox
    _caller: Caller
    _desk: ServerRequestDesk
    _tasks: TaskGroup
    _cleanup: AsyncExitStack
    initialize_result: JsonObject
    """What the server said of itself."""
    server_version: Version

    def __init__(
        self,
        options: ConnectionOptions,
        *,
        observe: Callable[[Sequence[LiveEvent]], None] | None = None,
    ) -> None:
        self._options = options
        self._live = LiveFeed()
        self._observe = observe
        self._splitter = LineSplitter(limit_bytes=options.line_limit_bytes)
        self._garbage: Counter[Garbage] = Counter()
        self._next_seq = 1
        self._ending: Ending | None = None
        self._silent = anyio.Event()
        self._over = anyio.Event()

    async def __aenter__(self) -> Self:
        options = self._options
        async with AsyncExitStack() as stack:
            # Unwound from the end: the process is gone before the handlers are waited for, since
            # how long those take to end is up to them.
            handlers = await stack.enter_async_context(owned_tasks())
            self._transport = await StdioTransport.start(
                options.argv,
                env=options.env,
                cwd=options.cwd,
                exit_grace=options.exit_grace,
                term_grace=options.term_grace,
            )
            stack.push_async_callback(self._transport.aclose)
            outbox = self._outbox = Outbox(self._transport)
            tasks = self._tasks = await stack.enter_async_context(owned_tasks())
            self._caller = Caller(
                outbox, max_in_flight=options.max_in_flight, usual_seconds=options.call_timeout
            )
            self._desk = ServerRequestDesk(
                options.handler,
                tasks=handlers,
                outbox=outbox,
                deadline=options.handler_deadline,
                limit=options.handler_limit,
            )
            stack.callback(self._end, Ending(by_owner=True))
            for work in (self._read, self._write, self._watch):
                tasks.start_soon(work)
            tasks.start_soon(self._transport.drain_stderr)
            tasks.start_soon(self._caller.keep_time)
            await self._handshake()
            self._cleanup = stack.pop_all()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._cleanup.aclose()

    @property
    def pid(self) -> int:
        """The server's process id."""
        return self._transport.pid

    @property
    def ending(self) -> Ending | None:
        """How the connection ended, or None while it is open."""
        return self._ending

    async def wait_ended(self) -> Ending:
        """Wait for the server to die, or for the owner to leave, and return how it ended."""
        while self._ending is None:
            await self._over.wait()
        return self._ending

    @property
    def counters(self) -> ConnectionCounters:
        """A snapshot of what went wrong so far."""
        garbage = dict(self._garbage)
        late_replies = garbage.pop(Garbage.LATE_REPLY, 0)
        return ConnectionCounters(
            events=self._next_seq - 1,
            requests=self._caller.requests,
            garbage=garbage,
            late_replies=late_replies,
            dropped_lines=self._splitter.dropped,
            retries=self._caller.retries,
            declined=self._desk.declined,
        )

    async def call(
        self,
        method: str,
        params: JsonObject | None = None,
        *,
        timeout: float | None = None,  # noqa: ASYNC109  # it also says when to stop retrying
    ) -> Any:
        """Send a request and return its result.

        ``timeout`` is in seconds, ``call_timeout`` by default, and holds for all of it: waiting
        for one of the places in flight, the reply, and retries while the server is overloaded
        (R4). Raises ``RpcTimeout``, ``TransportClosed`` or a ``ResponseError``; ``TypeError`` or
        ``ValueError`` for params that JSON cannot carry. A cancelled call is forgotten, though
        the server may still act on it.
        """
        return await self._caller.call(method, params, timeout)

    async def notify(self, method: str, params: JsonObject | None = None) -> None:
        """Send a notification; raises ``TransportClosed`` if nobody is there to read it."""
        await self._caller.notify(method, params)

    def start_soon(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Run ``work`` in a task that may outlive its caller, and ends with the connection."""
        self._tasks.start_soon(work)

    def subscribe_live(
        self, *, capacity: int | None = None, thread_id: str | None = None
    ) -> LiveSubscription:
        """Return a subscription to every event, or to those of one thread (R3).

        It begins with its ``async with``, and holds up to ``capacity`` unread events, by default
        ``live_capacity``.
        """
        capacity = self._options.live_capacity if capacity is None else capacity
        return LiveSubscription(self._live, capacity=capacity, thread_id=thread_id)

    async def _handshake(self) -> None:
        program = self._options.argv[0]
        params = initialize_params(self._options.client)
        try:
            result = await self.call("initialize", params, timeout=self._options.initialize_timeout)
        except ResponseError as error:
            raise CodexUnsupported(f"{program} would not be initialised: {error}") from error
        except TransportClosed as error:
            ending = Ending(
                by_owner=False,
                exit_status=error.exit_status,
                stderr_tail=error.stderr_tail,
                advice=f"run `{shlex.join(self._options.argv)}` by hand to see why",
            )
            raise ending.error("initialize") from error
        except RpcTimeout as error:
            raise self._unanswered(program) from error
        self.server_version = server_version(result)
        self.initialize_result = result
        await self.notify("initialized")

    def _unanswered(self, program: str) -> CodexUnsupported | RpcTimeout:
        silent = Ending(by_owner=False, stderr_tail=self._transport.stderr_tail)
        if self._garbage:
            return CodexUnsupported(
                f"{program} writes something else than the app-server protocol; give the path of "
                f"a codex binary{silent.last_words}"
            )
        return RpcTimeout(
            f"{program} did not answer within {self._options.initialize_timeout:g} s of its start; "
            "if it is a codex on a slow machine, raise initialize_timeout"
            f"{silent.last_words}",
            method="initialize",
        )

    async def _read(self) -> None:
        while chunk := await self._transport.receive():
            self._dispatch(self._splitter.feed(chunk))
        self._silent.set()
        await self._conclude()

    async def _write(self) -> None:
        await self._outbox.run()
        await self._conclude()

    async def _watch(self) -> None:
        # Not the same as the end of its output: a child of the server's may hold the pipe (F19).
        await self._transport.wait()
        await self._conclude()

    def _dispatch(self, lines: Iterable[bytes]) -> None:
        events = []
        for line in lines:
            message = parse_line(line, self._next_seq)
            if isinstance(message, LiveEvent):
                self._next_seq += 1
                events.append(message)
            elif garbage := self._take(message):
                self._garbage[garbage] += 1
        if events:
            self._live.publish(events)
            if self._observe is not None:
                self._observe(events)

    def _take(self, message: Reply | ServerRequest | Garbage) -> Garbage | None:
        if isinstance(message, Garbage):
            return message
        if isinstance(message, Reply):
            return self._caller.settle(message)
        return self._desk.take(message)

    async def _conclude(self) -> None:
        """End with what the server left behind: its exit status, its last output."""
        with anyio.move_on_after(_LAST_MOMENTS):
            await self._transport.wait()
        with anyio.move_on_after(_LAST_MOMENTS):
            await self._silent.wait()
        transport = self._transport
        self._end(Ending(False, transport.exit_status, transport.stderr_tail))

    def _end(self, ending: Ending) -> None:
        if self._ending is None:
            self._ending = ending
            self._desk.close()  # first of all: nothing is accepted from here on (F17)
            self._caller.end(ending)
            self._live.end(ending)
            self._outbox.close()
            self._over.set()
