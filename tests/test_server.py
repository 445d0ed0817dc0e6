"""
The server through its front door: an MCP client in memory, both protocol eras, Stripe faked by respx.
"""

import json
import logging
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
import respx
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.rules import Rules
from stripe_mcp.server import INSTRUCTIONS, create_server
from stripe_mcp.settings import Mode, Settings
from stripe_mcp.transport import Transport
from tests.agent import texts

pytestmark = pytest.mark.anyio

CATALOG = load_catalog(builtin_folder())
STRIPE = "https://stripe.test"
BALANCE = {"object": "balance", "available": []}
REFUND = {"object": "refund", "id": "re_1", "amount": 2500, "status": "succeeded", "failure_reason": None}


def connect() -> Transport:
    return Transport("sk_test_canary1234", STRIPE, max_retries=0)


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with Client(
        create_server(CATALOG, Settings(mode="TEST", account="acct_1"), connect), mode=request.param
    ) as connected:
        yield connected


async def test_every_template_is_listed_word_for_word(client: Client) -> None:
    listed = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert list(listed) == list(CATALOG.templates)
    for name, template in CATALOG.templates.items():
        tool = listed[name].model_dump(by_alias=True, exclude_none=True)
        assert tool.pop("outputSchema")["type"] == "object"
        properties = tool["inputSchema"]["properties"]
        if template.annotations.readOnlyHint:
            assert properties.pop("detail") == {"type": "string", "enum": ["full"]}
        elif not template.annotations.idempotentHint:
            assert properties.pop("repeat_of") == {"type": "string"}
        assert tool == {
            "name": name,
            "title": template.title,
            "description": template.description,
            "inputSchema": template.input,
            "annotations": template.annotations.model_dump(),
        }


@respx.mock(base_url=STRIPE)
async def test_a_read_returns_the_object_and_nothing_else(
    respx_mock: respx.MockRouter, client: Client
) -> None:
    respx_mock.get("/v1/balance").respond(json=BALANCE)
    result = await client.call_tool("get_balance", {})
    assert not result.is_error
    assert [json.loads(text) for text in texts(result)] == [BALANCE]


@respx.mock(base_url=STRIPE)
async def test_a_tool_without_arguments_can_be_called_without_any(
    respx_mock: respx.MockRouter, client: Client
) -> None:
    respx_mock.get("/v1/balance").respond(json=BALANCE)
    assert not (await client.call_tool("get_balance")).is_error


@pytest.mark.parametrize("mode", ["LIVE", "TEST", "SIMULATOR"])
@respx.mock(base_url=STRIPE)
async def test_the_result_of_a_write_begins_with_the_mode(respx_mock: respx.MockRouter, mode: Mode) -> None:
    respx_mock.post("/v1/refunds").respond(json=REFUND)
    async with Client(create_server(CATALOG, Settings(mode=mode, account="acct_1"), connect)) as client:
        label, body = texts(await client.call_tool("create_refund", {"payment_intent": "pi_1"}))
    assert label == mode
    assert json.loads(body) == {name: value for name, value in REFUND.items() if value is not None}


@respx.mock(base_url=STRIPE)
async def test_a_refusal_of_stripe_is_an_error_result_that_says_what_to_do(
    respx_mock: respx.MockRouter, client: Client
) -> None:
    error = {"type": "invalid_request_error", "code": "resource_missing", "message": "No such charge: 'ch_1'"}
    respx_mock.get("/v1/charges/ch_1").respond(404, json={"error": error})
    result = await client.call_tool("get_charge", {"charge_id": "ch_1"})
    assert result.is_error
    assert "404" in texts(result)[0]
    assert "No such charge" in texts(result)[0]
    assert "list tool" in texts(result)[0]


async def test_invalid_arguments_are_an_error_result_and_reach_nobody(client: Client) -> None:
    with respx.mock(base_url=STRIPE, assert_all_called=False) as router:
        result = await client.call_tool("create_refund", {"payment_intent": "pi_1", "amonut": 5})
        assert not router.calls
    assert result.is_error
    assert "amonut: unknown; did you mean amount?" in texts(result)[0]


async def test_an_unknown_tool_is_a_protocol_error(client: Client) -> None:
    with pytest.raises(MCPError) as caught:
        await client.call_tool("create_money", {})
    assert caught.value.error.code == INVALID_PARAMS
    assert "create_money" in caught.value.error.message


@pytest.mark.parametrize(
    ("asked", "near"),
    [("get_custmer", "get_customer_by_id"), ("list_refund", "list_refunds"), ("x" * 9999, "")],
)
async def test_a_misspelt_tool_is_told_its_name(client: Client, asked: str, near: str) -> None:
    with pytest.raises(MCPError) as caught:
        await client.call_tool(asked, {})
    hint = f". Did you mean {near}?" if near else ""
    assert caught.value.error.message == f"Unknown tool: {asked[:64]}{hint}"


async def test_a_key_in_place_of_a_tools_name_is_not_repeated(client: Client) -> None:
    with pytest.raises(MCPError) as caught:
        await client.call_tool("sk_live_canary1234", {})
    assert "canary" not in str(caught.value)


@respx.mock(base_url=STRIPE)
async def test_an_exception_of_ours_never_shows_its_text(
    respx_mock: respx.MockRouter, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    respx_mock.get("/v1/balance").mock(side_effect=RuntimeError("canary"))
    with caplog.at_level(logging.ERROR):
        result = await client.call_tool("get_balance", {})
    assert result.is_error
    assert texts(result)[0].startswith("Internal error")
    assert "canary" not in texts(result)[0]
    assert "get_balance failed" in caplog.text


async def test_without_a_key_tools_are_listed_and_a_call_says_how_to_connect() -> None:
    async with Client(create_server(CATALOG, Settings(mode="NO KEY"), None)) as client:
        assert len((await client.list_tools()).tools) == len(CATALOG.templates)
        result = await client.call_tool("get_balance", {})
    assert result.is_error
    assert "STRIPE_SECRET_KEY" in texts(result)[0]


async def test_one_connection_to_stripe_serves_all_calls_and_is_closed() -> None:
    opened: list[Transport] = []

    def counted() -> Transport:
        opened.append(Transport("sk_test_1", STRIPE, http=httpx.MockTransport(answer)))
        return opened[-1]

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=BALANCE)

    async with Client(create_server(CATALOG, Settings(mode="TEST"), counted)) as client:
        for _ in range(3):
            assert not (await client.call_tool("get_balance", {})).is_error
    assert len(opened) == 1
    assert opened[0]._client.is_closed


@pytest.mark.parametrize("mode", ["LIVE", "TEST", "SIMULATOR", "NO KEY"])
@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_the_instructions_name_the_mode_and_stay_short(mode: Mode, era: Any) -> None:
    async with Client(create_server(CATALOG, Settings(mode=mode), None), mode=era) as client:
        instructions = client.instructions or ""
        info = client.server_info
    assert info
    assert instructions.startswith(mode.removeprefix("NO KEY") or "No key")
    assert len(instructions.encode()) < 1500  # Claude Code cuts them at 2 kB
    assert ("SIMULATOR" in info.name) == (mode == "SIMULATOR")


@pytest.mark.parametrize(
    ("mode", "rules", "told"),
    [
        ("TEST", Rules(), set()),
        ("LIVE", Rules(), {"approve"}),
        ("LIVE", Rules(confirm="client"), set()),
        ("TEST", Rules(confirm="always"), {"approve"}),
        ("TEST", Rules(verify_identity=True), {"verify_identity"}),
        ("TEST", Rules(limits={"max_refund": {"usd": 5}}), {"Limits"}),
        ("TEST", Rules(currencies=frozenset({"usd"})), {"Limits"}),
    ],
)
def test_the_instructions_say_what_the_rules_make_true(mode: Mode, rules: Rules, told: set[str]) -> None:
    instructions = create_server(CATALOG, Settings(mode=mode, rules=rules), None).instructions or ""
    assert {word for word in ("approve", "verify_identity", "Limits") if word in instructions} == told
    assert len(instructions.encode()) < 2000


def test_the_instructions_hold_what_the_templates_leave_out() -> None:
    for shared in ("smallest unit", "next_call", "detail", "expand", "metadata", "Search:"):
        assert shared in INSTRUCTIONS


@respx.mock(base_url=STRIPE)
async def test_full_detail_shows_what_lean_leaves_out(respx_mock: respx.MockRouter, client: Client) -> None:
    route = respx_mock.get("/v1/balance").respond(json=BALANCE | {"livemode": False, "new": {"in": 2027}})
    lean = await client.call_tool("get_balance", {})
    full = await client.call_tool("get_balance", {"detail": "full"})
    assert lean.structured_content == BALANCE
    assert full.structured_content == BALANCE | {"livemode": False, "new": {"in": 2027}}
    assert {call.request.url.query for call in route.calls} == {b""}


@pytest.mark.parametrize("detail", ["lean", "", None, 1, True, ["full"], {"full": "full"}])
async def test_a_detail_that_there_is_not_is_refused(client: Client, detail: Any) -> None:
    result = await client.call_tool("get_balance", {"detail": detail})
    assert result.is_error
    assert "detail: must be full" in texts(result)[0]


async def test_a_write_has_no_detail(client: Client) -> None:
    result = await client.call_tool("create_refund", {"payment_intent": "pi_1", "detail": "full"})
    assert result.is_error
    assert "detail: unknown" in texts(result)[0]


@pytest.mark.parametrize(
    ("tool", "arguments", "body"),
    [
        ("get_charge", {"charge_id": "ch_1"}, {"object": "charge"}),
        ("get_charge", {"charge_id": "ch_1"}, {"object": "charge", "id": 5}),
        ("list_charges", {}, {"object": "list"}),
        ("list_charges", {}, {"object": "list", "data": None}),
        ("list_charges", {}, {"object": "list", "data": ["ch_1"]}),
        ("list_charges", {}, {"object": "list", "data": [{"object": "charge"}]}),
        ("list_charges", {}, {"object": "charge", "id": "ch_1", "data": []}),
        ("get_charge", {"charge_id": "ch_1"}, {"object": "list", "id": "ch_1", "data": []}),
        ("get_charge", {"charge_id": "ch_1"}, {"object": "review", "id": "ch_1", "status": 5}),
    ],
)
@respx.mock(base_url=STRIPE)
async def test_an_answer_that_lacks_what_every_answer_has_is_none(
    respx_mock: respx.MockRouter, client: Client, tool: str, arguments: Any, body: Any
) -> None:
    """
    R22.
    """
    respx_mock.get(path__startswith="/v1/charges").respond(json=body)
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert "could not be read" in texts(result)[0]


@pytest.mark.parametrize("deleted", [{}, {"deleted": False}, {"deleted": "true"}])
@respx.mock(base_url=STRIPE)
async def test_a_deletion_that_is_answered_by_what_is_not_deleted_has_an_unknown_outcome(
    respx_mock: respx.MockRouter, client: Client, deleted: Any
) -> None:
    """
    R22.
    """
    respx_mock.delete("/v1/customers/cus_1").respond(json={"object": "customer", "id": "cus_1"} | deleted)
    result = await client.call_tool("delete_customer", {"customer_id": "cus_1"})
    assert result.is_error
    assert "OUTCOME UNKNOWN" in texts(result)[0]


@respx.mock(base_url=STRIPE)
async def test_a_write_that_is_answered_without_an_id_has_an_unknown_outcome(
    respx_mock: respx.MockRouter, client: Client
) -> None:
    """
    R22.
    """
    respx_mock.post("/v1/refunds").respond(json={"object": "refund"})
    result = await client.call_tool("create_refund", {"payment_intent": "pi_1"})
    assert result.is_error
    assert texts(result)[0].startswith("OUTCOME UNKNOWN")
    assert "Idempotency key" in texts(result)[0]


@respx.mock(base_url=STRIPE)
async def test_personal_data_is_masked_where_that_is_wanted(respx_mock: respx.MockRouter) -> None:
    customer = {"object": "customer", "id": "cus_1", "email": "john@example.com", "phone": "+15551234567"}
    respx_mock.get("/v1/customers/cus_1").respond(
        json=customer | {"metadata": {"note": "of john@example.com"}}
    )
    error = {"type": "invalid_request_error", "message": "No such customer: john@example.com"}
    respx_mock.get("/v1/customers/cus_2").respond(404, json={"error": error})
    async with Client(create_server(CATALOG, Settings(mode="TEST", redact_pii=True), connect)) as client:
        for detail in ({}, {"detail": "full"}):
            result = await client.call_tool("get_customer_by_id", {"customer_id": "cus_1"} | detail)
            for shown in (result.structured_content, json.loads(texts(result)[0])):
                assert (shown["email"], shown["phone"]) == ("j***@example.com", "***67")
                assert shown["metadata"] == {"note": "of j***@example.com"}
        result = await client.call_tool("get_customer_by_id", {"customer_id": "cus_2"})
    assert "j***@example.com" in texts(result)[0]
    assert "john" not in texts(result)[0]


@respx.mock(base_url=STRIPE)
async def test_what_stripe_says_in_an_error_is_cleaned_too(
    respx_mock: respx.MockRouter, client: Client
) -> None:
    """
    S9.
    """
    error = {
        "type": "invalid_request_error",
        "message": "No such\u202e charge\x00: \u200b'ch_1'" + "!" * 2000,
    }
    respx_mock.get("/v1/charges/ch_1").respond(404, json={"error": error})
    [text] = texts(await client.call_tool("get_charge", {"charge_id": "ch_1"}))
    assert "No such charge: 'ch_1'!!" in text
    assert len(text) < 2000


def test_a_template_of_ones_own_cannot_take_an_argument_of_the_servers() -> None:
    mine = CATALOG.templates["get_balance"].model_copy(deep=True)
    mine.input["properties"]["detail"] = {"type": "string"}
    catalog = replace(CATALOG, templates={"get_balance": mine})
    with pytest.raises(ConfigurationError, match="get_balance: detail is an argument of the server's own"):
        create_server(catalog, Settings(mode="TEST"), None)
