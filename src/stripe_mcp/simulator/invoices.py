"""
Invoices: draft, then open with a number, then paid or void.

Rule: only a draft gets lines and sums; what follows is in `collection`.
https://docs.stripe.com/invoicing/overview
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.account import COUNTRY, NAME
from stripe_mcp.simulator.billing import default_method, due_date, own_method, paying_customer
from stripe_mcp.simulator.collection import finalize, pay
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lines import decide_currency, take_pending_items
from stripe_mcp.simulator.lists import check_named, embed, list_page, named, within
from stripe_mcp.simulator.metadata import merge_metadata, merge_shipping
from stripe_mcp.simulator.search import search_page
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

FINALIZES_AFTER = 3_600  # seconds that an automatic draft stays one
PLAIN = ("custom_fields", "description", "effective_at", "footer", "number", "statement_descriptor")


def list_invoices(store: Store, given: Record) -> Record:
    """
    GET /v1/invoices
    """
    check_named(store, given, "customer", "subscription")
    where = named(given, "collection_method", "customer", "customer_account", "status")
    if "subscription" in given:
        where["parent.subscription_details.subscription"] = given["subscription"]
    return list_page(
        store,
        "invoice",
        "/v1/invoices",
        given,
        where,
        lambda invoice: "due_date" not in given or within(invoice["due_date"], given["due_date"]),
    )


def search_invoices(store: Store, given: Record) -> Record:
    """
    GET /v1/invoices/search
    """
    return search_page(store, "invoice", "/v1/invoices/search", given)


def retrieve_invoice(store: Store, given: Record) -> Record:
    """
    GET /v1/invoices/{invoice}
    """
    return store.get("invoice", given["invoice"], "invoice")


def create_invoice(store: Store, given: Record) -> Record:
    """
    POST /v1/invoices: a draft, empty unless pending items are included.
    """
    customer = paying_customer(store, given)
    due = due_date(store, given, customer)
    fields = {name: given[name] or None for name in PLAIN if name in given}
    fields["metadata"] = merge_metadata({}, given.get("metadata"))
    if "shipping_details" in given:
        fields["shipping_details"] = merge_shipping(None, given["shipping_details"])
    method = own_method(store, given, customer)
    invoice = add_invoice(
        store,
        customer,
        given.get("currency") or customer["currency"] or "usd",
        auto_advance=given.get("auto_advance", False),
        collection_method=given.get("collection_method", "charge_automatically"),
        default_payment_method=method,
        due_date=due,
        **fields,
    )
    if given.get("pending_invoice_items_behavior") == "include":
        take_pending_items(store, invoice)
    emit(store, "invoice.created", invoice)
    return invoice


def finalize_invoice(store: Store, given: Record) -> Record:
    """
    POST /v1/invoices/{invoice}/finalize. An automatic one is charged if there is a card.
    """
    invoice = retrieve_invoice(store, given)
    if invoice["status"] != "draft":
        message = "This invoice is already finalized, you can't re-finalize a non-draft invoice."
        raise StripeError(message, code="invoice_not_editable", param="invoice")
    invoice["auto_advance"] = given.get("auto_advance", invoice["auto_advance"])
    finalize(store, invoice)
    method = invoice["default_payment_method"] or default_method(store, invoice["customer"])
    automatic = invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically"
    if invoice["status"] == "open" and automatic and method:
        pay(store, invoice, method)
    return invoice


def subscription_of(invoice: Record) -> str | None:
    """
    The id of the subscription that an invoice bills, which stands in its `parent`.
    """
    parent = invoice["parent"]
    subscription: str | None = parent["subscription_details"]["subscription"] if parent else None
    return subscription


def add_invoice(store: Store, customer: Record, currency: str, **fields: Any) -> Record:
    """
    A draft without lines. The first one decides the customer's currency.
    """
    decide_currency(store, customer, currency)
    invoice = _new_invoice(store, store.new_id("in"), currency) | _customer_fields(customer) | fields
    if invoice["auto_advance"]:
        invoice["automatically_finalizes_at"] = store.now() + FINALIZES_AFTER
    return store.add(invoice)


def _customer_fields(customer: Record) -> Record:
    """
    What an invoice copies of its customer.
    """
    return {
        "customer": customer["id"],
        "customer_address": customer["address"],
        "customer_email": customer["email"],
        "customer_name": customer["name"],
        "customer_phone": customer["phone"],
        "customer_shipping": customer["shipping"],
        "customer_tax_exempt": customer["tax_exempt"],
        "custom_fields": customer["invoice_settings"]["custom_fields"],
        "footer": customer["invoice_settings"]["footer"],
    }


def _new_invoice(store: Store, invoice_id: str, currency: str) -> Record:
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": COUNTRY,
        "account_name": NAME,
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_remaining": 0,
        "amount_shipping": 0,
        "application": None,
        "attempt_count": 0,
        "attempted": False,
        "auto_advance": False,
        "automatic_tax": {
            "disabled_reason": None,
            "enabled": False,
            "liability": None,
            "provider": None,
            "status": None,
        },
        "automatically_finalizes_at": None,
        "billing_reason": "manual",
        "collection_method": "charge_automatically",
        "created": store.now(),
        "currency": currency,
        "custom_fields": None,
        "customer_account": None,
        "customer_tax_ids": [],
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "due_date": None,
        "effective_at": None,
        "ending_balance": None,
        "footer": None,
        "from_invoice": None,
        "hosted_invoice_url": None,
        "invoice_pdf": None,
        "issuer": {"type": "self"},
        "last_finalization_error": None,
        "latest_revision": None,
        "lines": embed([], f"/v1/invoices/{invoice_id}/lines"),
        "livemode": store.livemode,
        "metadata": {},
        "next_payment_attempt": None,
        "number": None,
        "on_behalf_of": None,
        "parent": None,
        "payment_settings": {
            "default_mandate": None,
            "payment_method_options": None,
            "payment_method_types": None,
        },
        "period_end": store.now(),
        "period_start": store.now(),
        "post_payment_credit_notes_amount": 0,
        "pre_payment_credit_notes_amount": 0,
        "receipt_number": None,
        "rendering": None,
        "shipping_cost": None,
        "shipping_details": None,
        "starting_balance": 0,
        "statement_descriptor": None,
        "status": "draft",
        "status_details": None,
        "status_transitions": {
            "finalized_at": None,
            "marked_uncollectible_at": None,
            "paid_at": None,
            "voided_at": None,
        },
        "subtotal": 0,
        "subtotal_excluding_tax": 0,
        "test_clock": None,
        "total": 0,
        "total_discount_amounts": [],
        "total_excluding_tax": 0,
        "total_pretax_credit_amounts": [],
        "total_taxes": [],
        "webhooks_delivered_at": store.now(),
    }


OPERATIONS = {
    "GET /v1/invoices": list_invoices,
    "POST /v1/invoices": create_invoice,
    "GET /v1/invoices/search": search_invoices,
    "GET /v1/invoices/{invoice}": retrieve_invoice,
    "POST /v1/invoices/{invoice}/finalize": finalize_invoice,
}
