"""
Charges: money taken, or held until it is captured.

Rule: captured money is booked once, at capture, with its fee. What a capture
leaves is released and is not a refund (since 2025-03-31). What is held has to be
captured within seven days.
https://docs.stripe.com/api/charges, https://docs.stripe.com/payments/place-a-hold-on-a-payment-method
"""

from __future__ import annotations

from stripe_mcp.simulator.account import account_of
from stripe_mcp.simulator.balance import record_charge
from stripe_mcp.simulator.cards import Card, Decline, card_of
from stripe_mcp.simulator.disputes import open_dispute
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.expansion import includes
from stripe_mcp.simulator.lists import check_named, embed, list_page, named
from stripe_mcp.simulator.money import amount_text, check_charge_amount
from stripe_mcp.simulator.periods import DAY
from stripe_mcp.simulator.search import search_page
from stripe_mcp.simulator.store import Store, snapshot
from stripe_mcp.simulator.table import Record

HELD_FOR = 7 * DAY  # seconds
RISK_SCORES = {"normal": 12, "elevated": 68, "highest": 85}
BLOCKED = "Stripe blocked this payment as too risky."
SILENT = "The bank did not return any further details with this decline."


def list_charges(store: Store, given: Record) -> Record:
    """
    GET /v1/charges
    """
    check_named(store, given, "customer", "payment_intent")
    where = named(given, "customer", "payment_intent", "transfer_group")
    return list_page(store, "charge", "/v1/charges", given, where)


def search_charges(store: Store, given: Record) -> Record:
    """
    GET /v1/charges/search
    """
    return search_page(store, "charge", "/v1/charges/search", given)


def retrieve_charge(store: Store, given: Record) -> Record:
    """
    GET /v1/charges/{charge}
    """
    return store.get("charge", given["charge"])


def capture_charge(store: Store, given: Record) -> Record:
    """
    POST /v1/charges/{charge}/capture: all that is held, or the *amount* given and the rest is released.
    """
    charge = retrieve_charge(store, given)
    amount: int = given.get("amount") or charge["amount"]
    _check_capturable(store, charge)
    _check_amount(charge, amount)
    for name in ("receipt_email", "statement_descriptor", "statement_descriptor_suffix"):
        if name in given:
            charge[name] = given[name]
    take(store, charge, amount, "charge.captured")
    return charge


def _check_capturable(store: Store, charge: Record) -> None:
    if charge["payment_intent"]:
        raise StripeError(
            f"Charge {charge['id']} was made by the PaymentIntent {charge['payment_intent']}: "
            "capture that PaymentIntent, not the charge.",
            param="charge",
        )
    if charge["captured"]:
        message = f"Charge {charge['id']} has already been captured."
        raise StripeError(message, code="charge_already_captured", param="charge")
    if charge["status"] != "succeeded":
        raise StripeError(f"Charge {charge['id']} failed, so it cannot be captured.", param="charge")
    if charge["payment_method_details"]["card"]["capture_before"] <= store.now():
        message = f"Charge {charge['id']} has expired: it had to be captured within 7 days. Make a new one."
        raise StripeError(message, code="charge_expired_for_capture", param="charge")
    if charge["refunded"]:
        message = f"Charge {charge['id']} has been refunded, so nothing is left to capture."
        raise StripeError(message, code="charge_already_refunded", param="charge")


def _check_amount(charge: Record, amount: int) -> None:
    if amount > charge["amount"]:
        held = amount_text(charge["amount"], charge["currency"])
        message = f"You cannot capture more than the {held} that charge {charge['id']} holds."
        raise StripeError(message, code="amount_too_large", param="amount")
    check_charge_amount(amount, charge["currency"])


def take(store: Store, charge: Record, amount: int, event: str) -> None:
    """
    Capture *amount* of *charge*, book it, and tell it by *event*; some cards dispute it at once.
    """
    card = card_of(store.get("payment_method", charge["payment_method"]))
    charge |= {"captured": True, "amount_captured": amount}
    booked = record_charge(store, charge, amount, at_once=card.bypasses_pending)
    charge["balance_transaction"] = booked["id"]
    emit(store, event, charge)
    if card.dispute:
        open_dispute(store, charge, card)


def place_charge(
    store: Store,
    amount: int,
    currency: str,
    method: Record,
    decline: Decline | None = None,
    three_d_secure: Record | None = None,
    **fields: object,
) -> Record:
    """
    Charge the card *method*, and capture unless `captured=False` is among the *fields*.

    With a *decline* the charge has the status `failed`. What its owner did to authenticate it
    is in *three_d_secure*.
    """
    charge = store.add(_new_charge(store, amount, currency, method) | fields)
    details = charge["payment_method_details"]["card"]
    details["three_d_secure"] = three_d_secure
    if decline:
        details["amount_authorized"] = None
        charge |= _failure(decline, card_of(method))
        emit(store, "charge.failed", charge)
    elif charge["captured"]:
        take(store, charge, amount, "charge.succeeded")
    else:
        details["capture_before"] = store.now() + HELD_FOR
        store.plan(store.now() + HELD_FOR, "charge.expire", charge["id"])
        emit(store, "charge.succeeded", charge)
    return charge


def _failure(decline: Decline, card: Card) -> Record:
    blocked = card.risk_level == "highest"
    if blocked:
        outcome = _outcome(card, "not_sent_to_network", "blocked", BLOCKED)
    else:
        told = f"The bank returned the decline code `{decline.reason}`."
        silent = decline.reason == "generic_decline"
        outcome = _outcome(card, "declined_by_network", "issuer_declined", SILENT if silent else told)
    reason = "highest_risk_level" if blocked else decline.reason
    said = {name: value for name, value in decline.said().items() if name in outcome}
    return {
        "captured": False,
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": outcome | said | {"reason": reason},
        "paid": False,
        "receipt_url": None,
        "status": "failed",
    }


def _outcome(card: Card, network: str, kind: str, message: str) -> Record:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": None,
        "risk_level": card.risk_level,
        "risk_score": RISK_SCORES[card.risk_level],
        "seller_message": message,
        "type": kind,
    }


def _new_charge(store: Store, amount: int, currency: str, method: Record) -> Record:
    return {
        "id": store.new_id("ch"),
        "object": "charge",
        "amount": amount,
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": snapshot(method["billing_details"]),
        "calculated_statement_descriptor": account_of(store)["business_profile"]["name"].upper(),
        "captured": True,
        "created": store.now(),
        "currency": currency,
        "customer": method["customer"],
        "description": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": store.livemode,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": _outcome(card_of(method), "approved_by_network", "authorized", "Payment complete."),
        "paid": True,
        "payment_intent": None,
        "payment_method": method["id"],
        "payment_method_details": _details(store, amount, method),
        "radar_options": {},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": f"https://pay.stripe.example.com/receipts/{store.new_token(20)}",
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "succeeded",
        "transfer": None,
        "transfer_data": None,
        "transfer_group": None,
    }


def _details(store: Store, amount: int, method: Record) -> Record:
    card = method["card"]
    shown = ("brand", "checks", "country", "exp_month", "exp_year", "fingerprint", "funding", "last4")
    details = {name: snapshot(card[name]) for name in shown} | {
        "amount_authorized": amount,
        "authorization_code": store.new_token(6).upper(),
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": card["brand"],
        "network_token": {"used": False},
        "overcapture": {"maximum_amount_capturable": amount, "status": "unavailable"},
        "regulated_status": card["regulated_status"],
        "three_d_secure": None,
        "wallet": None,
    }
    details["checks"]["cvc_check"] = "pass"
    return {"card": details, "type": "card"}


@includes("charge", "refunds")
def _refunds(store: Store, charge: Record) -> Record:
    found = store.where("refund", {"charge": charge["id"]})
    return embed(found, f"/v1/charges/{charge['id']}/refunds")


OPERATIONS = {
    "GET /v1/charges": list_charges,
    "GET /v1/charges/search": search_charges,
    "GET /v1/charges/{charge}": retrieve_charge,
    "POST /v1/charges/{charge}/capture": capture_charge,
}
