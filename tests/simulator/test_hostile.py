"""
What nobody should send, and what it must not do: half a request, a body of the wrong size, ids of others.
"""

import json
from typing import Any

import pytest

from stripe_mcp.simulator.admin import LATEST
from stripe_mcp.simulator.serve import ENDINGS
from stripe_mcp.simulator.table import MOST_INDEXES
from stripe_mcp.simulator.wire import LARGEST_BODY
from tests.simulator.front_door import KEY, Shop
from tests.simulator.rehearsal import Rehearsal

pytestmark = pytest.mark.anyio

PAYMENT = {"amount": "4900", "currency": "usd", "payment_method": "pm_card_visa", "confirm": "true"}


async def test_a_request_that_breaks_off_is_not_carried_out_with_the_half_that_came() -> None:
    shop, sent = Shop(), []
    half = b"currency=usd&payment_method=pm_card_visa&confirm=true&amount=490"
    messages: list[Any] = [
        {"type": "http.request", "body": half, "more_body": True},
        {"type": "http.disconnect"},
    ]
    headers = [(b"authorization", KEY["Authorization"].encode())]
    headers.append((b"content-type", b"application/x-www-form-urlencoded"))
    scope = {"type": "http", "method": "POST", "path": "/v1/payment_intents", "query_string": b""}
    before = await shop.ids("payment_intents")

    async def receive() -> Any:
        return messages.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    with pytest.raises(ConnectionResetError):
        await shop.simulator({**scope, "headers": headers}, receive, send)
    assert not sent
    assert await shop.ids("payment_intents") == before


async def test_a_body_is_measured_in_bytes() -> None:
    shop = Shop()
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = b"name=Ada&description=" + "é".encode() * (LARGEST_BODY // 2)
    reply = await shop.send("POST", "customers", headers=form, content=body)
    assert reply.status_code == 413


@pytest.mark.parametrize(
    "types", [{"allowed_payment_method_types[]": "affirm"}, {"excluded_payment_method_types[]": "card"}]
)
async def test_a_card_pays_no_intent_that_wants_no_cards(types: dict[str, str]) -> None:
    shop = Shop()
    assert (await shop.refusal("POST", "payment_intents", PAYMENT | types))[1]["param"] == "payment_method"
    bare = {name: PAYMENT[name] for name in ("amount", "currency")}
    intent = await shop.post("payment_intents", bare | types)
    path = f"payment_intents/{intent['id']}/confirm"
    refused = await shop.refusal("POST", path, {"payment_method": "pm_card_visa"})
    assert refused[1]["param"] == "payment_method"
    assert await shop.get(f"payment_intents/{intent['id']}") == intent


async def test_a_capture_that_is_refused_changes_nothing() -> None:
    shop = Shop()
    full = {f"metadata[k{i}]": "v" for i in range(50)}
    held = await shop.post("payment_intents", PAYMENT | full | {"capture_method": "manual"})
    more = {"statement_descriptor_suffix": "BEANS", "metadata[one_more]": "v"}
    await shop.refusal("POST", f"payment_intents/{held['id']}/capture", more)
    assert await shop.get(f"payment_intents/{held['id']}") == held


@pytest.mark.parametrize("path", ["charges/%7B%7D", "customers/{}", "invoices/{}"])
async def test_the_braces_of_a_route_are_an_id_like_any_other(path: str) -> None:
    assert (await Shop().refusal("GET", path))[1]["code"] == "resource_missing"


async def test_a_header_that_is_no_ascii_opens_nothing() -> None:
    headers = {"Authorization": "Basic é".encode("latin-1")}
    assert (await Shop().send("GET", "account", headers=headers)).status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "fields"),
    [
        ("GET", "charges", {f"expand[{'9' * 5000}]": "data.customer"}),
        ("GET", "charges", {"limit": "٣"}),
        ("GET", "charges/search", {"query": "amount>٣"}),
        ("POST", "payment_intents", PAYMENT | {"amount": "٤٩٠٠"}),
    ],
)
async def test_numbers_are_ascii_and_indexes_are_short(
    method: str, path: str, fields: dict[str, str]
) -> None:
    assert (await Shop().refusal(method, path, fields))[0] == 400


async def test_an_item_without_an_index_comes_behind_those_with_one() -> None:
    body = "preferred_locales[1]=en&preferred_locales[]=fr&preferred_locales[]=de"
    form = KEY | {"Content-Type": "application/x-www-form-urlencoded"}
    reply = await Shop().send("POST", "customers", headers=form, content=body.encode())
    assert reply.json()["preferred_locales"] == ["en", "fr", "de"]


async def test_the_clock_does_not_leave_the_calendar() -> None:
    shop = Rehearsal()
    assert (await shop.misorder("POST", "clock", to=LATEST + 1))["param"] == "to"


async def test_a_product_takes_no_id_that_something_else_has_or_had() -> None:
    shop = Shop()
    gone = (await shop.post("customers"))["id"]
    await shop.ask("DELETE", f"customers/{gone}")
    for taken in ("cus_ABC123", "pi_DEF456", gone):
        error = (await shop.refusal("POST", "products", {"name": "Evil", "id": taken}))[1]
        assert error["code"] == "resource_already_exists"


async def test_a_deleted_draft_is_no_deleted_customer() -> None:
    shop = Shop()
    draft = await shop.post("invoices", {"customer": "cus_ABC123"})
    await shop.ask("DELETE", f"invoices/{draft['id']}")
    assert (await shop.refusal("GET", f"customers/{draft['id']}"))[1]["code"] == "resource_missing"


async def test_searches_by_ever_other_metadata_do_not_pile_up_indexes() -> None:
    shop = Shop()
    for number in range(MOST_INDEXES + 5):
        found = await shop.ids("charges/search", {"query": f"metadata['k{number}']:'v'"})
        assert found == []
    assert len(shop.simulator.store.table("charge")._indexes) == MOST_INDEXES
    assert len(await shop.ids("charges", {"customer": "cus_ABC123"})) == 2


async def test_a_web_page_does_not_reach_the_admin_routes() -> None:
    shop = Rehearsal()
    reply = await shop.admin("POST", "reset", content=b"", headers={"Origin": "http://evil.example"})
    assert reply.status_code == 403


async def test_a_bill_that_cannot_be_charged_starts_no_subscription_even_if_it_is_sent() -> None:
    shop = Shop()
    price = (await shop.get("prices", {"lookup_keys[]": "pro_monthly"}))["data"][0]["id"]
    fields = {
        "customer": shop.customer("john.smith@example.com"),
        "items[0][price]": price,
        "items[0][quantity]": str(10**15),
        "collection_method": "send_invoice",
        "days_until_due": "30",
    }
    assert (await shop.refusal("POST", "subscriptions", fields))[1]["code"] == "amount_too_large"


async def test_an_ordered_header_replaces_the_usual_one_however_it_is_written() -> None:
    shop = Rehearsal()
    await shop.fault("error", status=503, headers={"content-type": "text/html"})
    assert (await shop.send("GET", "balance")).headers.get_list("content-type") == ["text/html"]


def test_an_action_that_there_is_not_makes_a_state_unusable() -> None:
    shop = Shop()
    dumped = json.loads(json.dumps(shop.simulator.store.dump()))
    dumped["agenda"].append([1, 1, "customer.vanish", "cus_ABC123"])
    with pytest.raises(ValueError, match="agenda"):
        Shop().simulator.store.load(dumped)


def test_a_closed_terminal_is_an_end_in_good_order_as_well() -> None:
    assert {"SIGINT", "SIGTERM", "SIGHUP"} >= {ending.name for ending in ENDINGS} > {"SIGINT"}
