"""
How subscriptions end: at once, as planned, or before they began; and what is left then.

Rule: what was paid for a period is credited by the second, half a smallest unit
rounded up, if that is asked for or the end comes within a period as planned.
https://docs.stripe.com/billing/subscriptions/cancel, https://docs.stripe.com/billing/subscriptions/prorations
"""

from __future__ import annotations

from datetime import UTC, datetime

from stripe_mcp.currency import THREE_DECIMAL
from stripe_mcp.simulator.collection import void
from stripe_mcp.simulator.drafts import add_invoice
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.invoice_items import (
    add_item,
    subscription_parent,
    take_pending_items,
    waiting_items,
)
from stripe_mcp.simulator.periods import DAY
from stripe_mcp.simulator.standing import ENDED, end
from stripe_mcp.simulator.store import Store, due
from stripe_mcp.simulator.subscription_objects import parent_of_invoice
from stripe_mcp.simulator.table import Record


def cancel(store: Store, subscription: Record, details: Record) -> None:
    """
    End *subscription* now, for the reasons in *details*; a first invoice that is unpaid is void.
    """
    incomplete, invoice = subscription["status"] == "incomplete", subscription["latest_invoice"]
    subscription["canceled_at"] = store.now()
    set_details(subscription, details)
    end(store, subscription, "cancellation_requested")
    if incomplete:
        void(store, store.get("invoice", invoice))


def set_details(subscription: Record, details: Record) -> None:
    """
    Note why it is canceled; an empty text unsets one.
    """
    subscription["cancellation_details"] |= {name: value or None for name, value in details.items()}


def end_as_planned(store: Store, subscription: Record) -> None:
    """
    End *subscription* at its `cancel_at`. What is left of a period is credited to the customer.

    Stripe may credit it as soon as the end is planned; the simulator does when it comes.
    """
    credit_unused(store, subscription)
    end(store, subscription, "cancellation_requested")


@due("subscription.end")
def _end(store: Store, subscription_id: str) -> None:
    """
    A planned end has come, if it is planned still.
    """
    subscription = store.get("subscription", subscription_id)
    if subscription["cancel_at"] == store.now() and subscription["status"] not in ENDED:
        end_as_planned(store, subscription)


@due("subscription.expire")
def _expire(store: Store, subscription_id: str) -> None:
    """
    The time to pay a first invoice is over.
    """
    subscription = store.get("subscription", subscription_id)
    if subscription["status"] == "incomplete":
        void(store, store.get("invoice", subscription["latest_invoice"]))


def credit_unused(store: Store, subscription: Record) -> None:
    """
    Put the unused part of what was paid for the period into pending items, as a credit.
    """
    invoice = store.get("invoice", subscription["latest_invoice"])
    for line in invoice["lines"]["data"] if invoice["status"] == "paid" else []:
        if line["parent"]["type"] == "subscription_item_details":
            _credit(store, subscription, invoice, line)


def _credit(store: Store, subscription: Record, invoice: Record, line: Record) -> None:
    """
    Credit what is left of one *line* of *invoice*.
    """
    now, period = store.now(), line["period"]
    left, whole = max(0, period["end"] - now), period["end"] - period["start"]
    amount = prorate(line["amount"], left, whole, line["currency"])
    if not amount:
        return
    item_id = line["parent"]["subscription_item_details"]["subscription_item"]
    product = store.get("product", line["pricing"]["price_details"]["product"])
    add_item(
        store,
        store.get("customer", subscription["customer"]),
        -amount,
        line["currency"],
        f"Unused time on {product['name']} after {datetime.fromtimestamp(now, UTC):%d %b %Y}",
        discountable=False,
        net_amount=-amount,
        parent=subscription_parent(subscription["id"], item_id),
        period={"start": now, "end": period["end"]},
        pricing=line["pricing"],
        proration=True,
        proration_details=_proration_details(invoice, line),
        quantity=line["quantity"],
        quantity_decimal=line["quantity_decimal"],
    )


def _proration_details(invoice: Record, line: Record) -> Record:
    credited = {
        "invoice_item": None,
        "invoice_line_item_details": {"invoice": invoice["id"], "invoice_line_items": [line["id"]]},
        "type": "invoice_line_items",
    }
    return {"credited_items": credited, "discount_amounts": []}


def prorate(amount: int, left: int, whole: int, currency: str) -> int:
    """
    The part of *amount* for *left* of *whole* seconds: half up, to what can be charged in *currency*.
    """
    step = 10 if currency in THREE_DECIMAL else 1
    return (2 * amount * left + whole * step) // (2 * whole * step) * step


def draft_rest(store: Store, subscription: Record) -> Record | None:
    """
    A last draft of what waits for an invoice, if anything does.
    """
    customer, currency = store.get("customer", subscription["customer"]), subscription["currency"]
    if not waiting_items(store, customer, currency, subscription["id"]):
        return None
    days = subscription["days_until_due"]
    invoice = add_invoice(
        store,
        customer,
        currency,
        billing_reason="subscription_update",
        collection_method=subscription["collection_method"],
        due_date=None if days is None else store.now() + days * DAY,
        parent=parent_of_invoice(subscription),
    )
    take_pending_items(store, invoice, subscription["id"])
    subscription["latest_invoice"] = invoice["id"]
    emit(store, "invoice.created", invoice)
    return invoice
