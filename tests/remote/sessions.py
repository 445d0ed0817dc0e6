"""
One message after the other by hand, over each transport: what a client sends that does not keep to the rules.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx

from tests.remote.wire import headers, message

HELLO = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
PING = {"jsonrpc": "2.0", "id": 2, "method": "ping"}
ANSWER = {"jsonrpc": "2.0", "id": 0, "result": {"action": "accept", "content": {"confirm": True}}}

Call = Callable[..., Awaitable[httpx.Response]]


def in_session(token: str, session: str | None = None) -> dict[str, str]:
    usual = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
    return usual | ({"Mcp-Session-Id": session} if session else {})


async def until_data(lines: AsyncIterator[str]) -> str:
    """
    The data of the next event of a stream.
    """
    async for line in lines:
        if line.startswith("data: "):
            return line.removeprefix("data: ")
    raise AssertionError("the stream has ended")


@asynccontextmanager
async def calling(http: httpx.AsyncClient, address: str, transport: str, token: str) -> AsyncIterator[Call]:
    """
    What calls a tool with any token, in a session that was opened with *token* where there are sessions.

    Over SSE a call that was let in has its answer with 202, and the stream is not read.
    """
    url = f"{address}/mcp"
    if transport == "modern":

        async def call(token: str, tool: str, arguments: Mapping[str, Any]) -> httpx.Response:
            body = message("tools/call", name=tool, arguments=arguments)
            return await http.post(url, json=body, headers=headers(token, "tools/call", tool))

        yield call
    elif transport == "legacy":
        hello = await http.post(url, json=HELLO, headers=in_session(token))
        session = hello.headers["mcp-session-id"]

        async def call(token: str, tool: str, arguments: Mapping[str, Any]) -> httpx.Response:
            return await http.post(url, json=_call(tool, arguments), headers=in_session(token, session))

        yield call
    else:
        async with http.stream("GET", f"{address}/sse", headers=in_session(token)) as stream:
            lines = stream.aiter_lines()
            messages = address + await until_data(lines)
            await http.post(messages, json=HELLO, headers=in_session(token))
            await until_data(lines)

            async def call(token: str, tool: str, arguments: Mapping[str, Any]) -> httpx.Response:
                return await http.post(messages, json=_call(tool, arguments), headers=in_session(token))

            yield call


def _call(tool: str, arguments: Mapping[str, Any]) -> Any:
    return {
        "jsonrpc": "2.0",
        "id": 3,
        "method": "tools/call",
        "params": {"name": tool, "arguments": arguments},
    }


def content_of(answer: httpx.Response) -> Any:
    """
    The result in an answer, whether it came as JSON or as a stream.
    """
    text = answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        [text] = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: {")]
    return json.loads(text)["result"]
