"""
A subscription's life: its first invoice, the next ones, and what is left at its end.

Rule: a period is billed at its beginning. A trial is a period that costs
nothing. https://docs.stripe.com/billing/subscriptions/overview
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.billing import DAY, default_method
from stripe_mcp.simulator.collection import finalize, pay, void
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.invoices import add_invoice
from stripe_mcp.simulator.lines import add_line, add_pending_item, subscription_parent, take_pending_items
from stripe_mcp.simulator.lists import embed
from stripe_mcp.simulator.money import amount_text
from stripe_mcp.simulator.periods import add_interval
from stripe_mcp.simulator.store import Store, snapshot
from stripe_mcp.simulator.table import Record

Prices = list[tuple[Record, int, Record]]  # price, quantity, the item's metadata


def start(
    store: Store, customer: Record, prices: Prices, trial_end: int | None, behavior: str, **fields: Any
) -> Record:
    """
    Start a subscription to *prices*, make its first invoice and collect that.
    """
    subscription = store.add(_new_subscription(store, customer, prices[0][0]["currency"]) | fields)
    recurring = prices[0][0]["recurring"]
    period_end = trial_end or add_interval(store.now(), recurring["interval"], recurring["interval_count"])
    items = [_new_item(store, subscription, *price, period_end) for price in prices]
    subscription["items"]["data"] = items
    subscription["items"]["total_count"] = len(items)
    if trial_end:
        subscription |= {"status": "trialing", "trial_start": store.now(), "trial_end": trial_end}
        subscription["billing_cycle_anchor"] = trial_end
    invoice = _bill(store, subscription, "subscription_create")
    if invoice["collection_method"] == "send_invoice":
        return subscription
    finalize(store, invoice)
    method = _method(store, subscription)
    unpaid = invoice["status"] == "open"
    if unpaid and (behavior == "default_incomplete" or method is None or not pay(store, invoice, method)):
        subscription["status"] = "incomplete"
    return subscription


def renew(store: Store, subscription: Record) -> None:
    """
    Begin the next period now: bill it, and be past due if that fails.
    """
    began = subscription["items"]["data"][0]["current_period_start"]
    for item in subscription["items"]["data"]:
        recurring = item["price"]["recurring"]
        item["current_period_start"] = item["current_period_end"]
        item["current_period_end"] = add_interval(
            item["current_period_start"], recurring["interval"], recurring["interval_count"]
        )
    subscription["status"] = "active"
    invoice = _bill(store, subscription, "subscription_cycle", period_start=began)
    method = _method(store, subscription)
    finalize(store, invoice)
    if method is None or not pay(store, invoice, method):
        subscription["status"] = "past_due"
        customer = store.get("customer", subscription["customer"])
        customer["delinquent"] = True
        emit(store, "customer.updated", customer)
    emit(store, "customer.subscription.updated", subscription)


def _method(store: Store, subscription: Record) -> str | None:
    return subscription["default_payment_method"] or default_method(store, subscription["customer"])


def _bill(store: Store, subscription: Record, reason: str, **fields: Any) -> Record:
    """
    The draft for the period that begins, with a line for each item.

    Its own `period_start` and `period_end` look back, on what was used until now:
    https://docs.stripe.com/api/invoices/object#invoice_object-period_end
    """
    customer = store.get("customer", subscription["customer"])
    days = subscription["days_until_due"]
    invoice = add_invoice(
        store,
        customer,
        subscription["currency"],
        auto_advance=True,
        billing_reason=reason,
        collection_method=subscription["collection_method"],
        default_payment_method=subscription["default_payment_method"],
        due_date=None if days is None else store.now() + days * DAY,
        parent=_parent(subscription),
        **fields,
    )
    for item in subscription["items"]["data"]:
        _bill_item(store, invoice, subscription, item)
    subscription["latest_invoice"] = invoice["id"]
    emit(store, "invoice.created", invoice)
    return invoice


def _parent(subscription: Record) -> Record:
    details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
    return {"quote_details": None, "subscription_details": details, "type": "subscription_details"}


def _bill_item(store: Store, invoice: Record, subscription: Record, item: Record) -> None:
    price, quantity = item["price"], item["quantity"]
    product = store.get("product", price["product"])
    each = amount_text(price["unit_amount"], price["currency"])
    trial = subscription["status"] == "trialing"
    period = {"start": item["current_period_start"], "end": item["current_period_end"]}
    add_line(
        store,
        invoice,
        0 if trial else price["unit_amount"] * quantity,
        f"{'Trial period for ' if trial else f'{quantity} x '}{product['name']} (at {each} / "
        f"{price['recurring']['interval']})",
        period,
        subscription_parent(item),
        price,
        quantity,
    )


def credit_unused(store: Store, subscription: Record) -> None:
    """
    Put the unused part of what was paid for the period into a pending item, as a credit.
    """
    if subscription["status"] != "active":
        return
    customer = store.get("customer", subscription["customer"])
    for item in subscription["items"]["data"]:
        start_at, end_at = item["current_period_start"], item["current_period_end"]
        left = max(0, end_at - store.now())
        paid = item["price"]["unit_amount"] * item["quantity"]
        add_pending_item(
            store,
            customer,
            -(paid * left // (end_at - start_at)),
            subscription["currency"],
            "Unused time after cancellation",
            period={"start": store.now(), "end": end_at},
            proration=True,
            parent={
                "subscription_details": {"subscription": subscription["id"], "subscription_item": item["id"]},
                "type": "subscription_details",
            },
        )


def bill_rest(store: Store, subscription: Record) -> None:
    """
    A last invoice of what is pending for the customer, if anything is.
    """
    customer = store.get("customer", subscription["customer"])
    invoice = add_invoice(
        store, customer, subscription["currency"], auto_advance=True, parent=_parent(subscription)
    )
    take_pending_items(store, invoice)
    if not invoice["lines"]["data"]:
        store.table("invoice").remove(invoice["id"])
        return
    subscription["latest_invoice"] = invoice["id"]
    emit(store, "invoice.created", invoice)
    finalize(store, invoice)
    method = _method(store, subscription)
    if invoice["status"] == "open" and method:
        pay(store, invoice, method)


def void_first_invoice(store: Store, subscription: Record) -> None:
    """
    What was never paid need not be any more.
    """
    void(store, store.get("invoice", subscription["latest_invoice"]))


def _new_item(
    store: Store, subscription: Record, price: Record, quantity: int, metadata: Record, period_end: int
) -> Record:
    return {
        "id": store.new_id("si", 14),
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": store.now(),
        "current_period_end": period_end,
        "current_period_start": store.now(),
        "discounts": [],
        "metadata": metadata,
        "plan": _plan(price),
        "price": snapshot(price),
        "quantity": quantity,
        "subscription": subscription["id"],
        "tax_rates": [],
    }


def _plan(price: Record) -> Record:
    """
    The same price as the older kind of object, which items still carry.
    """
    same = ("active", "billing_scheme", "created", "currency", "livemode", "metadata", "nickname", "product")
    recurring = price["recurring"]
    return {
        "id": price["id"],
        "object": "plan",
        "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"],
        "interval": recurring["interval"],
        "interval_count": recurring["interval_count"],
        "meter": None,
        "tiers_mode": None,
        "transform_usage": None,
        "trial_period_days": recurring["trial_period_days"],
        "usage_type": recurring["usage_type"],
        **{name: snapshot(price[name]) for name in same},
    }


def _new_subscription(store: Store, customer: Record, currency: str) -> Record:
    subscription_id = store.new_id("sub")
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": store.now(),
        "billing_cycle_anchor_config": None,
        "billing_mode": {"type": "flexible"},
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": None,
        "cancel_at_period_end": False,
        "canceled_at": None,
        "cancellation_details": {"comment": None, "feedback": None, "feedback_option": None, "reason": None},
        "collection_method": "charge_automatically",
        "created": store.now(),
        "currency": currency,
        "customer": customer["id"],
        "customer_account": None,
        "days_until_due": None,
        "default_payment_method": None,
        "default_source": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": embed([], f"/v1/subscription_items?subscription={subscription_id}"),
        "latest_invoice": None,
        "livemode": store.livemode,
        "metadata": {},
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": None,
            "save_default_payment_method": "off",
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": store.now(),
        "status": "active",
        "status_details": None,
        "test_clock": None,
        "transfer_data": None,
        "trial_end": None,
        "trial_settings": {"end_behavior": {"missing_payment_method": "create_invoice"}},
        "trial_start": None,
    }
