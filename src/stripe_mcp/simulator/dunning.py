"""
What time does to invoices: drafts are finalized, failed payments retried, due days missed.

Rule: only an invoice with `auto_advance` is moved on; everything happens at the
moment that the invoice itself tells. https://docs.stripe.com/billing/revenue-recovery/smart-retries
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator import standing
from stripe_mcp.simulator.billing import method_for
from stripe_mcp.simulator.collection import attempt, finalize
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.store import Store, due
from stripe_mcp.simulator.table import Record


def collect(store: Store, invoice: Record, **fields: Any) -> None:
    """
    Finalize a draft, with the *fields* given, then send or charge it if it is to advance by itself.

    Raises:
        StripeError: It cannot be finalized.
    """
    finalize(store, invoice, **fields)
    if invoice["status"] != "open":
        return
    sent = invoice["collection_method"] == "send_invoice"
    if invoice["auto_advance"] and sent:
        emit(store, "invoice.sent", invoice)
    elif invoice["auto_advance"]:
        attempt(store, invoice, method_for(store, invoice), automatic=True)
    if sent and invoice["due_date"] > store.now():
        store.plan(invoice["due_date"], "invoice.pass_due_date", invoice["id"])
    elif sent:
        _pass_due_date(store, invoice["id"])


def advance(store: Store, invoice: Record, **fields: Any) -> None:
    """
    As `collect`, where nobody is there to be told why a draft stays one: the invoice says it.
    """
    try:
        collect(store, invoice, **fields)
    except StripeError as refusal:
        told = {"code": refusal.code, "message": refusal.message, "param": refusal.param}
        invoice["last_finalization_error"] = told | {"type": refusal.kind}
        invoice["automatically_finalizes_at"] = None
        emit(store, "invoice.finalization_failed", invoice)


@due("invoice.finalize")
def _finalize(store: Store, invoice_id: str) -> None:
    """
    The hour of an automatic draft is over.
    """
    invoice = store.find("invoice", invoice_id)
    if invoice and invoice["automatically_finalizes_at"] == store.now():
        advance(store, invoice)


@due("invoice.retry")
def _retry(store: Store, invoice_id: str) -> None:
    """
    The time of the next attempt has come.
    """
    invoice = store.get("invoice", invoice_id)
    if invoice["next_payment_attempt"] == store.now():
        attempt(store, invoice, method_for(store, invoice), automatic=True)


@due("invoice.pass_due_date")
def _pass_due_date(store: Store, invoice_id: str) -> None:
    """
    The day by which an invoice had to be paid is over.
    """
    invoice = store.get("invoice", invoice_id)
    if invoice["status"] == "open":
        emit(store, "invoice.overdue", invoice)
        standing.tell_unpaid(store, invoice)
