"""
What do 37 tools and the road to Stripe cost, beside a bare server of the SDK with one tool?

Both are run in turn, and the ratio is the median over the pairs, so that it holds when the machine's
speed drifts. The upstream is on loopback and answers at once. Times are medians in milliseconds.
"""

import asyncio
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from subprocess import PIPE, Popen
from typing import Any

SPAWNS = 25
CALLS = 500
SERVERS = {
    "stripe-mcp": ["-m", "stripe_mcp"],
    "bare server": [str(Path(__file__).with_name("bare_server.py"))],
    "simulator": ["-m", "stripe_mcp", "--simulator"],
}
COMPARED = ("stripe-mcp", "bare server")
BODY = b'{"object":"balance","available":[{"amount":4900,"currency":"usd"}],"livemode":false}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(BODY)


def main() -> None:
    with upstream() as base:
        compare("spawn to tools/list", 1.15, {name: [] for name in COMPARED}, base, spawns)
        compare("one get_balance at a time", 1.3, {name: [] for name in COMPARED}, base, calls)


def compare(title: str, at_most: float, times: dict[str, list[float]], base: str, run: Any) -> None:
    run(times, base)
    ours, bare = (times[name] for name in COMPARED)
    ratio = median(mine / theirs for mine, theirs in zip(ours, bare, strict=True))
    print(
        f"{title}: {median(ours) * 1000:.2f} ms, bare {median(bare) * 1000:.2f} ms, "
        f"ratio {ratio:.3f} (at most {at_most})"
    )


def spawns(times: dict[str, list[float]], base: str) -> None:
    for _ in range(SPAWNS + 1):
        for name in times:
            started = time.perf_counter()
            with server(name, base) as ask:
                ask("tools/list", {})
                times[name].append(time.perf_counter() - started)
    for measured in times.values():
        del measured[0]  # the first one fills the machine's caches


def first_answers(base: str) -> tuple[list[float], list[float]]:
    """
    Seconds from spawn to the first answer of a tool: on the simulator's shop, and on the Stripe at *base*.
    """
    times: dict[str, list[float]] = {"simulator": [], "stripe-mcp": []}
    for _ in range(SPAWNS + 1):
        for name, measured in times.items():
            started = time.perf_counter()
            with server(name, base) as ask:
                ask("tools/list", {})
                ask("tools/call", {"name": "get_balance", "arguments": {}})
                measured.append(time.perf_counter() - started)
    return times["simulator"][1:], times["stripe-mcp"][1:]


def calls(times: dict[str, list[float]], base: str) -> None:
    with ExitStack() as stack:
        ask = {name: stack.enter_context(server(name, base)) for name in times}
        for number in range(CALLS + 20):
            for name in times:
                started = time.perf_counter()
                answer = ask[name]("tools/call", {"name": "get_balance", "arguments": {}})
                elapsed = time.perf_counter() - started
                assert "4900" in answer["result"]["content"][0]["text"], answer
                if number >= 20:  # the first calls import and connect
                    times[name].append(elapsed)


@contextmanager
def server(name: str, base: str) -> Iterator[Any]:
    """
    A server process, initialized; yields a function that sends a request and returns its answer.
    """
    environment = os.environ | {"STRIPE_SECRET_KEY": "sk_test_bench", "STRIPE_MCP_API_BASE": base}
    command = [sys.executable, *SERVERS[name]]
    with Popen(command, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=environment) as process:
        assert process.stdin
        assert process.stdout
        assert process.stderr
        threading.Thread(target=process.stderr.read, daemon=True).start()
        read, write = process.stdout, process.stdin

        def send(message: dict[str, Any]) -> None:
            write.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            write.flush()

        def ask(method: str, params: dict[str, Any]) -> Any:
            send({"id": 1, "method": method, "params": params})
            return json.loads(read.readline())

        client = {"name": "bench", "version": "1"}
        ask("initialize", {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client})
        send({"method": "notifications/initialized"})
        yield ask
        write.close()
        process.wait(10)


@contextmanager
def upstream() -> Iterator[str]:
    """
    An HTTP server on loopback that gives every request the same answer; yields its address.
    """
    loop = asyncio.new_event_loop()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while await reader.readline():
            while (await reader.readline()).strip():
                pass
            writer.write(HEAD + BODY)
        writer.close()

    listening = loop.run_until_complete(asyncio.start_server(answer, "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"
    loop.call_soon_threadsafe(loop.stop)
    thread.join()


if __name__ == "__main__":
    main()
