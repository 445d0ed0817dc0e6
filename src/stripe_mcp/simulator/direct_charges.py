"""
Charges made directly, without a PaymentIntent: the older way to take money.

Rule: there has to be a `source`, a test token or a card's id; with a customer it
is one of the customer's own cards. Without one Stripe would take the customer's
`default_source`, which nobody has here; `invoice_settings.default_payment_method`
is for invoices, and not looked at. https://docs.stripe.com/api/charges/create
"""

from __future__ import annotations

from stripe_mcp.simulator.cards import AUTHENTICATION_REQUIRED, TOKEN_PREFIX, add_card, card_of
from stripe_mcp.simulator.charges import place_charge
from stripe_mcp.simulator.errors import StripeError, missing_parameter
from stripe_mcp.simulator.lists import named
from stripe_mcp.simulator.metadata import merge_metadata, merge_shipping
from stripe_mcp.simulator.money import check_charge_amount
from stripe_mcp.simulator.payment_methods import (
    asks_owner,
    card_named_by_token,
    resolve,
)
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

PLAIN = ("description", "receipt_email", "statement_descriptor", "statement_descriptor_suffix")


def create_charge(store: Store, given: Record) -> Record:
    """
    POST /v1/charges. A card that declines leaves a charge that failed, and the answer is a 402.
    """
    for name in ("amount", "currency"):
        if name not in given:
            raise missing_parameter(name)
    check_charge_amount(given["amount"], given["currency"])
    method = _card_to_charge(store, given)
    nobody_there = asks_owner(store, method, off_session=True)
    decline = AUTHENTICATION_REQUIRED if nobody_there else card_of(method).decline
    captured = given.get("capture", True)
    charge = place_charge(
        store, given["amount"], given["currency"], method, decline, captured=captured, **_fields(given)
    )
    if decline:
        raise decline.error(charge=charge["id"])
    return charge


def _fields(given: Record) -> Record:
    fields = named(given, *PLAIN)
    fields["metadata"] = merge_metadata({}, given.get("metadata"))
    if "shipping" in given:
        fields["shipping"] = merge_shipping(None, given["shipping"])
    return fields


def _card_to_charge(store: Store, given: Record) -> Record:
    """
    The card that *given* names, of the customer if there is one.
    """
    customer, source = given.get("customer"), given.get("source")
    if customer:
        store.get("customer", customer, "customer", status=400)
        return _card_of(store, customer, source)
    if source is None:
        raise missing_parameter("source", "Must provide source or customer.")
    method = _card_named(store, source)
    if method["customer"]:
        message = f"The card {source} belongs to a customer: name that customer as well to charge it."
        raise StripeError(message, param="source")
    return method


def _card_of(store: Store, customer: str, source: str | None) -> Record:
    if source is None:
        message = f"Customer {customer} has no default source, so a source is needed to charge them."
        raise StripeError(message, status=402, kind="card_error", code="missing", param="card")
    method = store.find("payment_method", source)
    if method is None or method["customer"] != customer:
        message = f"Customer {customer} does not have a linked source with ID {source}."
        raise StripeError(message, status=404, code="missing", param="source")
    return method


def _card_named(store: Store, source: str) -> Record:
    """
    The card behind a token, an id, or the name of a test card.
    """
    if source.startswith(TOKEN_PREFIX):
        return add_card(store, card_named_by_token(source, "source"))
    return resolve(store, source, "source")


OPERATIONS = {"POST /v1/charges": create_charge}
