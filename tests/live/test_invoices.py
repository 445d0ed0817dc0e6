"""
Invoices from pending items to paid or void.
"""

from typing import Any

import pytest
import stripe

from tests.live.workshop import Workshop
from tests.simulator.stripe_client import ids, refuses

pytestmark = pytest.mark.live
DAY = 86_400  # seconds


def test_a_draft_takes_the_pending_items_that_it_is_told_to_take(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    item = v1.invoice_items.create({"customer": customer.id, "amount": 1500, "currency": "usd"})
    assert (item.object, item.amount, item.invoice) == ("invoiceitem", 1500, None)
    empty = v1.invoices.create({"customer": customer.id, "currency": "usd", "auto_advance": False})
    assert (empty.status, empty.total, empty.lines.data) == ("draft", 0, [])
    full = make.draft(customer, 2500)
    assert (full.status, full.total, full.amount_due, full.number) == ("draft", 4000, 4000, None)
    assert sorted(line.amount for line in full.lines.data) == [1500, 2500]
    assert (full.billing_reason, full.parent, full.customer_email) == ("manual", None, customer.email)
    assert make.draft(customer).lines.data == []


def test_an_invoice_to_be_sent_is_due_after_the_days_agreed(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    sent = {"collection_method": "send_invoice", "days_until_due": 30, "description": "March 2026 services"}
    final = make.open_invoice(customer, 1500, **sent)
    assert (final.status, final.collection_method) == ("open", "send_invoice")
    assert (final.amount_due, final.amount_remaining, final.amount_paid) == (1500, 1500, 0)
    assert final.number
    assert abs(final.due_date - final.created - 30 * DAY) < 60
    assert final.status_transitions.finalized_at >= final.created
    read = v1.invoices.retrieve(final.id)
    assert (read.number, read.status, read.lines.data[0].amount) == (final.number, "open", 1500)
    assert refuses(v1.invoices.finalize_invoice, final.id).http_status == 400


def test_an_open_invoice_is_paid_with_the_customers_card(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    bill = make.open_invoice(customer, 1500)
    paid = v1.invoices.pay(bill.id, {"expand": ["payments"]})
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 1500, 0)
    assert paid.status_transitions.paid_at >= bill.created
    (payment,) = paid.payments.data
    intent = v1.payment_intents.retrieve(payment.payment.payment_intent, {"expand": ["latest_charge"]})
    assert (intent.status, intent.amount_received, intent.customer) == ("succeeded", 1500, customer.id)
    assert intent.latest_charge.amount == 1500
    for late in (v1.invoices.pay, v1.invoices.void_invoice):
        assert refuses(late, bill.id).http_status == 400


def test_an_invoice_without_anything_to_pay_is_paid_when_it_is_finalized(make: Workshop) -> None:
    nothing = make.open_invoice(make.customer(), currency="usd")
    assert (nothing.status, nothing.total, nothing.amount_paid) == ("paid", 0, 0)


def test_an_open_invoice_can_be_voided_and_a_draft_deleted(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    opened = make.open_invoice(customer, 1500)
    assert v1.invoices.void_invoice(opened.id).status == "void"
    assert refuses(v1.invoices.pay, opened.id).http_status == 400
    assert refuses(v1.invoices.delete, opened.id).http_status == 400
    draft = make.draft(customer, 700)
    assert v1.invoices.delete(draft.id).deleted is True
    assert refuses(v1.invoices.retrieve, draft.id).code == "resource_missing"


def test_invoices_are_listed_by_customer_and_status(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    draft, opened = make.draft(customer, 500), make.open_invoice(customer, 600)
    paid = v1.invoices.pay(make.open_invoice(customer, 700).id)
    assert ids(v1.invoices.list({"customer": customer.id}).data) == [paid.id, opened.id, draft.id]
    for each in (draft, opened, paid):
        found = v1.invoices.list({"customer": customer.id, "status": each.status}).data
        assert ids(found) == [each.id]


def test_days_until_due_belong_to_invoices_that_are_sent(v1: Any, make: Workshop) -> None:
    customer = make.customer(None).id
    sent = {"customer": customer, "collection_method": "send_invoice"}
    charged = {"customer": customer, "collection_method": "charge_automatically", "days_until_due": 30}
    assert refuses(v1.invoices.create, sent).http_status == 400
    assert refuses(v1.invoices.create, charged).http_status == 400


def test_a_card_that_declines_leaves_the_invoice_open(v1: Any, make: Workshop) -> None:
    bill = make.open_invoice(make.customer("pm_card_chargeCustomerFail"), 1500)
    with pytest.raises(stripe.CardError) as declined:
        v1.invoices.pay(bill.id)
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    read = v1.invoices.retrieve(bill.id)
    assert (read.status, read.amount_remaining, read.attempt_count) == ("open", 1500, 1)
