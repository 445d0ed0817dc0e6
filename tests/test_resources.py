"""
Resources: pages and Stripe objects, read by clients of both protocol eras.
"""

import json
import logging
from collections.abc import AsyncIterator

import httpx
import pytest
import respx
from mcp import Client, MCPError
from mcp_types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CacheableResult,
    ReadResourceResult,
    TextResourceContents,
)

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.resources import objects
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from stripe_mcp.transport import Transport

CATALOG = load_catalog(builtin_folder())
TEMPLATES, PROMPTS = CATALOG.templates, CATALOG.prompts
STRIPE = "https://stripe.test"
READ_BY_ID = {uri: template for uri, template in objects(TEMPLATES).items() if template.path_arguments}
PAGES = {
    "stripe://reference/search-syntax": ["charges", "payment_intents", "invoices", "customers"],
    "stripe://reference/errors": ["404"],
    "stripe://reference/currencies": ["usd", "jpy", "kwd"],
    "stripe://catalog": [*TEMPLATES, *(template.permission for template in TEMPLATES.values())],
}
HOUR = 3_600_000

pytestmark = pytest.mark.anyio
of_every_object = pytest.mark.parametrize("uri", READ_BY_ID)


def connect() -> Transport:
    return Transport("sk_test_canary1234", STRIPE, max_retries=0)


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with Client(
        create_server(CATALOG, Settings(mode="TEST"), connect), mode=request.param
    ) as connected:
        yield connected


def content(result: ReadResourceResult) -> TextResourceContents:
    [found] = result.contents
    assert isinstance(found, TextResourceContents)
    return found


async def refusal(client: Client, uri: str) -> tuple[int, str]:
    with pytest.raises(MCPError) as caught:
        await client.read_resource(uri)
    return caught.value.error.code, caught.value.error.message


async def test_pages_and_the_balance_are_listed(client: Client) -> None:
    listed = {resource.uri: resource.mime_type for resource in (await client.list_resources()).resources}
    pages = dict.fromkeys(["stripe://whoami", *PAGES], "text/markdown")
    assert listed == {**pages, "stripe://balance": "application/json"}


async def test_every_tool_that_reads_by_id_is_a_resource_template(client: Client) -> None:
    listed = {
        template.uri_template: template.description
        for template in (await client.list_resource_templates()).resource_templates
    }
    assert {"stripe://customers/{customer_id}", "stripe://charges/{charge_id}"} <= listed.keys()
    reading = {
        template.description
        for template in TEMPLATES.values()
        if template.request.method == "GET" and template.request.path.endswith("}")
    }
    assert set(listed.values()) == reading


@pytest.mark.parametrize("uri", PAGES)
async def test_a_page_is_markdown_and_holds_what_it_is_for(client: Client, uri: str) -> None:
    page = content(await client.read_resource(uri))
    assert (page.uri, page.mime_type) == (uri, "text/markdown")
    assert page.text.startswith("# ")
    for word in PAGES[uri]:
        assert word in page.text


@respx.mock(base_url=STRIPE)
async def test_a_client_can_read_whose_server_this_is(respx_mock: respx.MockRouter, client: Client) -> None:
    respx_mock.get("/v1/account").respond(json={"id": "acct_1", "object": "account"})
    found = content(await client.read_resource("stripe://whoami"))
    assert (found.uri, found.mime_type) == ("stripe://whoami", "text/markdown")
    assert "- Mode: TEST\n- Account: acct_1\n" in found.text


@respx.mock(base_url=STRIPE)
async def test_a_key_that_stripe_refuses_is_told_without_it(
    respx_mock: respx.MockRouter, client: Client
) -> None:
    error = {"type": "invalid_request_error", "message": "Invalid API Key provided: sk_test_canary1234"}
    respx_mock.get("/v1/account").respond(401, json={"error": error})
    code, message = await refusal(client, "stripe://whoami")
    assert code == INTERNAL_ERROR
    assert "401" in message
    assert "canary" not in message


@of_every_object
async def test_an_object_is_read_by_the_request_of_its_tool(client: Client, uri: str) -> None:
    template = READ_BY_ID[uri]
    [name] = template.path_arguments
    example = next(one for one in template.examples if one.arguments.keys() == {name})
    _, path = example.sends.split()
    body = {"object": template.returns, "id": example.arguments[name]}
    with respx.mock(base_url=STRIPE) as router:
        router.get(path).respond(json=body)
        found = content(await client.read_resource(uri.format(**example.arguments)))
    assert (found.uri, found.mime_type) == (uri.format(**example.arguments), "application/json")
    assert json.loads(found.text) == body


@respx.mock(base_url=STRIPE)
async def test_the_balance_needs_no_id(respx_mock: respx.MockRouter, client: Client) -> None:
    respx_mock.get("/v1/balance").respond(json={"object": "balance", "livemode": False})
    assert json.loads(content(await client.read_resource("stripe://balance")).text)["object"] == "balance"


BAD_IDS = {
    "another endpoint": "../refunds",
    "a step up": "..",
    "an escaped step up": "%2e%2e",
    "what is below": "cus_x/sources",
    "a query": "cus_x?expand[]=data",
    "nothing": "",
    "NUL": "cus_\0",
    "a newline": "cus_x\n",
    "ten kilobytes": "cus_" + "x" * 10_000,
    "the template itself": "{customer_id}",
    "another endpoint's name": "search",
}


@of_every_object
@pytest.mark.parametrize("bad", BAD_IDS.values(), ids=BAD_IDS)
async def test_s1_a_bad_id_reaches_nobody(client: Client, uri: str, bad: str) -> None:
    with respx.mock(base_url=STRIPE, assert_all_called=False) as router:
        code, _ = await refusal(client, uri.partition("{")[0] + bad)
        assert not router.calls
    assert code == INVALID_PARAMS


@pytest.mark.parametrize(
    "uri",
    [
        "stripe://refund",
        "stripe://refunds",
        "stripe://balance/",
        "stripe://sk_live_canary1234",
        "http://x",
        "",
    ],
)
async def test_an_unknown_uri_reaches_nobody(client: Client, uri: str) -> None:
    with respx.mock(base_url=STRIPE, assert_all_called=False) as router:
        code, message = await refusal(client, uri)
        assert not router.calls
    assert code == INVALID_PARAMS
    assert "canary" not in message


@pytest.mark.parametrize(("status", "code"), [(404, INVALID_PARAMS), (403, INTERNAL_ERROR)])
@respx.mock(base_url=STRIPE)
async def test_a_refusal_of_stripe_is_told_in_its_words(
    respx_mock: respx.MockRouter, client: Client, status: int, code: int
) -> None:
    error = {"type": "invalid_request_error", "message": "The key rk_test_canary1234 sees no such charge"}
    respx_mock.get("/v1/charges/ch_1").respond(status, json={"error": error})
    given, message = await refusal(client, "stripe://charges/ch_1")
    assert given == code
    assert "sees no such charge" in message
    assert "canary" not in message


@respx.mock(base_url=STRIPE)
async def test_an_exception_of_ours_never_shows_its_text(
    respx_mock: respx.MockRouter, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    respx_mock.get("/v1/balance").mock(side_effect=RuntimeError("canary"))
    with caplog.at_level(logging.ERROR):
        code, message = await refusal(client, "stripe://balance")
    assert code == INTERNAL_ERROR
    assert message.startswith("Internal error")
    assert "canary" not in message
    assert "a resource could not be read" in caplog.text


async def test_without_a_key_pages_are_read_and_an_object_says_how_to_connect() -> None:
    async with Client(create_server(CATALOG, Settings(mode="NO KEY"), None)) as client:
        assert content(await client.read_resource("stripe://catalog")).text
        code, message = await refusal(client, "stripe://balance")
    assert code == INTERNAL_ERROR
    assert "STRIPE_SECRET_KEY" in message


async def test_what_is_the_same_for_all_may_be_kept_for_an_hour_and_what_is_an_accounts_may_not() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"object": request.url.path.removeprefix("/v1/")})

    def to_stripe() -> Transport:
        return Transport("sk_test_1", STRIPE, http=httpx.MockTransport(answer))

    async with Client(create_server(CATALOG, Settings(mode="TEST"), to_stripe), mode="auto") as client:
        public: list[CacheableResult] = [
            await client.list_tools(),
            await client.list_prompts(),
            await client.list_resources(),
            await client.list_resource_templates(),
            *[await client.read_resource(uri) for uri in PAGES],
        ]
        private = [await client.read_resource(uri) for uri in ("stripe://balance", "stripe://whoami")]
    assert {(result.ttl_ms, result.cache_scope) for result in public} == {(HOUR, "public")}
    assert {(result.ttl_ms, result.cache_scope) for result in private} == {(0, "private")}
