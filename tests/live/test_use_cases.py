"""
The four conversations that the tools are for, in the order in which an agent makes its calls.
"""

from typing import Any

import pytest

from tests.live.side import Side
from tests.live.workshop import Workshop
from tests.simulator.stripe_client import ids

pytestmark = pytest.mark.live


@pytest.fixture
def caller(v1: Any, make: Workshop) -> Any:
    """
    The e-mail address of somebody with a plan, a payment of 49.00 and an open invoice over 15.00.
    """
    customer = make.customer()
    make.subscription(customer, make.price(2000, nickname="Pro Plan"))
    make.payment(4900, customer=customer.id)
    make.open_invoice(customer, 1500)
    return customer.email


def test_a_caller_hears_how_their_account_stands(v1: Any, caller: str) -> None:
    (customer,) = v1.customers.list({"email": caller}).data
    assert (customer.name, customer.balance) == ("Ada Live", 0)
    invoices = v1.invoices.list({"customer": customer.id}).data
    assert [(each.status, each.amount_due, each.amount_remaining) for each in invoices] == [
        ("open", 1500, 1500),
        ("paid", 2000, 0),
    ]
    (subscription,) = v1.subscriptions.list({"customer": customer.id}).data
    price = subscription.items.data[0].price
    assert (subscription.status, price.nickname, price.unit_amount) == ("active", "Pro Plan", 2000)
    assert v1.products.retrieve(price.product).active
    payments = v1.payment_intents.list({"customer": customer.id}).data
    assert [each.amount_received for each in payments if each.status == "succeeded"] == [4900, 2000]


def test_a_caller_gets_their_last_payment_back(v1: Any, caller: str) -> None:
    (customer,) = v1.customers.list({"email": caller}).data
    (card,) = v1.customers.payment_methods.list(customer.id).data
    assert card.card.last4 == "4242", "they can tell the last four digits"
    last, _ = v1.charges.list({"customer": customer.id}).data
    assert (last.amount, last.currency, last.refunded) == (4900, "usd", False)

    refund = v1.refunds.create({"payment_intent": last.payment_intent, "reason": "requested_by_customer"})

    assert (refund.status, refund.amount, refund.charge) == ("succeeded", 4900, last.id)
    assert v1.charges.retrieve(last.id).refunded is True
    assert ids(v1.refunds.list({"charge": last.id}).data) == [refund.id]
    assert v1.payment_intents.retrieve(last.payment_intent).status == "succeeded"


def test_a_caller_ends_their_subscription(v1: Any, caller: str) -> None:
    (customer,) = v1.customers.list({"email": caller, "expand": ["data.subscriptions"]}).data
    (listed,) = customer.subscriptions.data
    subscription = v1.subscriptions.retrieve(listed.id)
    assert (subscription.status, subscription.customer) == ("active", customer.id)

    ended = v1.subscriptions.cancel(subscription.id, {"cancellation_details": {"feedback": "too_expensive"}})

    assert (ended.status, ended.cancellation_details.feedback) == ("canceled", "too_expensive")
    assert v1.subscriptions.list({"customer": customer.id}).data == []
    assert len(v1.invoices.list({"customer": customer.id}).data) == 2, "what was billed stays billed"


def test_a_caller_hears_what_they_were_billed_and_what_they_paid(v1: Any, caller: str, side: Side) -> None:
    (customer,) = v1.customers.list({"email": caller}).data
    query = {"query": f'customer:"{customer.id}"'}
    billed = {("open", 1500), ("paid", 2000)}

    def look() -> set[tuple[str, int]]:
        return {(each.status, each.total) for each in v1.invoices.search(query).data}

    assert side.eventually(look, billed) == billed
    for charge in v1.charges.list({"customer": customer.id}).auto_paging_iter():
        (booked,) = v1.balance_transactions.list({"source": charge.id}).data
        assert (booked.id, booked.net) == (charge.balance_transaction, booked.amount - booked.fee)
