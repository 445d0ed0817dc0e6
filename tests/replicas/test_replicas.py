"""
Three replicas, nginx, PostgreSQL: what five tenants are promised holds while machines come and go.
"""

import signal
import sys
from collections.abc import Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from mcp import Client
from mcp_types import CallToolResult, ElicitResult, InputRequiredResult

from tests.agent import texts
from tests.faults.postgres import Cluster
from tests.faults.server import made, said
from tests.replicas.fleet import DAILY, LIMITED, MODERN, TENANTS, Fleet, running_fleet
from tests.replicas.load import PAYMENT, REFUND, Load, problems
from tests.replicas.nginx import running_nginx

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are ended by POSIX signals"),
]

ROUNDS = 10
CLIENTS = 4  # of each tenant
SOMEBODY = TENANTS[1]
LATENCY = 0.05  # seconds that Stripe takes, so that something is on its way whenever a replica ends


@pytest.fixture
def fleet(cluster: Cluster, tmp_path: Path) -> Iterator[Fleet]:
    with running_fleet(cluster, tmp_path) as fleet:
        yield fleet


@pytest.fixture
def load(fleet: Fleet) -> Load:
    fleet.admin("POST", "limits", {"latency": LATENCY})
    return Load(fleet, CLIENTS)


def calls_of(load: Load) -> int:
    return 3 * ROUNDS * CLIENTS * len(load.tallies)


async def test_a_replica_that_is_killed_under_load_costs_no_call_and_moves_no_money_twice(
    fleet: Fleet, load: Load
) -> None:
    killed, *_ = fleet.replicas
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(load.run, ROUNDS)
        await load.reached(calls_of(load) // 4)
        killed.kill()
        await load.reached(calls_of(load) // 2)
        await anyio.to_thread.run_sync(killed.start)
    assert load.settled == calls_of(load)
    assert fleet.passed_on() > 0
    assert problems(fleet, load.tallies) == []


async def test_a_replica_that_drains_under_load_costs_not_even_an_error(fleet: Fleet, load: Load) -> None:
    statuses = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(load.run, ROUNDS)
        for number, replica in enumerate(fleet.replicas, start=1):
            await load.reached(number * calls_of(load) // 5)
            statuses.append(await anyio.to_thread.run_sync(replica.terminate))
            await anyio.to_thread.run_sync(replica.start)
    assert statuses == [0, 0, 0]
    assert [tally.repeated for tally in load.tallies if tally.repeated] == []
    assert problems(fleet, load.tallies) == []


async def test_a_daily_limit_admits_exactly_its_sum_over_all_replicas(fleet: Fleet) -> None:
    limited = TENANTS[0]
    assert limited.name == LIMITED
    slots = DAILY // REFUND
    with fleet.shop(limited) as shop:
        payments = [shop.pay(PAYMENT) for _ in range(2 * slots)]
    results: list[CallToolResult] = []
    async with AsyncExitStack() as stack, anyio.create_task_group() as calls:
        clients = [
            await stack.enter_async_context(fleet.client(limited, replica.url)) for replica in fleet.replicas
        ]

        async def refund(client: Client, payment: str) -> None:
            results.append(
                await client.call_tool("create_refund", {"payment_intent": payment, "amount": REFUND})
            )

        for number, payment in enumerate(payments):
            calls.start_soon(refund, clients[number % len(clients)], payment)
    assert sum(not result.is_error for result in results) == slots
    assert all("max_refund_per_day" in said(result) for result in results if result.is_error)


async def nobody(context: Any, params: Any) -> ElicitResult:
    raise AssertionError("the test answers by itself")


async def ask(client: Client, arguments: dict[str, Any], **more: Any) -> Any:
    return await client.session.call_tool("create_refund", arguments, allow_input_required=True, **more)


async def test_what_one_replica_asks_is_answered_at_another_and_counts_once(fleet: Fleet) -> None:
    first, second, third = (replica.url for replica in fleet.replicas)
    with fleet.shop(SOMEBODY) as shop:
        refund = {"payment_intent": shop.pay(PAYMENT), "amount": REFUND}
    async with fleet.client(SOMEBODY, first, nobody) as client:
        question = await ask(client, refund)
    assert isinstance(question, InputRequiredResult)
    [name] = question.input_requests or {}
    yes = {name: ElicitResult(action="accept", content={"confirm": True})}
    answer = {"input_responses": yes, "request_state": question.request_state}
    async with fleet.client(SOMEBODY, second, nobody) as client:
        made(await ask(client, refund, **answer))
    async with fleet.client(SOMEBODY, third, nobody) as client:
        made(await ask(client, refund, **answer))
    with fleet.shop(SOMEBODY) as shop:
        assert len(list(shop.all("refunds"))) == 1


async def test_a_question_of_one_tenant_is_worth_nothing_to_another(fleet: Fleet) -> None:
    other = TENANTS[2]
    with fleet.shop(SOMEBODY) as shop:
        refund = {"payment_intent": shop.pay(PAYMENT), "amount": REFUND}
    async with fleet.client(SOMEBODY, asked=nobody) as client:
        question = await ask(client, refund)
    [name] = question.input_requests
    yes = {name: ElicitResult(action="accept", content={"confirm": True})}
    async with fleet.client(other, asked=nobody) as client:
        try:
            result = await ask(client, refund, input_responses=yes, request_state=question.request_state)
        except Exception as error:
            assert SOMEBODY.account not in str(error)
        else:
            assert SOMEBODY.account not in said(result)
    with fleet.shop(SOMEBODY) as shop:
        assert list(shop.all("refunds")) == []


async def test_the_same_write_at_three_replicas_at_once_is_done_once(fleet: Fleet) -> None:
    with fleet.shop(SOMEBODY) as shop:
        refund = {"payment_intent": shop.pay(PAYMENT), "amount": REFUND}
    fleet.admin("POST", "limits", {"latency": LATENCY})

    async def send(address: str) -> None:
        async with fleet.client(SOMEBODY, address) as client:
            made(await client.call_tool("create_refund", refund))

    async with anyio.create_task_group() as calls:
        for replica in fleet.replicas:
            calls.start_soon(send, replica.url)
    with fleet.shop(SOMEBODY) as shop:
        assert len(list(shop.all("refunds"))) == 1


async def test_without_its_database_a_replica_is_not_ready_reads_and_refuses_to_write(
    fleet: Fleet, cluster: Cluster
) -> None:
    with fleet.shop(SOMEBODY) as shop:
        refund = {"payment_intent": shop.pay(PAYMENT), "amount": REFUND}
    async with fleet.client(SOMEBODY) as client:
        made(await client.call_tool("create_customer", {"name": SOMEBODY.canary}))
        await anyio.to_thread.run_sync(cluster.stop)
        try:
            assert readiness(fleet) == [503, 503, 503]
            assert "ledger" in said(await client.call_tool("create_refund", refund))
            made(await client.call_tool("list_customers", {}))
        finally:
            await anyio.to_thread.run_sync(cluster.start)
        assert readiness(fleet) == [200, 200, 200]
        made(await client.call_tool("create_refund", refund))
    with fleet.shop(SOMEBODY) as shop:
        assert len(list(shop.all("refunds"))) == 1


def readiness(fleet: Fleet) -> list[int]:
    return [
        httpx.get(f"{replica.url}/readyz", trust_env=False, timeout=30).status_code
        for replica in fleet.replicas
    ]


async def test_the_proxy_passes_on_what_is_meant_for_clients_only(fleet: Fleet) -> None:
    def status(path: str, **headers: str) -> int:
        return httpx.get(f"{fleet.proxy.url}{path}", headers=headers, trust_env=False).status_code

    assert status("/healthz") == 200
    assert [status(path) for path in ("/readyz", "/", "/mcp/", "/metrics", "/docs")] == [404] * 5
    assert status("/mcp") == 401
    assert status("/healthz?token=canary") == 200
    assert status("/mcp", Host="evil.example.com") == 421
    assert "canary" not in fleet.proxy.log.read_text()


async def test_the_proxy_takes_no_body_beyond_what_a_call_needs(fleet: Fleet) -> None:
    reply = httpx.post(f"{fleet.proxy.url}/mcp", content=b" " * 300_000, trust_env=False)
    assert reply.status_code == 413


async def test_a_flood_of_one_token_leaves_the_others_their_turn(fleet: Fleet) -> None:
    address = [replica.url for replica in fleet.replicas]
    with running_nginx(address, PROXY_RATE="1r/m", PROXY_BURST="5") as proxy:

        def post(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
            return httpx.post(f"{proxy.url}/mcp", headers=headers, json={}, trust_env=False).status_code

        flood = [post(TENANTS[0].token) for _ in range(20)]
        assert flood.count(429) == 20 - 1 - 5
        assert post(TENANTS[1].token) != 429
