"""
Refunds: money given back, never more than is left of a charge.

https://docs.stripe.com/api/refunds
"""

from __future__ import annotations

from stripe_mcp.simulator.balance import record_transaction
from stripe_mcp.simulator.errors import StripeError, missing_parameter
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import check_named, list_page, named
from stripe_mcp.simulator.money import amount_text
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record


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
    _check_refund(charge, amount)
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
    if intent["status"] != "succeeded":
        message = f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund."
        raise StripeError(message, code="payment_intent_unexpected_state", param="payment_intent")
    return store.get("charge", intent["latest_charge"])


def _left(charge: Record) -> int:
    held = charge["amount_captured"] if charge["captured"] else charge["amount"]
    return int(held - charge["amount_refunded"])


def _check_refund(charge: Record, amount: int) -> None:
    if charge["refunded"]:
        message = f"Charge {charge['id']} has already been refunded."
        raise StripeError(message, code="charge_already_refunded", param="charge")
    if charge["status"] != "succeeded":
        message = f"Charge {charge['id']} failed, so there is nothing to refund."
        raise StripeError(message, code="charge_not_refundable", param="charge")
    if amount > _left(charge):
        asked, left = (amount_text(number, charge["currency"]) for number in (amount, _left(charge)))
        message = f"Refund amount ({asked}) is greater than unrefunded amount on charge ({left})"
        raise StripeError(message, code="amount_too_large", param="amount")
    if not charge["captured"] and amount < charge["amount"]:
        message = "An uncaptured charge can only be refunded in full: capture a smaller amount instead."
        raise StripeError(message, param="amount")


def refund_charge(store: Store, charge: Record, amount: int, reason: str | None, metadata: Record) -> Record:
    """
    Give *amount* of *charge* back; for an uncaptured one this releases the hold, and no money is booked.
    """
    refund = store.add(_new_refund(store, charge, amount, reason, metadata))
    charge["amount_refunded"] += amount
    charge["refunded"] = charge["amount_refunded"] >= (charge["amount_captured"] or charge["amount"])
    if charge["captured"]:
        booked = refund | {"description": "REFUND FOR CHARGE"}
        refund["balance_transaction"] = record_transaction(store, booked, "refund", -amount)["id"]
    emit(store, "charge.refunded", charge)
    emit(store, "refund.created", refund)
    return refund


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
