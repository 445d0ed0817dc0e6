"""
How an invoice is collected: finalized, paid, or void.

Rule: finalizing fixes the sums, takes the customer's balance into account, and
makes the PaymentIntent that pays the invoice; what is nothing to pay is paid at
once. https://docs.stripe.com/invoicing/overview
"""

from __future__ import annotations

from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.expansion import includes
from stripe_mcp.simulator.lists import embed
from stripe_mcp.simulator.payment_intents import add_payment_intent, confirm
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record


def finalize(store: Store, invoice: Record) -> None:
    """
    Give a draft its number, and settle the customer's balance against it.
    """
    customer = store.get("customer", invoice["customer"], "customer", status=400)
    owed = invoice["total"] + customer["balance"]
    invoice |= {
        "amount_due": max(0, owed),
        "amount_remaining": max(0, owed),
        "automatically_finalizes_at": None,
        "effective_at": invoice["effective_at"] or store.now(),
        "ending_balance": min(0, owed),
        "hosted_invoice_url": f"https://invoice.stripe.example.com/i/{invoice['id']}",
        "invoice_pdf": f"https://invoice.stripe.example.com/i/{invoice['id']}/pdf",
        "number": invoice["number"] or _next_number(customer),
        "starting_balance": customer["balance"],
        "status": "open",
    }
    customer["balance"] = min(0, owed)
    invoice["status_transitions"]["finalized_at"] = store.now()
    if invoice["amount_due"]:
        _ask_for_payment(store, invoice)
    emit(store, "customer.updated", customer)
    emit(store, "invoice.finalized", invoice)
    if not invoice["amount_due"]:
        _mark_paid(store, invoice)


def _next_number(customer: Record) -> str:
    sequence = customer["next_invoice_sequence"]
    customer["next_invoice_sequence"] += 1
    return f"{customer['invoice_prefix']}-{sequence:04d}"


def _ask_for_payment(store: Store, invoice: Record) -> None:
    intent = add_payment_intent(
        store,
        invoice["amount_due"],
        invoice["currency"],
        customer=invoice["customer"],
        description=f"Payment for invoice {invoice['number']}",
    )
    emit(store, "payment_intent.created", intent)
    store.add(
        {
            "id": store.new_id("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": invoice["amount_due"],
            "created": store.now(),
            "currency": invoice["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": store.livemode,
            "payment": {"payment_intent": intent["id"], "type": "payment_intent"},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def pay(store: Store, invoice: Record, method: str) -> bool:
    """
    Charge an open invoice to a card, and say whether it worked.
    """
    payment = _payments_of(store, invoice)[0]
    intent = store.get("payment_intent", payment["payment"]["payment_intent"])
    intent["payment_method"] = method
    paid = confirm(store, intent)
    invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + 1}
    if not paid:
        emit(store, "invoice.payment_failed", invoice)
        return False
    invoice |= {"amount_paid": invoice["amount_due"], "amount_remaining": 0}
    payment |= {"amount_paid": invoice["amount_due"], "status": "paid"}
    payment["status_transitions"]["paid_at"] = store.now()
    _mark_paid(store, invoice)
    return True


def _mark_paid(store: Store, invoice: Record) -> None:
    invoice |= {"attempted": True, "auto_advance": False, "status": "paid"}
    invoice["status_transitions"]["paid_at"] = store.now()
    emit(store, "invoice.paid", invoice)
    emit(store, "invoice.payment_succeeded", invoice)


def void(store: Store, invoice: Record) -> None:
    """
    Make an open invoice one that nobody has to pay any more.
    """
    invoice["status"] = "void"
    invoice["status_transitions"]["voided_at"] = store.now()
    emit(store, "invoice.voided", invoice)


def _payments_of(store: Store, invoice: Record) -> list[Record]:
    return store.where("invoice_payment", {"invoice": invoice["id"]})


@includes("invoice", "payments")
def _payments(store: Store, invoice: Record) -> Record:
    return embed(_payments_of(store, invoice), f"/v1/invoice_payments?invoice={invoice['id']}")


@includes("invoice", "confirmation_secret")
def _confirmation_secret(store: Store, invoice: Record) -> Record | None:
    for payment in _payments_of(store, invoice):
        intent = store.get("payment_intent", payment["payment"]["payment_intent"])
        return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None
