"""
A bad line to Stripe: HTTP on loopback, where each request may meet a fault that a script has for it.

Rule: a request is recorded before anything happens to it, and answered as ever if no fault is meant for it.
"""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from stripe_mcp.simulator.wire import Reply

PATIENCE = 30  # seconds after which what a test waits for is not going to happen
CHUNK = 65_536  # bytes
NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Asked:
    """
    A request as it arrived; *at* is in seconds of the loop's clock.
    """

    method: str
    target: str
    headers: Mapping[str, str]
    body: str
    at: float

    @property
    def key(self) -> str | None:
        return self.headers.get("idempotency-key")

    def is_at(self, place: str) -> bool:
        """
        Whether *place*, like `POST /v1/refunds`, is where it goes, or what that begins with.
        """
        return f"{self.method} {self.target}".startswith(place)


class Exchange:
    """
    A request that waits for its answer, and the connection that it came by.
    """

    def __init__(
        self,
        asked: Asked,
        answer: Callable[[Asked], Reply],
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self.asked = asked
        self._answer, self._reader, self._writer = answer, reader, writer

    def carry_out(self) -> Reply:
        """
        Let the request do what it does; nobody hears of it yet.
        """
        return self._answer(self.asked)

    async def send(self, reply: Reply) -> None:
        await self.start(reply, len(reply.body))
        await self.write(reply.body)

    async def start(self, reply: Reply, length: int) -> None:
        """
        Send the head of *reply*, which announces a body of *length* bytes.
        """
        headers = {"Content-Length": str(length)} | reply.headers
        lines = [f"HTTP/1.1 {reply.status} -", *(f"{name}: {value}" for name, value in headers.items())]
        await self.write("\r\n".join([*lines, "", ""]).encode())

    async def write(self, piece: bytes) -> None:
        self._writer.write(piece)
        await self._writer.drain()

    async def left(self) -> None:
        """
        Wait until the client has gone away.
        """
        await self._reader.read()

    def reset(self) -> None:
        reset(self._writer)


Fault = Callable[[Exchange], Awaitable[None]]


async def no_fault(exchange: Exchange) -> None:
    await exchange.send(exchange.carry_out())


def reset(writer: asyncio.StreamWriter) -> None:
    """
    End a connection as a crash does, with RST and not with FIN.
    """
    at_once = struct.pack("ii", 1, 0)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
    writer.transport.abort()


@dataclass
class Proxy:
    """
    *answer* is what stands behind; *deaf* the number of connections that are reset before a byte is read.
    """

    answer: Callable[[Asked], Reply]
    deaf: int = 0
    connections: int = 0
    asked: list[Asked] = field(default_factory=list)
    _script: list[tuple[str, Fault, bool]] = field(default_factory=list)
    _news: anyio.Event = field(default_factory=anyio.Event)

    def next(self, place: str, *faults: Fault) -> None:
        """
        Each of *faults* happens to one more request at *place*.
        """
        self._script += [(place, fault, False) for fault in faults]

    def always(self, place: str, fault: Fault) -> None:
        self._script.append((place, fault, True))

    def heal(self) -> None:
        """
        From now on nothing goes wrong.
        """
        self._script.clear()
        self.deaf = 0

    def at(self, place: str) -> list[Asked]:
        """
        The requests that went to *place*.
        """
        return [asked for asked in self.asked if asked.is_at(place)]

    def keys(self, place: str) -> list[str | None]:
        return [asked.key for asked in self.at(place)]

    async def reached(self, place: str, times: int = 1) -> None:
        """
        Wait until *times* requests have gone to *place*.
        """
        with anyio.fail_after(PATIENCE):
            while len(self.at(place)) < times:
                await self._news.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """
        Answer the requests of one connection, one after the other.
        """
        self.connections += 1
        if self.connections <= self.deaf:
            reset(writer)
            return
        try:
            while not writer.is_closing() and (asked := await _read(reader)):
                self.asked.append(asked)
                self._news.set()
                self._news = anyio.Event()
                await self._take_fault(asked)(Exchange(asked, self.answer, reader, writer))
        except ConnectionError:
            pass  # the client has gone away
        finally:
            writer.close()

    def _take_fault(self, asked: Asked) -> Fault:
        for entry in self._script:
            place, fault, forever = entry
            if asked.is_at(place):
                if not forever:
                    self._script.remove(entry)
                return fault
        return no_fault


async def _read(reader: asyncio.StreamReader) -> Asked | None:
    """
    The next request of a connection; None at its end.
    """
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.strip().split("\r\n")
    method, target, _ = first.split(" ")
    parted = (line.partition(":") for line in lines)
    headers = {name.lower(): value.strip() for name, _, value in parted}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return Asked(method, target, headers, body.decode(), asyncio.get_running_loop().time())


@asynccontextmanager
async def listening(proxy: Proxy) -> AsyncIterator[str]:
    """
    Serve *proxy* on a port that the system picks, and give its address; the end cuts all connections.
    """
    tasks: list[asyncio.Task[None]] = []

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        tasks.append(asyncio.create_task(proxy.serve(reader, writer)))

    server = await asyncio.start_server(connected, "127.0.0.1", 0, backlog=1000)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
