"""
What is done to a PaymentIntent once it is there: confirmed, authenticated, captured, canceled.

Rule: what does not fit its status is refused, and the refusal shows the intent; an invoice
that the intent pays is told what came of it.
https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

from stripe_mcp.simulator import confirmation, holds, payment_methods
from stripe_mcp.simulator.charges import take
from stripe_mcp.simulator.collection import follow
from stripe_mcp.simulator.confirmation import confirm_as_asked, declined, unexpected
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.metadata import merge_metadata, merge_shipping
from stripe_mcp.simulator.money import check_charge_amount
from stripe_mcp.simulator.store import NOBODY, Store
from stripe_mcp.simulator.table import Record

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
CANCELABLE = (
    "requires_payment_method",
    "requires_capture",
    "requires_confirmation",
    "requires_action",
    "processing",
)


def confirm_payment_intent(store: Store, given: Record) -> Record:
    """
    POST /v1/payment_intents/{intent}/confirm: a card that declines is a 402.
    """
    intent = _find(store, given)
    if intent["status"] not in CONFIRMABLE:
        raise unexpected(intent, _wrong_status(intent, "confirmed", CONFIRMABLE))
    if given.get("capture_method") and _is_invoices(store, intent):
        message = "The capture method of a PaymentIntent that pays an invoice cannot be changed."
        raise StripeError(message, param="capture_method", payment_intent=intent)
    named: str | None = given.get("payment_method") or intent["payment_method"]
    if named is None:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise unexpected(intent, message)
    payment_methods.check_allowed(intent)
    intent["payment_method"] = payment_methods.resolve_for(store, named, intent["customer"])["id"]
    _take_over(intent, given)
    confirm_as_asked(store, intent, given)
    follow(store, intent)
    if intent["status"] == "requires_payment_method":
        raise declined(intent)
    return intent


def _take_over(intent: Record, given: Record) -> None:
    """
    What can still be said of a payment when it is confirmed.
    """
    for name in ("capture_method", "receipt_email", "setup_future_usage"):
        if name in given:
            intent[name] = given[name] or None
    if "shipping" in given:
        intent["shipping"] = merge_shipping(intent["shipping"], given["shipping"])


def authenticate(store: Store, intent_id: str, *, succeeds: bool) -> Record:
    """
    Let the owner of the card do what a browser would ask for, and give back the intent; no request does it.

    Raises:
        StripeError: There is no such intent, or it does not wait for that.
    """
    intent = store.get("payment_intent", intent_id, "payment_intent")
    store.request = NOBODY
    confirmation.authenticate(store, intent, succeeds=succeeds)
    if intent["status"] != "requires_confirmation":
        follow(store, intent)
    return intent


def capture_payment_intent(store: Store, given: Record) -> Record:
    """
    POST /v1/payment_intents/{intent}/capture: all, or *amount_to_capture* and the rest is released.
    """
    intent = _find(store, given)
    amount: int = given.get("amount_to_capture") or intent["amount_capturable"]
    _check_capture(intent, amount, final=given.get("final_capture", True))
    charge = store.get("charge", intent["latest_charge"])
    intent["metadata"] = merge_metadata(intent["metadata"], given.get("metadata"))
    for name in ("statement_descriptor", "statement_descriptor_suffix"):
        if name in given:
            intent[name] = charge[name] = given[name]
    take(store, charge, amount, "charge.captured")
    intent |= {"amount_capturable": 0, "amount_received": amount, "status": "succeeded"}
    emit(store, "payment_intent.succeeded", intent)
    return intent


def _check_capture(intent: Record, amount: int, *, final: bool) -> None:
    if intent["status"] == "succeeded":
        message = "Nothing is left to capture: what this PaymentIntent held was captured or released."
        raise unexpected(intent, message)
    if intent["status"] != "requires_capture":
        raise unexpected(intent, _wrong_status(intent, "captured", ("requires_capture",)))
    if not final:
        message = "Multicapture is not available for this payment, so every capture is the final one."
        raise StripeError(message, param="final_capture", payment_intent=intent)
    if amount > intent["amount_capturable"]:
        message = "The amount to capture is greater than what this PaymentIntent holds."
        raise StripeError(message, code="amount_too_large", payment_intent=intent)
    check_charge_amount(amount, intent["currency"], "amount_to_capture")


def cancel_payment_intent(store: Store, given: Record) -> Record:
    """
    POST /v1/payment_intents/{intent}/cancel: a hold is released.
    """
    intent = _find(store, given)
    if intent["status"] not in CANCELABLE:
        raise unexpected(intent, _wrong_status(intent, "canceled", CANCELABLE))
    if _is_invoices(store, intent):
        message = "This PaymentIntent pays an invoice: to cancel it, void the invoice."
        raise StripeError(message, payment_intent=intent)
    holds.cancel(store, intent, given.get("cancellation_reason"))
    return intent


def _find(store: Store, given: Record) -> Record:
    return store.get("payment_intent", given["intent"], "intent")


def _is_invoices(store: Store, intent: Record) -> bool:
    return bool(store.where("invoice_payment", {"payment.payment_intent": intent["id"]}))


def _wrong_status(intent: Record, done: str, allowed: tuple[str, ...]) -> str:
    return (
        f"This PaymentIntent could not be {done} because it has a status of {intent['status']}. "
        f"Only a PaymentIntent with one of the following statuses may be {done}: {', '.join(allowed)}."
    )


OPERATIONS = {
    "POST /v1/payment_intents/{intent}/cancel": cancel_payment_intent,
    "POST /v1/payment_intents/{intent}/capture": capture_payment_intent,
    "POST /v1/payment_intents/{intent}/confirm": confirm_payment_intent,
}
