"""
Holds that come to nothing: let go by whoever placed them, or expired after seven days.

Rule: a PaymentIntent's hold is released without a refund (since 2025-03-31); a charge that
has no PaymentIntent is marked as refunded. No money is booked.
https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
"""

from __future__ import annotations

from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.refunds import refund_charge
from stripe_mcp.simulator.store import Store, due
from stripe_mcp.simulator.table import Record


def cancel(store: Store, intent: Record, reason: str | None) -> None:
    """
    End *intent* for good, whatever it was waiting for.
    """
    intent |= {
        "amount_capturable": 0,
        "canceled_at": store.now(),
        "cancellation_reason": reason,
        "next_action": None,
        "status": "canceled",
    }
    emit(store, "payment_intent.canceled", intent)


@due("charge.expire")
def _expire(store: Store, charge_id: str) -> None:
    """
    The seven days in which a hold had to be captured are over.
    """
    charge = store.get("charge", charge_id)
    intent = store.find("payment_intent", charge["payment_intent"] or "")
    if intent and intent["status"] == "requires_capture":
        emit(store, "charge.expired", charge)
        cancel(store, intent, "expired")
    elif intent is None and not charge["captured"] and not charge["refunded"]:
        refund_charge(store, charge, charge["amount"], "expired_uncaptured_charge", {})
        emit(store, "charge.expired", charge)
