"""
Between ASGI and the simulator: one request read whole, one reply sent whole.

https://asgi.readthedocs.io/en/latest/specs/www.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, NamedTuple

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

LARGEST_BODY = 1_048_576  # bytes


class Request(NamedTuple):
    """
    What came, with header names in lower case.
    """

    method: str
    path: str
    query: str
    headers: dict[str, str]
    body: str


class Reply(NamedTuple):
    """
    What goes out.
    """

    status: int
    body: bytes
    headers: dict[str, str]


async def read_request(scope: Message, receive: Receive) -> Request:
    """
    The request of an HTTP *scope*; of a body, no more than is ever needed.
    """
    body, more = b"", True
    while more and len(body) <= LARGEST_BODY:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    return Request(scope["method"], scope["path"], query, headers, body.decode("utf-8", "replace"))


async def send_reply(send: Send, reply: Reply) -> None:
    """
    Send *reply* in two messages.
    """
    headers = [(name.lower().encode(), value.encode("latin-1")) for name, value in reply.headers.items()]
    headers.append((b"content-length", str(len(reply.body)).encode()))
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


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
