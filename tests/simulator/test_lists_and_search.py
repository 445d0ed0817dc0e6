from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any

import pytest

from tests.simulator.front_door import DAY, NOW, Shop

pytestmark = pytest.mark.anyio

Holds = Callable[[Any], bool]
PAYMENT = {
    "amount": "500",
    "currency": "usd",
    "confirm": "true",
    "payment_method": "pm_card_visa",
    "metadata[order]": "fresh",
}


async def test_pages_cover_a_list_newest_first_without_doubles() -> None:
    shop = Shop()
    whole = await shop.ids("charges")
    created = [c["created"] for c in await shop.rows("charges")]
    assert created == sorted(created, reverse=True)
    seen: list[str] = []
    page = await shop.get("charges", {"limit": 5})
    while True:
        seen += [c["id"] for c in page["data"]]
        if not page["has_more"]:
            break
        page = await shop.get("charges", {"limit": 5, "starting_after": seen[-1]})
    assert seen == whole
    back = await shop.get("charges", {"limit": 2, "ending_before": whole[4]})
    assert ([c["id"] for c in back["data"]], back["has_more"]) == (whole[2:4], True)
    front = await shop.get("charges", {"limit": 5, "ending_before": whole[2]})
    assert ([c["id"] for c in front["data"]], front["has_more"]) == (whole[:2], False)


async def test_a_list_has_ten_of_its_objects_unless_told_otherwise() -> None:
    page = await Shop().get("events")
    assert (len(page["data"]), page["has_more"], page["url"]) == (10, True, "/v1/events")


async def test_cursors_that_name_nothing_or_are_two_are_refused() -> None:
    shop = Shop()
    status, error = await shop.refusal("GET", "charges", {"starting_after": "ch_no"})
    assert (status, error["code"], error["param"]) == (404, "resource_missing", "starting_after")
    both = {"starting_after": "ch_1", "ending_before": "ch_2"}
    assert (await shop.refusal("GET", "charges", both))[1]["code"] == "parameters_exclusive"


@pytest.mark.parametrize("limit", ["0", "101", "ten", "-1"])
async def test_a_limit_is_a_number_from_1_to_100(limit: str) -> None:
    status, error = await Shop().refusal("GET", "charges", {"limit": limit})
    assert (status, error["code"], error["param"]) == (400, "parameter_invalid_integer", "limit")


async def test_created_is_a_moment_or_a_range() -> None:
    shop = Shop()
    charge = shop.find("charge", payment_intent="pi_DEF456")
    john = {"customer": "cus_ABC123"}
    assert await shop.ids("charges", john | {"created": charge["created"]}) == [charge["id"]]
    assert await shop.ids("charges", john | {"created[gte]": charge["created"]}) == [charge["id"]]
    assert len(await shop.ids("charges", john | {"created[lt]": charge["created"], "created[gt]": 0})) == 1
    assert len(await shop.ids("charges", john | {"created[lte]": charge["created"]})) == 2


def periods(subscription: Any, name: str) -> list[int]:
    return [item[f"current_period_{name}"] for item in subscription["items"]["data"]]


def prices(subscription: Any) -> list[str]:
    return [item["price"]["id"] for item in subscription["items"]["data"]]


def subscription_of(invoice: Any) -> Any:
    return invoice["parent"] and invoice["parent"]["subscription_details"]["subscription"]


@pytest.mark.parametrize(
    ("path", "fields", "holds"),
    [
        ("charges", {"payment_intent": "pi_DEF456"}, lambda c: c["payment_intent"] == "pi_DEF456"),
        ("charges", {"customer": "cus_ABC123"}, lambda c: c["customer"] == "cus_ABC123"),
        ("charges", {"transfer_group": "ORDER_1"}, lambda c: False),
        ("customers", {"email": "john.smith@example.com"}, lambda c: c["id"] == "cus_ABC123"),
        ("customers", {"email": "John.Smith@example.com"}, lambda c: False),
        ("customers", {"test_clock": "clock_1"}, lambda c: False),
        (
            "invoices",
            {"subscription": "sub_XYZ789", "status": "paid"},
            lambda i: subscription_of(i) == "sub_XYZ789" and i["status"] == "paid",
        ),
        (
            "invoices",
            {"status": "draft", "collection_method": "send_invoice"},
            lambda i: (i["status"], i["collection_method"]) == ("draft", "send_invoice"),
        ),
        ("invoices", {"due_date[gt]": str(NOW)}, lambda i: i["due_date"] and i["due_date"] > NOW),
        ("payment_intents", {"customer_account": "acct_1"}, lambda p: False),
        ("subscriptions", {"status": "past_due"}, lambda s: s["status"] == "past_due"),
        ("subscriptions", {"status": "ended"}, lambda s: s["ended_at"]),
        ("subscriptions", {}, lambda s: not s["ended_at"]),
        (
            "subscriptions",
            {"price": "price_XYZ789"},
            lambda s: "price_XYZ789" in prices(s) and not s["ended_at"],
        ),
        ("subscriptions", {"plan": "price_XYZ789", "status": "all"}, lambda s: "price_XYZ789" in prices(s)),
        ("subscriptions", {"automatic_tax[enabled]": "true"}, lambda s: False),
        (
            "subscriptions",
            {"current_period_end[lt]": str(NOW + 13 * DAY), "current_period_start[gt]": "1", "status": "all"},
            lambda s: any(end < NOW + 13 * DAY for end in periods(s, "end")),
        ),
        ("subscriptions", {"collection_method": "send_invoice"}, lambda s: False),
        ("products", {"active": "false"}, lambda p: not p["active"]),
        ("products", {"shippable": "true"}, lambda p: p["shippable"]),
        ("products", {"ids[0]": "prod_no"}, lambda p: False),
        ("products", {"url": "https://none.example.com"}, lambda p: False),
        (
            "prices",
            {"type": "recurring", "currency": "usd"},
            lambda p: (p["type"], p["currency"]) == ("recurring", "usd"),
        ),
        (
            "prices",
            {"recurring[interval]": "year"},
            lambda p: p["recurring"] and p["recurring"]["interval"] == "year",
        ),
        ("prices", {"recurring[meter]": "mtr_1"}, lambda p: False),
        (
            "prices",
            {"lookup_keys[0]": "pro_monthly", "lookup_keys[1]": "brew_gbp"},
            lambda p: p["lookup_key"] in ("pro_monthly", "brew_gbp"),
        ),
        ("prices", {"active": "false"}, lambda p: not p["active"]),
        ("refunds", {"payment_intent": "pi_DEF456"}, lambda r: False),
        (
            "balance_transactions",
            {"type": "refund", "currency": "eur"},
            lambda t: (t["type"], t["currency"]) == ("refund", "eur"),
        ),
        ("events", {"delivery_success": "false"}, lambda e: False),
        (
            "events",
            {"types[0]": "charge.failed", "types[1]": "refund.created"},
            lambda e: e["type"] in ("charge.failed", "refund.created"),
        ),
        ("customers/cus_ABC123/payment_methods", {"allow_redisplay": "always"}, lambda m: False),
        (
            "customers/cus_ABC123/payment_methods",
            {"type": "card"},
            lambda m: m["customer"] == "cus_ABC123",
        ),
    ],
)
async def test_a_filter_lets_through_what_it_names_and_nothing_else(
    path: str, fields: dict[str, str], holds: Holds
) -> None:
    shop = Shop()
    kind = path.rpartition("/")[-1].removesuffix("s")
    assert await shop.ids(path, fields) == [r["id"] for r in shop.simulator.store.all(kind) if holds(r)]


@pytest.mark.parametrize("path", ["charges", "invoices", "subscriptions", "payment_intents"])
async def test_a_filter_by_an_unknown_customer_is_refused(path: str) -> None:
    status, error = await Shop().refusal("GET", path, {"customer": "cus_no"})
    assert (status, error["message"]) == (400, "No such customer: 'cus_no'")


async def test_at_most_ten_lookup_keys_are_taken() -> None:
    fields = {f"lookup_keys[{i}]": f"k{i}" for i in range(11)}
    assert (await Shop().refusal("GET", "prices", fields))[1]["param"] == "lookup_keys"


async def test_events_are_picked_by_type_and_gone_after_30_days() -> None:
    shop = Shop()
    (event, *_) = (await shop.get("events", {"type": "charge.*"}))["data"]
    assert event["type"].startswith("charge.")
    assert (await shop.get(f"events/{event['id']}"))["data"]["object"]["object"] == "charge"
    both = {"type": "charge.*", "types[]": "refund.created"}
    assert (await shop.refusal("GET", "events", both))[1]["code"] == "parameters_exclusive"
    many = {f"types[{i}]": "refund.created" for i in range(21)}
    assert (await shop.refusal("GET", "events", many))[1]["param"] == "types"
    shop.now += 31 * DAY
    assert event["id"] not in await shop.ids("events")
    assert (await shop.refusal("GET", f"events/{event['id']}"))[0] == 404


@pytest.mark.parametrize(
    ("kind", "query", "holds"),
    [
        ("charge", "amount>5000 AND currency:'usd'", lambda c: c["amount"] > 5000 and c["currency"] == "usd"),
        (
            "charge",
            'amount>=4900 amount<=4900 currency:"usd"',
            lambda c: (c["amount"], c["currency"]) == (4900, "usd"),
        ),
        (
            "charge",
            "status:'failed' OR currency:'jpy'",
            lambda c: c["status"] == "failed" or c["currency"] == "jpy",
        ),
        ("charge", "refunded:'true'", lambda c: c["refunded"]),
        ("charge", "-status:'succeeded'", lambda c: c["status"] != "succeeded"),
        (
            "charge",
            "payment_method_details.card.last4:'4242' and currency:'kwd'",
            lambda c: c["payment_method_details"]["card"]["last4"] == "4242" and c["currency"] == "kwd",
        ),
        ("charge", "amount<0", lambda c: False),
        ("charge", "metadata['order']:'1002'", lambda c: c["metadata"].get("order") == "1002"),
        ("charge", "-metadata['order']:null", lambda c: "order" in c["metadata"]),
        (
            "charge",
            "billing_details.address.postal_code:null AND currency:'jpy'",
            lambda c: c["currency"] == "jpy",
        ),
        ("payment_intent", "status:'requires_capture'", lambda p: p["status"] == "requires_capture"),
        (
            "payment_intent",
            f"customer:'cus_ABC123' AND created>{NOW - 10 * DAY}",
            lambda p: p["customer"] == "cus_ABC123" and p["created"] > NOW - 10 * DAY,
        ),
        ("payment_intent", "customer:null", lambda p: p["customer"] is None),
        ("payment_intent", "amount:'500'", lambda p: p["amount"] == 500),
        (
            "invoice",
            "subscription:'sub_XYZ789' AND total>5",
            lambda i: subscription_of(i) == "sub_XYZ789" and i["total"] > 5,
        ),
        (
            "invoice",
            "number~'-0001' AND status:'open'",
            lambda i: i["status"] == "open" and "-0001" in i["number"],
        ),
        ("invoice", "status:'PAID'", lambda i: i["status"] == "paid"),
        ("invoice", "receipt_number:null AND customer:'cus_ABC123'", lambda i: i["customer"] == "cus_ABC123"),
        ("invoice", "last_finalization_error_code:null AND total<1", lambda i: i["total"] < 1),
        ("invoice", r"number:'it\'s'", lambda i: False),
    ],
)
async def test_a_search_finds_what_its_query_says_and_nothing_else(
    kind: str, query: str, holds: Holds
) -> None:
    shop = Shop()
    found = await shop.ids(f"{kind}s/search", {"query": query})
    assert found == [r["id"] for r in shop.simulator.store.all(kind) if holds(r)]


async def test_a_search_finds_new_objects_only_after_the_indexing_delay() -> None:
    shop = Shop()
    shop.simulator.store.indexing_delay = 60
    charge = (await shop.post("payment_intents", PAYMENT))["latest_charge"]
    query = {"query": "metadata['order']:'fresh'", "expand[]": "total_count"}
    assert (await shop.get("charges/search", query))["total_count"] == 0
    shop.now += 60
    assert [each["id"] for each in (await shop.get("charges/search", query))["data"]] == [charge]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "status",
        "status:succeeded",
        "currency:5",
        "status:'x' AND ",
        "status>'succeeded'",
        "amount~'490'",
        "amount:'many'",
        "color:'red'",
        "status['x']:'y'",
        "metadata:'x'",
        "AND status:'x'",
        "status:'x' AND",
        "status:'x' OR status:'y' AND status:'z'",
        "status:'x' status:'y' OR status:'z'",
        "(status:'x')",
        " ".join(["amount>1"] * 11),
    ],
)
async def test_a_query_outside_the_language_is_refused(query: str) -> None:
    status, error = await Shop().refusal("GET", "charges/search", {"query": query})
    assert (status, error["param"]) == (400, "query")


async def test_a_substring_has_three_characters() -> None:
    assert (await Shop().refusal("GET", "invoices/search", {"query": "number~'-0'"}))[0] == 400


async def test_pages_of_a_search_follow_each_other() -> None:
    shop = Shop()
    fields = {"query": "status:'succeeded'", "limit": "4", "expand[]": "total_count"}
    page = await shop.get("charges/search", fields)
    seen = [c["id"] for c in page["data"]]
    while page["has_more"]:
        page = await shop.get("charges/search", fields | {"page": page["next_page"]})
        seen += [c["id"] for c in page["data"]]
    assert len(seen) == len(set(seen)) == page["total_count"]
    assert page["next_page"] is None
    for bad in ("%%", urlsafe_b64encode(b"ch_no").decode(), "_w"):
        assert (await shop.refusal("GET", "charges/search", fields | {"page": bad}))[1]["param"] == "page"


@pytest.mark.parametrize(
    "path",
    [
        "data.customer",
        "data.balance_transaction.source.customer",
        "data.refunds",
        "data.payment_intent.latest_charge",
        "data.payment_intent.customer.subscriptions",
    ],
)
async def test_what_can_be_expanded_is(path: str) -> None:
    page = await Shop().get("charges", {"expand[]": path, "customer": "cus_ABC123"})
    value = page["data"][0]
    for step in path.split(".")[1:]:
        value = value[step]
    assert isinstance(value, dict)


@pytest.mark.parametrize(
    ("path", "expand"),
    [
        ("charges", "customer"),
        ("charges", "data"),
        ("charges", "data.amount"),
        ("charges", "total_count"),
        ("charges", "data.customer.name"),
        ("charges", "data.refunds.amount"),
        ("charges", "data.payment_intent.latest_charge.payment_intent.latest_charge"),
        ("subscriptions/sub_XYZ789", "items"),
        ("subscriptions/sub_XYZ789", "items.data"),
        ("invoices/in_GHI789", "lines"),
        ("balance", "available"),
        ("payment_intents/pi_DEF456", "amount_details"),
        ("customers/cus_ABC123", "discount"),
    ],
)
async def test_what_cannot_be_expanded_is_an_error(path: str, expand: str) -> None:
    status, error = await Shop().refusal("GET", path, {"expand[]": expand})
    assert (status, error["param"].split()[0]) == (400, "expand")


async def test_expansion_goes_through_lists_and_embedded_objects_and_leaves_nulls() -> None:
    shop = Shop()
    fields = {
        "expand[0]": "subscriptions.data.latest_invoice",
        "expand[1]": "subscriptions",
    }
    john = await shop.get("customers/cus_ABC123", fields | {"expand[2]": "default_source"})
    (subscription,) = john["subscriptions"]["data"]
    assert subscription["latest_invoice"]["id"] == "in_GHI789"
    assert john["default_source"] is None
    invoice = await shop.get("invoices/in_GHI789", {"expand[]": "payments.data.payment.payment_intent"})
    intent = invoice["payments"]["data"][0]["payment"]["payment_intent"]
    assert (intent["id"], intent["amount_received"]) == ("pi_DEF456", 4900)
    assert "subscriptions" not in await shop.get("customers/cus_ABC123")
    charge = await shop.get(f"charges/{intent['latest_charge']}", {"expand[]": "transfer_data.destination"})
    assert charge["transfer_data"] is None
    path = "payment_method_details.us_bank_account.mandate"
    charge = await shop.get(f"charges/{intent['latest_charge']}", {"expand[]": path})
    assert "us_bank_account" not in charge["payment_method_details"]
    absent = await shop.get("invoices/in_GHI789", {"expand[]": "from_invoice.invoice"})
    assert absent["from_invoice"] is None
