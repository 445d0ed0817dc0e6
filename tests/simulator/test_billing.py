from typing import Any

import pytest

from stripe_mcp.simulator.periods import add_interval
from tests.simulator.front_door import DAY, NOW, Shop

pytestmark = pytest.mark.anyio

HOTEL = "accounts@harbor.example.com"
PRO = {"customer": "cus_ABC123", "items[0][price]": "price_XYZ789"}


async def new_customer(shop: Shop, **fields: str) -> Any:
    return (await shop.post("customers", {"email": "new@example.com"} | fields))["id"]


async def test_pending_items_become_lines_only_when_they_are_included() -> None:
    shop = Shop()
    hotel = shop.customer(HOTEL)
    empty = await shop.post("invoices", {"customer": hotel})
    assert (empty["total"], empty["lines"]["data"], empty["status"]) == (0, [], "draft")
    full = await shop.post(
        "invoices",
        {
            "customer": hotel,
            "pending_invoice_items_behavior": "include",
            "collection_method": "send_invoice",
            "days_until_due": "30",
            "description": "March",
            "shipping_details[name]": "Hotel",
            "shipping_details[address][city]": "Bergen",
            "metadata[po]": "12",
        },
    )
    assert [line["amount"] for line in full["lines"]["data"]] == [3600, -600]
    assert (full["total"], full["amount_due"], full["due_date"]) == (3000, 3000, NOW + 30 * DAY)
    again = await shop.post("invoices", {"customer": hotel, "pending_invoice_items_behavior": "include"})
    assert again["total"] == 0
    assert await shop.ids("invoices", {"due_date[gt]": NOW + 29 * DAY}) == [full["id"]]


async def test_finalizing_opens_an_invoice_once_and_makes_its_payment() -> None:
    shop = Shop()
    draft = shop.find("invoice", status="draft", total=15000)["id"]
    final = await shop.post(
        f"invoices/{draft}/finalize", {"expand[0]": "payments", "expand[1]": "confirmation_secret"}
    )
    assert (final["status"], final["amount_remaining"]) == ("open", 15000)
    assert final["number"].endswith("-0001")
    assert final["status_transitions"]["finalized_at"] == NOW
    (payment,) = final["payments"]["data"]
    intent = await shop.get(f"payment_intents/{payment['payment']['payment_intent']}")
    assert (intent["amount"], intent["client_secret"]) == (
        15000,
        final["confirmation_secret"]["client_secret"],
    )
    error = (await shop.refusal("POST", f"invoices/{draft}/finalize"))[1]
    assert error["code"] == "invoice_not_editable"
    assert draft in await shop.ids("invoices", {"status": "open"})


async def test_an_invoice_of_nothing_is_paid_at_once() -> None:
    shop = Shop()
    empty = await shop.post("invoices", {"customer": "cus_ABC123", "auto_advance": "true"})
    assert empty["automatically_finalizes_at"] == NOW + 3600
    paid = await shop.post(f"invoices/{empty['id']}/finalize", {"expand[]": "confirmation_secret"})
    assert (paid["status"], paid["confirmation_secret"]) == ("paid", None)


async def test_an_automatic_invoice_is_charged_when_it_is_finalized() -> None:
    shop = Shop()
    draft = shop.find("invoice", status="draft", total=15000)["id"]
    paid = await shop.post(f"invoices/{draft}/finalize", {"auto_advance": "true"})
    assert (paid["status"], paid["amount_paid"], paid["amount_remaining"]) == ("paid", 15000, 0)
    assert (await shop.get("balance_transactions", {"limit": 1}))["data"][0]["amount"] == 15000


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "customer"),
        ({"customer": "cus_no"}, "customer"),
        ({"customer": "cus_ABC123", "days_until_due": "3"}, "days_until_due"),
        ({"customer": "cus_ABC123", "collection_method": "send_invoice"}, "days_until_due"),
        ({"customer": "cus_ABC123", "collection_method": "send_invoice", "due_date": "1000"}, "due_date"),
        ({"customer": "cus_ABC123", "default_payment_method": "pm_no"}, "default_payment_method"),
        ({"customer": "cus_ABC123", "subscription": "sub_XYZ789"}, "subscription"),
    ],
)
async def test_an_invoice_that_cannot_be_is_refused(fields: dict[str, str], param: str) -> None:
    status, error = await Shop().refusal("POST", "invoices", fields)
    assert (status, error["param"]) == (400, param)


async def test_an_invoice_is_not_sent_to_someone_without_an_address() -> None:
    shop = Shop()
    nobody = (await shop.post("customers"))["id"]
    fields = {"customer": nobody, "collection_method": "send_invoice", "days_until_due": "3"}
    assert (await shop.refusal("POST", "invoices", fields))[1]["param"] == "customer"


async def test_a_subscription_charges_its_first_month_at_once() -> None:
    shop = Shop()
    fields = PRO | {
        "items[0][quantity]": "2",
        "metadata[from]": "call",
        "expand[0]": "latest_invoice",
        "expand[1]": "items.data.price.product",
        "billing_mode[type]": "flexible",
    }
    made = await shop.post("subscriptions", fields)
    (item,) = made["items"]["data"]
    assert (made["status"], made["latest_invoice"]["status"], made["latest_invoice"]["total"]) == (
        "active",
        "paid",
        9800,
    )
    assert item["current_period_end"] == item["billed_until"] == add_interval(NOW, "month", 1)
    assert item["price"]["product"]["name"] == "Pro Plan"
    assert await shop.ids("invoices", {"subscription": made["id"]}) == [made["latest_invoice"]["id"]]


async def test_a_trial_costs_nothing_and_needs_no_card() -> None:
    shop = Shop()
    customer = await new_customer(shop)
    made = await shop.post("subscriptions", PRO | {"customer": customer, "trial_period_days": "14"})
    assert (made["status"], made["trial_end"]) == ("trialing", NOW + 14 * DAY)
    assert (await shop.get(f"invoices/{made['latest_invoice']}"))["amount_paid"] == 0
    until = await shop.post("subscriptions", PRO | {"customer": customer, "trial_end": str(NOW + DAY)})
    assert until["items"]["data"][0]["current_period_end"] == NOW + DAY


async def test_without_a_card_a_subscription_is_refused_sent_or_incomplete() -> None:
    shop = Shop()
    mine = PRO | {"customer": await new_customer(shop), "trial_end": "now"}
    status, error = await shop.refusal("POST", "subscriptions", mine)
    assert (status, error["code"]) == (400, "resource_missing")
    sent = await shop.post(
        "subscriptions", mine | {"collection_method": "send_invoice", "days_until_due": "7"}
    )
    invoice = await shop.get(f"invoices/{sent['latest_invoice']}")
    assert (sent["status"], invoice["status"], invoice["due_date"]) == ("active", "draft", NOW + 7 * DAY)
    waiting = await shop.post("subscriptions", mine | {"payment_behavior": "default_incomplete"})
    assert waiting["status"] == "incomplete"
    gone = await shop.ask("DELETE", f"subscriptions/{waiting['id']}")
    assert gone["status"] == "incomplete_expired"
    assert (await shop.get(f"invoices/{waiting['latest_invoice']}"))["status"] == "void"


async def test_a_declining_card_leaves_a_subscription_incomplete_or_makes_none() -> None:
    shop = Shop()
    bad = "pm_card_chargeCustomerFail"
    customer = await new_customer(
        shop, payment_method=bad, **{"invoice_settings[default_payment_method]": bad}
    )
    made = await shop.post("subscriptions", PRO | {"customer": customer})
    assert made["status"] == "incomplete"
    invoice = await shop.get(f"invoices/{made['latest_invoice']}")
    assert (invoice["status"], invoice["attempt_count"]) == ("open", 1)
    before = await shop.ids("subscriptions", {"status": "all"})
    error_if = PRO | {"customer": customer, "payment_behavior": "error_if_incomplete"}
    status, error = await shop.refusal("POST", "subscriptions", error_if)
    assert (status, error["code"]) == (402, "card_declined")
    assert await shop.ids("subscriptions", {"status": "all"}) == before
    good = await shop.post("subscriptions", PRO | {"payment_behavior": "error_if_incomplete"})
    assert good["status"] == "active"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"customer": "cus_ABC123"}, "items"),
        ({"customer": "cus_ABC123", "items[0][quantity]": "1"}, "items[0][price]"),
        (PRO | {"items[0][price]": "price_no"}, "items[0][price]"),
        (PRO | {"trial_end": "1000"}, "trial_end"),
        (PRO | {"trial_end": str(NOW + DAY), "trial_period_days": "3"}, "trial_end"),
        (PRO | {"currency": "eur"}, "currency"),
        (PRO | {"payment_behavior": "pending_if_incomplete"}, "payment_behavior"),
        (PRO | {"cancel_at": "1000"}, "cancel_at"),
        (PRO | {"coupon": "X"}, "coupon"),
    ],
)
async def test_a_subscription_that_cannot_be_is_refused(fields: dict[str, str], param: str) -> None:
    status, error = await Shop().refusal("POST", "subscriptions", fields)
    assert (status, error["param"]) == (400, param)


async def test_only_active_recurring_prices_of_one_kind_can_be_subscribed_to() -> None:
    shop = Shop()
    once = shop.find("price", type="one_time", currency="usd", active=True)["id"]
    yearly = shop.find("price", unit_amount=49000)["id"]
    euros = shop.find("price", lookup_key="beans_eur")["id"]
    product = shop.find("product", name="Pro Plan")["id"]
    recurring = {"product": product, "currency": "usd", "recurring[interval]": "month"}
    off = (await shop.post("prices", recurring | {"unit_amount": "100", "active": "false"}))["id"]
    parts = (await shop.post("prices", recurring | {"unit_amount_decimal": "0.5"}))["id"]
    for price, param in (
        (once, "items[0][price]"),
        (off, "items[0][price]"),
        (parts, "items[0][price]"),
        (euros, "items"),
    ):
        assert (await shop.refusal("POST", "subscriptions", PRO | {"items[0][price]": price}))[1][
            "param"
        ] == param
    assert (await shop.refusal("POST", "subscriptions", PRO | {"items[1][price]": yearly}))[1][
        "param"
    ] == "items"


async def test_a_planned_end_is_the_end_of_the_period_or_the_day_given() -> None:
    shop = Shop()
    later = await shop.post("subscriptions", PRO | {"cancel_at_period_end": "true"})
    assert later["cancel_at"] == later["items"]["data"][0]["current_period_end"]
    for name in ("min_period_end", "max_period_end", "max_billed_until"):
        named = await shop.post("subscriptions", PRO | {"cancel_at": name})
        assert (named["cancel_at"], named["cancel_at_period_end"]) == (later["cancel_at"], False)
    dated = await shop.post("subscriptions", PRO | {"cancel_at": str(NOW + DAY)})
    assert dated["cancel_at"] == NOW + DAY


async def test_a_canceled_subscription_says_why_and_hides() -> None:
    shop = Shop()
    fields = {"cancellation_details[feedback]": "too_expensive", "cancellation_details[comment]": "bye"}
    gone = await shop.ask("DELETE", "subscriptions/sub_XYZ789", fields)
    assert (gone["status"], gone["ended_at"], gone["canceled_at"]) == ("canceled", NOW, NOW)
    assert gone["cancellation_details"]["feedback"] == "too_expensive"
    assert (await shop.refusal("DELETE", "subscriptions/sub_XYZ789"))[0] == 404
    john = {"customer": "cus_ABC123"}
    assert await shop.ids("subscriptions", john) == []
    for status in ("all", "canceled", "ended"):
        assert await shop.ids("subscriptions", john | {"status": status}) == ["sub_XYZ789"]
    assert await shop.ids("subscriptions", john | {"status": "active"}) == []


async def test_unused_time_becomes_credit_that_the_next_invoice_uses() -> None:
    shop = Shop()
    await shop.ask("DELETE", "subscriptions/sub_XYZ789", {"prorate": "true", "invoice_now": "true"})
    (last, *_) = (await shop.get("invoices", {"customer": "cus_ABC123"}))["data"]
    assert (last["status"], last["amount_due"]) == ("paid", 0)
    assert last["total"] == last["ending_balance"] < 0
    assert last["lines"]["data"][0]["subscription"] == "sub_XYZ789"
    assert (await shop.get("customers/cus_ABC123"))["balance"] == last["total"]
    next_one = await shop.post("subscriptions", PRO | {"expand[]": "latest_invoice"})
    assert next_one["latest_invoice"]["amount_paid"] == 4900 + last["total"]


async def test_a_card_of_the_subscriptions_own_goes_before_the_default() -> None:
    shop = Shop()
    diego = shop.customer("diego@example.com")
    good = (await shop.ids(f"customers/{diego}/payment_methods"))[-1]
    made = await shop.post("subscriptions", PRO | {"customer": diego, "default_payment_method": good})
    assert (made["status"], made["default_payment_method"]) == ("active", good)


async def test_a_price_is_made_with_its_product_or_for_one_there_is() -> None:
    shop = Shop()
    fields = {
        "currency": "usd",
        "unit_amount": "990",
        "product_data[name]": "Mug",
        "product_data[id]": "mug",
        "product_data[metadata][a]": "b",
        "recurring[interval]": "year",
        "lookup_key": "mug",
        "nickname": "Mug a year",
    }
    made = await shop.post("prices", fields)
    assert (made["product"], made["type"], made["unit_amount_decimal"]) == ("mug", "recurring", "990")
    assert made["recurring"]["interval_count"] == 1
    assert (await shop.get("products/mug"))["name"] == "Mug"
    error = (await shop.refusal("POST", "prices", fields | {"lookup_key": "other"}))[1]
    assert error["code"] == "resource_already_exists"
    more = {"product": "mug", "currency": "usd", "unit_amount_decimal": "99.5", "lookup_key": "mug"}
    assert (await shop.refusal("POST", "prices", more))[1]["param"] == "lookup_key"
    moved = await shop.post("prices", more | {"transfer_lookup_key": "true"})
    assert (moved["unit_amount"], moved["unit_amount_decimal"], moved["lookup_key"]) == (None, "99.5", "mug")
    assert await shop.ids("prices", {"lookup_keys[]": "mug"}) == [moved["id"]]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"unit_amount": "1"}, "product"),
        ({"product": "prod_no", "unit_amount": "1"}, "product"),
        ({"product": "prod_no"}, "unit_amount"),
        ({"product": "prod_no", "unit_amount_decimal": "-1"}, "unit_amount_decimal"),
        ({"product": "prod_no", "billing_scheme": "tiered"}, "billing_scheme"),
        (
            {
                "product": "p",
                "unit_amount": "1",
                "recurring[interval]": "year",
                "recurring[interval_count]": "4",
            },
            "recurring[interval_count]",
        ),
        (
            {
                "product": "p",
                "unit_amount": "1",
                "recurring[interval]": "day",
                "recurring[usage_type]": "metered",
            },
            "recurring[usage_type]",
        ),
        ({"product": "p", "unit_amount": "1", "recurring[interval_count]": "1"}, "recurring[interval]"),
    ],
)
async def test_a_price_that_cannot_be_is_refused(fields: dict[str, str], param: str) -> None:
    status, error = await Shop().refusal("POST", "prices", {"currency": "usd"} | fields)
    assert (status, error["param"]) == (400, param)
