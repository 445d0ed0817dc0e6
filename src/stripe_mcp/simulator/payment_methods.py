"""
Payment methods: cards, whose they are, and Stripe's test cards.

Rule: a card belongs to one customer at most, and a detached one never comes
back. https://docs.stripe.com/api/payment_methods, https://docs.stripe.com/testing
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import list_page, named
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

# Test payment methods by name: brand, last four digits.
TEST_CARDS = {
    "pm_card_visa": ("visa", "4242"),
    "pm_card_visa_debit": ("visa", "5556"),
    "pm_card_mastercard": ("mastercard", "4444"),
    "pm_card_amex": ("amex", "8431"),
    "pm_card_chargeCustomerFail": ("visa", "0341"),
}
# Cards that attach and then decline every charge, by last four digits.
DECLINING = {"0341": "generic_decline"}

YEAR = 31_556_952  # seconds


def list_payment_methods(store: Store, given: Record) -> Record:
    """
    GET /v1/customers/{customer}/payment_methods
    """
    store.get("customer", given["customer"], "customer")
    return list_page(
        store,
        "payment_method",
        f"/v1/customers/{given['customer']}/payment_methods",
        given,
        named(given, "customer", "type", "allow_redisplay"),
    )


def retrieve_payment_method(store: Store, given: Record) -> Record:
    """
    GET /v1/payment_methods/{payment_method}
    """
    return store.get("payment_method", given["payment_method"], "payment_method")


def detach_payment_method(store: Store, given: Record) -> Record:
    """
    POST /v1/payment_methods/{payment_method}/detach
    """
    method = retrieve_payment_method(store, given)
    if method["customer"] is None:
        message = "The payment method is not attached to a customer, so it cannot be detached."
        raise StripeError(message, param="payment_method")
    _detach(store, method)
    return method


def _detach(store: Store, method: Record) -> None:
    """
    Take the card from its customer, who may have had it as the default.
    """
    customer = store.get("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
    method["customer"] = None
    emit(store, "payment_method.detached", method)


def detach_all(store: Store, customer_id: str) -> None:
    """
    What happens to the cards of a customer who goes.
    """
    for method in store.where("payment_method", {"customer": customer_id}):
        _detach(store, method)


def resolve(store: Store, named: str) -> Record:
    """
    The payment method that *named* is: one of the account's, or a new one from a test card's name.

    Raises:
        StripeError: 400, there is none.
    """
    if named in TEST_CARDS:
        return add_card(store, *TEST_CARDS[named])
    return store.get("payment_method", named, "payment_method", status=400)


def resolve_for(store: Store, named: str, customer_id: str | None) -> Record:
    """
    As `resolve`, for use with a customer: a card of somebody else is refused.
    """
    method = resolve(store, named)
    if method["customer"] not in (None, customer_id):
        message = f"The payment method {method['id']} belongs to another customer and cannot be used here."
        raise StripeError(message, param="payment_method")
    return method


def check_owned(store: Store, named: str, customer: Record, param: str) -> None:
    """
    Refuse as a default what is not a card of the customer's own.

    Raises:
        StripeError: 400, there is no such card, or it is not theirs.
    """
    if store.get("payment_method", named, param, status=400)["customer"] != customer["id"]:
        message = f"The customer does not have a payment method with the ID {named}: attach it first."
        raise StripeError(message, code="resource_missing", param=param)


def check_attachable(store: Store, named: str) -> Record:
    """
    As `resolve`, for a card that a customer is to get.

    Raises:
        StripeError: It has, or had, an owner.
    """
    method = resolve(store, named)
    if method["customer"] is not None or named not in TEST_CARDS:
        message = "This payment method was used or detached before, or is attached to a customer already."
        raise StripeError(message, param="payment_method")
    return method


def attach(store: Store, method: Record, customer: Record) -> None:
    """
    Give the card to the customer.
    """
    method["customer"] = customer["id"]
    emit(store, "payment_method.attached", method)


def is_declining(store: Store, method_id: str) -> str | None:
    """
    The decline code that every charge to this card meets, if it is such a card.
    """
    return DECLINING.get(store.get("payment_method", method_id)["card"]["last4"])


def add_card(store: Store, brand: str, last4: str, **billing: Any) -> Record:
    """
    A new card that is nobody's yet; it expires in about three years.
    """
    return store.add(
        {
            "id": store.new_id("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(**billing),
            "card": _card(store, brand, last4),
            "created": store.now(),
            "customer": None,
            "customer_account": None,
            "livemode": store.livemode,
            "metadata": {},
            "radar_options": {},
            "type": "card",
        }
    )


def billing_details(name: str | None = None, email: str | None = None, country: str = "US") -> Record:
    """
    Who a card says that its owner is.
    """
    address = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))
    address["country"] = country
    return {"address": address, "email": email, "name": name, "phone": None, "tax_id": None}


def _card(store: Store, brand: str, last4: str) -> Record:
    return {
        "brand": brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": brand,
        "exp_month": 8,
        "exp_year": 1970 + store.now() // YEAR + 3,
        "fingerprint": store.new_token(16),
        "funding": "credit",
        "generated_from": None,
        "last4": last4,
        "networks": {"available": [brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }


OPERATIONS = {
    "GET /v1/customers/{customer}/payment_methods": list_payment_methods,
    "GET /v1/payment_methods/{payment_method}": retrieve_payment_method,
    "POST /v1/payment_methods/{payment_method}/detach": detach_payment_method,
}
