"""
Subscriptions in time: trials, first invoices, renewals, ends, and what is credited.
"""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stripe_mcp.simulator.endings import prorate
from stripe_mcp.simulator.intent_actions import authenticate
from stripe_mcp.simulator.periods import add_interval, period_end
from tests.simulator.bills import (
    ASKS,
    BAD,
    GOOD,
    HOUR,
    change_card,
    intent_of,
    payer,
    plan,
    story,
    stranger,
    subscribe,
    told,
)
from tests.simulator.front_door import DAY, NOW, Shop

pytestmark = pytest.mark.anyio

INTERVALS = st.sampled_from(["day", "week", "month", "year"])
MOMENTS = st.integers(NOW - 40 * 366 * DAY, NOW + 40 * 366 * DAY)


# Periods


@given(anchor=MOMENTS, later=st.integers(0, 5 * 366 * DAY), interval=INTERVALS, count=st.integers(1, 12))
@example(anchor=NOW, later=59 * DAY, interval="month", count=1)  # within the second month
def test_a_period_ends_at_the_first_whole_number_of_periods_after_the_anchor(
    anchor: int, later: int, interval: str, count: int
) -> None:
    moment, end = anchor + later, period_end(anchor, anchor + later, interval, count)
    ends = [add_interval(anchor, interval, n * count) for n in range(later // DAY // count + 3)]
    assert end == next(each for each in ends if each > moment)


@given(anchor=MOMENTS, months=st.integers(1, 60))
def test_months_come_back_to_the_anchors_day(anchor: int, months: int) -> None:
    moment = anchor
    for _ in range(months):
        moment = period_end(anchor, moment, "month", 1)
    first, last = (datetime.fromtimestamp(each, UTC) for each in (anchor, moment))
    assert last.day == first.day or (
        last.day < first.day and datetime.fromtimestamp(moment + DAY, UTC).day == 1
    )
    assert last.time() == first.time()


async def test_a_subscription_of_the_31st_is_billed_on_the_last_of_shorter_months() -> None:
    shop = Shop()
    shop.now = int(datetime(2027, 1, 31, 12, tzinfo=UTC).timestamp())
    subscription = await subscribe(shop, await payer(shop), await plan(shop))
    days = []
    for _ in range(4):
        shop.now = (await shop.get(f"subscriptions/{subscription['id']}"))["items"]["data"][0][
            "current_period_end"
        ]
        days.append(f"{datetime.fromtimestamp(shop.now, UTC):%d %b}")
    assert days == ["28 Feb", "31 Mar", "30 Apr", "31 May"]


# Renewals


async def test_a_renewal_is_a_draft_for_an_hour_and_then_charged() -> None:
    shop = Shop()
    (before,) = (await shop.get("subscriptions/sub_XYZ789"))["items"]["data"]
    shop.now = before["current_period_end"]
    subscription = await shop.get("subscriptions/sub_XYZ789", {"expand[]": "latest_invoice"})
    (item,), invoice = subscription["items"]["data"], subscription["latest_invoice"]
    assert item["current_period_start"] == shop.now < item["current_period_end"] == item["billed_until"]
    assert (subscription["status"], invoice["status"], invoice["total"]) == ("active", "draft", 4900)
    assert (invoice["billing_reason"], invoice["created"]) == ("subscription_cycle", shop.now)
    assert (invoice["period_start"], invoice["period_end"]) == (before["current_period_start"], shop.now)
    (line,) = invoice["lines"]["data"]
    assert line["period"] == {"start": shop.now, "end": item["current_period_end"]}
    shop.now += HOUR
    paid = await shop.get(f"invoices/{invoice['id']}")
    assert (paid["status"], paid["auto_advance"], paid["amount_paid"]) == ("paid", False, 4900)


async def test_a_renewal_is_told_step_by_step() -> None:
    shop = Shop()
    made = await subscribe(shop, await payer(shop), await plan(shop))
    shop.now = made["items"]["data"][0]["current_period_end"] + HOUR
    invoice = (await shop.get(f"subscriptions/{made['id']}"))["latest_invoice"]
    assert (await story(shop, made["id"]))[-1] == "customer.subscription.updated"
    assert await story(shop, invoice) == [
        "invoice.created",
        "invoice.finalized",
        "invoice.paid",
        "invoice.payment_succeeded",
    ]
    (updated,) = (await shop.get("events", {"type": "customer.subscription.updated", "limit": 1}))["data"]
    assert set(updated["data"]["previous_attributes"]) == {"items", "latest_invoice"}
    assert updated["request"] == {"id": None, "idempotency_key": None}


async def test_a_renewal_bills_what_waited_with_it() -> None:
    shop = Shop()
    customer = await payer(shop)
    made = await subscribe(shop, customer, await plan(shop))
    await shop.post("invoiceitems", {"customer": customer, "amount": 250})
    shop.now = made["items"]["data"][0]["current_period_end"] + HOUR
    invoice = (await shop.get("invoices", {"customer": customer, "limit": 1}))["data"][0]
    assert [line["amount"] for line in invoice["lines"]["data"]] == [3000, 250]
    assert (invoice["status"], invoice["amount_paid"]) == ("paid", 3250)


# Trials


async def test_a_trial_is_warned_of_and_then_charged() -> None:
    shop = Shop()
    made = await subscribe(shop, await payer(shop), await plan(shop), trial_period_days="14")
    end = NOW + 14 * DAY
    assert made["billing_cycle_anchor"] == made["items"]["data"][0]["current_period_end"] == end
    shop.now = end - 3 * DAY - 1
    assert (await story(shop, made["id"]))[-1] == "customer.subscription.created"
    shop.now += 1
    assert (await story(shop, made["id"]))[-1] == "customer.subscription.trial_will_end"
    shop.now = end
    active = await shop.get(f"subscriptions/{made['id']}", {"expand[]": "latest_invoice"})
    assert (active["status"], active["latest_invoice"]["total"]) == ("active", 3000)
    assert active["items"]["data"][0]["current_period_end"] == add_interval(end, "month", 1)
    shop.now += HOUR
    assert (await shop.get(f"invoices/{active['latest_invoice']['id']}"))["status"] == "paid"


async def test_a_short_trial_is_warned_of_at_once() -> None:
    shop = Shop()
    made = await subscribe(shop, await payer(shop), await plan(shop), trial_period_days="2")
    assert await story(shop, made["id"]) == [
        "customer.subscription.created",
        "customer.subscription.trial_will_end",
    ]


async def test_a_trial_that_was_canceled_is_not_warned_of() -> None:
    shop = Shop()
    made = await subscribe(shop, await payer(shop), await plan(shop), trial_period_days="14")
    await shop.ask("DELETE", f"subscriptions/{made['id']}", {"prorate": "true", "invoice_now": "true"})
    shop.now += 20 * DAY
    assert await story(shop, made["id"]) == ["customer.subscription.created", "customer.subscription.deleted"]
    assert len(await shop.ids("invoices", {"subscription": made["id"]})) == 1


@pytest.mark.parametrize(
    ("behavior", "status", "event"),
    [
        ("create_invoice", "active", "updated"),
        ("cancel", "canceled", "deleted"),
        ("pause", "paused", "paused"),
    ],
)
async def test_a_trial_ends_without_a_card_as_it_was_agreed(behavior: str, status: str, event: str) -> None:
    shop = Shop()
    setting = {"trial_settings[end_behavior][missing_payment_method]": behavior, "trial_period_days": "7"}
    bare = await subscribe(shop, await stranger(shop), await plan(shop), **setting)
    paid = await subscribe(shop, await payer(shop), await plan(shop), **setting)
    shop.now += 7 * DAY
    assert (await shop.get(f"subscriptions/{bare['id']}"))["status"] == status
    assert (await story(shop, bare["id"]))[-1] == f"customer.subscription.{event}"
    assert (await shop.get(f"subscriptions/{paid['id']}"))["status"] == "active"
    shop.now += 90 * DAY
    final = {"create_invoice": "canceled"}.get(behavior, status)
    assert (await shop.get(f"subscriptions/{bare['id']}"))["status"] == final


async def test_what_waits_is_charged_before_a_trial() -> None:
    shop = Shop()
    customer, price = await payer(shop, BAD), await plan(shop)
    await shop.post("invoiceitems", {"customer": customer, "amount": 900})
    made = await subscribe(shop, customer, price, trial_period_days="7")
    assert made["status"] == "incomplete"
    await change_card(shop, customer, GOOD)
    paid = await shop.post(f"invoices/{made['latest_invoice']}/pay")
    assert (paid["status"], paid["amount_paid"]) == ("paid", 900)
    assert (await shop.get(f"subscriptions/{made['id']}"))["status"] == "trialing"


# The first invoice


async def test_a_subscription_that_is_not_paid_within_23_hours_expires() -> None:
    shop = Shop()
    made = await subscribe(shop, await payer(shop, BAD), await plan(shop))
    assert made["status"] == "incomplete"
    shop.now += 23 * HOUR - 1
    waiting = await shop.get(f"subscriptions/{made['id']}", {"expand[]": "latest_invoice"})
    assert (waiting["status"], waiting["latest_invoice"]["attempt_count"]) == ("incomplete", 1)
    shop.now += 1
    expired = await shop.get(f"subscriptions/{made['id']}", {"expand[]": "latest_invoice"})
    assert (expired["status"], expired["ended_at"]) == ("incomplete_expired", shop.now)
    assert (expired["latest_invoice"]["status"], expired["canceled_at"]) == ("void", None)
    assert (await story(shop, made["id"]))[-1] == "customer.subscription.updated"
    shop.now += 60 * DAY
    assert len(await shop.ids("invoices", {"subscription": made["id"]})) == 1


async def test_a_subscription_begins_when_its_first_invoice_is_paid() -> None:
    shop = Shop()
    made = await subscribe(shop, await payer(shop), await plan(shop), payment_behavior="default_incomplete")
    first = await shop.get(f"invoices/{made['latest_invoice']}")
    assert (made["status"], first["status"], first["attempt_count"]) == ("incomplete", "open", 0)
    await shop.post(f"invoices/{first['id']}/pay")
    shop.now += DAY
    assert (await shop.get(f"subscriptions/{made['id']}"))["status"] == "active"
    assert await story(shop, made["id"]) == ["customer.subscription.created", "customer.subscription.updated"]


async def test_a_subscription_begins_when_the_owner_of_the_card_agrees() -> None:
    shop = Shop()
    customer, price = await payer(shop, ASKS), await plan(shop)
    made = await subscribe(shop, customer, price)
    intent = await intent_of(shop, made["latest_invoice"])
    assert (made["status"], intent["status"]) == ("incomplete", "requires_action")
    authenticate(shop.simulator.store, intent["id"], succeeds=True)
    assert (await shop.get(f"subscriptions/{made['id']}"))["status"] == "active"
    or_none = {"customer": customer, "items[0][price]": price, "payment_behavior": "error_if_incomplete"}
    before = await told(shop)
    status, error = await shop.refusal("POST", "subscriptions", or_none)
    assert (status, error["code"]) == (402, "subscription_payment_intent_requires_action")
    assert await told(shop) == before


async def test_a_subscription_whose_first_invoice_is_void_never_begins() -> None:
    shop = Shop()
    made = await subscribe(shop, await payer(shop, BAD), await plan(shop))
    await shop.post(f"invoices/{made['latest_invoice']}/void")
    assert (await shop.get(f"subscriptions/{made['id']}"))["status"] == "incomplete_expired"


@pytest.mark.parametrize(
    "fields",
    [{"items[0][quantity]": "99999"}, {"items[0][price]": "gift"}, {"trial_end": str(NOW + 3000 * DAY)}],
)
async def test_a_subscription_that_cannot_be_charged_or_dated_leaves_nothing(fields: dict[str, Any]) -> None:
    shop = Shop()
    customer, price = await payer(shop), await plan(shop)
    if fields.get("items[0][price]"):
        fields = {"items[0][price]": price}
        product = (await shop.get(f"prices/{price}"))["product"]
        await shop.post(f"products/{product}", {"active": "false"})
    before = await told(shop)
    await shop.refusal("POST", "subscriptions", {"customer": customer, "items[0][price]": price} | fields)
    assert await told(shop) == before


# Changes


async def test_a_subscription_can_be_changed_and_tells_it_once() -> None:
    shop = Shop()
    card = (await shop.ids("customers/cus_ABC123/payment_methods"))[0]
    fields = {
        "description": "By phone",
        "metadata[agent]": "7",
        "default_payment_method": card,
        "cancellation_details[comment]": "maybe",
    }
    for _ in range(2):
        changed = await shop.post("subscriptions/sub_XYZ789", fields)
        assert (changed["description"], changed["metadata"]) == ("By phone", {"agent": "7"})
        assert (changed["default_payment_method"], changed["cancellation_details"]["comment"]) == (
            card,
            "maybe",
        )
    cleared = await shop.post("subscriptions/sub_XYZ789", {"description": "", "metadata": ""})
    assert (cleared["description"], cleared["metadata"]) == (None, {})
    assert (await story(shop, "sub_XYZ789"))[-2:] == ["customer.subscription.updated"] * 2


async def test_an_end_can_be_planned_moved_and_taken_back() -> None:
    shop = Shop()
    end = (await shop.get("subscriptions/sub_XYZ789"))["items"]["data"][0]["current_period_end"]
    planned = await shop.post("subscriptions/sub_XYZ789", {"cancel_at_period_end": "true"})
    assert (planned["cancel_at"], planned["canceled_at"], planned["status"]) == (end, NOW, "active")
    assert planned["cancellation_details"]["reason"] == "cancellation_requested"
    moved = await shop.post("subscriptions/sub_XYZ789", {"cancel_at": NOW + DAY})
    assert (moved["cancel_at"], moved["cancel_at_period_end"]) == (NOW + DAY, False)
    kept = await shop.post("subscriptions/sub_XYZ789", {"cancel_at_period_end": "false"})
    assert kept["cancel_at"] == NOW + DAY
    for way in ({"cancel_at": ""}, {"cancel_at_period_end": "false"}):
        await shop.post("subscriptions/sub_XYZ789", {"cancel_at_period_end": "true"})
        back = await shop.post("subscriptions/sub_XYZ789", way)
        assert (back["cancel_at"], back["canceled_at"], back["cancel_at_period_end"]) == (None, None, False)
        assert back["cancellation_details"]["reason"] is None
    shop.now = end
    assert (await shop.get("subscriptions/sub_XYZ789"))["status"] == "active"


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"cancel_at": NOW + DAY, "cancel_at_period_end": "true"}, "cancel_at"),
        ({"cancel_at": NOW}, "cancel_at"),
        ({"cancel_at": NOW + 3000 * DAY}, "cancel_at"),
        ({"default_payment_method": "pm_no"}, "default_payment_method"),
        ({"items[0][quantity]": 2}, "items"),
    ],
)
async def test_a_change_that_cannot_be_is_refused(fields: dict[str, Any], param: str) -> None:
    shop = Shop()
    before = await told(shop)
    status, error = await shop.refusal("POST", "subscriptions/sub_XYZ789", {"description": "x"} | fields)
    assert (status, error["param"]) == (400, param)
    assert await told(shop) == before
    assert (await shop.get("subscriptions/sub_XYZ789"))["description"] is None


async def test_of_what_has_ended_or_not_begun_little_can_be_changed() -> None:
    shop = Shop()
    made = await subscribe(shop, await payer(shop, BAD), await plan(shop))
    path = f"subscriptions/{made['id']}"
    assert (await shop.refusal("POST", path, {"cancel_at_period_end": "true"}))[1][
        "param"
    ] == "cancel_at_period_end"
    assert (await shop.post(path, {"metadata[a]": "b"}))["metadata"] == {"a": "b"}
    await shop.ask("DELETE", path, {"invoice_now": "true"})
    assert (await shop.refusal("POST", path, {"description": "gone"}))[1]["param"] == "description"
    changed = await shop.post(path, {"metadata[c]": "d", "cancellation_details[feedback]": "unused"})
    assert (changed["metadata"], changed["cancellation_details"]["feedback"]) == (
        {"a": "b", "c": "d"},
        "unused",
    )
    assert changed["status"] == "incomplete_expired"


# Ends


async def test_a_planned_end_comes_with_the_period_and_nothing_is_billed() -> None:
    shop = Shop()
    customer = await payer(shop)
    made = await subscribe(shop, customer, await plan(shop), cancel_at_period_end="true")
    shop.now = made["cancel_at"]
    ended = await shop.get(f"subscriptions/{made['id']}")
    assert (ended["status"], ended["ended_at"], ended["canceled_at"]) == ("canceled", shop.now, NOW)
    assert (await story(shop, made["id"]))[-1] == "customer.subscription.deleted"
    shop.now += 60 * DAY
    assert len(await shop.ids("invoices", {"customer": customer})) == 1
    include = {"customer": customer, "pending_invoice_items_behavior": "include"}
    assert (await shop.post("invoices", include))["total"] == 0


async def test_an_end_within_a_period_credits_what_is_left_of_it() -> None:
    shop = Shop()
    customer = await payer(shop)
    made = await subscribe(shop, customer, await plan(shop, 3000, "day"), cancel_at=str(NOW + DAY + 6 * HOUR))
    shop.now += 2 * DAY
    ended = await shop.get(f"subscriptions/{made['id']}")
    assert (ended["status"], ended["ended_at"]) == ("canceled", NOW + DAY + 6 * HOUR)
    assert len(await shop.ids("invoices", {"customer": customer})) == 2
    include = {"customer": customer, "pending_invoice_items_behavior": "include"}
    (line,) = (await shop.post("invoices", include))["lines"]["data"]
    assert (line["amount"], line["period"]) == (-2250, {"start": NOW + DAY + 6 * HOUR, "end": NOW + 2 * DAY})


async def test_a_credit_says_what_it_is_for() -> None:
    shop = Shop()
    customer = await payer(shop)
    made = await subscribe(shop, customer, await plan(shop, 1001, "day"), **{"items[0][quantity]": "3"})
    shop.now += DAY // 2
    await shop.ask("DELETE", f"subscriptions/{made['id']}", {"prorate": "true"})
    credit = shop.find("invoiceitem", customer=customer)
    assert (credit["amount"], credit["proration"], credit["discountable"]) == (-1502, True, False)  # 1501.5
    assert credit["description"] == "Unused time on Gold after 22 Sep 2026"
    assert credit["parent"]["subscription_details"]["subscription_item"] == made["items"]["data"][0]["id"]
    include = {"customer": customer, "pending_invoice_items_behavior": "include"}
    (line,) = (await shop.post("invoices", include))["lines"]["data"]
    details = line["parent"]["invoice_item_details"]
    assert (details["proration"], details["subscription"], line["quantity"]) == (True, made["id"], 3)
    assert details["proration_details"]["credited_items"]["invoice"] == made["latest_invoice"]


async def test_only_what_recurs_is_credited() -> None:
    shop = Shop()
    customer, price = await payer(shop), await plan(shop, interval="day")
    await shop.post("invoiceitems", {"customer": customer, "amount": 500})
    made = await subscribe(shop, customer, price)
    assert (await shop.get(f"invoices/{made['latest_invoice']}"))["amount_paid"] == 3500
    shop.now += DAY // 4
    gone = await shop.ask("DELETE", f"subscriptions/{made['id']}", {"prorate": "true", "invoice_now": "true"})
    last = await shop.get(f"invoices/{gone['latest_invoice']}")
    assert (last["total"], last["status"], last["billing_reason"]) == (-2250, "paid", "subscription_update")


async def test_what_was_not_paid_is_not_credited() -> None:
    shop = Shop()
    customer = await payer(shop)
    made = await subscribe(shop, customer, await plan(shop, interval="day"))
    shop.now += DAY  # the renewal is a draft
    await shop.ask("DELETE", f"subscriptions/{made['id']}", {"prorate": "true", "invoice_now": "true"})
    shop.now += DAY
    drafted, paid = (await shop.get("invoices", {"customer": customer}))["data"]
    assert (drafted["status"], drafted["auto_advance"], paid["status"]) == ("draft", False, "paid")
    assert (await story(shop, drafted["id"])) == ["invoice.created", "invoice.updated"]


async def test_a_last_invoice_bills_what_waits_as_the_subscription_was_billed() -> None:
    shop = Shop()
    customer, price = await payer(shop), await plan(shop)
    for sent, status in (
        ({}, "paid"),
        ({"collection_method": "send_invoice", "days_until_due": "7"}, "open"),
    ):
        made = await subscribe(shop, customer, price, **sent)
        await shop.post("invoiceitems", {"customer": customer, "amount": 850})
        gone = await shop.ask("DELETE", f"subscriptions/{made['id']}", {"invoice_now": "true"})
        last = await shop.get(f"invoices/{gone['latest_invoice']}")
        assert (last["status"], last["total"], last["collection_method"]) == (
            status,
            850,
            made["collection_method"],
        )
        assert last["parent"]["subscription_details"]["subscription"] == made["id"]
        assert (await story(shop, made["id"]))[-1] == "customer.subscription.deleted"


async def test_a_last_invoice_of_nothing_is_not_made() -> None:
    shop = Shop()
    before = await shop.ids("invoices")
    await shop.ask("DELETE", "subscriptions/sub_XYZ789", {"invoice_now": "true"})
    assert await shop.ids("invoices") == before


@given(
    amount=st.integers(0, 99_999_999),
    whole=st.integers(1, 366 * DAY),
    data=st.data(),
    currency=st.sampled_from(["usd", "jpy", "kwd"]),
)
def test_a_proration_is_the_nearest_amount_that_can_be_charged_half_up(
    amount: int, whole: int, data: Any, currency: str
) -> None:
    left, step = data.draw(st.integers(0, whole)), 10 if currency == "kwd" else 1
    part = prorate(amount, left, whole, currency)
    assert part % step == 0
    # -step/2 < exactly - part <= ... in integers: twice the difference, times the whole
    assert -step * whole <= 2 * (amount * left - part * whole) < step * whole
