"""
Serve one client over standard input and output, and end cleanly.

End of input, SIGTERM and Ctrl-C all stop the reading of calls; a write that is on its way to Stripe
still ends, for ten seconds at most after a signal. A second signal exits at once.
"""

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import CancelledError
from types import FrameType
from typing import Any, cast

import anyio
import anyio.from_thread
import anyio.lowlevel
from anyio.streams.memory import MemoryObjectSendStream
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from stripe_mcp.endings import end_in_time, exit_at_once


def serve_stdio(server: Server[Any]) -> None:
    """
    Serve *server* until the client closes our standard input or a signal arrives.
    """
    try:
        anyio.run(_serve, server)
    except* (BrokenPipeError, anyio.BrokenResourceError):
        pass  # the client is gone and no longer reads: the same end as a closed input


async def _serve(server: Server[Any]) -> None:
    with anyio.CancelScope() as scope:
        _stop_on_signals(scope.cancel)
        stdin = cast("anyio.AsyncFile[str]", _lines())
        async with stdio_server(stdin=stdin) as (read, write):
            await server.run(read, write, server.create_initialization_options())


async def _lines() -> AsyncIterator[str]:
    """
    The lines of standard input, read by a daemon thread: unlike the SDK's, one that is blocked in a
    read does not hold up the end of the process.
    """
    send, receive = anyio.create_memory_object_stream[str]()
    token = anyio.lowlevel.current_token()
    threading.Thread(target=_read_lines, args=(send, token), daemon=True).start()
    async with receive:
        async for line in receive:
            yield line


def _read_lines(send: MemoryObjectSendStream[str], token: anyio.lowlevel.EventLoopToken) -> None:
    # A reader of our own: the interpreter closes sys.stdin at its end and would wait for this thread's lock.
    with os.fdopen(os.dup(0), "rb") as stdin:
        try:
            for line in stdin:
                text = _without_half_characters(line.decode("utf-8", errors="replace"))
                anyio.from_thread.run(send.send, text, token=token)
            anyio.from_thread.run_sync(send.close, token=token)
        except (anyio.RunFinishedError, anyio.BrokenResourceError, CancelledError):
            pass  # the server has ended, perhaps while it was handed a line


def _without_half_characters(line: str) -> str:
    """
    JSON in which half of a surrogate pair, as is left when an emoji is cut, has become U+FFFD.

    The SDK would drop the whole line and never answer; so the call fails with words (`arguments`).
    """
    if "\\ud" not in line.lower():
        return line
    try:
        text = json.dumps(json.loads(line), ensure_ascii=False)
    except (ValueError, RecursionError):
        return line
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") + "\n"


def _stop_on_signals(stop: Callable[[], None]) -> None:
    loop = asyncio.get_running_loop()

    def first(number: int, frame: FrameType | None) -> None:
        for each in (signal.SIGINT, signal.SIGTERM):
            signal.signal(each, exit_at_once)
        end_in_time()
        loop.call_soon_threadsafe(stop)

    for each in (signal.SIGINT, signal.SIGTERM):
        signal.signal(each, first)
