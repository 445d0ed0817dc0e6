"""
Subscriptions, invoices and customers: what begins, ends or becomes due is told before.
"""

from typing import Any

import pytest

from stripe_mcp.safety.stakes import read_stakes
from tests.safety.stakes_shop import Body, Shop, an_own

pytestmark = pytest.mark.anyio


@pytest.fixture
def shop() -> Shop:
    return Shop()


# Subscriptions


async def new_price(shop: Shop, amount: int, currency: str = "usd", **recurring: Any) -> str:
    [product, *_] = shop.all("product", active=True)
    made = await shop.post(
        "prices",
        product=product["id"],
        currency=currency,
        unit_amount=amount,
        recurring={"interval": "month", **recurring},
    )
    return str(made["id"])


async def test_a_subscription_costs_what_its_first_invoice_says(shop: Shop) -> None:
    for amount, count in ((700, 3), (1900, 1), (0, 2)):
        given: Body = {
            "customer": "cus_ABC123",
            "items": [{"price": await new_price(shop, amount), "quantity": count}],
        }
        stakes = await shop.stakes("create_subscription", **given)
        made = await shop.call("create_subscription", **given, expand=["latest_invoice"])
        assert stakes.kind == "subscription"
        assert (stakes.amount, stakes.currency) == (made["latest_invoice"]["total"], "usd")


async def test_a_subscription_is_told_by_price_interval_and_sum(shop: Shop) -> None:
    small, rare = await new_price(shop, 250), await new_price(shop, 1000, interval_count=3)
    items = [{"price": "price_XYZ789", "quantity": 5}, {"price": small}, {"price": rare}]
    stakes = await shop.stakes("create_subscription", customer="cus_ABC123", items=items)
    subscribe, *rest = stakes.what
    assert subscribe == (
        f'Subscribe to 5 x "Pro Plan" at $49.00 each month, 1 x {small} at $2.50 each month, '
        f"1 x {rare} at $10.00 each 3 months"
    )
    assert rest == ["That is $247.50 each month and $10.00 each 3 months", "Charged at once"]
    assert stakes.amount == 25750


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"trial_period_days": 14.0}, "First charged after a trial of 14 days"),
        ({"trial_end": "2027-01-01"}, "First charged when the trial ends: 2027-01-01"),
        ({"trial_end": 1798761600}, "First charged when the trial ends: 2027-01-01T00:00:00Z"),
        (
            {"collection_method": "send_invoice", "days_until_due": 14},
            "An invoice is sent, and nothing is charged",
        ),
    ],
    ids=str,
)
async def test_when_a_subscription_is_first_charged_is_said(said: Body, told: str, shop: Shop) -> None:
    items = [{"price": "price_XYZ789"}]
    stakes = await shop.stakes("create_subscription", customer="cus_ABC123", items=items, **said)
    assert stakes.what[2] == told
    assert stakes.amount == 4900


def price(**more: Any) -> Body:
    recurring = {"interval": "month", "interval_count": 1, "usage_type": "licensed"}
    return {
        "object": "price",
        "id": "price_1",
        "currency": "usd",
        "unit_amount": 500,
        "nickname": None,
        "recurring": recurring,
    } | more


@pytest.mark.parametrize(
    "changes",
    [
        {"recurring": {"interval": "month", "usage_type": "metered"}},
        {"unit_amount": None, "billing_scheme": "tiered"},
        {"unit_amount": None, "unit_amount_decimal": "0.5"},
    ],
    ids=["metered", "tiered", "half a cent"],
)
async def test_a_price_by_use_comes_to_nobody_knows_what(changes: Body, shop: Shop) -> None:
    shop.changed["/v1/prices/price_1"] = price(**changes)
    items = [{"price": "price_XYZ789"}, {"price": "price_1"}]
    stakes = await shop.stakes("create_subscription", customer="cus_ABC123", items=items)
    assert (stakes.kind, stakes.amount, stakes.currency) == ("subscription", None, "usd")
    assert "1 x price_1, by use (usd), each month" in stakes.what[0]
    assert stakes.what[1] == "How much that is cannot be told"


@pytest.mark.parametrize(("way", "amount"), [("up", 1500), ("down", 1000)])
async def test_a_price_for_so_many_units_counts_packs(way: str, amount: int, shop: Shop) -> None:
    pack = {"divide_by": 10, "round": way}
    shop.changed["/v1/prices/price_1"] = price(transform_quantity=pack, recurring=None)
    items = [{"price": "price_1", "quantity": 25}]
    stakes = await shop.stakes("create_subscription", customer="cus_ABC123", items=items)
    assert stakes.amount == amount
    assert "25 x price_1 at $5.00 per 10 once" in stakes.what[0]


async def test_prices_in_two_currencies_have_no_sum(shop: Shop) -> None:
    items = [{"price": "price_XYZ789"}, {"price": await new_price(shop, 500, "eur")}]
    stakes = await shop.stakes("create_subscription", customer="cus_ABC123", items=items)
    assert (stakes.amount, stakes.currency) == (None, None)
    assert stakes.what[1] == "That is $49.00 each month and €5.00 each month"


@pytest.mark.parametrize(
    "more",
    [
        {"items": [{"price_data": {"currency": "usd", "unit_amount": 9999999}}]},
        {"items": [{"price": "price_XYZ789", "discounts": []}]},
        {"add_invoice_items": [{"price": "price_XYZ789"}]},
        {"currency": "eur"},
    ],
    ids=str,
)
async def test_what_a_tool_of_ones_own_adds_to_a_subscription_is_not_taken_for_its_price(
    more: Body, shop: Shop
) -> None:
    arguments = {"customer": "cus_ABC123", "items": [{"price": "price_XYZ789"}]} | more
    stakes = await read_stakes(an_own("create_subscription"), arguments, shop.read)
    assert (stakes.kind, stakes.amount) == ("subscription", None)


async def test_every_subscription_that_ends_says_what_ends(shop: Shop) -> None:
    for subscription in shop.all("subscription"):
        stakes = await shop.stakes("cancel_subscription", subscription_id=subscription["id"])
        assert stakes.customer == subscription["customer"]
        assert (stakes.kind, stakes.amount) == (None, None)
        assert stakes.what[0].startswith('End the subscription to 1 x "')
        assert stakes.what[1:] == ("It ends now, and nothing is refunded",)


async def test_a_credit_and_a_last_bill_are_part_of_ending_a_subscription(shop: Shop) -> None:
    said = {"prorate": True, "invoice_now": True, "cancellation_details": {"comment": "Too dear"}}
    stakes = await shop.stakes("cancel_subscription", subscription_id="sub_XYZ789", **said)
    assert stakes.what[2:] == (
        "The unused time is credited",
        "Open usage and prorations are billed now",
        'With cancellation_details {"comment": "Too dear"}',
    )


async def test_a_subscription_without_items_is_known_by_id(shop: Shop) -> None:
    shop.lacks(await shop.get("subscriptions/sub_XYZ789"), items=None)
    stakes = await shop.stakes("cancel_subscription", subscription_id="sub_XYZ789")
    assert stakes.what[0] == "End the subscription to sub_XYZ789"


# Invoices, customers, payment methods


async def test_every_draft_becomes_final_for_what_was_said(shop: Shop) -> None:
    drafts = shop.all("invoice", status="draft")
    assert drafts
    for draft in drafts:
        stakes = await shop.stakes("finalize_invoice", invoice_id=draft["id"], auto_advance=False)
        final = await shop.call("finalize_invoice", invoice_id=draft["id"], auto_advance=False)
        assert (stakes.amount, stakes.currency) == (final["amount_due"], final["currency"])
        assert stakes.what[1] == "Nothing is collected yet"


@pytest.mark.parametrize(
    ("method", "then"),
    [("send_invoice", "Then it is e-mailed to them"), ("charge_automatically", "Then it is charged to them")],
)
async def test_what_follows_when_stripe_goes_on_by_itself_is_said(method: str, then: str, shop: Shop) -> None:
    [draft, *_] = shop.all("invoice", status="draft")
    shop.lacks(draft, collection_method=method, auto_advance=True)
    assert (await shop.stakes("finalize_invoice", invoice_id=draft["id"])).what[1] == then
    shop.lacks(draft, collection_method=method, auto_advance=False)
    assert (await shop.stakes("finalize_invoice", invoice_id=draft["id"])).what[
        1
    ] == "Nothing is collected yet"
    assert (await shop.stakes("finalize_invoice", invoice_id=draft["id"], auto_advance=True)).what[1] == then


async def test_deleting_a_customer_names_every_subscription_that_ends_with_it(shop: Shop) -> None:
    running = {each["customer"]: each["id"] for each in shop.all("subscription", status="active")}
    for customer in shop.all("customer")[:30]:
        stakes = await shop.stakes("delete_customer", customer_id=customer["id"])
        assert stakes.customer == customer["id"]
        assert (running.get(customer["id"], "none") in "".join(stakes.what)) == (customer["id"] in running)
    shop.lacks(
        shop.all("customer")[0], subscriptions={"data": [{"id": "sub_1"}, {"id": "sub_2"}], "has_more": True}
    )
    stakes = await shop.stakes("delete_customer", customer_id=shop.all("customer")[0]["id"])
    assert stakes.what[1] == "Subscriptions that end with it: sub_1, sub_2 and more"


async def test_a_payment_method_is_told_by_brand_and_last_digits_or_by_its_kind(shop: Shop) -> None:
    [card, *_] = shop.all("payment_method", customer="cus_ABC123")
    stakes = await shop.stakes("detach_payment_method", payment_method_id=card["id"])
    assert stakes.what == ('Detach the payment method "visa 4242"', "It can never be attached again")
    assert stakes.customer == "cus_ABC123"
    shop.lacks(card, type="link", link=None)
    stakes = await shop.stakes("detach_payment_method", payment_method_id=card["id"])
    assert stakes.what[0] == 'Detach the payment method "link"'


async def test_changing_a_customer_asks_nothing_of_stripe(shop: Shop) -> None:
    stakes = await shop.stakes("update_customer", customer_id="cus_ABC123", email="new@example.com")
    assert (stakes.customer, stakes.what) == (
        "cus_ABC123",
        ("Change this customer", 'With email "new@example.com"'),
    )
    assert shop.asked == []


@pytest.mark.parametrize("created", [None, 10**20], ids=str)
async def test_a_day_that_no_calendar_has_is_left_out(created: Any, shop: Shop) -> None:
    [charge, *_] = shop.all("charge", captured=True, status="succeeded", refunded=False)
    shop.lacks(charge, created=created, description=None)
    stakes = await shop.stakes("create_refund", charge=charge["id"])
    assert " on " not in stakes.what[0]
