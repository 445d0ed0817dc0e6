"""
What invoices are made of: their lines, and the sums of these.

Rule: a line bills a subscription's item or an invoice item, and says which in its
`parent`. Amounts are in the smallest unit of the invoice's currency.
https://docs.stripe.com/api/invoice-line-item
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

SUMS = ("subtotal", "subtotal_excluding_tax", "total", "total_excluding_tax")


def add_line(
    store: Store, invoice: Record, parent: Record, amount: int, description: str | None, **fields: Any
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
        "period": {"start": store.now(), "end": store.now()},
        "pretax_credit_amounts": [],
        "pricing": None,
        "quantity": 1,
        "quantity_decimal": str(fields.get("quantity", 1)),
        "subscription": details["subscription"],
        "subtotal": amount,
        "taxes": [],
    }
    invoice["lines"]["data"].append(line | fields)
    invoice["lines"]["total_count"] += 1
    for name in SUMS:
        invoice[name] += amount
    invoice["amount_due"] = invoice["amount_remaining"] = max(0, invoice["total"])


def pricing(price: Record) -> Record:
    """
    How a line or an invoice item says by which price it is billed.
    """
    return {
        "price_details": {"price": price["id"], "product": price["product"]},
        "type": "price_details",
        "unit_amount_decimal": price["unit_amount_decimal"],
    }


def parent_of_item(item: Record) -> Record:
    """
    The `parent` of a line that bills an invoice item.
    """
    proration = item["proration_details"] or {}
    credited = (proration.get("credited_items") or {}).get("invoice_line_item_details")
    details = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": credited},
        "subscription": subscription_of(item),
    }
    return {
        "type": "invoice_item_details",
        "invoice_item_details": details,
        "subscription_item_details": None,
    }


def subscription_of(billed: Record) -> str | None:
    """
    The id of the subscription that an invoice, or an invoice item, belongs to: it stands in the `parent`.
    """
    parent = billed["parent"]
    subscription: str | None = parent["subscription_details"]["subscription"] if parent else None
    return subscription


def parent_of_subscription_item(item: Record) -> Record:
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
