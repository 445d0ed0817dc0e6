"""
The real server: a process over its real pipes, spoken to by the SDK's client or line by line.

Rule: it sees no environment and no folder but those of the test.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
from anyio.abc import ByteSendStream
from anyio.streams.buffered import BufferedByteReceiveStream
from mcp import Client, StdioServerParameters
from mcp.client.session import ElicitationFnT
from mcp.client.stdio import stdio_client
from mcp_types import CallToolResult

from tests.agent import texts
from tests.faults.proxy import PATIENCE

LONGEST_LINE = 10_000_000  # bytes


# Runs first in every server: its wall clock goes ahead by the seconds that stand in a file.
CLOCK = """
import time
from pathlib import Path

real = time.time
time.time = lambda: real() + int(Path(__file__).with_name("ahead").read_text())
"""


@dataclass
class Host:
    """
    The machine that the servers of a test run on, one after the other or at once.
    """

    folder: Path
    environment: dict[str, str]
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.folder / "stderr"
        self.folder.mkdir(exist_ok=True)
        (self.folder / "sitecustomize.py").write_text(CLOCK)
        self.pass_time(0)

    def pass_time(self, seconds: int) -> None:
        """
        Set the clock of all servers, those that run as well, ahead of the real one.
        """
        (self.folder / "ahead").write_text(str(seconds))

    def _environment(self, changed: dict[str, str]) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
        path = os.pathsep.join(filter(None, (str(self.folder), os.environ.get("PYTHONPATH"))))
        return inherited | {"PYTHONPATH": path} | self.environment | changed

    @asynccontextmanager
    async def client(
        self, mode: Any = "auto", asked: ElicitationFnT | None = None, **environment: str
    ) -> AsyncIterator[Client]:
        """
        The SDK's client of a new server; *asked* answers its questions, None means that it must not ask.
        """
        command = StdioServerParameters(
            command=sys.executable, args=["-m", "stripe_mcp"], env=self._environment(environment)
        )
        with self.log.open("a") as log:
            async with Client(stdio_client(command, log), mode=mode, elicitation_callback=asked) as client:
                yield client

    @asynccontextmanager
    async def process(
        self, command: Sequence[str] = (sys.executable, "-m", "stripe_mcp"), **environment: str
    ) -> AsyncIterator["Process"]:
        """
        A new server that has shaken hands and can be interrupted at any moment.
        """
        with self.log.open("ab") as log:
            environment = self._environment(environment)
            async with await anyio.open_process(command, env=environment, stderr=log) as popen:
                process = Process(popen)
                try:
                    await process.shake_hands()
                    yield process
                finally:
                    if popen.returncode is None:
                        popen.kill()

    async def command(self, *arguments: str) -> str:
        """
        What `stripe-mcp` with *arguments* prints: done, or that something is still open.
        """
        command = [sys.executable, "-m", "stripe_mcp", *arguments]
        done = await anyio.run_process(
            command, env=self._environment({}), stderr=subprocess.STDOUT, check=False
        )
        assert done.returncode in (0, 1), done.stdout.decode()
        return done.stdout.decode()


class Process:
    """
    A server process that is spoken to line by line.
    """

    def __init__(self, popen: anyio.abc.Process) -> None:
        assert popen.stdin
        assert popen.stdout
        self.popen = popen
        self.stdin: ByteSendStream = popen.stdin
        self._stdout = BufferedByteReceiveStream(popen.stdout)
        self._answers: dict[int, Any] = {}
        self._number = 0

    async def shake_hands(self) -> None:
        client = {"name": "test", "version": "1"}
        hello = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client}
        assert "result" in await self.receive(await self.send("initialize", hello))
        await self.notify("notifications/initialized", {})

    async def send(self, method: str, params: Any) -> int:
        """
        Send a request and return its number.
        """
        self._number += 1
        await self._write({"id": self._number, "method": method, "params": params})
        return self._number

    async def notify(self, method: str, params: Any) -> None:
        await self._write({"method": method, "params": params})

    async def _write(self, message: dict[str, Any]) -> None:
        await self.stdin.send(json.dumps({"jsonrpc": "2.0"} | message).encode() + b"\n")

    async def receive(self, number: int) -> Any:
        """
        The answer to that *number*; others that come before it are kept.
        """
        with anyio.fail_after(PATIENCE):
            while number not in self._answers:
                answer = json.loads(await self._stdout.receive_until(b"\n", LONGEST_LINE))
                self._answers[answer["id"]] = answer
        return self._answers.pop(number)

    async def begin(self, tool: str, **arguments: Any) -> int:
        return await self.send("tools/call", {"name": tool, "arguments": arguments})

    async def result(self, number: int) -> CallToolResult:
        return CallToolResult.model_validate((await self.receive(number))["result"])

    async def call_tool(self, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        return await self.result(await self.begin(tool, **arguments))

    async def ended(self, within: float = PATIENCE) -> int:
        """
        The exit status, *within* seconds.
        """
        with anyio.fail_after(within):
            return await self.popen.wait()

    def proc(self, name: str) -> Path:
        """
        What Linux says of the process.
        """
        return Path(f"/proc/{self.popen.pid}/{name}")


def made(result: CallToolResult) -> dict[str, Any]:
    """
    The object in the result of a call that has to succeed.
    """
    assert not result.is_error, texts(result)
    content: dict[str, Any] = result.structured_content or {}
    assert content
    return content


def said(result: CallToolResult) -> str:
    """
    The reason why a call failed, which is never that the server broke.
    """
    [text] = texts(result)
    assert result.is_error, text
    assert not text.startswith("Internal error"), text
    return text


def unknown(result: CallToolResult, key: str | None) -> str:
    """
    What is said of a write whose outcome is unknown, its idempotency *key* among it.
    """
    text = said(result)
    assert text.startswith("OUTCOME UNKNOWN"), text
    assert key
    assert key in text
    return text


def repeated(result: CallToolResult) -> str:
    """
    The operation that *result* repeats, which says how to mean it.
    """
    label, told, _ = texts(result)
    assert not result.is_error
    assert label == "TEST"
    assert told.startswith("REPEAT")
    assert "repeat_of" in told
    return operation(told)


def operation(text: str) -> str:
    """
    The id of the one operation that *text* names.
    """
    [named] = set(re.findall(r"\bop_\w+", text))
    return str(named)
