"""
Customers: made, changed, deleted; who pays, and with what by default.

A deleted customer stays as a stub that says so, found by its id and in no list.
https://docs.stripe.com/api/customers
"""

from __future__ import annotations

import re

from stripe_mcp.simulator import payment_methods
from stripe_mcp.simulator.endings import cancel
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.expansion import includes
from stripe_mcp.simulator.lists import embed, list_page, named
from stripe_mcp.simulator.metadata import merge_address, merge_metadata, merge_shipping
from stripe_mcp.simulator.standing import ENDED, stop_collecting
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell

PLAIN = (
    "business_name",
    "description",
    "email",
    "individual_name",
    "invoice_prefix",
    "name",
    "next_invoice_sequence",
    "phone",
    "preferred_locales",
    "tax_exempt",
)
PREFIX = re.compile(r"[A-Z0-9]{3,12}")
DEFAULT_METHOD = "invoice_settings[default_payment_method]"


def list_customers(store: Store, given: Record) -> Record:
    """
    GET /v1/customers. An e-mail is compared exactly, case included.
    """
    return list_page(store, "customer", "/v1/customers", given, named(given, "email", "test_clock"))


def retrieve_customer(store: Store, given: Record) -> Record:
    """
    GET /v1/customers/{customer}; the stub of one that was deleted.
    """
    stub = store.deleted.get(given["customer"])
    return stub if stub and stub["object"] == "customer" else store.get("customer", given["customer"])


def create_customer(store: Store, given: Record) -> Record:
    """
    POST /v1/customers
    """
    default = _default_method(given)
    _check_prefix(store, given)
    method = (
        payment_methods.check_attachable(store, given["payment_method"])
        if "payment_method" in given
        else None
    )
    if default is not None and default != given.get("payment_method"):
        message = f"The new customer has no payment method {default}: give it as payment_method as well."
        raise StripeError(message, code="resource_missing", param=DEFAULT_METHOD)
    customer = add_customer(store)
    if method:
        payment_methods.attach(store, method, customer)
    _fill(store, customer, given, method["id"] if method and default else None)
    emit(store, "customer.created", customer)
    return customer


def update_customer(store: Store, given: Record) -> Record:
    """
    POST /v1/customers/{customer}
    """
    customer, default = store.get("customer", given["customer"]), _default_method(given)
    if default is not None:
        payment_methods.check_owned(store, default, customer, DEFAULT_METHOD)
    _check_prefix(store, given)
    _fill(store, customer, given, default)
    tell(store, "customer.updated", customer)
    return customer


def _check_prefix(store: Store, given: Record) -> None:
    """
    A prefix makes invoice numbers that no other customer's invoices have.
    """
    prefix = given.get("invoice_prefix")
    if prefix is None:
        return
    if not PREFIX.fullmatch(prefix):
        message = "An invoice_prefix has 3 to 12 characters, which are uppercase letters or numbers."
        raise StripeError(message, param="invoice_prefix")
    holders = {holder["id"] for holder in store.where("customer", {"invoice_prefix": prefix})}
    if holders - {given.get("customer")}:
        raise StripeError("This invoice_prefix is that of another customer.", param="invoice_prefix")


def _default_method(given: Record) -> str | None:
    named: str | None = given.get("invoice_settings", {}).get("default_payment_method")
    return named


def _fill(store: Store, customer: Record, given: Record, default: str | None) -> None:
    metadata = merge_metadata(customer["metadata"], given.get("metadata"))
    settings = given.get("invoice_settings", {}) | ({"default_payment_method": default} if default else {})
    customer["metadata"] = metadata
    customer["invoice_settings"] |= {name: value or None for name, value in settings.items()}
    for name, merge in (("address", merge_address), ("shipping", merge_shipping)):
        if name in given:
            customer[name] = merge(customer[name], given[name])
    for name in PLAIN:
        if name in given:
            customer[name] = given[name] or None
    customer["tax_exempt"] = customer["tax_exempt"] or "none"


def delete_customer(store: Store, given: Record) -> Record:
    """
    DELETE /v1/customers/{customer}: for good. Subscriptions are canceled at once and without a credit;
    invoices stay, and nobody collects them any more.
    """
    customer = store.get("customer", given["customer"])
    for subscription in store.where("subscription", {"customer": customer["id"]}):
        if subscription["status"] not in ENDED:
            cancel(store, subscription, {})
    stop_collecting(store, {"customer": customer["id"]})
    payment_methods.detach_all(store, customer["id"])
    stub = store.delete(customer)
    emit(store, "customer.deleted", customer)
    return stub


def add_customer(store: Store) -> Record:
    """
    A customer of whom nothing is known yet.
    """
    return store.add(
        {
            "id": store.new_id("cus", 14),
            "object": "customer",
            "address": None,
            "balance": 0,
            "created": store.now(),
            "currency": None,
            "customer_account": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "discount": None,
            "email": None,
            "invoice_prefix": store.new_token(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": store.livemode,
            "metadata": {},
            "name": None,
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": None,
        }
    )


@includes("customer", "subscriptions")
def _subscriptions(store: Store, customer: Record) -> Record:
    """
    Those that run, as a list of subscriptions would show them.
    """
    found = [
        subscription
        for subscription in store.where("subscription", {"customer": customer["id"]})
        if subscription["status"] not in ENDED
    ]
    return embed(found, f"/v1/customers/{customer['id']}/subscriptions")


@includes("customer", "sources")
def _sources(store: Store, customer: Record) -> Record:
    """
    The older kind of cards, of which the simulator makes none.
    """
    return embed([], f"/v1/customers/{customer['id']}/sources")


@includes("customer", "tax_ids")
def _tax_ids(store: Store, customer: Record) -> Record:
    return embed([], f"/v1/customers/{customer['id']}/tax_ids")


@includes("customer", "invoice_credit_balance")
def _invoice_credit_balance(store: Store, customer: Record) -> Record:
    """
    The balance by currency; all of it is in the customer's own.
    """
    return {customer["currency"]: customer["balance"]} if customer["balance"] else {}


@includes("customer", "cash_balance")
def _cash_balance(store: Store, customer: Record) -> Record:
    """
    Money that came by bank transfer, which the simulator does not know: there is none.
    """
    return {
        "object": "cash_balance",
        "available": None,
        "customer": customer["id"],
        "customer_account": None,
        "livemode": store.livemode,
        "settings": {"reconciliation_mode": "automatic", "using_merchant_default": True},
    }


@includes("customer", "tax")
def _tax(store: Store, customer: Record) -> Record:
    """
    Where the customer would be taxed, by an account that is registered for taxes nowhere.
    """
    address = customer["address"] or {"country": None}
    known = {"country": address["country"], "source": "billing_address", "state": address.get("state")}
    return {
        "automatic_tax": "not_collecting" if address["country"] else "unrecognized_location",
        "ip_address": None,
        "location": known if address["country"] else None,
        "provider": "stripe",
    }


OPERATIONS = {
    "GET /v1/customers": list_customers,
    "POST /v1/customers": create_customer,
    "GET /v1/customers/{customer}": retrieve_customer,
    "POST /v1/customers/{customer}": update_customer,
    "DELETE /v1/customers/{customer}": delete_customer,
}
