"""
A subscription's periods: the first one, and how the next ones begin.

Rule: a period is billed at its beginning; from the second on by a draft that is
finalized and charged an hour later. A trial is a period that costs nothing.
https://docs.stripe.com/billing/subscriptions/overview
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.billing import first_owned
from stripe_mcp.simulator.collection import attempt, finalize
from stripe_mcp.simulator.drafts import add_invoice
from stripe_mcp.simulator.endings import end_as_planned
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.invoice_items import take_pending_items
from stripe_mcp.simulator.lines import add_line, parent_of_subscription_item, pricing
from stripe_mcp.simulator.money import amount_text
from stripe_mcp.simulator.periods import DAY, period_end
from stripe_mcp.simulator.standing import end
from stripe_mcp.simulator.store import Store, due
from stripe_mcp.simulator.subscription_objects import new_item, new_subscription, parent_of_invoice
from stripe_mcp.simulator.table import Record

Prices = list[tuple[Record, int, Record]]  # price, quantity, the item's metadata

COMPLETED_WITHIN = 23 * 3_600  # seconds in which the first invoice has to be paid
TRIAL_WARNING = 3 * DAY  # seconds before its end


def start(
    store: Store, customer: Record, prices: Prices, trial_end: int | None, behavior: str, **fields: Any
) -> Record:
    """
    Start a subscription to *prices*, make its first invoice and collect that.
    """
    now, subscription = store.now(), new_subscription(store, customer, prices[0][0]["currency"]) | fields
    recurring = prices[0][0]["recurring"]
    ends = trial_end or period_end(now, now, recurring["interval"], recurring["interval_count"])
    items = [new_item(store, subscription, *price, ends) for price in prices]
    subscription["items"] |= {"data": items, "total_count": len(items)}
    if trial_end:
        subscription |= {"status": "trialing", "trial_start": now, "trial_end": trial_end}
        subscription["billing_cycle_anchor"] = trial_end
    store.add(subscription)
    store.plan(ends, "subscription.renew", subscription["id"])
    sent = subscription["collection_method"] == "send_invoice"
    invoice = _bill(store, subscription, "subscription_create", auto_advance=sent)
    if not sent:
        _collect_first(store, subscription, invoice, behavior)
    return subscription


def _collect_first(store: Store, subscription: Record, invoice: Record, behavior: str) -> None:
    """
    Until its first invoice is paid, a subscription is incomplete.
    """
    finalize(store, invoice)
    if invoice["status"] == "open":
        subscription["status"] = "incomplete"
        store.plan(store.now() + COMPLETED_WITHIN, "subscription.expire", subscription["id"])
        if behavior != "default_incomplete":
            attempt(store, invoice, method_of(store, subscription), automatic=False)


def method_of(store: Store, subscription: Record) -> str | None:
    """
    The card that a subscription is charged to, if it has one.
    """
    return first_owned(store, subscription["customer"], subscription["default_payment_method"])


def announce(store: Store, subscription: Record) -> None:
    """
    Tell that *subscription* was made, and three days before the end of its trial, of that.
    """
    emit(store, "customer.subscription.created", subscription)
    if subscription["trial_end"]:
        warned = subscription["trial_end"] - TRIAL_WARNING
        if warned > store.now():
            store.plan(warned, "subscription.warn_of_trial_end", subscription["id"])
        else:
            _warn_of_trial_end(store, subscription["id"])


@due("subscription.warn_of_trial_end")
def _warn_of_trial_end(store: Store, subscription_id: str) -> None:
    subscription = store.get("subscription", subscription_id)
    if subscription["status"] == "trialing":
        emit(store, "customer.subscription.trial_will_end", subscription)


@due("subscription.renew")
def _renew(store: Store, subscription_id: str) -> None:
    """
    A period is over.
    """
    subscription = store.get("subscription", subscription_id)
    if subscription["status"] not in ("active", "past_due", "trialing"):
        return
    cancel_at, missing = subscription["cancel_at"], "create_invoice"
    if subscription["status"] == "trialing" and method_of(store, subscription) is None:
        missing = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if cancel_at is not None and cancel_at <= store.now():
        end_as_planned(store, subscription)
    elif missing == "cancel":
        end(store, subscription, None)
    elif missing == "pause":
        _pause(store, subscription)
    else:
        renew(store, subscription)


def _pause(store: Store, subscription: Record) -> None:
    paused = {
        "subscription": {"type": "trial_end_without_payment_method"},
        "transitioned_at": store.now(),
        "type": "subscription",
    }
    subscription |= {"status": "paused", "status_details": {"paused": paused}}
    emit(store, "customer.subscription.paused", subscription)


def renew(store: Store, subscription: Record) -> None:
    """
    Begin the period that follows the current one, and bill it.
    """
    items = subscription["items"]["data"]
    began, begins, recurring = (
        items[0]["current_period_start"],
        items[0]["current_period_end"],
        items[0]["price"]["recurring"],
    )
    anchor = subscription["billing_cycle_anchor"]
    ends = period_end(anchor, begins, recurring["interval"], recurring["interval_count"])
    for item in items:
        item |= {"current_period_start": begins, "current_period_end": ends}
    if subscription["status"] == "trialing":
        subscription["status"] = "active"
    store.plan(ends, "subscription.renew", subscription["id"])
    _bill(store, subscription, "subscription_cycle", auto_advance=True, period_start=began)
    emit(store, "customer.subscription.updated", subscription)


def _bill(store: Store, subscription: Record, reason: str, **fields: Any) -> Record:
    """
    The draft for the period that begins: a line for each item, and what waited for an invoice.

    Its own `period_start` and `period_end` look back, on what was used until now:
    https://docs.stripe.com/api/invoices/object#invoice_object-period_end
    """
    customer = store.get("customer", subscription["customer"])
    days = subscription["days_until_due"]
    invoice = add_invoice(
        store,
        customer,
        subscription["currency"],
        billing_reason=reason,
        collection_method=subscription["collection_method"],
        due_date=None if days is None else store.now() + days * DAY,
        parent=parent_of_invoice(subscription),
        **fields,
    )
    for item in subscription["items"]["data"]:
        _bill_item(store, invoice, subscription, item)
    take_pending_items(store, invoice, subscription["id"])
    subscription["latest_invoice"] = invoice["id"]
    emit(store, "invoice.created", invoice)
    return invoice


def _bill_item(store: Store, invoice: Record, subscription: Record, item: Record) -> None:
    price, quantity = item["price"], item["quantity"]
    name = store.get("product", price["product"])["name"]
    trial = subscription["status"] == "trialing"
    item["billed_until"] = item["current_period_end"]
    add_line(
        store,
        invoice,
        parent_of_subscription_item(item),
        0 if trial else price["unit_amount"] * quantity,
        f"{'Trial period for ' if trial else f'{quantity} x '}{name} ({_rate(price)})",
        period={"start": item["current_period_start"], "end": item["current_period_end"]},
        pricing=pricing(price),
        quantity=quantity,
    )


def _rate(price: Record) -> str:
    each, recurring = amount_text(price["unit_amount"], price["currency"]), price["recurring"]
    count, interval = recurring["interval_count"], recurring["interval"]
    return f"at {each} / {interval if count == 1 else f'every {count} {interval}s'}"
