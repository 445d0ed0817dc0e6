"""
How a server ends: it says so first, takes no new calls, and lets those end that came in.

Rule: what was sent to Stripe is not cut short by a signal, for ten seconds at most. A second signal of
the same kind exits at once; of another kind it may be our own supervisor's, who heard the same Ctrl-C.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable
from multiprocessing import parent_process
from types import FrameType
from typing import Any

import anyio

from stripe_mcp.endings import DRAIN, end_in_time, exit_at_once

_FOR_CALLS = DRAIN - 2  # seconds until they are answered; the rest is for writes that nobody waits for
_LOOKS_EVERY = 1  # second

ENDINGS = (signal.SIGINT, signal.SIGTERM)
HANGUPS = [getattr(signal, name) for name in ("SIGHUP",) if hasattr(signal, name)]  # Windows has none


class Drain:
    """
    Whether the server is about to end; a signal begins it.
    """

    def __init__(self) -> None:
        self.draining = False

    def on_signals(self, close: Callable[[float], Awaitable[None]], reload: Callable[[], None]) -> None:
        """
        From now on, have the first signal turn new calls away, *close* what is open, with so many seconds for
        calls that came in before, and then do what was set for that signal; SIGHUP does *reload*.
        """
        loop = asyncio.get_running_loop()
        for number in ENDINGS:
            signal.signal(number, self._first(signal.getsignal(number), close, loop))
        for number in HANGUPS:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(reload))

    def _first(
        self, before: Any, close: Callable[[float], Awaitable[None]], loop: asyncio.AbstractEventLoop
    ) -> Callable[[int, FrameType | None], None]:
        def first(number: int, frame: FrameType | None) -> None:
            signal.signal(number, exit_at_once)
            if self.draining:
                return
            self.draining = True
            end_in_time()
            loop.call_soon_threadsafe(start, number)

        def start(number: int) -> None:
            self._ending = loop.create_task(end(number))

        async def end(number: int) -> None:
            try:
                await close(_FOR_CALLS)
            finally:
                before(number, None)

        return first

    async def end_with_parent(self) -> None:
        """
        End as by SIGTERM when whoever started us is gone: a worker on its own would hold the port, and nobody
        would end it.
        """
        parent = parent_process()  # it may have gone before we began
        while parent and parent.is_alive():  # noqa: ASYNC110 - another process
            await anyio.sleep(_LOOKS_EVERY)
        if not self.draining:
            signal.raise_signal(signal.SIGTERM)
