"""
PaymentIntents: a payment on its way, from no card to money taken.

Rule: an intent has at most one charge that succeeded, its `latest_charge`, and
`amount_received` is what was captured. https://docs.stripe.com/payments/paymentintents/lifecycle
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator import payment_methods
from stripe_mcp.simulator.confirmation import confirm_as_asked, declined
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import check_named, list_page, named
from stripe_mcp.simulator.metadata import merge_metadata, merge_shipping
from stripe_mcp.simulator.money import check_charge_amount
from stripe_mcp.simulator.search import search_page
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

PLAIN = (
    "allowed_payment_method_types",
    "capture_method",
    "confirmation_method",
    "description",
    "excluded_payment_method_types",
    "receipt_email",
    "setup_future_usage",
    "statement_descriptor",
    "statement_descriptor_suffix",
)


def list_payment_intents(store: Store, given: Record) -> Record:
    """
    GET /v1/payment_intents
    """
    check_named(store, given, "customer")
    where = named(given, "customer", "customer_account")
    return list_page(store, "payment_intent", "/v1/payment_intents", given, where)


def search_payment_intents(store: Store, given: Record) -> Record:
    """
    GET /v1/payment_intents/search
    """
    return search_page(store, "payment_intent", "/v1/payment_intents/search", given)


def retrieve_payment_intent(store: Store, given: Record) -> Record:
    """
    GET /v1/payment_intents/{intent}. With a client secret, it must be this intent's.
    """
    intent = store.get("payment_intent", given["intent"], "intent")
    if given.get("client_secret", intent["client_secret"]) != intent["client_secret"]:
        message = f"The client_secret provided does not match the PaymentIntent {intent['id']}."
        raise StripeError(message, code="payment_intent_invalid_parameter", param="client_secret")
    return intent


def create_payment_intent(store: Store, given: Record) -> Record:
    """
    POST /v1/payment_intents. No money moves unless `confirm` is true; then a card that declines is a 402.
    """
    check_charge_amount(given["amount"], given["currency"])
    _check_automatic(given)
    _check_confirm(given)
    customer, method = given.get("customer"), None
    if customer:
        store.get("customer", customer, "customer", status=400)
    if "payment_method" in given:
        payment_methods.check_allowed(given)
        method = payment_methods.resolve_for(store, given["payment_method"], customer)
    intent = add_payment_intent(
        store, given["amount"], given["currency"], customer=customer, **_fields(given, method)
    )
    emit(store, "payment_intent.created", intent)
    if given.get("confirm"):
        confirm_as_asked(store, intent, given)
        if intent["status"] == "requires_payment_method":
            raise declined(intent)
    return intent


def _check_confirm(given: Record) -> None:
    """
    A card is needed to confirm with; some parameters are about nothing else.
    """
    if given.get("confirm") and "payment_method" not in given:
        message = "You cannot confirm this PaymentIntent because it's missing a payment method."
        raise StripeError(message, code="payment_intent_unexpected_state", param="payment_method")
    for name in ("off_session", "return_url", "use_stripe_sdk"):
        if name in given and not given.get("confirm"):
            raise StripeError(f"{name} can only be given with confirm=true.", param=name)


def _check_automatic(given: Record) -> None:
    """
    Which payment methods there are is said in one way, or not at all.
    """
    automatic = given.get("automatic_payment_methods", {}).get("enabled", False)
    ways = [automatic, "allowed_payment_method_types" in given, "excluded_payment_method_types" in given]
    if sum(ways) > 1:
        message = (
            "You may only specify one of these parameters: automatic_payment_methods, "
            "allowed_payment_method_types, excluded_payment_method_types."
        )
        raise StripeError(message, code="parameters_exclusive", param="automatic_payment_methods")


def _fields(given: Record, method: Record | None) -> dict[str, Any]:
    fields = named(given, *PLAIN)
    fields["metadata"] = merge_metadata({}, given.get("metadata"))
    if "shipping" in given:
        fields["shipping"] = merge_shipping(None, given["shipping"])
    if "allowed_payment_method_types" in given:
        fields["payment_method_types"] = given["allowed_payment_method_types"]
        fields["automatic_payment_methods"] = None
    if "automatic_payment_methods" in given:
        fields["automatic_payment_methods"] = {"allow_redirects": "always"} | given[
            "automatic_payment_methods"
        ]
    if method:
        fields |= {"payment_method": method["id"], "status": "requires_confirmation"}
    return fields


def add_payment_intent(store: Store, amount: int, currency: str, **fields: Any) -> Record:
    """
    An intent as it is before anything happened to it, but for the *fields* given.
    """
    return store.add(_new_intent(store, store.new_id("pi"), amount, currency) | fields)


def _new_intent(store: Store, intent_id: str, amount: int, currency: str) -> Record:
    return {
        "id": intent_id,
        "object": "payment_intent",
        "allowed_payment_method_types": None,
        "amount": amount,
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": {"allow_redirects": "always", "enabled": True},
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": "automatic_async",
        "client_secret": f"{intent_id}_secret_{store.new_token(25)}",
        "confirmation_method": "automatic",
        "created": store.now(),
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": None,
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": store.livemode,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "payment_record": None,
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }


OPERATIONS = {
    "GET /v1/payment_intents": list_payment_intents,
    "POST /v1/payment_intents": create_payment_intent,
    "GET /v1/payment_intents/search": search_payment_intents,
    "GET /v1/payment_intents/{intent}": retrieve_payment_intent,
}
