"""
Three replicas, nginx, PostgreSQL: what five tenants are promised holds while machines come and go.
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread
import httpx
import pytest
from mcp import Client, MCPError
from mcp_types import CallToolResult, ElicitResult, InputRequiredResult

from tests.faults.postgres import Cluster
from tests.faults.server import made, said
from tests.replicas.fleet import DAILY, LIMITED, TENANTS, Fleet, running_fleet
from tests.replicas.load import PAYMENT, REFUND, Load, problems
from tests.replicas.nginx import running_nginx
from tests.replicas.process import PATIENCE
from tests.replicas.test_deploy_files import healthcheck

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="processes are ended by POSIX signals"),
]

ROUNDS = 8
CLIENTS = 4  # of each tenant
SOMEBODY = TENANTS[1]
LATENCY = 0.05  # seconds that Stripe takes, so that something is on its way whenever a replica ends


@pytest.fixture
def fleet(cluster: Cluster, tmp_path: Path) -> Iterator[Fleet]:
    """
    One in which nothing has happened.
    """
    with running_fleet(cluster, tmp_path) as fleet:
        fleet.admin("POST", "limits", {"latency": LATENCY})
        yield fleet


@pytest.fixture(scope="module")
def fleet_in_use(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """
    One for all tests that look only at what they did themselves.
    """
    with running_fleet(cluster, tmp_path_factory.mktemp("fleet")) as fleet:
        fleet.admin("POST", "limits", {"latency": LATENCY})
        yield fleet


@pytest.fixture
def refund(fleet_in_use: Fleet) -> dict[str, Any]:
    """
    The arguments of a refund that nobody has made.
    """
    with fleet_in_use.shop(SOMEBODY) as shop:
        return {"payment_intent": shop.pay(PAYMENT), "amount": REFUND}


def refunds_of(fleet: Fleet, refund: dict[str, Any]) -> int:
    """
    How often a payment was refunded, as Stripe has it.
    """
    with fleet.shop(SOMEBODY) as shop:
        return sum(each["payment_intent"] == refund["payment_intent"] for each in shop.all("refunds"))


def calls_of(load: Load) -> int:
    return 3 * ROUNDS * CLIENTS * len(load.tallies)


async def test_a_replica_that_is_killed_under_load_costs_no_call_and_moves_no_money_twice(
    fleet: Fleet,
) -> None:
    load = Load(fleet, CLIENTS)
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


async def test_a_replica_that_drains_under_load_costs_not_even_an_error(fleet: Fleet) -> None:
    load = Load(fleet, CLIENTS)
    statuses = []
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(load.run, ROUNDS)
        for number, replica in enumerate(fleet.replicas, start=1):
            await load.reached(number * calls_of(load) // 5)
            statuses.append(await anyio.to_thread.run_sync(replica.terminate))
            await anyio.to_thread.run_sync(replica.start)
    assert statuses == [0, 0, 0]
    assert fleet.passed_on() > 0
    assert [tally.repeated for tally in load.tallies if tally.repeated] == []
    assert problems(fleet, load.tallies) == []


async def test_a_daily_limit_admits_exactly_its_sum_over_all_replicas(fleet: Fleet) -> None:
    limited = TENANTS[0]
    assert limited.name == LIMITED
    slots = DAILY // REFUND
    with fleet.shop(limited) as shop:
        payments = [shop.pay(PAYMENT) for _ in range(2 * slots)]
    results: list[CallToolResult] = []

    async def refund_all(address: str, payments: list[str]) -> None:
        async with fleet.client(limited, address) as client, anyio.create_task_group() as calls:
            for payment in payments:
                calls.start_soon(refund, client, {"payment_intent": payment, "amount": REFUND})

    async def refund(client: Client, arguments: dict[str, Any]) -> None:
        results.append(await client.call_tool("create_refund", arguments))

    async with anyio.create_task_group() as replicas:
        for number, replica in enumerate(fleet.replicas):
            replicas.start_soon(refund_all, replica.url, payments[number :: len(fleet.replicas)])
    assert sum(not result.is_error for result in results) == slots
    assert all("max_refund_per_day" in said(result) for result in results if result.is_error)


async def nobody(context: Any, params: Any) -> ElicitResult:
    raise AssertionError("the test answers by itself")


async def ask(client: Client, arguments: dict[str, Any], **more: Any) -> Any:
    return await client.session.call_tool("create_refund", arguments, allow_input_required=True, **more)


async def test_what_one_replica_asks_is_answered_at_another_and_counts_once(
    fleet_in_use: Fleet, refund: dict[str, Any]
) -> None:
    first, second, third = (replica.url for replica in fleet_in_use.replicas)
    async with fleet_in_use.client(SOMEBODY, first, nobody) as client:
        question = await ask(client, refund)
    assert isinstance(question, InputRequiredResult)
    [name] = question.input_requests or {}
    yes = {name: ElicitResult(action="accept", content={"confirm": True})}
    answer = {"input_responses": yes, "request_state": question.request_state}
    async with fleet_in_use.client(SOMEBODY, second, nobody) as client:
        made(await ask(client, refund, **answer))
    async with fleet_in_use.client(SOMEBODY, third, nobody) as client:
        made(await ask(client, refund, **answer))
    assert refunds_of(fleet_in_use, refund) == 1


async def test_a_question_of_one_tenant_is_worth_nothing_to_another(
    fleet_in_use: Fleet, refund: dict[str, Any]
) -> None:
    other = TENANTS[2]
    async with fleet_in_use.client(SOMEBODY, asked=nobody) as client:
        question = await ask(client, refund)
    [name] = question.input_requests
    yes = {name: ElicitResult(action="accept", content={"confirm": True})}
    async with fleet_in_use.client(other, asked=nobody) as client:
        with pytest.raises(MCPError) as refused:
            await ask(client, refund, input_responses=yes, request_state=question.request_state)
    assert not [mark for mark in SOMEBODY.marks if mark in str(refused.value)]
    assert refunds_of(fleet_in_use, refund) == 0


async def test_the_same_write_at_three_replicas_at_once_is_done_once(
    fleet_in_use: Fleet, refund: dict[str, Any]
) -> None:
    async def send(address: str) -> None:
        async with fleet_in_use.client(SOMEBODY, address) as client:
            made(await client.call_tool("create_refund", refund))

    async with anyio.create_task_group() as calls:
        for replica in fleet_in_use.replicas:
            calls.start_soon(send, replica.url)
    assert refunds_of(fleet_in_use, refund) == 1


async def test_without_its_database_a_replica_is_not_ready_reads_and_refuses_to_write(
    fleet_in_use: Fleet, refund: dict[str, Any], cluster: Cluster
) -> None:
    async with fleet_in_use.client(SOMEBODY) as client:
        made(await client.call_tool("create_customer", {"name": SOMEBODY.canary}))
        await anyio.to_thread.run_sync(cluster.stop)
        try:
            await ready(fleet_in_use, 503)
            assert "ledger" in said(await client.call_tool("create_refund", refund))
            made(await client.call_tool("get_balance", {}))
        finally:
            await anyio.to_thread.run_sync(cluster.start)
        await ready(fleet_in_use, 200)
        made(await client.call_tool("create_refund", refund))
    assert refunds_of(fleet_in_use, refund) == 1


async def ready(fleet: Fleet, status: int) -> None:
    """
    Wait until all replicas answer with *status* to who asks whether they are ready.
    """
    with anyio.fail_after(PATIENCE):
        for replica in fleet.replicas:
            async with httpx.AsyncClient(base_url=replica.url, trust_env=False, timeout=PATIENCE) as http:
                while (await http.get("/readyz")).status_code != status:  # noqa: ASYNC110 - another process'
                    await anyio.sleep(0.1)


def test_the_proxy_passes_on_what_is_meant_for_clients_only(fleet_in_use: Fleet) -> None:
    def status(path: str, **headers: str) -> int:
        return httpx.get(f"{fleet_in_use.proxy.url}{path}", headers=headers, trust_env=False).status_code

    assert status("/healthz") == 200
    assert [status(path) for path in ("/readyz", "/", "/mcp/", "/metrics", "/docs")] == [404] * 5
    assert status("/mcp") == 401
    assert status("/healthz?token=canary") == 200
    assert status("/mcp", Host="evil.example.com") == 421
    assert "canary" not in fleet_in_use.proxy.log.read_text()


def test_the_proxy_takes_no_body_beyond_what_a_call_needs(fleet_in_use: Fleet) -> None:
    reply = httpx.post(f"{fleet_in_use.proxy.url}/mcp", content=b" " * 300_000, trust_env=False)
    assert reply.status_code == 413


def test_a_flood_of_one_token_leaves_the_others_their_turn(fleet_in_use: Fleet) -> None:
    address = [replica.url for replica in fleet_in_use.replicas]
    with running_nginx(address, PROXY_RATE="1r/m", PROXY_BURST="5") as proxy:

        def post(token: str) -> int:
            headers = {"Authorization": f"Bearer {token}", "Accept": "application/json, text/event-stream"}
            return httpx.post(f"{proxy.url}/mcp", headers=headers, json={}, trust_env=False).status_code

        flood = [post(TENANTS[0].token) for _ in range(20)]
        assert flood.count(429) == 20 - 1 - 5
        assert post(TENANTS[1].token) != 429


async def test_the_health_of_a_replica_is_asked_as_the_image_does(fleet_in_use: Fleet) -> None:
    replica = fleet_in_use.replicas[0]
    port = replica.url.rpartition(":")[2]
    for address, status in ((port, 0), ("9", 1)):
        program, *arguments = healthcheck(address)
        assert program == "python"
        done = await anyio.run_process([sys.executable, *arguments], check=False)
        assert done.returncode == status
