"""
Refunds that are known at once, later, or come back; and what cannot be refunded.

https://docs.stripe.com/refunds, https://docs.stripe.com/testing#refunds
"""

from typing import Any

import pytest

from tests.simulator.till import DAY, Till

LATER = 3_600  # seconds, more than any refund takes


@pytest.fixture
def till() -> Till:
    return Till()


def charge_of(till: Till, intent: Any) -> Any:
    return till.get(f"charges/{intent['latest_charge']['id']}")


def test_a_refund_is_told_and_booked_when_it_is_made(till: Till) -> None:
    paid = till.pay(description="Beans")
    till.told()
    refund = till.post("refunds", payment_intent=paid["id"], amount=2000, metadata={"order": "1"})
    assert till.told() == ["refund.created", "charge.refunded"]
    assert (refund["status"], refund["pending_reason"], refund["metadata"]) == (
        "succeeded",
        None,
        {"order": "1"},
    )
    assert (refund["charge"], refund["payment_method"]) == (
        paid["latest_charge"]["id"],
        paid["payment_method"],
    )
    assert refund["destination_details"]["card"]["type"] == "refund"
    assert till.booked(refund["id"]) == [("refund", -2000, 0)]
    (booked,) = till.get("balance_transactions", source=refund["id"])["data"]
    assert (booked["description"], booked["status"]) == ("REFUND FOR CHARGE (Beans)", "available")
    assert "failure_reason" not in refund


def test_a_pending_refund_counts_at_once_and_succeeds_later(till: Till) -> None:
    paid, before = till.pay("pendingRefund"), till.funds()
    refund = till.post("refunds", payment_intent=paid["id"])
    assert (refund["status"], refund["pending_reason"]) == ("pending", "processing")
    assert till.funds() == before - 5000
    assert charge_of(till, paid)["refunded"] is True
    till.told()
    till.wait(LATER)
    refund = till.get(f"refunds/{refund['id']}")
    assert (refund["status"], refund["pending_reason"]) == ("succeeded", None)
    assert till.told(refund["id"]) == ["refund.updated", "charge.refund.updated"]
    assert till.booked(refund["id"]) == [("refund", -5000, 0)]


def test_a_refund_that_fails_later_gives_the_money_back(till: Till) -> None:
    paid = till.pay("refundFail", currency="chf")  # in which there is nothing else
    kept = till.post("refunds", payment_intent=paid["id"], amount=1000)
    refund = till.post("refunds", payment_intent=paid["id"])
    assert (refund["status"], refund["amount"]) == ("succeeded", 4000)
    assert (charge_of(till, paid)["refunded"], till.funds("available", "chf")) == (True, -5000)
    till.told()
    till.wait(LATER)
    for each in (kept, refund):
        failed = till.get(f"refunds/{each['id']}", expand=["failure_balance_transaction"])
        assert (failed["status"], failed["failure_reason"]) == ("failed", "expired_or_canceled_card")
        returned = failed["failure_balance_transaction"]
        assert (returned["type"], returned["amount"], returned["fee"]) == (
            "refund_failure",
            each["amount"],
            0,
        )
        assert till.booked(each["id"]) == [
            ("refund", -each["amount"], 0),
            ("refund_failure", each["amount"], 0),
        ]
    once = ["refund.failed", "refund.updated", "charge.refund.updated", "charge.updated"]
    charge = charge_of(till, paid)
    assert till.told(kept["id"], refund["id"], charge["id"]) == once + once
    assert (charge["refunded"], charge["amount_refunded"]) == (False, 0)
    assert till.funds("available", "chf") == 0
    again = till.post("refunds", payment_intent=paid["id"])
    assert again["amount"] == 5000


def test_a_refund_may_take_more_than_is_available(till: Till) -> None:
    """
    Stripe takes it from the account's bank then.
    """
    paid = till.pay(currency="chf")
    assert (till.funds("available", "chf"), till.funds("pending", "chf")) == (0, 4825)
    assert till.post("refunds", payment_intent=paid["id"])["status"] == "succeeded"
    assert (till.funds("available", "chf"), till.funds("pending", "chf")) == (-5000, 4825)
    till.wait(2 * DAY)
    assert (till.funds("available", "chf"), till.funds("pending", "chf")) == (-175, 0)


def test_the_hold_of_an_intent_is_released_by_the_intent_only(till: Till) -> None:
    held = till.pay(capture_method="manual")
    for by in ({"charge": held["latest_charge"]["id"]}, {"payment_intent": held["id"]}):
        status, error = till.refused("refunds", **by)
        assert (status, error["param"]) == (400, "charge")
        assert held["id"] in error["message"]
    assert charge_of(till, held)["refunded"] is False


def test_a_released_hold_of_a_card_with_slow_refunds_is_released_at_once(till: Till) -> None:
    for card in ("pendingRefund", "refundFail"):
        fields = {"amount": 700, "currency": "usd", "source": f"tok_{card}", "capture": False}
        held = till.post("charges", **fields)["id"]
        refund = till.post("refunds", charge=held)
        assert (refund["status"], refund["destination_details"]["card"]["type"]) == ("succeeded", "reversal")
        till.wait(LATER)
        assert till.get(f"refunds/{refund['id']}") == refund


@pytest.mark.parametrize(("currency", "amount"), [("kwd", 1005), ("isk", 150), ("ugx", 101)])
def test_a_refund_has_no_digits_that_its_currency_has_not(till: Till, currency: str, amount: int) -> None:
    paid = till.pay(amount=5000, currency=currency)
    status, error = till.refused("refunds", payment_intent=paid["id"], amount=amount)
    assert (status, error["code"], error["param"]) == (400, "parameter_invalid_integer", "amount")
    assert till.post("refunds", payment_intent=paid["id"], amount=1000)["amount"] == 1000
