"""
S14, and fairness: the rules, limits and rates of one tenant are that one's, and the stricter word wins.
"""

import sqlite3
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client, MCPError

from tests.faults.server import made, said
from tests.faults.stripe_side import PART, REFUNDS, Stall, refuse
from tests.remote.hostile import Mall, mall, whose
from tests.remote.process import TRANSPORTS
from tests.remote.wire import call

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no private files of this kind"),
]

over_every_transport = pytest.mark.parametrize("transport", TRANSPORTS)
BAKERY, BOOKS = "acct_1RiverRoadBakery", "acct_1HarborBooks"
TABLES: dict[str, dict[str, Any]] = {
    "one": {"exclude_tools": ["create_refund"]},
    "two": {"subjects": ["Ann", "Bob"]},
    "reads": {"read_only": True},
    "careful": {"max_refund": {"usd": "4.99"}},
    "daily": {"max_refund_per_day": {"usd": "8.00"}},
    "twin": {"max_refund_per_day": {"usd": "8.00"}, "key_file": "daily.key"},
    "bakery": {"key_file": "two.key", "stripe_account": BAKERY},
    "books": {"key_file": "two.key", "stripe_account": BOOKS},
}


@pytest.fixture
async def shops(tmp_path: Path) -> AsyncIterator[Mall]:
    async with mall(tmp_path, tables=TABLES) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


async def is_unknown(client: Client, tool: str, arguments: dict[str, Any]) -> bool:
    names = [each.name for each in (await client.list_tools()).tools]
    with pytest.raises(MCPError, match="Unknown tool"):
        await client.call_tool(tool, arguments)
    return tool not in names


@over_every_transport
async def test_a_tool_that_is_hidden_from_one_is_unknown_to_it_and_to_nobody_else(
    shops: Mall, transport: str
) -> None:
    async with (
        shops.server.client(transport, shops.token("one")) as one,
        shops.server.client(transport, shops.token("reads")) as reads,
        shops.server.client(transport, shops.token("two")) as two,
    ):
        assert await is_unknown(one, "create_refund", PART)
        assert await is_unknown(reads, "create_refund", PART)
        assert await is_unknown(reads, "create_customer", {})
        made(await one.call_tool("create_customer", {}))
        made(await two.call_tool("create_refund", PART))
    assert [whose(asked)[0] for asked in shops.stripe.at(REFUNDS)] == ["two"]


async def test_what_the_whole_server_may_not_no_tenant_may(tmp_path: Path) -> None:
    tables: dict[str, dict[str, Any]] = {
        "lax": {"read_only": False, "max_refund": {"usd": "500.00"}},
        "strict": {"max_refund": {"usd": "1.00"}},
    }
    flags = ["--exclude-tools", "create_customer", "--max-refund", "usd=4.99"]
    async with mall(tmp_path, *flags, tables=tables) as shops:
        for name, most in (("lax", "4.99"), ("strict", "1.00")):
            async with shops.server.client(token=shops.token(name)) as client:
                assert await is_unknown(client, "create_customer", {})
                assert most in said(await client.call_tool("create_refund", PART))
        assert shops.stripe.at(REFUNDS) == []


async def test_a_limit_of_one_holds_nobody_else(shops: Mall) -> None:
    async with (
        shops.server.client(token=shops.token("careful")) as careful,
        shops.server.client(token=shops.token("two")) as two,
    ):
        assert "4.99" in said(await careful.call_tool("create_refund", PART))
        made(await two.call_tool("create_refund", PART))


@over_every_transport
async def test_what_two_tenants_move_on_one_account_adds_up(shops: Mall, transport: str) -> None:
    """
    And is counted where the money is, whoever asked for it: 5.00 each, of 8.00 in a day.
    """
    refused = []
    for name in ("daily", "twin"):
        async with shops.server.client(transport, shops.token(name)) as client:
            result = await client.call_tool("create_refund", PART)
            refused += [said(result)] if result.is_error else []
    [text] = refused
    assert "3.00" in text
    async with shops.server.client(transport, shops.token("two")) as client:
        made(await client.call_tool("create_refund", PART))
    assert len(shops.stripe.at(REFUNDS)) == 2


@over_every_transport
async def test_a_platforms_key_reaches_the_account_of_each_tenant_and_no_other(
    shops: Mall, transport: str
) -> None:
    for name, account in (("bakery", BAKERY), ("books", BOOKS)):
        async with shops.server.client(transport, shops.token(name)) as client:
            customer = made(await client.call_tool("create_customer", {"name": name}))
            found = made(await client.call_tool("search_customers", {"limit": 1}))
            assert found["data"][0]["id"] == customer["id"]
        mine = [asked for asked in shops.stripe.asked if whose(asked)[1] == account]
        assert mine
        assert {whose(asked)[0] for asked in mine} == {"two"}
    assert {whose(asked)[1] for asked in shops.stripe.asked} == {BAKERY, BOOKS}
    connection = sqlite3.connect(shops.database)
    kept = connection.execute("select principal, account from operations order by 1").fetchall()
    connection.close()
    assert kept == [("bakery", BAKERY), ("books", BOOKS)]


async def test_a_rate_limit_of_one_holds_up_nobody_else(shops: Mall, http: httpx.AsyncClient) -> None:
    ended: list[str] = []

    async def balance(name: str) -> None:
        answer = await call(http, shops.server.address, shops.token(name), "get_balance")
        assert "balance" in answer.text
        ended.append(name)

    shops.stripe.next("GET /v1/balance", refuse(429, {"Retry-After": "2"}))
    async with anyio.create_task_group() as calls:
        calls.start_soon(balance, "one")
        await shops.stripe.reached("GET /v1/balance")
        for _ in range(20):
            await balance("two")
        assert ended == ["two"] * 20
    assert ended[-1] == "one"


@over_every_transport
async def test_a_flood_of_one_holds_up_nobody_else(
    shops: Mall, http: httpx.AsyncClient, transport: str
) -> None:
    """
    More than it may have at once, and more than that in line, while Stripe does not answer any.
    """
    stalls = [Stall() for _ in range(40)]
    shops.stripe.next("GET /v1/balance", *stalls)
    async with (
        shops.server.client(transport, shops.token("one")) as flooding,
        anyio.create_task_group() as calls,
    ):
        await flooding.list_tools()
        for _ in stalls:
            calls.start_soon(flooding.call_tool, "get_balance", {})
        await stalls[20].held.wait()
        async with shops.server.client(transport, shops.token("two")) as client:
            for _ in range(5):
                made(await client.call_tool("create_customer", {}))
                made(await client.call_tool("get_charge", {"charge_id": "ch_2PMsD4LWDVb2AhA0YzKLtetf"}))
        for stall in stalls:
            stall.released.set()


async def test_whoever_calls_by_many_clients_has_one_share_all_the_same(
    shops: Mall, http: httpx.AsyncClient
) -> None:
    """
    Anybody may register one client after the other at most issuers.
    """
    stalls = [Stall() for _ in range(32)]
    shops.stripe.next("GET /v1/balance", *stalls)
    async with anyio.create_task_group() as calls:

        async def balance(subject: str, client: str) -> None:
            token = shops.issuer.token(subject, client_id=client)
            assert "balance" in (await call(http, shops.server.address, token, "get_balance")).text

        for number in range(33):
            calls.start_soon(balance, "Ann", f"client-{number}")
        await shops.stripe.reached("GET /v1/balance", 32)
        await balance("Bob", "client-0")
        assert len(shops.stripe.at("GET /v1/balance")) == 33
        for stall in stalls:
            stall.released.set()
