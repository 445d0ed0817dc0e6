"""
R5, R6 and R12 over HTTP: clients that go away, and a server that is told to.
"""

import signal
import sys
from collections.abc import AsyncIterator, Iterator
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client

from tests.faults.server import Host, made, repeated
from tests.faults.stripe_side import PART, REFUNDS, Stall, Stripe
from tests.remote.process import TRANSPORTS, Remote, remote
from tests.remote.wire import call

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals"),
]

over_every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@pytest.fixture
def server(stripe: Stripe, host: Host) -> Iterator[Remote]:
    with remote(**host.environment) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


async def until_draining(server: Remote, http: httpx.AsyncClient) -> None:
    while (await http.get(f"{server.address}/readyz")).status_code == 200:  # noqa: ASYNC110 - another process
        await anyio.sleep(0.01)


async def test_r06_a_client_that_is_gone_and_calls_again_gets_the_same_refund(
    stripe: Stripe, server: Remote, http: httpx.AsyncClient
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with anyio.create_task_group() as leaving, httpx.AsyncClient() as gone:
        leaving.start_soon(call, gone, server.address, server.token, "create_refund", PART)
        await stall.held.wait()
        leaving.cancel_scope.cancel()
    again = anyio.create_task_group()
    async with again:
        answers: list[httpx.Response] = []

        async def repeat() -> None:
            answers.append(await call(http, server.address, server.token, "create_refund", PART, 2))

        again.start_soon(repeat)
        stall.released.set()
    content = answers[0].json()["result"]["structuredContent"]
    assert content["object"] == "refund"
    assert stripe.refunded == (1, 500)
    assert len(stripe.keys(REFUNDS)) == 1


@over_every_transport
async def test_r05_a_call_that_the_client_cancels_still_ends_and_is_not_done_twice(
    stripe: Stripe, server: Remote, transport: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with server.client(transport) as client:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(client.call_tool, "create_refund", PART)
            await stall.held.wait()
            tasks.cancel_scope.cancel()
        stall.released.set()
        refund = await client.call_tool("create_refund", PART)
    assert refund.structured_content
    assert refund.structured_content["object"] == "refund"
    assert stripe.refunded == (1, 500)
    assert len(stripe.keys(REFUNDS)) == 1


@over_every_transport
async def test_r12_after_sigterm_the_write_in_flight_ends_and_no_other_begins(
    stripe: Stripe, server: Remote, transport: str, http: httpx.AsyncClient
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    results: list[Any] = []

    async def refund(client: Client) -> None:
        results.append(await client.call_tool("create_refund", PART))

    async with server.client(transport) as client, anyio.create_task_group() as tasks:
        await client.list_tools()  # or the client would do so to check the result
        tasks.start_soon(refund, client)
        await stall.held.wait()
        server.popen.send_signal(signal.SIGTERM)
        await until_draining(server, http)
        assert (await http.get(f"{server.address}/healthz")).status_code == 200
        refused = await call(http, server.address, server.token, "create_refund", PART | {"amount": 600})
        assert refused.status_code == 503
        stall.released.set()
        assert await anyio.to_thread.run_sync(server.popen.wait, 15) == 0
    made(results[0])
    assert stripe.refunded == (1, 500)


async def test_r12_the_next_server_knows_what_the_last_one_did(
    stripe: Stripe, server: Remote, host: Host
) -> None:
    async with server.client() as client:
        made(await client.call_tool("create_refund", PART))
    assert server.end() == 0
    with remote(**host.environment) as following:
        async with following.client("legacy") as client:
            repeated(await client.call_tool("create_refund", PART))
    assert stripe.refunded == (1, 500)


async def test_r12_a_second_signal_exits_at_once(
    stripe: Stripe, server: Remote, http: httpx.AsyncClient
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with server.client("legacy") as client, anyio.create_task_group() as tasks:
        tasks.start_soon(client.call_tool, "create_refund", PART)
        await stall.held.wait()
        server.popen.send_signal(signal.SIGTERM)
        await until_draining(server, http)
        assert server.end() == 128 + signal.SIGTERM
        tasks.cancel_scope.cancel()


async def test_r12_a_signal_of_another_kind_is_no_second_one(
    stripe: Stripe, server: Remote, http: httpx.AsyncClient
) -> None:
    """
    Ctrl-C reaches workers twice: from the terminal, and as SIGTERM from their supervisor.
    """
    stripe.next(REFUNDS, stall := Stall())
    async with server.client() as client, anyio.create_task_group() as tasks:
        await client.list_tools()
        tasks.start_soon(client.call_tool, "create_refund", PART)
        await stall.held.wait()
        server.popen.send_signal(signal.SIGINT)
        await until_draining(server, http)
        server.popen.send_signal(signal.SIGTERM)
        await http.get(f"{server.address}/healthz")
        stall.released.set()
        assert await anyio.to_thread.run_sync(server.popen.wait, 15) == 0
    assert stripe.refunded == (1, 500)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_r13_an_idle_server_is_gone_at_once_though_streams_are_open(
    server: Remote, number: int
) -> None:
    async with server.client("legacy"), server.client("sse"):
        assert await anyio.to_thread.run_sync(server.end, number) == 0
