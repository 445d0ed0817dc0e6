"""
S6: several principals on one server. What is one's is worthless to another, and nothing of two ever mixes.

Pairs are two tenants, two subjects of one tenant, and a subject beside a token of the same tenant.
"""

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client

from tests.agent import texts
from tests.faults.server import made, repeated, said
from tests.faults.stripe_side import PART, REFUNDS
from tests.faults.test_r09_consent import question, refusal, yes
from tests.remote.hostile import Mall, account_of, mall, whose
from tests.remote.process import TRANSPORTS
from tests.remote.sessions import ANSWER, HELLO, PING, in_session, until_data
from tests.remote.wire import call

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no private files of this kind"),
]

TABLES: dict[str, dict[str, Any]] = {
    "one": {"subjects": ["Ann", "Bob"]},
    "two": {},
    "asks": {"subjects": ["Cleo", "Dan"], "verify_identity": True},
    "doubts": {"verify_identity": True},
}
over_every_transport = pytest.mark.parametrize("transport", TRANSPORTS)
of_every_pair = pytest.mark.parametrize(("a", "b"), [("one", "two"), ("Ann", "Bob"), ("Ann", "one")])


@pytest.fixture
async def shops(tmp_path: Path) -> AsyncIterator[Mall]:
    async with mall(tmp_path, tables=TABLES, STRIPE_MCP_STATE_KEYS="k" * 32) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


def principal(name: str) -> str:
    return f"oauth:{name}" if name.istitle() else name


def rows(shops: Mall, query: str) -> list[Any]:
    connection = sqlite3.connect(shops.database)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


async def test_two_hundred_interleaved_calls_of_two_tenants_never_mix(shops: Mall) -> None:
    """
    Of three transports at once; each answer, each request to Stripe and each row has one owner.
    """

    async def work(client: Client, name: str, number: int) -> None:
        email = f"{name}-{number}@example.com"
        customer = made(await client.call_tool("create_customer", {"email": email, "name": name}))
        assert (customer["email"], customer["name"]) == (email, name)
        found = made(await client.call_tool("search_customers", {"email": email}))
        assert [each["id"] for each in found["data"]] == [customer["id"]]

    async def visit(name: str, transport: str, numbers: range) -> None:
        async with (
            shops.server.client(transport, shops.token(name)) as client,
            anyio.create_task_group() as each,
        ):
            for number in numbers:
                each.start_soon(work, client, name, number)

    async with anyio.create_task_group() as visits:
        for position, transport in enumerate(TRANSPORTS):
            for name in ("one", "two"):
                visits.start_soon(visit, name, transport, range(position * 17, position * 17 + 17))
    assert {shop for shop, _ in shops.stripe.shops} == {"one", "two"}
    for name, other in (("one", "two"), ("two", "one")):
        assert len(shops.stripe.of(name, "POST /v1/customers")) == 51
        for asked in shops.stripe.of(name):
            assert f"{other}-" not in asked.target + asked.body
        names = Counter(each["name"] for each in shops.stripe.shops[name, ""].store.all("customer"))
        assert (names[name], names[other]) == (51, 0)
    whose_rows = rows(shops, "select principal, account, count(*) from operations group by 1, 2 order by 1")
    assert whose_rows == [(name, account_of(name), 51) for name in ("one", "two")]
    lines = [json.loads(line) for (line,) in rows(shops, "select entry from audit")]
    assert {(line["principal"], line["account"]) for line in lines} == {
        (name, account_of(name)) for name in ("one", "two")
    }


@of_every_pair
async def test_a_session_of_the_handshake_era_is_nobody_elses(
    shops: Mall, http: httpx.AsyncClient, a: str, b: str
) -> None:
    url, mine, other = f"{shops.server.address}/mcp", shops.token(a), shops.token(b)
    hello = await http.post(url, json=HELLO, headers=in_session(mine))
    session = hello.headers["mcp-session-id"]
    for method, body in (("POST", PING), ("POST", ANSWER), ("GET", None), ("DELETE", None), ("POST", HELLO)):
        stolen = await http.request(method, url, json=body, headers=in_session(other, session))
        nowhere = await http.request(method, url, json=body, headers=in_session(other, "0" * 32))
        assert stolen.status_code == 404
        assert (stolen.status_code, stolen.text) == (nowhere.status_code, nowhere.text)
    assert (await http.post(url, json=PING, headers=in_session(mine, session))).status_code == 200


@of_every_pair
async def test_a_session_of_sse_is_nobody_elses(shops: Mall, http: httpx.AsyncClient, a: str, b: str) -> None:
    mine, other = shops.token(a), shops.token(b)
    async with http.stream("GET", f"{shops.server.address}/sse", headers=in_session(mine)) as stream:
        lines = stream.aiter_lines()
        path = await until_data(lines)
        for body in (HELLO, PING, ANSWER):
            url = f"{shops.server.address}{path}"
            stolen = await http.post(url, json=body, headers=in_session(other))
            nowhere = await http.post(f"{url[:-4]}0000", json=body, headers=in_session(other))
            assert stolen.status_code == 404
            assert (stolen.status_code, stolen.text) == (nowhere.status_code, nowhere.text)
        assert (await http.post(url, json=HELLO, headers=in_session(mine))).status_code == 202
        assert json.loads(await until_data(lines))["result"]["protocolVersion"] == "2025-11-25"


@of_every_pair
async def test_a_yes_of_one_is_none_of_another(shops: Mall, a: str, b: str) -> None:
    async with (
        shops.server.client(token=shops.token(a), elicitation_callback=yes) as mine,
        shops.server.client(token=shops.token(b), elicitation_callback=yes) as other,
    ):
        asked = await question(mine, "create_refund", PART)
        assert "expired" in await refusal(other, "create_refund", PART, asked)
    assert shops.stripe.at(REFUNDS) == []


@over_every_transport
@of_every_pair
async def test_an_operation_of_one_is_none_of_another(shops: Mall, transport: str, a: str, b: str) -> None:
    async with (
        shops.server.client(transport, shops.token(a)) as mine,
        shops.server.client(transport, shops.token(b)) as other,
    ):
        made(await mine.call_tool("create_refund", PART))
        named = repeated(await mine.call_tool("create_refund", PART))
        told = said(await other.call_tool("create_refund", PART | {"repeat_of": named}))
        assert "op_" not in told.replace(named, "")
        assert len(shops.stripe.at(REFUNDS)) == 1
        made(await other.call_tool("create_refund", PART))
        assert repeated(await other.call_tool("create_refund", PART)) != named
    first, second = shops.stripe.at(REFUNDS)
    assert first.key != second.key
    kept = rows(shops, "select principal from operations where tool = 'create_refund' order by created")
    assert kept == [(principal(a),), (principal(b),)]


@over_every_transport
@pytest.mark.parametrize(("a", "b"), [("asks", "doubts"), ("Cleo", "Dan"), ("Cleo", "asks")])
async def test_who_was_verified_for_one_is_not_for_another(
    shops: Mall, transport: str, a: str, b: str
) -> None:
    async with (
        shops.server.client(transport, shops.token(a)) as mine,
        shops.server.client(transport, shops.token(b)) as other,
    ):
        proof = {"customer_id": "cus_ABC123", "last4": "4242"}
        handle = made(await mine.call_tool("verify_identity", proof))["verification"]
        stolen = PART | {"verification": handle}
        assert "not valid here" in said(await other.call_tool("create_refund", stolen))
        assert shops.stripe.at(REFUNDS) == []
        made(await mine.call_tool("create_refund", stolen))


@over_every_transport
async def test_a_place_in_a_list_of_one_is_none_in_anothers(shops: Mall, transport: str) -> None:
    async with (
        shops.server.client(transport, shops.token("one")) as mine,
        shops.server.client(transport, shops.token("two")) as other,
    ):
        for email in ("x@example.com", "y@example.com"):
            made(await mine.call_tool("create_customer", {"email": email}))
        page = made(await mine.call_tool("search_customers", {"limit": 1}))
        refused = await other.call_tool("search_customers", page["next_call"])
    assert refused.is_error
    assert "y@example.com" not in "".join(texts(refused))
    assert [whose(asked)[0] for asked in shops.stripe.at("GET /v1/customers?")] == ["one", "two"]


@of_every_pair
async def test_the_same_call_of_two_at_once_is_two(
    shops: Mall, http: httpx.AsyncClient, a: str, b: str
) -> None:
    answers: dict[str, str] = {}

    async def refund(name: str) -> None:
        answer = await call(http, shops.server.address, shops.token(name), "create_refund", PART)
        answers[name] = answer.json()["result"]["structuredContent"]["id"]

    async with anyio.create_task_group() as calls:
        calls.start_soon(refund, a)
        calls.start_soon(refund, b)
    assert len(set(shops.stripe.keys(REFUNDS))) == len(shops.stripe.at(REFUNDS)) == 2
