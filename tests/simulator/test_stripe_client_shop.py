"""
The seeded shop: what the demo's conversation and the 37 templates need is there to be found.
"""

from math import inf
from typing import Any

from tests.simulator.stripe_client import Clock, everything, ids
from tests.simulator.stripe_operations import LISTS, OPERATIONS


def test_john_smith_has_the_pro_plan_a_card_ending_4242_and_two_payments_of_49_dollars(v1: Any) -> None:
    (customer,) = v1.customers.list({"email": "john.smith@example.com"}).data
    assert customer.name == "John Smith"

    (subscription,) = v1.subscriptions.list({"customer": customer.id}).data
    (item,) = subscription.items.data
    assert (subscription.status, item.price.unit_amount, item.price.currency) == ("active", 4900, "usd")
    assert item.price.recurring.interval == "month"
    assert "Pro Plan" in {item.price.nickname, v1.products.retrieve(item.price.product).name}

    assert "4242" in {
        method.card.last4 for method in everything(v1.customers.payment_methods.list, customer.id)
    }

    charges = everything(v1.charges.list, customer=customer.id)
    assert [(charge.amount, charge.currency, charge.status) for charge in charges] == [
        (4900, "usd", "succeeded")
    ] * 2
    for charge in charges:
        assert (charge.captured, charge.amount_refunded) == (True, 0)
        assert charge.payment_method_details.card.last4 == "4242"
        assert v1.payment_intents.retrieve(charge.payment_intent).latest_charge == charge.id

    invoices = everything(v1.invoices.list, customer=customer.id, status="paid")
    assert [invoice.amount_paid for invoice in invoices] == [4900, 4900]
    assert {i.parent.subscription_details.subscription for i in invoices} == {subscription.id}


def test_the_refund_conversation_ends_with_the_last_payment_refunded(v1: Any) -> None:
    customer = v1.customers.list({"email": "john.smith@example.com", "expand": ["data.subscriptions"]}).data[
        0
    ]
    assert [each.status for each in customer.subscriptions.data] == ["active"]
    last, earlier = v1.charges.list({"customer": customer.id}).data
    assert last.created > earlier.created

    refund = v1.refunds.create({"payment_intent": last.payment_intent, "reason": "requested_by_customer"})

    assert (refund.status, refund.amount) == ("succeeded", 4900)
    assert [each.refunded for each in v1.charges.list({"customer": customer.id}).data] == [True, False]


def test_there_are_some_sixty_customers_and_something_in_every_list(v1: Any) -> None:
    assert 55 <= len(everything(v1.customers.list)) <= 65
    for request_line in LISTS:
        assert OPERATIONS[request_line].prepare(v1)().data


def test_every_state_worth_asking_about_is_there(v1: Any) -> None:
    intents = everything(v1.payment_intents.list)
    assert {intent.status for intent in intents} == {
        "requires_payment_method",
        "requires_confirmation",
        "requires_action",
        "requires_capture",
        "succeeded",
        "canceled",
    }
    invoices = everything(v1.invoices.list)
    assert {invoice.status for invoice in invoices} == {"draft", "open", "paid", "void"}
    assert [invoice for invoice in invoices if invoice.status == "paid" and invoice.total == 0]
    overdue = [invoice for invoice in invoices if (invoice.due_date or inf) < intents[0].created]
    assert "open" in {invoice.status for invoice in overdue}
    subscriptions = everything(v1.subscriptions.list, status="all")
    statuses = {"active", "trialing", "past_due", "incomplete", "canceled"}
    assert {subscription.status for subscription in subscriptions} == statuses
    assert [each for each in subscriptions if each.cancel_at_period_end]
    charges = everything(v1.charges.list)
    assert {charge.status for charge in charges} == {"succeeded", "failed"}
    assert [charge for charge in charges if charge.disputed]
    assert {refund.status for refund in everything(v1.refunds.list)} == {"succeeded", "failed"}
    (gone,) = {event.data.object.id for event in everything(v1.events.list, type="customer.deleted")}
    assert v1.customers.retrieve(gone).deleted
    assert everything(v1.events.list, type="charge.dispute.created")


def test_the_shop_sells_in_several_currencies_yen_among_them(v1: Any) -> None:
    currencies = {charge.currency for charge in everything(v1.charges.list)}
    assert "jpy" in currencies
    assert len(currencies) > 2
    assert "jpy" in {each.currency for each in everything(v1.balance_transactions.list)}


def test_there_is_something_to_finalize_and_something_to_capture(v1: Any) -> None:
    drafts = everything(v1.invoices.list, status="draft")
    assert [draft for draft in drafts if draft.lines.data and draft.total > 0]
    open_authorizations = [
        charge
        for charge in everything(v1.charges.list)
        if charge.status == "succeeded" and not charge.captured and charge.payment_intent is None
    ]
    assert open_authorizations


def test_everything_in_the_shop_lies_in_the_past(v1: Any, clock: Clock) -> None:
    for request_line in LISTS:
        call = OPERATIONS[request_line].prepare(v1)
        for each in everything(call.method, *call.path):
            assert each.created <= clock.now, each.id


def test_events_go_back_30_days_at_most(v1: Any, clock: Clock) -> None:
    assert min(event.created for event in everything(v1.events.list)) >= clock.now - 31 * 86_400


def test_every_reference_in_the_shop_leads_somewhere(v1: Any) -> None:
    known = {
        "customer": set(ids(everything(v1.customers.list))),
        "payment_intent": set(ids(everything(v1.payment_intents.list))),
        "charge": set(ids(everything(v1.charges.list))),
        "latest_charge": set(ids(everything(v1.charges.list))),
        "latest_invoice": set(ids(everything(v1.invoices.list))),
        "product": set(ids(everything(v1.products.list))),
        "balance_transaction": set(ids(everything(v1.balance_transactions.list))),
        "default_price": set(ids(everything(v1.prices.list))),
    }
    for request_line in LISTS:
        call = OPERATIONS[request_line].prepare(v1)
        for each in everything(call.method, *call.path):
            for name, there in known.items():
                reference = each.to_dict().get(name)
                assert reference is None or reference in there, f"{each.id} {name}"
