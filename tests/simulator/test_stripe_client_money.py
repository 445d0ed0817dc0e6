"""
Payments, refunds and captures, and the balance that they add up to.
"""

from collections import Counter
from typing import Any

import pytest

from tests.simulator.stripe_client import Clock, everything, ids, refuses
from tests.simulator.stripe_operations import (
    draft_invoice,
    john,
    recurring_price,
    refundable_payment_intent,
    uncaptured_charge,
)

DAY = 86_400  # seconds


# Payment intents


def test_a_new_payment_intent_waits_for_a_payment_method_and_moves_no_money(v1: Any) -> None:
    before = v1.balance.retrieve().to_dict(), ids(everything(v1.charges.list))
    made = v1.payment_intents.create(
        {
            "amount": 5000,
            "currency": "usd",
            "customer": john(v1),
            "description": "Invoice #1234 payment",
            "metadata": {"order": "1234"},
            "receipt_email": "john.smith@example.com",
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }
    )
    assert (made.status, made.amount, made.currency) == ("requires_payment_method", 5000, "usd")
    assert (made.amount_received, made.amount_capturable, made.latest_charge) == (0, 0, None)
    assert (made.description, made.metadata.order) == ("Invoice #1234 payment", "1234")
    assert (made.customer, made.receipt_email) == (john(v1), "john.smith@example.com")
    assert (made.capture_method, made.confirmation_method) == ("automatic_async", "automatic")
    assert made.automatic_payment_methods.to_dict() == {"enabled": True, "allow_redirects": "never"}
    assert made.client_secret.startswith(f"{made.id}_secret_")

    assert v1.payment_intents.retrieve(made.id).to_dict() == made.to_dict()
    assert v1.payment_intents.list({"customer": john(v1)}).data[0].id == made.id
    assert (v1.balance.retrieve().to_dict(), ids(everything(v1.charges.list))) == before


def test_a_payment_intent_keeps_how_it_is_to_be_captured(v1: Any) -> None:
    made = v1.payment_intents.create({"amount": 5000, "currency": "usd", "capture_method": "manual"})
    assert (made.capture_method, made.customer) == ("manual", None)


def test_currencies_are_lower_case_in_answers_and_either_case_in_requests(v1: Any) -> None:
    assert v1.payment_intents.create({"amount": 5000, "currency": "EUR"}).currency == "eur"
    assert v1.payment_intents.create({"amount": 500, "currency": "jpy"}).currency == "jpy"


@pytest.mark.parametrize("amount", [-1, 0, 1, 100_000_000, "ten", 49.5])
def test_a_payment_of_an_impossible_amount_is_refused(v1: Any, amount: Any) -> None:
    error = refuses(v1.payment_intents.create, {"amount": amount, "currency": "usd"})
    assert (error.http_status, error.param) == (400, "amount")


def test_a_payment_in_no_currency_of_this_world_is_refused(v1: Any) -> None:
    error = refuses(v1.payment_intents.create, {"amount": 5000, "currency": "xyz"})
    assert (error.http_status, error.param) == (400, "currency")


def test_a_payment_for_an_unknown_customer_is_refused(v1: Any) -> None:
    error = refuses(v1.payment_intents.create, {"amount": 5000, "currency": "usd", "customer": "cus_nobody"})
    assert (error.code, error.param) == ("resource_missing", "customer")


def test_the_payment_method_types_that_the_pinned_version_removed_are_refused(v1: Any) -> None:
    """
    https://docs.stripe.com/changelog: since 2026-09-30.endive they are read-only.
    """
    params = {"amount": 5000, "currency": "usd", "payment_method_types": ["card"]}
    assert refuses(v1.payment_intents.create, params).http_status == 400


# Refunds


def paid_charge(v1: Any) -> Any:
    return v1.payment_intents.retrieve(
        refundable_payment_intent(v1), {"expand": ["latest_charge"]}
    ).latest_charge


@pytest.mark.parametrize("by", ["payment_intent", "charge"])
def test_a_full_refund_gives_all_of_it_back(v1: Any, by: str) -> None:
    charge = paid_charge(v1)
    named = charge.payment_intent if by == "payment_intent" else charge.id
    refund = v1.refunds.create({by: named, "reason": "requested_by_customer", "metadata": {"ticket": "T-42"}})
    assert (refund.amount, refund.currency, refund.status) == (charge.amount, charge.currency, "succeeded")
    assert (refund.charge, refund.payment_intent) == (charge.id, charge.payment_intent)
    assert (refund.reason, refund.metadata.ticket) == ("requested_by_customer", "T-42")

    after = v1.charges.retrieve(charge.id)
    assert (after.refunded, after.amount_refunded, after.status) == (True, charge.amount, "succeeded")
    assert v1.refunds.retrieve(refund.id).to_dict() == refund.to_dict()
    assert ids(v1.refunds.list({"charge": charge.id}).data) == [refund.id]
    assert ids(v1.refunds.list({"payment_intent": charge.payment_intent}).data) == [refund.id]
    assert v1.refunds.list({"limit": 1}).data[0].id == refund.id
    about = v1.events.list({"type": "charge.refunded"}).data[0].data.object
    assert (about.id, about.amount_refunded) == (charge.id, charge.amount)


def test_part_refunds_add_up_and_what_is_left_is_the_default(v1: Any) -> None:
    charge = paid_charge(v1)
    first = v1.refunds.create({"charge": charge.id, "amount": 1000})
    after = v1.charges.retrieve(charge.id)
    assert (first.amount, after.amount_refunded, after.refunded) == (1000, 1000, False)
    rest = v1.refunds.create({"payment_intent": charge.payment_intent})
    after = v1.charges.retrieve(charge.id)
    assert (rest.amount, after.amount_refunded, after.refunded) == (charge.amount - 1000, charge.amount, True)
    assert ids(v1.refunds.list({"charge": charge.id}).data) == [rest.id, first.id]


def test_more_than_is_left_is_never_refunded(v1: Any) -> None:
    charge = paid_charge(v1)
    error = refuses(v1.refunds.create, {"charge": charge.id, "amount": charge.amount + 1})
    assert (error.http_status, error.param) == (400, "amount")
    v1.refunds.create({"charge": charge.id, "amount": charge.amount - 1})
    balance = v1.balance.retrieve().to_dict()
    assert refuses(v1.refunds.create, {"charge": charge.id, "amount": 2}).http_status == 400
    assert v1.charges.retrieve(charge.id).amount_refunded == charge.amount - 1
    assert v1.balance.retrieve().to_dict() == balance


def test_what_was_refunded_in_full_is_not_refunded_again(v1: Any) -> None:
    charge = paid_charge(v1)
    refund = v1.refunds.create({"charge": charge.id})
    for params in (
        {"charge": charge.id},
        {"payment_intent": charge.payment_intent},
        {"charge": charge.id, "amount": 1},
    ):
        error = refuses(v1.refunds.create, params)
        assert (error.http_status, error.code) == (400, "charge_already_refunded")
    assert ids(v1.refunds.list({"charge": charge.id}).data) == [refund.id]


@pytest.mark.parametrize("amount", [-500, 0, "half", 10.5])
def test_a_refund_of_an_impossible_amount_is_refused(v1: Any, amount: Any) -> None:
    charge = paid_charge(v1).id
    error = refuses(v1.refunds.create, {"charge": charge, "amount": amount})
    assert (error.http_status, error.param) == (400, "amount")
    assert v1.charges.retrieve(charge).amount_refunded == 0


def test_a_refund_names_one_payment_that_exists_for_one_known_reason(v1: Any) -> None:
    charge = paid_charge(v1)
    assert refuses(v1.refunds.create).http_status == 400
    other = next(each for each in everything(v1.charges.list) if each.id != charge.id and each.payment_intent)
    refuses(v1.refunds.create, {"charge": charge.id, "payment_intent": other.payment_intent})
    for name, missing in (("charge", "ch_nothing"), ("payment_intent", "pi_nothing")):
        error = refuses(v1.refunds.create, {name: missing})
        assert (error.code, error.param) == ("resource_missing", name)
    error = refuses(v1.refunds.create, {"charge": charge.id, "reason": "expired_uncaptured_charge"})
    assert (error.http_status, error.param) == (400, "reason")
    assert v1.charges.retrieve(charge.id).amount_refunded == 0


def test_a_payment_that_was_never_made_is_not_refunded(v1: Any) -> None:
    unpaid = v1.payment_intents.create({"amount": 5000, "currency": "usd"}).id
    assert refuses(v1.refunds.create, {"payment_intent": unpaid}).http_status == 400
    for charge in everything(v1.charges.list):
        if charge.status == "failed":
            assert refuses(v1.refunds.create, {"charge": charge.id}).http_status == 400


def test_refunds_and_charges_agree_in_the_whole_shop(v1: Any) -> None:
    refunded: Counter[str] = Counter()
    for refund in everything(v1.refunds.list):
        if refund.status in {"succeeded", "pending"}:
            refunded[refund.charge] += refund.amount
    for charge in everything(v1.charges.list):
        assert charge.amount_refunded == refunded[charge.id] <= charge.amount
        assert charge.refunded is (charge.amount_refunded == charge.amount)


# Captures


def test_a_full_capture_takes_the_whole_authorization(v1: Any) -> None:
    before = v1.charges.retrieve(uncaptured_charge(v1))
    assert (before.captured, before.amount_captured, before.balance_transaction) == (False, 0, None)
    captured = v1.charges.capture(before.id)
    assert (captured.captured, captured.amount_captured) == (True, before.amount)
    assert v1.charges.retrieve(before.id).to_dict() == captured.to_dict()
    (transaction,) = v1.balance_transactions.list({"source": before.id}).data
    assert (transaction.id, transaction.amount) == (captured.balance_transaction, before.amount)


def test_a_part_capture_takes_the_part_and_makes_no_refund(v1: Any) -> None:
    """
    https://docs.stripe.com/changelog/basil: since 2025-03-31 what is released is not a refund.
    """
    charge, refunds = v1.charges.retrieve(uncaptured_charge(v1)), ids(everything(v1.refunds.list))
    part = charge.amount // 2
    captured = v1.charges.capture(charge.id, {"amount": part})
    assert (captured.captured, captured.amount, captured.amount_captured) == (True, charge.amount, part)
    assert [each.amount for each in v1.balance_transactions.list({"source": charge.id}).data] == [part]
    assert ids(everything(v1.refunds.list)) == refunds


def test_no_more_is_refunded_than_was_captured(v1: Any) -> None:
    charge = v1.charges.retrieve(uncaptured_charge(v1))
    part = charge.amount // 2
    v1.charges.capture(charge.id, {"amount": part})
    assert refuses(v1.refunds.create, {"charge": charge.id, "amount": part + 1}).http_status == 400
    assert v1.refunds.create({"charge": charge.id}).amount == part


def test_no_more_is_captured_than_was_authorized(v1: Any) -> None:
    charge = v1.charges.retrieve(uncaptured_charge(v1))
    for amount in (charge.amount + 1, 0, -1):
        error = refuses(v1.charges.capture, charge.id, {"amount": amount})
        assert (error.http_status, error.param) == (400, "amount")
    assert v1.charges.retrieve(charge.id).captured is False


def test_a_charge_is_captured_once(v1: Any) -> None:
    charge = uncaptured_charge(v1)
    v1.charges.capture(charge)
    error = refuses(v1.charges.capture, charge)
    assert (error.http_status, error.code) == (400, "charge_already_captured")
    assert len(v1.balance_transactions.list({"source": charge}).data) == 1


def test_a_charge_made_by_a_payment_intent_is_not_captured_here(v1: Any) -> None:
    for charge in everything(v1.charges.list):
        if charge.payment_intent:
            assert refuses(v1.charges.capture, charge.id).http_status == 400
            assert v1.charges.retrieve(charge.id).captured is charge.captured


# Balance


def sums(transactions: list[Any]) -> dict[tuple[str, str], int]:
    """
    What the transactions come to, by status and currency.
    """
    total: Counter[tuple[str, str]] = Counter()
    for each in transactions:
        total[each.status, each.currency] += each.net
    return {key: amount for key, amount in total.items() if amount}


def funds(balance: Any) -> dict[tuple[str, str], int]:
    return {
        (status, each.currency): each.amount
        for status in ("available", "pending")
        for each in balance[status]
        if each.amount
    }


def test_the_balance_is_the_sum_of_its_transactions_whatever_is_paid(v1: Any, clock: Clock) -> None:
    def agree() -> None:
        assert funds(v1.balance.retrieve()) == sums(everything(v1.balance_transactions.list))

    agree()
    v1.charges.capture(uncaptured_charge(v1))
    agree()
    v1.refunds.create({"payment_intent": refundable_payment_intent(v1), "amount": 1000})
    agree()
    v1.subscriptions.create({"customer": john(v1), "items": [{"price": recurring_price(v1)}]})
    agree()
    v1.invoices.finalize_invoice(draft_invoice(v1))
    agree()
    clock.now += 30 * DAY  # what was pending becomes available
    agree()


def test_a_balance_transaction_is_its_amount_less_its_fees(v1: Any) -> None:
    v1.refunds.create({"payment_intent": refundable_payment_intent(v1), "amount": 1000})
    for each in everything(v1.balance_transactions.list):
        assert each.net == each.amount - each.fee
        assert each.fee == sum(detail.amount for detail in each.fee_details)


def test_each_charge_and_each_refund_has_the_transaction_that_names_it(v1: Any) -> None:
    v1.refunds.create({"payment_intent": refundable_payment_intent(v1), "amount": 1000})
    transactions = {each.id: each for each in everything(v1.balance_transactions.list)}
    for charge in everything(v1.charges.list):
        moved = charge.status == "succeeded" and charge.captured
        assert (charge.balance_transaction is not None) is moved
        if moved:
            transaction = transactions[charge.balance_transaction]
            assert (transaction.source, transaction.type) in {(charge.id, "charge"), (charge.id, "payment")}
            assert (transaction.amount, transaction.currency) == (charge.amount_captured, charge.currency)
    for refund in everything(v1.refunds.list):
        if refund.balance_transaction:
            transaction = transactions[refund.balance_transaction]
            assert transaction.source == refund.id
            assert transaction.type in {"refund", "payment_refund"}
            assert (transaction.amount, transaction.currency) == (-refund.amount, refund.currency)
