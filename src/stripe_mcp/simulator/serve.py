"""
The simulator over HTTP.

Rule: a connection that a fault cuts is really cut, and the end of the server waits
for no answer that a fault holds back.
"""

from __future__ import annotations

import asyncio
import signal
import socket
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from stripe_mcp.simulator.wire import ABORT, Message, Receive, Send

# Ctrl-C, an orderly end, and a terminal that is closed, which Windows has no signal for.
ENDINGS = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
PATIENCE = 1  # seconds that answers on their way get at the end


class CuttableProtocol(H11Protocol):
    """
    HTTP as uvicorn speaks it; each scope says how to cut its connection.
    """

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        app: Any = self.app

        async def cuttable(scope: Message, receive: Receive, send: Send) -> None:
            scope["extensions"] = {ABORT: self.transport.abort}
            await app(scope, receive, send)

        self.app = cuttable


class _Server(uvicorn.Server):
    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        if self.server_state.tasks:
            await asyncio.wait(set(self.server_state.tasks), timeout=PATIENCE)
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        await super().shutdown(sockets)


def create_server(app: Any) -> uvicorn.Server:
    """
    A server for *app* that SIGINT and SIGTERM end, from now on and in good order.
    """
    server = _Server(uvicorn.Config(app, http=CuttableProtocol, ws="none", log_level="warning"))

    def end(*_: object) -> None:
        server.should_exit = True

    for ending in ENDINGS:  # uvicorn hands them on to us when it has shut down
        signal.signal(ending, end)
    return server
