"""
Invoices and their items: from a draft to what was paid, or need not be any more.
"""

from typing import Any

import pytest

from stripe_mcp.simulator.intent_actions import authenticate
from tests.simulator.bills import (
    ASKS,
    BAD,
    HOUR,
    bill,
    change_card,
    intent_of,
    money,
    open_bill,
    payer,
    plan,
    story,
    stranger,
    subscribe,
    told,
)
from tests.simulator.front_door import DAY, NOW, Shop

pytestmark = pytest.mark.anyio


async def item(shop: Shop, customer: str, **fields: Any) -> Any:
    return await shop.post("invoiceitems", {"customer": customer, "currency": "usd"} | fields)


# Items


async def test_an_item_for_a_draft_is_a_line_of_it_at_once() -> None:
    shop = Shop()
    customer = await payer(shop)
    draft = await shop.post("invoices", {"customer": customer, "currency": "usd"})
    made = await item(
        shop,
        customer,
        invoice=draft["id"],
        amount=1200,
        description="Cleaning",
        **{"metadata[job]": "7", "period[start]": NOW, "period[end]": NOW + DAY},
    )
    now = await shop.get(f"invoices/{draft['id']}")
    (line,) = now["lines"]["data"]
    assert (made["invoice"], now["total"], now["amount_due"]) == (draft["id"], 1200, 1200)
    assert (line["description"], line["metadata"], line["period"]) == (
        "Cleaning",
        {"job": "7"},
        {"start": NOW, "end": NOW + DAY},
    )
    assert line["parent"]["invoice_item_details"]["invoice_item"] == made["id"]
    assert (await told(shop))[-2:] == ["invoiceitem.created", "invoice.updated"]


async def test_an_item_can_be_priced_by_a_price_or_by_the_unit() -> None:
    shop = Shop()
    customer = await payer(shop)
    product = shop.find("product", name="Pro Plan")["id"]
    fields = {"product": product, "currency": "usd", "unit_amount_decimal": "12.5"}
    price = (await shop.post("prices", fields))["id"]
    priced = await item(shop, customer, quantity=3, **{"pricing[price]": price})
    assert (priced["amount"], priced["quantity"], priced["description"]) == (38, 3, "Pro Plan")  # 37.5
    assert priced["pricing"]["price_details"] == {"price": price, "product": product}
    loose = await item(shop, customer, unit_amount_decimal="-0.5", discountable="false")
    assert (loose["amount"], loose["net_amount"]) == (-1, -1)
    credit = await item(shop, customer, amount=-500)
    assert (credit["discountable"], credit["net_amount"]) == (False, -500)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({}, "amount"),
        ({"amount": 1, "unit_amount_decimal": "1"}, "amount"),
        ({"amount": 1, "quantity": 2}, "quantity"),
        ({"pricing[price]": "price_no"}, "pricing[price]"),
        ({"pricing[price]": "price_XYZ789"}, "pricing[price]"),
        ({"amount": 100_000_000}, "amount"),
        ({"amount": 1, "customer": "cus_no"}, "customer"),
        ({"amount": 1, "invoice": "in_no"}, "invoice"),
        ({"amount": 1, "invoice": "in_GHI789"}, "invoice"),
        ({"amount": 1, "subscription": "sub_no"}, "subscription"),
        ({"amount": 1, "subscription": "sub_XYZ789"}, "subscription"),
        ({"amount": 1, "period[start]": 2, "period[end]": 1}, "period[end]"),
        ({"amount": 1, "tax_code": "txcd_1"}, "tax_code"),
    ],
)
async def test_an_item_that_cannot_be_is_refused(fields: dict[str, Any], param: str) -> None:
    shop = Shop()
    before = await told(shop)
    fields = {"customer": shop.customer("grace.park@example.com")} | fields
    status, error = await shop.refusal("POST", "invoiceitems", fields)
    assert (status, error["param"]) == (400, param)
    assert await told(shop) == before


async def test_items_of_an_invoice_are_in_its_currency_and_at_most_250() -> None:
    shop = Shop()
    customer = await payer(shop)
    draft = await bill(shop, customer, 100)
    fields = {"customer": customer, "invoice": draft["id"], "amount": 100}
    assert (await shop.refusal("POST", "invoiceitems", fields | {"currency": "eur"}))[1]["param"] == "invoice"
    once = shop.find("price", type="one_time", currency="eur", active=True)["id"]
    priced = {"customer": customer, "pricing[price]": once, "currency": "usd"}
    assert (await shop.refusal("POST", "invoiceitems", priced))[1]["param"] == "currency"
    assert (await shop.post("invoiceitems", fields))["currency"] == "usd"  # that of the invoice
    for _ in range(248):
        await shop.post("invoiceitems", fields)
    assert (await shop.refusal("POST", "invoiceitems", fields))[1]["param"] == "invoice"
    assert (await shop.get(f"invoices/{draft['id']}"))["total"] == 25_000


async def test_an_open_invoice_takes_no_item() -> None:
    shop = Shop()
    customer = await payer(shop)
    invoice = await open_bill(shop, customer)
    fields = {"customer": customer, "invoice": invoice["id"], "amount": 5, "currency": "usd"}
    assert (await shop.refusal("POST", "invoiceitems", fields))[1]["code"] == "invoice_not_editable"


async def test_an_item_waits_for_the_invoice_of_its_subscription() -> None:
    shop = Shop()
    customer = await payer(shop)
    price = await plan(shop)
    mine = await subscribe(shop, customer, price)
    own = await item(shop, customer, amount=700, subscription=mine["id"])
    free = await item(shop, customer, amount=50)
    other = await subscribe(shop, customer, price)
    assert (await shop.get(f"invoices/{other['latest_invoice']}"))["total"] == 3050  # the free one with it
    include = {"customer": customer, "pending_invoice_items_behavior": "include", "currency": "usd"}
    assert (await shop.post("invoices", include))["total"] == 0
    await shop.ask("DELETE", f"subscriptions/{mine['id']}")
    (line,) = (await shop.post("invoices", include))["lines"]["data"]
    assert line["parent"]["invoice_item_details"]["invoice_item"] == own["id"] != free["id"]


# Deleting


async def test_a_draft_can_be_deleted_and_its_items_wait_again() -> None:
    shop = Shop()
    customer = await payer(shop)
    draft = await bill(shop, customer, 800, auto_advance="true")
    stub = {"id": draft["id"], "object": "invoice", "deleted": True}
    assert await shop.ask("DELETE", f"invoices/{draft['id']}") == stub
    assert (await shop.refusal("GET", f"invoices/{draft['id']}"))[1]["code"] == "resource_missing"
    assert draft["id"] not in await shop.ids("invoices")
    assert (await told(shop, "invoice"))[-1] == "invoice.deleted"
    again = {"customer": customer, "pending_invoice_items_behavior": "include"}
    assert (await shop.post("invoices", again))["total"] == 800
    shop.now += 2 * HOUR  # the deleted one would have been finalized
    assert (await story(shop, draft["id"]))[-1] == "invoice.deleted"


async def test_what_is_no_draft_or_bills_a_subscription_cannot_be_deleted() -> None:
    shop = Shop()
    invoice = await open_bill(shop, await payer(shop))
    assert (await shop.refusal("DELETE", f"invoices/{invoice['id']}"))[1]["code"] == "invoice_not_editable"
    sent = {"collection_method": "send_invoice", "days_until_due": "7"}
    theirs = await subscribe(shop, await payer(shop), await plan(shop), **sent)
    status, error = await shop.refusal("DELETE", f"invoices/{theirs['latest_invoice']}")
    assert (status, error["message"]) == (400, "You can't delete invoices created by subscriptions.")


# Finalizing


async def test_a_credit_is_used_up_and_what_is_left_of_it_stays() -> None:
    shop = Shop()
    customer = await payer(shop)
    credit = await open_bill(shop, customer, -2000)
    assert (credit["status"], credit["amount_due"], credit["ending_balance"]) == ("paid", 0, -2000)
    small = await open_bill(shop, customer, 500)
    assert (small["status"], small["starting_balance"], small["ending_balance"]) == ("paid", -2000, -1500)
    large = await open_bill(shop, customer, 4000)
    assert (large["status"], large["total"], large["amount_due"], large["ending_balance"]) == (
        "open",
        4000,
        2500,
        0,
    )
    assert (await shop.get(f"customers/{customer}"))["balance"] == 0


async def test_what_is_too_little_to_charge_is_owed_with_the_next_invoice() -> None:
    shop = Shop()
    customer = await payer(shop)
    little = await open_bill(shop, customer, 49)
    assert (little["status"], little["amount_due"], little["ending_balance"]) == ("paid", 0, 49)
    assert (await shop.get(f"customers/{customer}"))["balance"] == 49
    more = await open_bill(shop, customer, 100, auto_advance="true")
    assert (more["status"], more["amount_paid"]) == ("paid", 149)


@pytest.mark.parametrize(("currency", "amounts"), [("usd", [99_999_999, 1]), ("kwd", [12_340, 5])])
async def test_what_cannot_be_charged_stays_a_draft_that_says_why(currency: str, amounts: list[int]) -> None:
    shop = Shop()
    draft = await bill(shop, await payer(shop), amounts[0], currency=currency, auto_advance="true")
    fields = {"customer": draft["customer"], "invoice": draft["id"]}
    await shop.post("invoiceitems", fields | {"amount": amounts[1]})
    before = await told(shop)
    error = (await shop.refusal("POST", f"invoices/{draft['id']}/finalize"))[1]
    assert await told(shop) == before
    shop.now += HOUR
    stuck = await shop.get(f"invoices/{draft['id']}")
    assert (stuck["status"], stuck["last_finalization_error"]["code"]) == ("draft", error["code"])
    assert (await story(shop, draft["id"]))[-1] == "invoice.finalization_failed"
    await shop.post("invoiceitems", fields | {"amount": -amounts[1]})
    assert (await shop.post(f"invoices/{draft['id']}/finalize"))["last_finalization_error"] is None


async def test_numbers_go_on_from_the_customers_own_and_are_never_given_twice() -> None:
    shop = Shop()
    customer = await payer(shop, invoice_prefix="TEA", next_invoice_sequence="7")
    taken = await shop.post("invoices", {"customer": customer, "number": "TEA-0008"})
    assert (await open_bill(shop, customer))["number"] == "TEA-0007"
    assert (await open_bill(shop, customer))["number"] == "TEA-0009"
    assert (await shop.post(f"invoices/{taken['id']}/finalize"))["number"] == "TEA-0008"
    twice = {"customer": customer, "number": "TEA-0008"}
    assert (await shop.refusal("POST", "invoices", twice))[1]["param"] == "number"


# Paying


async def test_an_invoice_is_paid_once_and_its_payment_is_all_of_it() -> None:
    shop = Shop()
    invoice = await open_bill(shop, await payer(shop))
    before = money(shop)
    paid = await shop.post(f"invoices/{invoice['id']}/pay", {"expand[]": "payments"})
    (payment,) = paid["payments"]["data"]
    assert (paid["status"], paid["amount_paid"], paid["amount_remaining"]) == ("paid", 3000, 0)
    assert paid["status_transitions"]["paid_at"] == payment["status_transitions"]["paid_at"] == NOW
    assert (payment["status"], payment["amount_paid"]) == ("paid", 3000)
    intent = await shop.get(f"payment_intents/{payment['payment']['payment_intent']}")
    assert (intent["status"], intent["amount_received"]) == ("succeeded", 3000)
    assert money(shop) == before + 3000 - 117
    assert (await told(shop, "invoice", "invoice_payment"))[-3:] == [
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    status, error = await shop.refusal("POST", f"invoices/{invoice['id']}/pay")
    assert (status, error["message"]) == (400, "Invoice is already paid")


async def test_paying_a_draft_finalizes_it_first() -> None:
    shop = Shop()
    draft = await bill(shop, await payer(shop))
    paid = await shop.post(f"invoices/{draft['id']}/pay")
    assert (paid["status"], paid["attempt_count"], bool(paid["number"])) == ("paid", 1, True)
    nothing = await shop.post("invoices", {"customer": draft["customer"]})
    assert (await shop.post(f"invoices/{nothing['id']}/pay"))["attempt_count"] == 0


async def test_an_invoice_is_paid_by_the_card_that_is_named() -> None:
    shop = Shop()
    diego = shop.customer("diego@example.com")  # his default card declines
    bad, good = await shop.ids(f"customers/{diego}/payment_methods")
    invoice = await open_bill(shop, diego)
    status, error = await shop.refusal("POST", f"invoices/{invoice['id']}/pay")
    assert (status, error["type"], error["code"]) == (402, "card_error", "card_declined")
    assert error["payment_intent"]["status"] == "requires_payment_method"
    failed = await shop.get(f"invoices/{invoice['id']}")
    assert (failed["status"], failed["attempted"], failed["attempt_count"]) == ("open", True, 1)
    await shop.refusal("POST", f"invoices/{invoice['id']}/pay", {"payment_method": bad})
    paid = await shop.post(f"invoices/{invoice['id']}/pay", {"payment_method": good})
    assert (paid["status"], paid["attempt_count"]) == ("paid", 1)  # by hand, only the first one counts


async def test_an_invoice_without_a_card_or_with_anothers_is_not_paid() -> None:
    shop = Shop()
    draft = await bill(shop, await stranger(shop))
    before = await told(shop)
    assert (await shop.refusal("POST", f"invoices/{draft['id']}/pay"))[1]["code"] == "resource_missing"
    johns = shop.find("customer", id="cus_ABC123")["invoice_settings"]["default_payment_method"]
    fields = {"payment_method": johns}
    assert (await shop.refusal("POST", f"invoices/{draft['id']}/pay", fields))[1]["param"] == "payment_method"
    outside = {"paid_out_of_band": "true"}
    error = (await shop.refusal("POST", f"invoices/{draft['id']}/pay", outside))[1]
    assert error["code"] == "simulator_unsupported"
    assert await told(shop) == before


async def test_an_invoice_can_be_paid_by_confirming_its_payment() -> None:
    shop = Shop()
    invoice = await open_bill(shop, await stranger(shop))
    intent = f"payment_intents/{(await intent_of(shop, invoice['id']))['id']}"
    status, _ = await shop.refusal("POST", f"{intent}/confirm", {"payment_method": "pm_card_chargeDeclined"})
    failed = await shop.get(f"invoices/{invoice['id']}")
    assert (status, failed["status"], failed["attempt_count"]) == (402, "open", 1)
    assert (await story(shop, invoice["id"]))[-1] == "invoice.payment_failed"
    await shop.post(f"{intent}/confirm", {"payment_method": "pm_card_visa"})
    paid = await shop.get(f"invoices/{invoice['id']}")
    assert (paid["status"], paid["amount_paid"], paid["attempt_count"]) == ("paid", 3000, 1)


async def test_a_payment_that_asks_its_owner_is_completed_by_them() -> None:
    shop = Shop()
    invoice = await open_bill(shop, await payer(shop, ASKS))
    status, error = await shop.refusal("POST", f"invoices/{invoice['id']}/pay")
    assert (status, error["code"]) == (402, "invoice_payment_intent_requires_action")
    assert (await story(shop, invoice["id"]))[-2:] == [
        "invoice.payment_action_required",
        "invoice.payment_failed",
    ]
    intent = await intent_of(shop, invoice["id"])
    assert intent["status"] == "requires_action"
    authenticate(shop.simulator.store, intent["id"], succeeds=True)
    assert (await shop.get(f"invoices/{invoice['id']}"))["status"] == "paid"


# Voiding


async def test_a_void_invoice_gives_back_the_credit_and_cancels_its_payment() -> None:
    shop = Shop()
    customer = await payer(shop)
    await open_bill(shop, customer, -1000)
    invoice = await open_bill(shop, customer)
    void = await shop.post(f"invoices/{invoice['id']}/void", {"expand[]": "payments"})
    assert (void["status"], void["status_transitions"]["voided_at"]) == ("void", NOW)
    (payment,) = void["payments"]["data"]
    assert (payment["status"], payment["status_transitions"]["canceled_at"]) == ("canceled", NOW)
    intent = await shop.get(f"payment_intents/{payment['payment']['payment_intent']}")
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "void_invoice")
    assert (await shop.get(f"customers/{customer}"))["balance"] == -1000
    assert (await told(shop))[-3:] == ["customer.updated", "payment_intent.canceled", "invoice.voided"]
    status, error = await shop.refusal("POST", f"invoices/{invoice['id']}/pay")
    assert (status, error["message"]) == (400, "Voided invoices cannot be paid.")


@pytest.mark.parametrize("status", ["draft", "paid", "void"])
async def test_only_an_open_invoice_can_be_voided(status: str) -> None:
    shop = Shop()
    invoice = await bill(shop, await payer(shop))
    if status == "paid":
        await shop.post(f"invoices/{invoice['id']}/pay")
    elif status == "void":
        await shop.post(f"invoices/{invoice['id']}/finalize")
        await shop.post(f"invoices/{invoice['id']}/void")
    before = await told(shop)
    assert (await shop.refusal("POST", f"invoices/{invoice['id']}/void"))[0] == 400
    assert await told(shop) == before


# A customer who is gone


async def test_the_invoices_of_a_deleted_customer_stay_and_are_collected_no_more() -> None:
    shop = Shop()
    customer = await payer(shop)
    draft = await bill(shop, customer, auto_advance="true")
    late: Any = {"collection_method": "send_invoice", "days_until_due": "3", "auto_advance": "true"}
    opened = await open_bill(shop, customer, **late)
    await shop.ask("DELETE", f"customers/{customer}")
    shop.now += 9 * DAY
    assert (await shop.get(f"invoices/{draft['id']}"))["status"] == "draft"
    assert (await story(shop, opened["id"]))[-2:] == ["invoice.updated", "invoice.overdue"]
    for path in (f"{draft['id']}/finalize", f"{opened['id']}/pay"):
        status, error = await shop.refusal("POST", f"invoices/{path}")
        assert (status, error["code"], error["param"]) == (400, "resource_missing", "customer")
    void = await shop.post(f"invoices/{opened['id']}/void", {"expand[]": "customer"})
    assert (void["status"], void["customer"]["deleted"]) == ("void", True)
    fields = {"customer": customer, "amount": 1}
    assert (await shop.refusal("POST", "invoiceitems", fields))[1]["code"] == "resource_missing"
    assert (await shop.refusal("POST", "invoices", {"customer": customer}))[1]["code"] == "resource_missing"


async def test_a_card_that_was_taken_away_is_charged_no_more() -> None:
    shop = Shop()
    customer = await payer(shop)
    card = (await shop.ids(f"customers/{customer}/payment_methods"))[0]
    invoice = await bill(shop, customer, default_payment_method=card)
    await change_card(shop, customer, BAD)
    assert (await shop.refusal("POST", f"invoices/{invoice['id']}/pay"))[0] == 402
