"""
Completions: what is offered while an argument is typed, from schemas and from the simulator's shop.
"""

import json
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import httpx
import pytest
from mcp import Client, MCPError
from mcp_types import INVALID_PARAMS, Completion, PromptReference, ResourceTemplateReference

from stripe_mcp.catalog import Catalog, Endpoint, builtin_folder, load_catalog
from stripe_mcp.prompts import Argument, Prompt
from stripe_mcp.resources import objects
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from stripe_mcp.simulator import Simulator
from stripe_mcp.transport import Transport

CATALOG = load_catalog(builtin_folder())
TEMPLATES, PROMPTS = CATALOG.templates, CATALOG.prompts
OBJECTS = {uri: template for uri, template in objects(TEMPLATES).items() if template.path_arguments}

pytestmark = pytest.mark.anyio


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    def connect() -> Transport:
        return Transport("sk_test_1", "http://simulator", http=httpx.ASGITransport(app=Simulator()))

    async with Client(
        create_server(CATALOG, Settings(mode="SIMULATOR"), connect), mode=request.param
    ) as connected:
        yield connected


async def complete(client: Client, where: str, argument: str, typed: str = "") -> Completion:
    by_uri = ResourceTemplateReference(uri=where)
    ref = by_uri if "://" in where else PromptReference(name=where)
    return (await client.complete(ref, {"name": argument, "value": typed})).completion


ENUMERATED = {
    "refund_request reason": ["duplicate", "fraudulent", "requested_by_customer"],
    "payment_history status": ["draft", "open", "paid", "uncollectible", "void"],
}


@pytest.mark.parametrize(("argument", "values"), ENUMERATED.items())
async def test_an_enumeration_is_the_tools_own(client: Client, argument: str, values: list[str]) -> None:
    offered = await complete(client, *argument.split())
    assert (offered.values, offered.total, offered.has_more) == (values, len(values), False)


async def test_an_enumeration_is_found_within_an_argument_that_may_be_emptied(client: Client) -> None:
    offered = await complete(client, "subscription_management", "feedback", "too")
    assert offered.values == ["too_complex", "too_expensive"]
    assert offered.total == 2


async def test_event_types_come_from_the_prompt(client: Client) -> None:
    offered = await complete(client, "payment_history", "event_type", "charge.ref")
    assert offered.values == ["charge.refunded"]


async def test_a_hundred_of_all_currencies_are_offered_and_the_rest_counted(client: Client) -> None:
    offered = await complete(client, "refund_request", "currency")
    assert (len(offered.values), offered.has_more) == (100, True)
    assert offered.total
    assert offered.total > 100
    assert (await complete(client, "refund_request", "currency", "US")).values == ["usd"]


async def test_what_is_free_text_gets_no_offer(client: Client) -> None:
    offered = await complete(client, "refund_request", "amount")
    assert (offered.values, offered.total, offered.has_more) == ([], 0, False)


@pytest.mark.parametrize("uri", OBJECTS)
async def test_ids_of_the_first_page_are_offered(client: Client, uri: str) -> None:
    template = OBJECTS[uri]
    [name] = template.path_arguments
    offered = await complete(client, uri, name)
    listing = [
        other.name
        for other in TEMPLATES.values()
        if other.returns == f"list of {template.returns}" and not other.input.get("required")
    ]
    assert bool(offered.values) == bool(listing)
    assert len(offered.values) <= 100
    for value in offered.values[:2]:
        again = await complete(client, uri, name, value)
        assert again.values == [value]
        assert await client.read_resource(uri.format(**{name: value}))


async def test_that_there_are_older_objects_is_told_without_a_number(client: Client) -> None:
    offered = await complete(client, "stripe://events/{event_id}", "event_id")
    assert (len(offered.values), offered.total, offered.has_more) == (100, None, True)


@pytest.mark.parametrize("name", PROMPTS)
async def test_addresses_of_customers_are_offered(client: Client, name: str) -> None:
    offered = await complete(client, name, "customer_email", "john.sm")
    assert offered.values == ["john.smith@example.com"]


@pytest.mark.parametrize(
    ("where", "argument"),
    [
        ("refund_request", "mood"),
        ("make_money", "amount"),
        ("stripe://charges/{charge_id}", "customer_id"),
        ("stripe://payouts/{payout_id}", "payout_id"),
        ("stripe://balance", "charge_id"),
    ],
)
async def test_what_does_not_exist_is_invalid_params(client: Client, where: str, argument: str) -> None:
    with pytest.raises(MCPError) as caught:
        await complete(client, where, argument)
    assert caught.value.error.code == INVALID_PARAMS


@dataclass
class Account:
    """
    A Stripe that gives one *answer* to every request, and counts them.
    """

    answer: Callable[[], httpx.Response]
    asked: int = 0

    def connect(self) -> Transport:
        return Transport(
            "sk_test_1", "https://stripe.test", http=httpx.MockTransport(self._reply), max_retries=0
        )

    def _reply(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        return self.answer()


def broken() -> httpx.Response:
    raise RuntimeError("canary")


@pytest.mark.parametrize(
    "answer",
    [
        lambda: httpx.Response(500),
        lambda: httpx.Response(403, json={"error": {"type": "invalid_request_error"}}),
        lambda: httpx.Response(200, json={"object": "list"}),
        broken,
    ],
)
async def test_when_stripe_fails_nothing_is_offered(
    answer: Callable[[], httpx.Response], caplog: pytest.LogCaptureFixture
) -> None:
    account = Account(answer)
    with caplog.at_level(logging.CRITICAL):
        async with Client(create_server(CATALOG, Settings(mode="TEST"), account.connect)) as client:
            offered = await complete(client, "stripe://charges/{charge_id}", "charge_id")
    assert (offered.values, offered.has_more, account.asked) == ([], False, 1)


async def test_without_a_key_nothing_is_offered() -> None:
    async with Client(create_server(CATALOG, Settings(mode="NO KEY"), None)) as client:
        assert (await complete(client, "refund_request", "customer_email")).values == []


async def test_only_what_can_be_typed_is_offered_and_only_once() -> None:
    emails = ["b@x.test", None, "a@x.test", "b@x.test", "", "\ud83d", "a\n", 5]
    page = {"object": "list", "has_more": False, "data": [{"email": email} for email in emails]}
    account = Account(lambda: httpx.Response(200, content=json.dumps(page)))
    async with Client(create_server(CATALOG, Settings(mode="TEST"), account.connect)) as client:
        offered = await complete(client, "refund_request", "customer_email")
    assert (offered.values, offered.total) == (["b@x.test", "a@x.test"], 2)


@pytest.mark.parametrize(
    "source", ["delete_customer.customer_id", "create_refund.amount", "post_charges.id", "no_tool.id"]
)
async def test_no_prompt_of_ones_own_makes_a_completion_write(source: str) -> None:
    argument = Argument(description="a", complete=source)
    prompt = Prompt(name="own", title="Own", description="Own", arguments={"a": argument}, text="{a}")
    account = Account(broken)
    posting = TEMPLATES["list_charges"].model_copy(
        update={"name": "post_charges", "request": Endpoint(method="POST", path="/v1/charges")}
    )
    catalog = Catalog({**TEMPLATES, posting.name: posting}, {}, {"own": prompt})
    async with Client(create_server(catalog, Settings(mode="TEST"), account.connect)) as client:
        assert (await complete(client, "own", "a")).values == []
    assert account.asked == 0


async def test_what_is_masked_in_results_is_not_offered_either() -> None:
    page = {"object": "list", "has_more": False, "data": [{"id": "cus_1", "email": "b@x.test"}]}
    account = Account(lambda: httpx.Response(200, json=page))
    settings = Settings(mode="TEST", redact_pii=True)
    async with Client(create_server(CATALOG, settings, account.connect)) as client:
        assert (await complete(client, "refund_request", "customer_email")).values == []
        assert (await complete(client, "stripe://customers/{customer_id}", "customer_id")).values == ["cus_1"]
