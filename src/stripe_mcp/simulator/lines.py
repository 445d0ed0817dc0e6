"""
What invoices are made of: their lines, and the pending items that wait for one.

Rule: a pending invoice item becomes a line of at most one invoice, whose id it
then carries. Amounts are in the smallest unit of the invoice's currency.
https://docs.stripe.com/api/invoice-line-item, https://docs.stripe.com/api/invoiceitems
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record


def decide_currency(store: Store, customer: Record, currency: str) -> None:
    """
    Let *currency* be the customer's, whose invoices and subscriptions have only one, if none is yet.
    """
    if customer["currency"] is None:
        customer["currency"] = currency
        emit(store, "customer.updated", customer)


def add_pending_item(
    store: Store, customer: Record, amount: int, currency: str, description: str, **fields: Any
) -> Record:
    """
    Something to be billed with the customer's next invoice that includes such. The first one decides
    the customer's currency.
    """
    decide_currency(store, customer, currency)
    item = store.add(
        {
            "id": store.new_id("ii"),
            "object": "invoiceitem",
            "amount": amount,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "date": store.now(),
            "description": description,
            "discountable": True,
            "discounts": [],
            "invoice": None,
            "livemode": store.livemode,
            "metadata": {},
            "parent": None,
            "period": {"start": store.now(), "end": store.now()},
            "proration": False,
            "quantity": 1,
            "quantity_decimal": "1",
            "tax_rates": [],
            "test_clock": None,
        }
        | fields
    )
    emit(store, "invoiceitem.created", item)
    return item


def take_pending_items(store: Store, invoice: Record) -> None:
    """
    Turn what waits for the invoice's customer, in its currency, into lines of *invoice*.
    """
    waiting = store.where(
        "invoiceitem",
        {"customer": invoice["customer"], "currency": invoice["currency"], "invoice": None},
    )
    for item in reversed(waiting):
        item["invoice"] = invoice["id"]
        store.changed(item)
        add_line(store, invoice, item["amount"], item["description"], item["period"], _item_parent(item))


def _item_parent(item: Record) -> Record:
    details = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": None},
        "subscription": item["parent"] and item["parent"]["subscription_details"]["subscription"],
    }
    return {
        "type": "invoice_item_details",
        "invoice_item_details": details,
        "subscription_item_details": None,
    }


def subscription_parent(item: Record) -> Record:
    """
    The `parent` of a line that bills a subscription's item.
    """
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": item["subscription"],
        "subscription_item": item["id"],
    }
    return {
        "type": "subscription_item_details",
        "invoice_item_details": None,
        "subscription_item_details": details,
    }


def add_line(
    store: Store,
    invoice: Record,
    amount: int,
    description: str,
    period: Record,
    parent: Record,
    price: Record | None = None,
    quantity: int = 1,
) -> None:
    """
    Put a line into a draft and bring its sums up to date.
    """
    details = next(filter(None, (parent["invoice_item_details"], parent["subscription_item_details"])))
    line = {
        "id": store.new_id("il"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": True,
        "discounts": [],
        "invoice": invoice["id"],
        "livemode": store.livemode,
        "metadata": {},
        "parent": parent,
        "period": dict(period),
        "pretax_credit_amounts": [],
        "pricing": _pricing(price),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
        "subscription": details["subscription"],
        "subtotal": amount,
        "taxes": [],
    }
    invoice["lines"]["data"].append(line)
    invoice["lines"]["total_count"] += 1
    for name in ("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax"):
        invoice[name] += amount
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, invoice["total"])


def _pricing(price: Record | None) -> Record | None:
    if price is None:
        return None
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }
