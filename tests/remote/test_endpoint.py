"""
One server over HTTP, from its first session to its last answer.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from starlette.types import Receive, Scope, Send

from stripe_mcp.remote.endpoint import Endpoint
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from stripe_mcp.transport import Transport
from tests.agent import CATALOG
from tests.remote.wire import headers, message

pytestmark = pytest.mark.anyio

HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
ACCEPT = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


class Slow(httpx.AsyncBaseTransport):
    """
    A Stripe that answers when it is told to.
    """

    def __init__(self) -> None:
        self.asked, self.may_answer = anyio.Event(), anyio.Event()

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked.set()
        await self.may_answer.wait()
        return httpx.Response(200, json={"object": "balance", "available": [], "livemode": False})


@asynccontextmanager
async def running(**named: Any) -> AsyncIterator[tuple[Endpoint, httpx.AsyncClient, Slow]]:
    stripe = Slow()
    settings = Settings(mode="TEST", key="sk_test_1", account="acct_1")
    server = create_server(CATALOG, settings, lambda: Transport("sk_test_1", "http://stripe", http=stripe))
    endpoint = Endpoint(server, **named)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint.mcp(scope, receive, send)

    async with (
        anyio.create_task_group() as tasks,
        httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://server") as client,
    ):
        await tasks.start(endpoint.run)
        yield endpoint, client, stripe
        await endpoint.close(0)


async def test_a_session_that_is_idle_ends() -> None:
    async with running(idle=0.05) as (_, client, _):
        session = (await client.post("/mcp", json=HELLO, headers=ACCEPT)).headers["Mcp-Session-Id"]
        named = ACCEPT | {"Mcp-Session-Id": session}
        ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        with anyio.fail_after(5):
            while (await client.post("/mcp", json=ping, headers=named)).status_code != 404:  # noqa: ASYNC110 - a clock is tested
                await anyio.sleep(0.1)


async def test_a_session_ends_when_its_client_says_so() -> None:
    async with running() as (_, client, _):
        session = (await client.post("/mcp", json=HELLO, headers=ACCEPT)).headers["Mcp-Session-Id"]
        named = ACCEPT | {"Mcp-Session-Id": session}
        assert (await client.delete("/mcp", headers=named)).status_code == 200
        assert (await client.delete("/mcp", headers=named)).status_code == 404


async def test_a_call_that_came_in_is_answered_before_the_end() -> None:
    async with running() as (endpoint, client, stripe), anyio.create_task_group() as tasks:
        answers: list[httpx.Response] = []
        closed = anyio.Event()

        async def call() -> None:
            body = message("tools/call", name="get_balance", arguments={})
            answers.append(
                await client.post("/mcp", json=body, headers=headers(None, "tools/call", "get_balance"))
            )

        async def close() -> None:
            await endpoint.close(60)
            closed.set()

        tasks.start_soon(call)
        await stripe.asked.wait()
        tasks.start_soon(close)
        await anyio.wait_all_tasks_blocked()
        assert not closed.is_set()
        stripe.may_answer.set()
    assert answers[0].json()["result"]["structuredContent"]["object"] == "balance"
    assert closed.is_set()


async def test_the_end_does_not_wait_for_longer_than_it_was_told() -> None:
    async with running() as (endpoint, client, stripe), anyio.create_task_group() as tasks:
        body = message("tools/call", name="get_balance", arguments={})
        tasks.start_soon(
            lambda: client.post("/mcp", json=body, headers=headers(None, "tools/call", "get_balance"))
        )
        await stripe.asked.wait()
        await endpoint.close(0.01)
        tasks.cancel_scope.cancel()


async def test_without_sessions_none_is_opened() -> None:
    async with running(stateless=True) as (_, client, _):
        answer = await client.post("/mcp", json=HELLO, headers=ACCEPT)
    assert answer.status_code == 200
    assert "Mcp-Session-Id" not in answer.headers
