"""
How an invoice is collected: finalized, attempted, paid, or void.

Rule: finalizing fixes the sums, takes the customer's balance into account, and
makes the PaymentIntent that pays the invoice; what is nothing to pay is paid at
once. https://docs.stripe.com/invoicing/integration/workflow-transitions
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator import holds, standing
from stripe_mcp.simulator.confirmation import confirm
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.expansion import includes
from stripe_mcp.simulator.lines import subscription_of
from stripe_mcp.simulator.lists import embed
from stripe_mcp.simulator.money import LEAST_CHARGE, check_charge_amount
from stripe_mcp.simulator.payment_intents import add_payment_intent
from stripe_mcp.simulator.periods import DAY
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell

# Days after each automatic attempt that failed until the next; the fourth failure is the last.
# Stripe chooses the times by what it learned: https://docs.stripe.com/billing/revenue-recovery/smart-retries
RETRIED_AFTER = (3, 5, 7)


def finalize(store: Store, invoice: Record, **fields: Any) -> None:
    """
    Give a draft its number and the *fields* given, and settle the customer's balance against it.

    Raises:
        StripeError: Its amount cannot be charged, or the customer was deleted; then it stays a draft.
    """
    customer = store.get("customer", invoice["customer"], "customer", status=400)
    owed = invoice["total"] + customer["balance"]
    due = amount_due(owed, invoice["currency"])
    number = invoice["number"] or _next_number(store, customer)
    invoice |= (
        fields | _opened(store, invoice) | {"amount_due": due, "amount_remaining": due, "number": number}
    )
    invoice |= {"starting_balance": customer["balance"], "ending_balance": owed - due}
    invoice["status_transitions"]["finalized_at"] = store.now()
    customer["balance"] = owed - due
    if due:
        _ask_for_payment(store, invoice)
    tell(store, "customer.updated", customer)
    emit(store, "invoice.finalized", invoice)
    if not due:
        _mark_paid(store, invoice)


def _opened(store: Store, invoice: Record) -> Record:
    place = f"https://invoice.stripe.example.com/i/{invoice['id']}"
    return {
        "automatically_finalizes_at": None,
        "effective_at": invoice["effective_at"] or store.now(),
        "hosted_invoice_url": place,
        "invoice_pdf": f"{place}/pdf",
        "last_finalization_error": None,
        "status": "open",
    }


def amount_due(owed: int, currency: str) -> int:
    """
    What has to be paid of *owed*: less than can be charged is left to the customer's balance.

    https://docs.stripe.com/billing/customer/balance

    Raises:
        StripeError: It is more than can be charged.
    """
    if owed < LEAST_CHARGE.get(currency, 1):
        return 0
    check_charge_amount(owed, currency)
    return owed


def _next_number(store: Store, customer: Record) -> str:
    """
    The first one of the customer's own sequence that no invoice has yet.
    """
    while True:
        number = f"{customer['invoice_prefix']}-{customer['next_invoice_sequence']:04d}"
        customer["next_invoice_sequence"] += 1
        if not store.where("invoice", {"number": number}):
            return number


def _ask_for_payment(store: Store, invoice: Record) -> None:
    intent = add_payment_intent(
        store,
        invoice["amount_due"],
        invoice["currency"],
        customer=invoice["customer"],
        description=f"Payment for invoice {invoice['number']}",
        setup_future_usage="off_session" if invoice["billing_reason"] == "subscription_create" else None,
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


def attempt(store: Store, invoice: Record, method: str | None, *, automatic: bool) -> bool:
    """
    Charge an open invoice to a card, and say whether it is paid. Without a card, an attempt fails.
    """
    intent = intent_of(store, invoice)
    if method:
        intent["payment_method"] = method
        confirm(store, intent, off_session=automatic)
    follow(store, intent, automatic=automatic)
    return bool(invoice["status"] == "paid")


def follow(store: Store, intent: Record, *, automatic: bool = False) -> None:
    """
    Let the invoice that *intent* is for, if there is one, know what came of an attempt to pay.

    The first attempt counts, whoever makes it, and then only the automatic ones do.
    """
    for payment in store.where("invoice_payment", {"payment.payment_intent": intent["id"], "status": "open"}):
        invoice = store.get("invoice", payment["invoice"])
        counts = automatic or not invoice["attempt_count"]
        invoice |= {"attempted": True, "attempt_count": invoice["attempt_count"] + counts}
        if intent["status"] == "succeeded":
            _settle(store, invoice, payment)
        else:
            _fail(store, invoice, intent, automatic=automatic, counts=counts)


def _settle(store: Store, invoice: Record, payment: Record) -> None:
    paid = invoice["amount_due"]
    payment |= {"amount_paid": paid, "status": "paid"}
    payment["status_transitions"]["paid_at"] = store.now()
    invoice |= {"amount_paid": paid, "amount_remaining": 0}
    emit(store, "invoice_payment.paid", payment)
    _mark_paid(store, invoice)


def _mark_paid(store: Store, invoice: Record) -> None:
    invoice |= {"attempted": True, "auto_advance": False, "next_payment_attempt": None, "status": "paid"}
    invoice["status_transitions"]["paid_at"] = store.now()
    emit(store, "invoice.paid", invoice)
    emit(store, "invoice.payment_succeeded", invoice)
    standing.tell_paid(store, invoice)


def _fail(store: Store, invoice: Record, intent: Record, *, automatic: bool, counts: bool) -> None:
    """
    Tell of it, and say when the next attempt is; after the last one, the subscription ends.

    Stripe lets the account choose between that, `unpaid` and `past_due`; the simulator takes the one
    that stops everything by itself. https://docs.stripe.com/billing/subscriptions/overview
    """
    last = counts and invoice["attempt_count"] > len(RETRIED_AFTER)
    if counts and invoice["auto_advance"]:
        invoice["next_payment_attempt"] = None if last else _plan_retry(store, invoice)
        invoice["auto_advance"] = not last
    if intent["status"] == "requires_action":
        emit(store, "invoice.payment_action_required", invoice)
    emit(store, "invoice.payment_failed", invoice)
    if automatic:
        standing.tell_unpaid(store, invoice)
    subscription = store.find("subscription", subscription_of(invoice) or "")
    if last and subscription and subscription["status"] not in standing.ENDED:
        standing.end(store, subscription, "payment_failed")


def _plan_retry(store: Store, invoice: Record) -> int:
    moment = store.now() + RETRIED_AFTER[invoice["attempt_count"] - 1] * DAY
    store.plan(moment, "invoice.retry", invoice["id"])
    return moment


def void(store: Store, invoice: Record) -> None:
    """
    Make an open invoice one that nobody has to pay any more; the balance that it used is given back.
    """
    invoice |= {"auto_advance": False, "next_payment_attempt": None, "status": "void"}
    invoice["status_transitions"]["voided_at"] = store.now()
    customer = store.find("customer", invoice["customer"])
    if customer:
        customer["balance"] += invoice["starting_balance"] - invoice["ending_balance"]
        tell(store, "customer.updated", customer)
    _cancel_payment(store, invoice)
    emit(store, "invoice.voided", invoice)
    standing.tell_void(store, invoice)


def _cancel_payment(store: Store, invoice: Record) -> None:
    (payment,), intent = _payments_of(store, invoice), intent_of(store, invoice)
    payment["status"] = "canceled"
    payment["status_transitions"]["canceled_at"] = store.now()
    store.changed(payment)
    holds.cancel(store, intent, "void_invoice")


def intent_of(store: Store, invoice: Record) -> Record:
    """
    The PaymentIntent that pays an invoice which was open once.
    """
    return store.get("payment_intent", _payments_of(store, invoice)[0]["payment"]["payment_intent"])


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


def needs_action(invoice: Record) -> StripeError:
    """
    The 402 of a payment that its payer has to authenticate first.
    """
    message = (
        f"The payment of invoice {invoice['id']} has to be authenticated by the customer first: "
        "complete it by the PaymentIntent of the invoice."
    )
    code = "invoice_payment_intent_requires_action"
    return StripeError(message, status=402, kind="card_error", code=code)
