"""
Subscriptions: begun, on trial, unpaid, ended at once and ended later; and the prices they are for.
"""

from typing import Any

import pytest
import stripe

from tests.live.workshop import Workshop
from tests.simulator.stripe_client import ids, refuses

pytestmark = pytest.mark.live
DAY = 86_400  # seconds
DECLINES_LATER = "pm_card_chargeCustomerFail"  # it can be attached, and every charge is declined


def test_a_subscription_is_paid_for_at_once(v1: Any, make: Workshop) -> None:
    customer, price = make.customer(), make.price(2000)
    made = make.subscription(customer, items=[{"price": price.id, "quantity": 2}], expand=["latest_invoice"])
    (item,) = made.items.data
    assert (made.object, made.status, made.customer) == ("subscription", "active", customer.id)
    assert (item.price.id, item.quantity, item.subscription) == (price.id, 2, made.id)
    assert item.current_period_end - item.current_period_start in {days * DAY for days in range(28, 32)}
    assert (made.trial_end, made.cancel_at, made.ended_at) == (None, None, None)
    bill = made.latest_invoice
    assert (bill.status, bill.amount_paid, bill.billing_reason) == ("paid", 4000, "subscription_create")
    assert bill.parent.subscription_details.subscription == made.id
    assert [line.pricing.price_details.price for line in bill.lines.data] == [price.id]
    (charge,) = v1.charges.list({"customer": customer.id}).data
    assert (charge.amount, charge.status) == (4000, "succeeded")
    assert ids(v1.subscriptions.list({"price": price.id}).data) == [made.id]
    assert ids(v1.invoices.list({"subscription": made.id}).data) == [bill.id]


def test_a_trial_costs_nothing_yet(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    made = make.subscription(customer, trial_period_days=14, expand=["latest_invoice"])
    assert (made.status, made.trial_end - made.trial_start) == ("trialing", 14 * DAY)
    assert made.items.data[0].current_period_end == made.trial_end
    assert (made.latest_invoice.status, made.latest_invoice.total) == ("paid", 0)
    assert v1.charges.list({"customer": customer.id}).data == []


def test_a_subscription_that_could_not_be_paid_is_incomplete_or_refused(v1: Any, make: Workshop) -> None:
    customer, price = make.customer(DECLINES_LATER), make.price()
    made = make.subscription(customer, price, expand=["latest_invoice"])
    assert (made.status, made.latest_invoice.status) == ("incomplete", "open")
    with pytest.raises(stripe.CardError) as declined:
        make.subscription(customer, price, payment_behavior="error_if_incomplete")
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    assert ids(v1.subscriptions.list({"customer": customer.id, "status": "all"}).data) == [made.id]


def test_a_subscription_waits_for_its_first_payment_if_that_is_wanted(make: Workshop) -> None:
    made = make.subscription(make.customer(), payment_behavior="default_incomplete")
    assert made.status == "incomplete"


def test_nobody_is_charged_without_a_payment_method(v1: Any, make: Workshop) -> None:
    stranger = make.customer(None)
    assert refuses(make.subscription, stranger).http_status == 400
    assert make.subscription(stranger, trial_period_days=7).status == "trialing"


def test_a_subscription_can_end_with_its_period_and_change_its_mind(v1: Any, make: Workshop) -> None:
    made = make.subscription(make.customer())
    ending = v1.subscriptions.update(made.id, {"cancel_at_period_end": True})
    assert (ending.status, ending.cancel_at) == ("active", made.items.data[0].current_period_end)
    assert (ending.ended_at, ending.canceled_at is None) == (None, False)
    going_on = v1.subscriptions.update(made.id, {"cancel_at_period_end": False})
    assert (going_on.status, going_on.cancel_at, going_on.canceled_at) == ("active", None, None)


def test_a_canceled_subscription_ends_now_says_why_and_is_canceled_once(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    made = make.subscription(customer)
    ended = v1.subscriptions.cancel(
        made.id, {"cancellation_details": {"comment": "moving abroad", "feedback": "unused"}}
    )
    assert (ended.status, ended.canceled_at) == ("canceled", ended.ended_at)
    details = ended.cancellation_details
    assert (details.comment, details.feedback, details.reason) == (
        "moving abroad",
        "unused",
        "cancellation_requested",
    )
    assert v1.subscriptions.retrieve(made.id).to_dict() == ended.to_dict()
    error = refuses(v1.subscriptions.cancel, made.id)
    assert (error.http_status, error.code) == (404, "resource_missing")
    assert v1.subscriptions.list({"customer": customer.id}).data == []
    for status in ("all", "canceled", "ended"):
        assert ids(v1.subscriptions.list({"customer": customer.id, "status": status}).data) == [made.id]


def test_the_unused_part_is_credited_on_a_last_invoice(v1: Any, make: Workshop) -> None:
    """
    The subscription is some seconds old at most, so nearly all of the month is unused.
    """
    made = make.subscription(make.customer(), make.price(2000))
    v1.subscriptions.cancel(made.id, {"prorate": True, "invoice_now": True})
    last, first = v1.invoices.list({"subscription": made.id}).data
    assert first.id == made.latest_invoice
    assert -2000 <= last.total < -1990
    assert {line.amount < 0 for line in last.lines.data} == {True}


def test_a_subscription_is_for_prices_that_exist_and_recur(make: Workshop) -> None:
    customer = make.customer()
    error = refuses(lambda: make.subscription(customer, items=[{"price": "price_nothing"}]))
    assert (error.code, error.param) == ("resource_missing", "items[0][price]")
    once = make.price(interval=None)
    assert refuses(make.subscription, customer, once).http_status == 400


def test_a_price_brings_its_product_and_can_be_retired(v1: Any, make: Workshop) -> None:
    made = make.price(990, nickname="gold", lookup_key=make.name())
    assert (made.object, made.active, made.type, made.unit_amount) == ("price", True, "recurring", 990)
    assert (made.recurring.interval, made.recurring.interval_count) == ("month", 1)
    product = v1.products.retrieve(made.product)
    assert (product.object, product.active, product.metadata.to_dict()) == ("product", True, make.marked)
    assert ids(v1.prices.list({"lookup_keys": [made.lookup_key]}).data) == [made.id]

    assert v1.prices.update(made.id, {"active": False}).active is False
    assert v1.prices.retrieve(made.id).active is False
    assert v1.prices.list({"product": made.product, "active": True}).data == []
    assert refuses(make.subscription, make.customer(), made).http_status == 400


def test_a_product_has_the_prices_that_were_made_for_it(v1: Any, make: Workshop) -> None:
    product = make.product(description="Whole beans")
    monthly, once = make.price(product=product.id), make.price(interval=None, product=product.id)
    assert (once.type, once.recurring) == ("one_time", None)
    assert ids(v1.prices.list({"product": product.id}).data) == [once.id, monthly.id]
    assert ids(v1.prices.list({"product": product.id, "type": "recurring"}).data) == [monthly.id]
    assert v1.products.update(product.id, {"active": False}).active is False
    assert ids(v1.products.list({"ids": [product.id]}).data) == [product.id]
    assert v1.products.list({"ids": [product.id], "active": True}).data == []


def test_a_price_has_one_product_and_a_lookup_key_one_price(v1: Any, make: Workshop) -> None:
    product, key = make.product().id, make.name()
    given = {"currency": "usd", "unit_amount": 500}
    assert refuses(v1.prices.create, given).http_status == 400
    both = {**given, "product": product, "product_data": {"name": "Gold"}}
    assert refuses(v1.prices.create, both).http_status == 400
    first = make.price(product=product, lookup_key=key)
    assert refuses(lambda: make.price(product=product, lookup_key=key)).http_status == 400
    second = make.price(product=product, lookup_key=key, transfer_lookup_key=True)
    assert ids(v1.prices.list({"lookup_keys": [key]}).data) == [second.id]
    assert v1.prices.retrieve(first.id).lookup_key is None
