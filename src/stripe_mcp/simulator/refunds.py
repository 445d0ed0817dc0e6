"""
Refunds: money given back, never more than is left of a charge.

Rule: a refund counts from the moment that it is made; if it fails later, it does not count
any more and its amount comes back. https://docs.stripe.com/refunds
"""

from __future__ import annotations

from stripe_mcp.simulator.balance import record_transaction
from stripe_mcp.simulator.cards import card_of
from stripe_mcp.simulator.disputes import is_refundable
from stripe_mcp.simulator.errors import StripeError, missing_parameter
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import check_named, list_page, named
from stripe_mcp.simulator.money import amount_text, check_round
from stripe_mcp.simulator.store import Store, due
from stripe_mcp.simulator.table import Record

KNOWN_AFTER = 60  # seconds until it is known what became of a refund that takes its time


def list_refunds(store: Store, given: Record) -> Record:
    """
    GET /v1/refunds
    """
    check_named(store, given, "charge", "payment_intent")
    where = named(given, "charge", "payment_intent")
    return list_page(store, "refund", "/v1/refunds", given, where)


def retrieve_refund(store: Store, given: Record) -> Record:
    """
    GET /v1/refunds/{refund}
    """
    return store.get("refund", given["refund"], "refund")


def create_refund(store: Store, given: Record) -> Record:
    """
    POST /v1/refunds: the *amount* given, or all that is left.
    """
    charge = _charge_to_refund(store, given)
    amount = given.get("amount", _left(charge))
    _check_refundable(store, charge)
    _check_amount(charge, amount)
    return refund_charge(store, charge, amount, given.get("reason"), given.get("metadata") or {})


def _charge_to_refund(store: Store, given: Record) -> Record:
    if "charge" in given and "payment_intent" in given:
        message = "Give either charge or payment_intent, not both: one payment is refunded at a time."
        raise StripeError(message, code="parameters_exclusive", param="charge", executed=False)
    if "charge" in given:
        return store.get("charge", given["charge"], "charge")
    if "payment_intent" not in given:
        raise missing_parameter("payment_intent", "One of payment_intent or charge is required.")
    intent = store.get("payment_intent", given["payment_intent"], "payment_intent")
    charge = store.find("charge", intent["latest_charge"] or "")
    if charge is None or charge["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise StripeError(message, code="payment_intent_unexpected_state", param="payment_intent")
    return charge


def _left(charge: Record) -> int:
    held = charge["amount_captured"] if charge["captured"] else charge["amount"]
    return int(held - charge["amount_refunded"])


def _check_refundable(store: Store, charge: Record) -> None:
    if charge["status"] != "succeeded":
        message = f"Charge {charge['id']} failed, so there is nothing to refund."
        raise StripeError(message, code="charge_not_refundable", param="charge")
    if charge["payment_intent"] and not charge["captured"]:
        message = (
            f"This uncaptured Charge was created by a PaymentIntent ({charge['payment_intent']}): "
            "cancel that PaymentIntent to release what it holds."
        )
        raise StripeError(message, param="charge")
    if not is_refundable(store, charge):
        message = f"Charge {charge['id']} has been charged back; cannot issue a refund."
        raise StripeError(message, code="charge_disputed", param="charge")
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(message, code="charge_already_refunded", param="charge")


def _check_amount(charge: Record, amount: int) -> None:
    if amount > _left(charge):
        asked, left = (amount_text(number, charge["currency"]) for number in (amount, _left(charge)))
        message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({left})"
        raise StripeError(message, param="amount")
    if not charge["captured"] and amount < charge["amount"]:
        message = "An uncaptured charge can only be refunded in full: capture a smaller amount instead."
        raise StripeError(message, param="amount")
    check_round(amount, charge["currency"])


def refund_charge(store: Store, charge: Record, amount: int, reason: str | None, metadata: Record) -> Record:
    """
    Give *amount* of *charge* back; for an uncaptured one this releases the hold, and no money is booked.

    The balance may fall below zero, as Stripe takes what is missing from the account's bank.
    """
    refund = store.add(_new_refund(store, charge, amount, reason, metadata))
    charge["amount_refunded"] += amount
    charge["refunded"] = _left(charge) == 0
    if charge["captured"]:
        text = _described("REFUND FOR CHARGE", charge)
        booked = record_transaction(store, refund, "refund", -amount, text)
        refund["balance_transaction"] = booked["id"]
        _plan_outcome(store, refund)
    emit(store, "refund.created", refund)
    emit(store, "charge.refunded", charge)
    return refund


def _described(what: str, charge: Record) -> str:
    return f"{what} ({charge['description']})" if charge["description"] else what


def _plan_outcome(store: Store, refund: Record) -> None:
    """
    With some cards the bank takes its time, or sends the money back: https://docs.stripe.com/testing#refunds
    """
    outcome = card_of(store.get("payment_method", refund["payment_method"])).refund
    if outcome == "pends":
        refund |= {"pending_reason": "processing", "status": "pending"}
        store.plan(store.now() + KNOWN_AFTER, "refund.succeed", refund["id"])
    elif outcome == "fails":
        store.plan(store.now() + KNOWN_AFTER, "refund.fail", refund["id"])


@due("refund.succeed")
def _succeed(store: Store, refund_id: str) -> None:
    """
    The bank of the customer has the money.
    """
    refund = store.get("refund", refund_id)
    refund |= {"pending_reason": None, "status": "succeeded"}
    emit(store, "refund.updated", refund)
    emit(store, "charge.refund.updated", refund)


@due("refund.fail")
def _fail(store: Store, refund_id: str) -> None:
    """
    The money comes back: https://docs.stripe.com/refunds#failed-refunds
    """
    refund = store.get("refund", refund_id)
    charge = store.get("charge", refund["charge"])
    text = _described("REFUND FAILURE", charge)
    returned = record_transaction(store, refund, "refund_failure", refund["amount"], text)
    refund |= {
        "failure_balance_transaction": returned["id"],
        "failure_reason": "expired_or_canceled_card",
        "status": "failed",
    }
    charge |= {"amount_refunded": charge["amount_refunded"] - refund["amount"], "refunded": False}
    for event in ("refund.failed", "refund.updated", "charge.refund.updated"):
        emit(store, event, refund)
    emit(store, "charge.updated", charge)


def _new_refund(store: Store, charge: Record, amount: int, reason: str | None, metadata: Record) -> Record:
    return {
        "id": store.new_id("re"),
        "object": "refund",
        "amount": amount,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": store.now(),
        "currency": charge["currency"],
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {
            "card": {
                "reference_status": "pending",
                "reference_type": "acquirer_reference_number",
                "type": "refund" if charge["captured"] else "reversal",
            },
            "type": "card",
        },
        "failure_balance_transaction": None,
        "metadata": metadata,
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "pending_reason": None,
        "reason": reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }


OPERATIONS = {
    "GET /v1/refunds": list_refunds,
    "POST /v1/refunds": create_refund,
    "GET /v1/refunds/{refund}": retrieve_refund,
}
