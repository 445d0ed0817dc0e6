"""
How much of the server one principal may have at a time.

Rule: one principal's flood waits in that principal's own line, and nobody else's request behind it.
Nothing is kept of a principal that has no request inside.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import anyio
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from stripe_mcp.remote.wire import is_of_handshake_era, refusal

_LATER = {"Retry-After": "1"}  # second


@dataclass(slots=True)
class _Share:
    """
    What one principal has of the server now.
    """

    inside: int = 0  # requests of any kind, those in line and those being refused as well
    calls: int = 0
    streams: int = 0
    line: deque[anyio.Event] = field(default_factory=deque)

    def give_place(self) -> None:
        """
        Give a call's place to the first in line.
        """
        if self.line:
            self.line.popleft().set()
        else:
            self.calls -= 1

    def leave_line(self, turn: anyio.Event) -> None:
        """
        Leave the line at *turn*, or the place that was given there a moment ago.
        """
        if turn in self.line:
            self.line.remove(turn)
        else:
            self.give_place()


class Fair:
    """
    Lets *at_once* calls of each principal in to *app*, keeps *waiting* more in line, in their order, and lets
    *streams* stay open. Beyond that the answer is 429, and 503 beyond *most* requests of all together.

    *of* says whose request a scope is. A call whose answer has become a stream, for progress, for a question
    or because it takes long, counts as a stream while there is room for one. Stands behind `WholeBody`, for a
    body is kept while its request waits.
    """

    def __init__(
        self,
        app: ASGIApp,
        of: Callable[[Scope], str],
        *,
        at_once: int = 32,
        waiting: int = 1_024,
        streams: int = 1_000,
        most: int = 4_000,
    ) -> None:
        self._app, self._of = app, of
        self._at_once, self._waiting, self._streams, self._most = at_once, waiting, streams, most
        self._shares: dict[str, _Share] = {}
        self._inside = 0

    @property
    def principals(self) -> int:
        """
        How many have a request inside now.
        """
        return len(self._shares)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Let a request in, when it is its turn.
        """
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if self._inside >= self._most:
            text = f"The server has {self._most} requests at once, its most; send this one again later"
            await refusal(503, "temporarily_unavailable", text, _LATER)(scope, receive, send)
            return
        await self._count(self._of(scope), scope, receive, send)

    async def _count(self, name: str, scope: Scope, receive: Receive, send: Send) -> None:
        share = self._shares.setdefault(name, _Share())
        self._inside += 1
        share.inside += 1
        try:
            enter = self._stream if _opens_stream(scope) else self._call
            await enter(share, scope, receive, send)
        finally:
            self._inside -= 1
            share.inside -= 1
            if not share.inside:
                del self._shares[name]

    async def _stream(self, share: _Share, scope: Scope, receive: Receive, send: Send) -> None:
        if share.streams >= self._streams:
            text = f"{self._streams} streams are open, the most that one caller may have; close one first"
            await refusal(429, "too_many_requests", text, _LATER)(scope, receive, send)
            return
        share.streams += 1
        try:
            await self._app(scope, receive, send)
        finally:
            share.streams -= 1

    async def _call(self, share: _Share, scope: Scope, receive: Receive, send: Send) -> None:
        if share.calls < self._at_once:
            share.calls += 1
            await self._enter(share, scope, receive, send)
        elif len(share.line) >= self._waiting:
            text = f"{self._at_once} requests are in work and {self._waiting} wait; send this one again later"
            await refusal(429, "too_many_requests", text, _LATER)(scope, receive, send)
        elif received := await _wait(share, receive):
            await self._enter(share, scope, received, send)

    async def _enter(self, share: _Share, scope: Scope, receive: Receive, send: Send) -> None:
        place = _Place(share, self._streams)
        try:
            await self._app(scope, receive, place.watching(send))
        finally:
            place.leave()


class _Place:
    """
    The place of one call: among its principal's calls, from a stream's first bytes on among its *streams*.

    The head of a stream says nothing: in the handshake era it goes out before the call begins. A question has
    to give the place up, for its answer comes as a call of its own.
    """

    def __init__(self, share: _Share, streams: int) -> None:
        self._share, self._streams = share, streams
        self._streaming = False

    def watching(self, send: Send) -> Send:
        """
        Send, and notice when the answer becomes a stream.
        """
        stream = False

        async def watched(message: Message) -> None:
            nonlocal stream
            if message["type"] == "http.response.start":
                kind = Headers(raw=message.get("headers", [])).get("content-type", "")
                stream = kind.startswith("text/event-stream")
            elif stream and not self._streaming:
                self._become_stream()
            await send(message)

        return watched

    def _become_stream(self) -> None:
        if self._share.streams < self._streams:
            self._streaming = True
            self._share.streams += 1
            self._share.give_place()

    def leave(self) -> None:
        """
        Give back what the call has.
        """
        if self._streaming:
            self._share.streams -= 1
        else:
            self._share.give_place()


def _opens_stream(scope: Scope) -> bool:
    """
    Whether the answer stays open for as long as the client likes.

    The SDK holds a body to its Mcp-Method header, except in the handshake era.
    """
    headers = Headers(scope=scope)
    listens = headers.get("mcp-method") == "subscriptions/listen" and not is_of_handshake_era(headers)
    return scope["method"] == "GET" or listens


async def _wait(share: _Share, receive: Receive) -> Receive | None:
    """
    Wait for a place, and give what then receives; None if the client went away before.
    """
    turn, watching, entered = anyio.Event(), anyio.CancelScope(), False
    received: deque[Message] = deque()

    async def watch() -> None:
        with watching:
            while not _gone(received):
                received.append(await receive())
            turn.set()

    async def receive_next() -> Message:
        return received.popleft() if received else await receive()

    share.line.append(turn)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(watch)
            await turn.wait()
            watching.cancel()
        entered = not _gone(received)
    finally:
        if not entered:
            share.leave_line(turn)
    return receive_next if entered else None


def _gone(received: deque[Message]) -> bool:
    return bool(received) and received[-1]["type"] == "http.disconnect"
