"""
Where a subscription and its customer stand, by what became of the invoices.

Rule: the newest invoice of a subscription decides: paid, it is active; not paid, it
is past due. A customer is delinquent from a failed payment or a missed day until an
invoice is paid. https://docs.stripe.com/billing/subscriptions/overview
"""

from __future__ import annotations

from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lines import subscription_of
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell

ENDED = frozenset(["canceled", "incomplete_expired"])


def tell_paid(store: Store, invoice: Record) -> None:
    """
    An invoice was paid, or nothing was to pay.
    """
    _set_delinquent(store, invoice, False)
    subscription = _whose_newest(store, invoice)
    if subscription and subscription["status"] in ("incomplete", "past_due"):
        in_trial = (subscription["trial_end"] or 0) > store.now()
        _set_status(store, subscription, "trialing" if in_trial else "active")


def tell_unpaid(store: Store, invoice: Record) -> None:
    """
    A payment failed, or the day by which an invoice was due has passed.
    """
    _set_delinquent(store, invoice, True)
    subscription = _whose_newest(store, invoice)
    if subscription and subscription["status"] == "active":
        _set_status(store, subscription, "past_due")


def tell_void(store: Store, invoice: Record) -> None:
    """
    An invoice need not be paid any more: without its first one, a subscription never begins.
    """
    subscription = _whose_newest(store, invoice)
    if subscription and subscription["status"] == "incomplete":
        expire(store, subscription)
    elif subscription and subscription["status"] == "past_due":
        _set_status(store, subscription, "active")


def expire(store: Store, subscription: Record) -> None:
    """
    End a subscription whose first invoice was not paid.
    """
    subscription |= {"status": "incomplete_expired", "ended_at": store.now()}
    emit(store, "customer.subscription.updated", subscription)


def end(store: Store, subscription: Record, reason: str | None) -> None:
    """
    End *subscription* now, and stop collecting what it billed; periods and invoices stay as they are.
    """
    was = subscription["status"]
    subscription |= {
        "canceled_at": subscription["canceled_at"] or store.now(),
        "ended_at": store.now(),
        "status": "incomplete_expired" if was == "incomplete" else "canceled",
    }
    subscription["cancellation_details"]["reason"] = reason
    stop_collecting(store, {"parent.subscription_details.subscription": subscription["id"]})
    emit(store, "customer.subscription.deleted", subscription)


def stop_collecting(store: Store, wanted: Record) -> None:
    """
    Leave the unpaid invoices that have the *wanted* fields to whoever takes them up by hand.
    """
    for invoice in store.where("invoice", wanted | {"auto_advance": True}):
        invoice |= {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}
        emit(store, "invoice.updated", invoice)


def _whose_newest(store: Store, invoice: Record) -> Record | None:
    subscription = store.find("subscription", subscription_of(invoice) or "")
    return subscription if subscription and subscription["latest_invoice"] == invoice["id"] else None


def _set_status(store: Store, subscription: Record, status: str) -> None:
    subscription["status"] = status
    tell(store, "customer.subscription.updated", subscription)


def _set_delinquent(store: Store, invoice: Record, delinquent: bool) -> None:
    customer = store.find("customer", invoice["customer"])
    if customer:
        customer["delinquent"] = delinquent
        tell(store, "customer.updated", customer)
