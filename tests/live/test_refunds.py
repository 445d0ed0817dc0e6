"""
Money back: in part, the rest, and never more than there was.
"""

from typing import Any

import pytest

from tests.live.workshop import Workshop
from tests.simulator.stripe_client import ids, refuses

pytestmark = pytest.mark.live


def test_a_payment_is_refunded_in_part_then_the_rest_then_no_more(v1: Any, make: Workshop) -> None:
    paid = make.payment(5000)
    charge = paid.latest_charge.id
    part = v1.refunds.create(
        {
            "payment_intent": paid.id,
            "amount": 2000,
            "reason": "requested_by_customer",
            "metadata": make.marked,
            "expand": ["balance_transaction"],
        }
    )
    assert (part.object, part.status, part.amount, part.currency) == ("refund", "succeeded", 2000, "usd")
    assert (part.charge, part.payment_intent, part.reason) == (charge, paid.id, "requested_by_customer")
    booked = part.balance_transaction
    assert (booked.type, booked.source) == ("refund", part.id)
    if booked.currency == "usd":
        assert (booked.amount, booked.net) == (-2000, -2000 - booked.fee)
    read = v1.charges.retrieve(charge)
    assert (read.amount_refunded, read.refunded, read.status) == (2000, False, "succeeded")

    rest = v1.refunds.create({"charge": charge})
    assert (rest.amount, rest.reason, v1.refunds.retrieve(rest.id).amount) == (3000, None, 3000)
    read = v1.charges.retrieve(charge)
    assert (read.amount_refunded, read.refunded) == (5000, True)

    error = refuses(v1.refunds.create, {"charge": charge, "amount": 1})
    assert (error.http_status, error.code) == (400, "charge_already_refunded")
    for by in ({"charge": charge}, {"payment_intent": paid.id}):
        assert ids(v1.refunds.list(by).data) == [rest.id, part.id]
    (shown,) = v1.charges.list({"payment_intent": paid.id, "expand": ["data.refunds"]}).data
    assert ids(shown.refunds.data) == [rest.id, part.id]


def test_a_refund_is_never_more_than_is_left(v1: Any, make: Workshop) -> None:
    paid = make.payment(5000)
    v1.refunds.create({"payment_intent": paid.id, "amount": 2000})
    error = refuses(v1.refunds.create, {"payment_intent": paid.id, "amount": 3001})
    assert (error.http_status, error.param) == (400, "amount")
    assert v1.charges.retrieve(paid.latest_charge.id).amount_refunded == 2000


def test_a_refund_of_a_hold_releases_it(v1: Any, make: Workshop) -> None:
    held = make.charge(capture=False)
    assert v1.refunds.create({"charge": held.id}).amount == 5000
    assert v1.charges.retrieve(held.id).refunded is True
    assert v1.balance_transactions.list({"source": held.id}).data == []
    assert refuses(v1.charges.capture, held.id).http_status == 400


def test_there_is_nothing_to_refund_where_no_money_came(v1: Any, make: Workshop) -> None:
    waiting = make.intent()
    assert refuses(v1.refunds.create, {"payment_intent": waiting.id}).http_status == 400


def test_a_refund_is_of_one_payment_that_exists_for_a_reason_that_stripe_knows(
    v1: Any, make: Workshop
) -> None:
    paid = make.payment()
    assert refuses(v1.refunds.create, {"amount": 100}).http_status == 400
    nothing = refuses(v1.refunds.create, {"charge": "ch_nothing"})
    assert (nothing.code, nothing.param) == ("resource_missing", "charge")
    regret = refuses(v1.refunds.create, {"payment_intent": paid.id, "reason": "regret"})
    assert (regret.http_status, regret.param) == (400, "reason")
    assert v1.refunds.list({"payment_intent": paid.id}).data == []
