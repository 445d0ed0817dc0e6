"""
Between ASGI and the simulator: one request read whole, one reply sent whole or as a fault wants it.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any, NamedTuple

from pydantic_core import to_json

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import API_VERSION

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY = 1_048_576  # bytes
ABORT = "stripe_mcp.abort"  # the extension of a scope whose connection can be cut
NO_HEADERS: Mapping[str, str] = {}


class Cut(ConnectionResetError):
    """
    A fault wants the connection to be cut here.
    """


class Request(NamedTuple):
    """
    What came, with header names in lower case.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str
    size: int = 0  # of the body, in bytes


class Reply(NamedTuple):
    """
    What goes out.
    """

    status: int
    body: bytes
    headers: dict[str, str]


def json_reply(status: int, body: Any, request_id: str, headers: Mapping[str, str] = NO_HEADERS) -> Reply:
    """
    A reply with what every answer of Stripe's carries.
    """
    common = {"Content-Type": "application/json", "Request-Id": request_id, "Stripe-Version": API_VERSION}
    given = {name.title(): value for name, value in headers.items()}
    return Reply(status, to_json(body), common | given)


def refuse(
    refusal: StripeError, request_id: str, *, livemode: bool = False, headers: Mapping[str, str] = NO_HEADERS
) -> Reply:
    """
    The answer that *refusal* stands for.
    """
    body = refusal.body(request_id)
    if livemode:
        body["error"]["request_log_url"] = body["error"]["request_log_url"].replace("/test/", "/")
    return json_reply(refusal.status, body, request_id, headers)


class Exchange(NamedTuple):
    """
    One request and its reply on a connection, as ASGI sees it.
    """

    scope: Message
    receive: Receive
    send: Send

    async def read(self, largest: float = LARGEST_BODY) -> Request:
        """
        The request; of a body, no more than is ever needed: *largest* bytes and a little.
        """
        body, more = bytearray(), True
        while more and len(body) <= largest:
            message = await self.receive()
            if message["type"] == "http.disconnect":
                raise Cut("by the client, before the request was read")
            body += message.get("body", b"")
            more = message.get("more_body", False)
        scope = self.scope
        headers = {
            name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        query = scope["query_string"].decode("latin-1")
        text = body.decode("utf-8", "replace")
        return Request(scope["method"], scope["path"], query, headers, text, len(body))

    async def reply(self, reply: Reply) -> None:
        """
        Send *reply* whole.
        """
        await self.start(reply, len(reply.body))
        await self.write(reply.body, more=False)

    async def start(self, reply: Reply, length: int) -> None:
        """
        Send status and headers of *reply*, and promise a body of *length* bytes.
        """
        headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
        headers.append((b"content-length", str(length).encode()))
        await self.send({"type": "http.response.start", "status": reply.status, "headers": headers})

    async def write(self, chunk: bytes, *, more: bool = True) -> None:
        """
        Send a part of the body; with *more*, others follow.
        """
        await self.send({"type": "http.response.body", "body": chunk, "more_body": more})

    async def is_left(self, seconds: float | None) -> bool:
        """
        Wait, at most *seconds*, for the client to go away, and say whether it did.
        """
        leaving = asyncio.ensure_future(self._leave())
        try:
            done, _ = await asyncio.wait({leaving}, timeout=seconds)
            return bool(done)
        finally:
            leaving.cancel()

    async def _leave(self) -> None:
        while (await self.receive())["type"] != "http.disconnect":
            pass

    def abort(self) -> bool:
        """
        Cut the connection, if there is one and the server lets us.
        """
        abort = self.scope.get("extensions", {}).get(ABORT)
        if abort:
            abort()
        return bool(abort)


async def live(receive: Receive, send: Send) -> None:
    """
    Answer a server's start and stop; there is nothing to open or close.
    """
    while True:
        message = await receive()
        kind = message["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return
