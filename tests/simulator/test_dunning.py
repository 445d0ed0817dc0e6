"""
What time does to invoices, and by them to subscriptions and customers.
"""

from typing import Any

import pytest

from tests.simulator.bills import (
    BAD,
    GOOD,
    HOUR,
    bill,
    change_card,
    open_bill,
    payer,
    plan,
    story,
    stranger,
    subscribe,
)
from tests.simulator.front_door import DAY, NOW, Shop

pytestmark = pytest.mark.anyio

RETRIES = [0, 3, 3 + 5, 3 + 5 + 7]  # days after the first attempt


async def test_an_automatic_draft_is_finalized_and_charged_after_an_hour() -> None:
    shop = Shop()
    draft = await bill(shop, await payer(shop), auto_advance="true")
    assert draft["automatically_finalizes_at"] == NOW + HOUR
    shop.now += HOUR - 1
    assert (await shop.get(f"invoices/{draft['id']}"))["status"] == "draft"
    shop.now += DAY
    paid = await shop.get(f"invoices/{draft['id']}")
    assert (paid["status"], paid["amount_paid"], paid["automatically_finalizes_at"]) == ("paid", 3000, None)
    times = paid["status_transitions"]
    assert (times["finalized_at"], times["paid_at"]) == (NOW + HOUR, NOW + HOUR)


async def test_a_draft_without_auto_advance_waits_and_so_does_the_opened_one() -> None:
    shop = Shop()
    draft = await bill(shop, await payer(shop))
    shop.now += 40 * DAY
    assert (await shop.get(f"invoices/{draft['id']}"))["status"] == "draft"
    await shop.post(f"invoices/{draft['id']}/finalize", {"auto_advance": "false"})
    shop.now += 40 * DAY
    opened = await shop.get(f"invoices/{draft['id']}")
    assert (opened["status"], opened["attempt_count"], opened["next_payment_attempt"]) == ("open", 0, None)


async def test_a_failed_payment_is_retried_three_times_and_then_left_alone() -> None:
    shop = Shop()
    customer = await payer(shop, BAD)
    draft = await bill(shop, customer, auto_advance="true")
    await shop.post(f"invoices/{draft['id']}/finalize")
    for attempts, (day, following) in enumerate(zip(RETRIES, [*RETRIES[1:], None], strict=True), start=1):
        shop.now = NOW + day * DAY
        invoice = await shop.get(f"invoices/{draft['id']}")
        assert invoice["attempt_count"] == attempts
        assert invoice["next_payment_attempt"] == (None if following is None else NOW + following * DAY)
        assert invoice["auto_advance"] is (following is not None)
        shop.now -= 1
    shop.now += 100 * DAY
    last = await shop.get(f"invoices/{draft['id']}")
    assert (last["status"], last["attempt_count"]) == ("open", 4)
    assert len(await shop.ids("charges", {"customer": customer})) == 4
    assert (await shop.get(f"customers/{customer}"))["delinquent"] is True


async def test_a_retry_takes_the_card_that_is_the_default_by_then() -> None:
    shop = Shop()
    customer = await payer(shop, BAD)
    draft = await bill(shop, customer, auto_advance="true")
    await shop.post(f"invoices/{draft['id']}/finalize")
    assert (await shop.get(f"customers/{customer}"))["delinquent"] is True
    await change_card(shop, customer, GOOD)
    shop.now += 3 * DAY
    paid = await shop.get(f"invoices/{draft['id']}")
    assert (paid["status"], paid["attempt_count"], paid["next_payment_attempt"]) == ("paid", 2, None)
    assert paid["status_transitions"]["paid_at"] == NOW + 3 * DAY
    assert (await shop.get(f"customers/{customer}"))["delinquent"] is False


async def test_an_attempt_by_hand_keeps_the_times_of_the_automatic_ones() -> None:
    shop = Shop()
    draft = await bill(shop, await payer(shop, BAD), auto_advance="true")
    invoice = f"invoices/{draft['id']}"
    await shop.post(f"{invoice}/finalize")
    shop.now += DAY
    await shop.refusal("POST", f"{invoice}/pay")
    opened = await shop.get(invoice)
    assert (opened["attempt_count"], opened["next_payment_attempt"]) == (1, NOW + 3 * DAY)


async def test_an_attempt_without_a_card_fails_without_a_charge() -> None:
    shop = Shop()
    customer = await stranger(shop)
    draft = await bill(shop, customer, auto_advance="true")
    await shop.post(f"invoices/{draft['id']}/finalize")
    assert (await story(shop, draft["id"]))[-1] == "invoice.payment_failed"
    assert await shop.ids("charges", {"customer": customer}) == []


async def test_an_invoice_that_is_sent_is_overdue_when_its_day_has_passed() -> None:
    shop = Shop()
    customer = await stranger(shop)
    sent: Any = {"collection_method": "send_invoice", "days_until_due": "7", "auto_advance": "true"}
    draft = await bill(shop, customer, **sent)
    shop.now += HOUR
    assert (await story(shop, draft["id"]))[-2:] == ["invoice.finalized", "invoice.sent"]
    shop.now = NOW + 7 * DAY - 1
    assert (await shop.get(f"customers/{customer}"))["delinquent"] is False
    shop.now += DAY
    assert (await story(shop, draft["id"]))[-1] == "invoice.overdue"
    assert (await shop.get(f"customers/{customer}"))["delinquent"] is True
    overdue = await shop.get(f"invoices/{draft['id']}")
    assert (overdue["status"], overdue["attempt_count"], overdue["next_payment_attempt"]) == ("open", 0, None)


async def test_an_invoice_that_is_opened_after_its_day_is_overdue_at_once() -> None:
    shop = Shop()
    sent: Any = {"collection_method": "send_invoice", "days_until_due": "7"}
    draft = await bill(shop, await stranger(shop), **sent)
    shop.now += 8 * DAY
    await shop.post(f"invoices/{draft['id']}/finalize", {"auto_advance": "true"})
    assert (await story(shop, draft["id"]))[-3:] == ["invoice.finalized", "invoice.sent", "invoice.overdue"]


async def test_an_invoice_that_is_void_in_time_is_never_overdue() -> None:
    shop = Shop()
    customer = await stranger(shop)
    invoice = await open_bill(shop, customer, collection_method="send_invoice", days_until_due="7")
    await shop.post(f"invoices/{invoice['id']}/void")
    shop.now += 8 * DAY
    assert (await story(shop, invoice["id"]))[-1] == "invoice.voided"
    assert (await shop.get(f"customers/{customer}"))["delinquent"] is False


# Subscriptions


async def past_due(shop: Shop) -> tuple[str, str]:
    """
    A customer and a subscription whose first renewal has just failed.
    """
    customer = await payer(shop)
    subscription = await subscribe(shop, customer, await plan(shop, interval="week"))
    await change_card(shop, customer, BAD)
    shop.now += 7 * DAY + HOUR
    return customer, f"subscriptions/{subscription['id']}"


async def test_a_subscription_whose_renewal_fails_is_past_due_until_it_is_paid() -> None:
    shop = Shop()
    customer, subscription = await past_due(shop)
    late = await shop.get(subscription, {"expand[]": "latest_invoice"})
    assert (late["status"], late["latest_invoice"]["status"]) == ("past_due", "open")
    assert late["latest_invoice"]["next_payment_attempt"] == shop.now + 3 * DAY
    await change_card(shop, customer, GOOD)
    await shop.post(f"invoices/{late['latest_invoice']['id']}/pay")
    assert (await shop.get(subscription))["status"] == "active"
    assert (await story(shop, late["id"]))[-2:] == ["customer.subscription.updated"] * 2


async def test_a_subscription_ends_after_the_last_retry() -> None:
    shop = Shop()
    customer, subscription = await past_due(shop)
    first = (await shop.get(subscription))["latest_invoice"]
    failed_at = shop.now
    shop.now += 60 * DAY
    ended = await shop.get(subscription)
    assert (ended["status"], ended["ended_at"]) == ("canceled", failed_at + RETRIES[-1] * DAY)
    assert ended["cancellation_details"]["reason"] == "payment_failed"
    invoices = (await shop.get("invoices", {"subscription": ended["id"]}))["data"]
    assert [invoice["status"] for invoice in invoices] == ["open"] * 3 + ["paid"]  # one a week went on
    assert not any(i["auto_advance"] or i["next_payment_attempt"] for i in invoices)
    assert invoices[2]["id"] == first
    assert (await shop.get(f"customers/{customer}"))["delinquent"] is True


async def test_without_its_newest_invoice_a_subscription_is_active_again() -> None:
    shop = Shop()
    _, subscription = await past_due(shop)
    newest = (await shop.get(subscription))["latest_invoice"]
    await shop.post(f"invoices/{newest}/void")
    assert (await shop.get(subscription))["status"] == "active"


async def test_only_the_newest_invoice_decides_over_a_subscription() -> None:
    shop = Shop()
    customer, subscription = await past_due(shop)
    older = (await shop.get(subscription))["latest_invoice"]
    shop.now += 7 * DAY
    assert (await shop.get(subscription))["latest_invoice"] != older
    await change_card(shop, customer, GOOD)
    assert (await shop.post(f"invoices/{older}/pay"))["status"] == "paid"
    assert (await shop.get(subscription))["status"] == "past_due"


async def test_a_subscription_whose_invoices_are_sent_is_past_due_with_them() -> None:
    shop = Shop()
    sent = {"collection_method": "send_invoice", "days_until_due": "7"}
    made = await subscribe(shop, await stranger(shop), await plan(shop), **sent)
    shop.now += HOUR
    assert (await shop.get(f"invoices/{made['latest_invoice']}"))["status"] == "open"
    shop.now = NOW + 7 * DAY
    assert (await shop.get(f"subscriptions/{made['id']}"))["status"] == "past_due"
    shop.now += 300 * DAY
    assert (await shop.get(f"subscriptions/{made['id']}"))["status"] == "past_due"
