"""
`stripe-mcp serve` as a process on loopback, and clients of all its transports.
"""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Any

import httpx2
from mcp import Client
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

TRANSPORTS = ("modern", "legacy", "sse")
TOKEN = "t" * 32


class Remote:
    """
    A server process: its *address* and the *token* that opens it.
    """

    def __init__(self, popen: "subprocess.Popen[str]", token: str) -> None:
        self.popen, self.token = popen, token
        assert popen.stdout
        self.said = popen.stdout.readline()
        found = re.search(r"http://\S+:\d+", self.said)
        assert found, f"{self.said}{popen.stderr.read() if popen.stderr else ''}"
        self.address = found[0]
        self.log: list[str] = []
        threading.Thread(target=self._keep_log, daemon=True).start()

    def _keep_log(self) -> None:
        assert self.popen.stderr
        for line in self.popen.stderr:
            self.log.append(line)

    @asynccontextmanager
    async def client(
        self, transport: str = "modern", token: str | None = None, **named: Any
    ) -> AsyncIterator[Client]:
        """
        A client over *transport*, with our token or another.
        """
        headers = {"Authorization": f"Bearer {token or self.token}"}
        async with httpx2.AsyncClient(headers=headers, timeout=60) as http:
            way: Any = streamable_http_client(f"{self.address}/mcp", http_client=http)
            if transport == "sse":
                way = sse_client(f"{self.address}/sse", headers)
            async with Client(way, mode="auto" if transport == "modern" else "legacy", **named) as client:
                yield client

    def end(self, number: int = signal.SIGTERM) -> int:
        """
        Send the signal and give the exit status.
        """
        self.popen.send_signal(number)
        return self.popen.wait(30)


@contextmanager
def remote(
    *arguments: str, token: str = TOKEN, command: Sequence[str] = ("-m", "stripe_mcp"), **environment: str
) -> Iterator[Remote]:
    """
    A server with these *arguments*, on a port that the system picks.
    """
    named = {"STRIPE_MCP_TOKEN": token, "STRIPE_MCP_DATABASE_URL": "sqlite://"} | environment
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
    popen = subprocess.Popen(
        [sys.executable, *command, "serve", "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=inherited | {"STRIPE_MCP_CONFIG": os.devnull} | {k: v for k, v in named.items() if v},
    )
    try:
        yield Remote(popen, token)
    finally:
        popen.terminate()  # which also has it tell what was covered
        with suppress(subprocess.TimeoutExpired):
            popen.wait(12)
        with suppress(ProcessLookupError):  # workers, too, where the one that started them has gone
            os.killpg(popen.pid, signal.SIGKILL)
        popen.wait(10)
        for stream in (popen.stdout, popen.stderr):
            if stream:
                stream.close()
