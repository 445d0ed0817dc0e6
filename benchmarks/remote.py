"""
What does the remote endpoint serve, beside a bare server of the SDK: calls a second, and clients at a time?

Each server is a process of its own, and so is the upstream, which is on loopback and answers at once; the
clients are this process, and send prepared bytes. Both servers are measured in turn, in short rounds, and
the ratio is the median over the pairs, so that it holds when the machine's speed drifts. Memory is that of
the server's process, on Linux, what it keeps of its connections included.
"""

import asyncio
import json
import multiprocessing
import os
import re
import resource
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from statistics import median
from subprocess import DEVNULL, Popen
from typing import Any

from benchmarks.against_bare_server import BODY, HEAD

IN_FLIGHT, ROUND, PAIRS = 16, 320, 25  # connections, calls of a round, rounds of each server
CLIENTS = 1_000
TOKEN = "a-token-of-the-benchmark-0123456789"
SERVERS = {
    "stripe-mcp": ["-m", "stripe_mcp", "serve", "--port"],
    "bare server": [str(Path(__file__).with_name("bare_http_server.py"))],
}
CALL = {"name": "get_balance", "arguments": {}}
CLIENT = {"name": "bench", "version": "1"}


async def main() -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with upstream() as base:
        for era, at_least in ((modern, " (at least 1.5)"), (legacy, "")):
            with server("stripe-mcp", base) as ours, server("bare server", base) as bare:
                await compare(era, at_least, ours, bare)
        for era in (modern, legacy):
            with server("stripe-mcp", base) as ours:
                await crowd(era, ours)


class Line(asyncio.Protocol):
    """
    A connection to a server, for one request at a time.
    """

    def __init__(self) -> None:
        self._heard = b""
        self._answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        self.host = "{}:{}".format(*transport.get_extra_info("peername"))

    def data_received(self, data: bytes) -> None:
        self._heard += data
        head, found, body = self._heard.partition(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        if found and (len(body) == int(length[1]) if length else body.endswith(b"0\r\n\r\n")):
            self._answer.set_result(self._heard)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._answer.done():
            self._answer.set_exception(ConnectionError("the server closed a connection"))
            self._answer.exception()  # nobody may be waiting

    def post(self, method: str, params: Any, **headers: str) -> bytes:
        message = {"jsonrpc": "2.0", "method": method} | ({"id": 1, "params": params} if params else {})
        body = json.dumps(message).encode()
        named = {
            "Host": self.host,
            "Authorization": f"Bearer {TOKEN}",
            "Accept": "application/json, text/event-stream",
            "Content-Type": "application/json",
            "Content-Length": len(body),
        }
        lines = [f"{name}: {value}" for name, value in (named | headers).items()]
        return "\r\n".join(["POST /mcp HTTP/1.1", *lines, "", ""]).encode() + body

    async def ask(self, request: bytes) -> bytes:
        """
        The whole answer to *request*, which has to be a success.
        """
        self._heard, self._answer = b"", asyncio.get_running_loop().create_future()
        self.transport.write(request)
        answer = await self._answer
        assert answer.startswith(b"HTTP/1.1 20"), answer
        return answer


Caller = Callable[[], Awaitable[bytes]]
Era = Callable[[Line], Awaitable[Caller]]


async def modern(line: Line) -> Caller:
    """
    A client of protocol 2026-07-28: what makes one call, with all that the server has to know.
    """
    said = {"protocolVersion": "2026-07-28", "clientInfo": CLIENT, "clientCapabilities": {}}
    meta = {f"io.modelcontextprotocol/{name}": value for name, value in said.items()}
    named = {"MCP-Protocol-Version": "2026-07-28", "Mcp-Method": "tools/call", "Mcp-Name": "get_balance"}
    request = line.post("tools/call", CALL | {"_meta": meta}, **named)
    return lambda: line.ask(request)


async def legacy(line: Line) -> Caller:
    """
    A client of protocol 2025-11-25, which opens a session first.
    """
    version = {"protocolVersion": "2025-11-25"}
    answer = await line.ask(line.post("initialize", {"capabilities": {}, "clientInfo": CLIENT} | version))
    session = re.search(rb"(?i)mcp-session-id: (\S+)", answer)
    assert session
    named = {"MCP-Protocol-Version": "2025-11-25", "Mcp-Session-Id": session[1].decode()}
    await line.ask(line.post("notifications/initialized", None, **named))
    request = line.post("tools/call", CALL, **named)
    return lambda: line.ask(request)


@asynccontextmanager
async def callers(era: Era, port: int, count: int) -> AsyncIterator[list[Caller]]:
    loop = asyncio.get_running_loop()
    lines = [(await loop.create_connection(Line, "127.0.0.1", port))[1] for _ in range(count)]
    try:
        yield [await era(line) for line in lines]
    finally:
        for line in lines:
            line.transport.close()


# The two questions


async def compare(era: Era, at_least: str, ours: "Server", bare: "Server") -> None:
    rates: list[tuple[float, float]] = [
        (await a_round(era, ours), await a_round(era, bare)) for _ in range(PAIRS)
    ]
    ratio = median(mine / theirs for mine, theirs in rates[1:])  # the first calls import and connect
    mine, theirs = (median(measured) for measured in zip(*rates[1:], strict=True))
    print(
        f"{era.__name__}, {IN_FLIGHT} calls in flight: {mine:.0f}/s, bare {theirs:.0f}/s, "
        f"ratio {ratio:.2f}{at_least}"
    )


async def a_round(era: Era, served: "Server") -> float:
    """
    Calls a second.
    """

    async def calls(call: Caller) -> None:
        for _ in range(ROUND // IN_FLIGHT):
            assert b"4900" in await call()

    async with callers(era, served.port, IN_FLIGHT) as clients:
        started = time.perf_counter()
        await asyncio.gather(*map(calls, clients))
        return ROUND / (time.perf_counter() - started)


async def crowd(era: Era, served: "Server") -> None:
    """
    Many clients at a time, each of which makes three calls: are all served, and what does one cost?
    """
    await a_round(era, served)  # imports, and connects
    before, started = served.memory(), time.perf_counter()
    async with callers(era, served.port, CLIENTS) as clients:
        opened = served.memory()
        for _ in range(3):
            answers = await asyncio.gather(*(call() for call in clients))
            assert all(b"4900" in answer for answer in answers)
        seconds, after = time.perf_counter() - started, served.memory()
    each, called = (opened - before) / CLIENTS, (after - before) / CLIENTS
    print(
        f"{era.__name__}, {CLIENTS} clients at a time: all served, {3 * CLIENTS / seconds:.0f} calls/s; "
        f"memory {before / 1000:.0f} MB, and {each:.1f} kB for each client, {called:.1f} kB after its calls"
    )


# Processes


class Server:
    """
    A server's *process*, which listens at *port*.
    """

    def __init__(self, process: "Popen[bytes]", port: int) -> None:
        self._process, self.port = process, port

    def memory(self) -> int:
        """
        Resident, in kB.
        """
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="utf-8")
        return int(status.partition("VmRSS:")[2].split()[0])


@contextmanager
def server(name: str, base: str) -> Iterator[Server]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory() as folder:
        own = {"STRIPE_SECRET_KEY": "sk_test_bench", "STRIPE_MCP_API_BASE": base, "STRIPE_MCP_TOKEN": TOKEN}
        environment = os.environ | own | {"XDG_STATE_HOME": folder}
        command = [sys.executable, *SERVERS[name], str(port)]
        with Popen(command, env=environment, stdout=DEVNULL, stderr=DEVNULL) as process:
            try:
                while not is_open(port):
                    assert process.poll() is None, f"{name} did not start"
                    time.sleep(0.05)
                yield Server(process, port)
            finally:
                process.terminate()


def is_open(port: int) -> bool:
    with socket.socket() as knocking:
        return not knocking.connect_ex(("127.0.0.1", port))


@contextmanager
def upstream() -> Iterator[str]:
    """
    A process that gives every request the same answer; yields its address.
    """
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=answer_all, args=(there,), daemon=True)
    process.start()
    there.close()  # so that we hear of it if the process does not start
    yield f"http://127.0.0.1:{here.recv()}"
    process.terminate()


def answer_all(there: Any) -> None:
    class Answering(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            if data.endswith(b"\r\n\r\n"):
                self.transport.write(HEAD + BODY)

    async def serve() -> None:
        listening = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        there.send(listening.sockets[0].getsockname()[1])
        await listening.serve_forever()

    asyncio.run(serve())


if __name__ == "__main__":
    asyncio.run(main())
