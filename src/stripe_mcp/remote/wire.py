"""
What a client must have sent by when, before anything that it asks for is begun.

Rule: neither a slow client nor a large body holds more than a connection, and that for seconds only.
"""

from asyncio import TimerHandle
from typing import Any

import anyio
import h11
from mcp.shared.inbound import MCP_PROTOCOL_VERSION_HEADER
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from starlette.datastructures import Headers
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

_LAST_WORDS = b"HTTP/1.1 %b\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
_CLOSE = {"Connection": "close"}


def refusal(status: int, error: str, description: str, headers: dict[str, str] | None = None) -> JSONResponse:
    """
    The answer to a request that goes no further, in the form that the SDK gives to those about tokens.
    """
    return JSONResponse({"error": error, "error_description": description}, status, headers)


def is_of_handshake_era(headers: Headers) -> bool:
    """
    Whether a request is of a protocol that begins with `initialize`, as those before 2026-07-28 do.
    """
    return headers.get(MCP_PROTOCOL_VERSION_HEADER) in (None, *HANDSHAKE_PROTOCOL_VERSIONS)


class PatientProtocol(H11Protocol):
    """
    HTTP as uvicorn speaks it, to clients that send a whole head within `head_seconds`: of the connection, and
    later of its first byte. What is left of a body when its request is answered has the same time.
    """

    head_seconds = 10.0

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._overdue: TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._rest()

    def _watch(self) -> None:
        if (self.cycle and not self.cycle.response_complete) or self.transport.is_closing():
            self._rest()
        elif not self._overdue:
            self._overdue = self.loop.call_later(self.head_seconds, self._give_up)

    def _rest(self) -> None:
        if self._overdue:
            self._overdue.cancel()
            self._overdue = None

    def _give_up(self) -> None:
        self._hang_up(b"408 Request Timeout")

    def send_400_response(self, msg: str) -> None:
        """
        Hang up on what is no HTTP.
        """
        self._hang_up(b"400 Bad Request")

    def _hang_up(self, status: bytes) -> None:
        nothing_sent = self.conn.our_state in (h11.IDLE, h11.SEND_RESPONSE)
        if nothing_sent:  # else these words would stand in an answer
            self.transport.write(_LAST_WORDS % status)
        self.transport.close()


class WholeBody:
    """
    Hands a request on to *app* when its body is whole: *most* bytes at most, within *seconds*.
    """

    def __init__(self, app: ASGIApp, *, most: int = 262_144, seconds: float = 15) -> None:
        self._app, self._most, self._seconds = app, most, seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Answer 413 and 408 to bodies that are too large and too slow; what is no request with a body passes.
        """
        headers = Headers(scope=scope) if scope["type"] == "http" else {}
        if "content-length" not in headers and "transfer-encoding" not in headers:
            await self._app(scope, receive, send)
        elif int(headers.get("content-length", 0)) > self._most:  # h11 lets nothing but digits pass
            await self._too_large()(scope, receive, send)
        else:
            await self._read(scope, receive, send)

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = bytearray(), True
        with anyio.move_on_after(self._seconds) as patience:
            while more and len(body) <= self._most:
                message = await receive()
                if message["type"] == "http.disconnect":
                    return
                body += message.get("body", b"")
                more = message.get("more_body", False)
        if patience.cancelled_caught:
            text = f"The body of a request has to be whole within {self._seconds:g} seconds"
            await refusal(408, "request_timeout", text, _CLOSE)(scope, receive, send)
        elif len(body) > self._most:
            await self._too_large(_CLOSE)(scope, receive, send)
        else:
            await self._app(scope, body_first(bytes(body), receive), send)

    def _too_large(self, headers: dict[str, str] | None = None) -> JSONResponse:
        text = f"The body of a request may be {self._most} bytes at most"
        return refusal(413, "content_too_large", text, headers)


def body_first(body: bytes, receive: Receive) -> Receive:
    """
    Give *body* first, then what *receive* has, so that a client that goes away is still noticed.
    """
    messages: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_next() -> Message:
        return messages.pop() if messages else await receive()

    return receive_next
