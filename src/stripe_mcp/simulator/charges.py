"""
Charges: money taken, or held until it is captured.

Rule: captured money is booked once, at capture, with its fee. What a capture
leaves is released and is not a refund (since 2025-03-31).
https://docs.stripe.com/api/charges
"""

from __future__ import annotations

from stripe_mcp.simulator.balance import record_transaction
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.expansion import includes
from stripe_mcp.simulator.lists import check_named, embed, list_page, named
from stripe_mcp.simulator.money import amount_text
from stripe_mcp.simulator.payment_methods import is_declining
from stripe_mcp.simulator.search import search_page
from stripe_mcp.simulator.store import Store, snapshot
from stripe_mcp.simulator.table import Record

DECLINED = "Your card was declined."


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
    return store.get("charge", given["charge"], "charge")


def capture_charge(store: Store, given: Record) -> Record:
    """
    POST /v1/charges/{charge}/capture: all that is held, or the *amount* given and the rest is released.
    """
    charge = retrieve_charge(store, given)
    amount: int = given.get("amount") or charge["amount"]
    _check_capture(charge, amount)
    for name in ("receipt_email", "statement_descriptor", "statement_descriptor_suffix"):
        if name in given:
            charge[name] = given[name]
    take(store, charge, amount)
    emit(store, "charge.captured", charge)
    return charge


def _check_capture(charge: Record, amount: int) -> None:
    if charge["payment_intent"]:
        raise StripeError(
            f"Charge {charge['id']} was made by the PaymentIntent {charge['payment_intent']}: "
            "capture that PaymentIntent, not the charge.",
            param="charge",
        )
    if charge["refunded"]:
        message = f"Charge {charge['id']} has been refunded, so nothing is left to capture."
        raise StripeError(message, code="charge_already_refunded", param="charge")
    if charge["captured"]:
        message = f"Charge {charge['id']} has already been captured."
        raise StripeError(message, code="charge_already_captured", param="charge")
    if charge["status"] != "succeeded":
        raise StripeError(f"Charge {charge['id']} failed, so it cannot be captured.", param="charge")
    if amount > charge["amount"]:
        held = amount_text(charge["amount"], charge["currency"])
        message = f"You cannot capture more than the {held} that charge {charge['id']} holds."
        raise StripeError(message, code="amount_too_large", param="amount")


def take(store: Store, charge: Record, amount: int) -> None:
    """
    Capture *amount* of *charge* and book it.
    """
    charge["captured"] = True
    charge["amount_captured"] = amount
    charge["balance_transaction"] = record_transaction(store, charge, "charge", amount)["id"]


def place_charge(store: Store, amount: int, currency: str, method: Record, **fields: object) -> Record:
    """
    Charge the card *method*, and capture unless `captured=False` is among the *fields*.

    A card that declines gives a charge with status `failed`, not an error.
    """
    charge = store.add(_new_charge(store, amount, currency, method) | fields)
    decline = is_declining(store, method["id"])
    if decline:
        charge |= _failure(decline)
        emit(store, "charge.failed", charge)
        return charge
    if charge["captured"]:
        take(store, charge, amount)
    emit(store, "charge.succeeded", charge)
    return charge


def _failure(decline: str) -> Record:
    return {
        "captured": False,
        "failure_code": "card_declined",
        "failure_message": DECLINED,
        "outcome": _outcome("declined_by_network", "issuer_declined", DECLINED) | {"reason": decline},
        "paid": False,
        "status": "failed",
    }


def _outcome(network: str, kind: str, message: str) -> Record:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": None,
        "risk_level": "normal",
        "risk_score": 12,
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
        "calculated_statement_descriptor": "PINE STREET COFFEE",
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
        "outcome": _outcome("approved_by_network", "authorized", "Payment complete."),
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
    return {
        "card": {name: snapshot(card[name]) for name in shown}
        | {
            "amount_authorized": amount,
            "authorization_code": store.new_token(6).upper(),
            "installments": None,
            "mandate": None,
            "network": card["brand"],
            "three_d_secure": None,
            "wallet": None,
        },
        "type": "card",
    }


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
