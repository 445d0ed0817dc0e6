"""
Drafts: invoices as they begin, of which nothing is fixed yet.

Rule: an automatic draft is finalized an hour after it was made, as Stripe does it
when nobody holds it up. https://docs.stripe.com/invoicing/integration/automatic-advancement-collection
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.account import account_of
from stripe_mcp.simulator.lists import embed
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell

FINALIZES_AFTER = 3_600  # seconds that an automatic draft stays one


def add_invoice(store: Store, customer: Record, currency: str, **fields: Any) -> Record:
    """
    A draft without lines. The first one decides the customer's currency.
    """
    decide_currency(store, customer, currency)
    invoice = _new_invoice(store, store.new_id("in"), currency) | _customer_fields(customer) | fields
    if invoice["auto_advance"]:
        invoice["automatically_finalizes_at"] = store.now() + FINALIZES_AFTER
        store.plan(store.now() + FINALIZES_AFTER, "invoice.finalize", invoice["id"])
    return store.add(invoice)


def decide_currency(store: Store, customer: Record, currency: str) -> None:
    """
    Let *currency* be the customer's, whose subscriptions have only one, if none is yet.
    """
    if customer["currency"] is None:
        customer["currency"] = currency
        tell(store, "customer.updated", customer)


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
        "starting_balance": customer["balance"],
    }


def _new_invoice(store: Store, invoice_id: str, currency: str) -> Record:
    account = account_of(store)
    return {
        "id": invoice_id,
        "object": "invoice",
        "account_country": account["country"],
        "account_name": account["business_profile"]["name"],
        "account_tax_ids": None,
        "amount_due": 0,
        "amount_overpaid": 0,
        "amount_paid": 0,
        "amount_paid_off_stripe": 0,
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
