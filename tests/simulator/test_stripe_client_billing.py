"""
Invoices, subscriptions and prices: what is written shows in every read that Stripe shows it in.
"""

from decimal import Decimal
from typing import Any

import pytest
import stripe

from tests.simulator.stripe_client import Clock, everything, ids, refuses
from tests.simulator.stripe_operations import (
    draft_invoice,
    john,
    recurring_price,
)

DAY = 86_400  # seconds


# Invoices


def test_a_draft_invoice_is_empty_unless_pending_items_are_included(v1: Any) -> None:
    """
    A pending item can only be seen through the invoice that takes it; so every customer is tried.
    """
    took = 0
    for customer in ids(everything(v1.customers.list)):
        empty = v1.invoices.create({"customer": customer})
        assert (empty.status, empty.total, empty.lines.data) == ("draft", 0, [])
        params = {"customer": customer, "pending_invoice_items_behavior": "include"}
        full = v1.invoices.create(params)
        if full.lines.data:
            took += 1
            assert full.total == full.amount_due == sum(line.amount for line in full.lines.data) != 0
            assert {line.currency for line in full.lines.data} == {full.currency}
            assert v1.invoices.retrieve(full.id).to_dict() == full.to_dict()
            again = v1.invoices.create(params)
            assert again.lines.data == [], "an item is invoiced once"
    assert took


def test_a_draft_invoice_says_what_it_was_told(v1: Any) -> None:
    made = v1.invoices.create(
        {
            "customer": john(v1),
            "collection_method": "send_invoice",
            "days_until_due": 30,
            "description": "March 2026 services",
            "metadata": {"project": "website"},
            "auto_advance": False,
        }
    )
    assert (made.status, made.collection_method, made.auto_advance) == ("draft", "send_invoice", False)
    assert (made.description, made.metadata.project) == ("March 2026 services", "website")
    assert (made.customer, made.customer_email) == (john(v1), "john.smith@example.com")
    assert (made.billing_reason, made.parent, made.status_transitions.finalized_at) == ("manual", None, None)
    assert v1.invoices.list({"customer": john(v1), "status": "draft"}).data[0].to_dict() == made.to_dict()


def test_days_until_due_belong_to_invoices_that_are_sent(v1: Any) -> None:
    sent = {"customer": john(v1), "collection_method": "send_invoice"}
    charged = {"customer": john(v1), "collection_method": "charge_automatically"}
    assert refuses(v1.invoices.create, sent).http_status == 400
    assert refuses(v1.invoices.create, {**charged, "days_until_due": 30}).http_status == 400


def test_an_invoice_for_nobody_is_refused(v1: Any) -> None:
    error = refuses(v1.invoices.create, {"customer": "cus_nobody"})
    assert (error.code, error.param) == ("resource_missing", "customer")
    assert refuses(v1.invoices.create).http_status == 400


def test_a_finalized_invoice_is_open_numbered_and_due(v1: Any, clock: Clock) -> None:
    drafts = [each for each in everything(v1.invoices.list, status="draft") if each.total > 0]
    seen = set()
    for draft in drafts:
        assert draft.number is None
        final = v1.invoices.finalize_invoice(draft.id)
        seen.add(final.collection_method)
        assert final.number not in {None, ""}
        assert final.status_transitions.finalized_at == clock.now
        assert final.lines.to_dict() == draft.lines.to_dict()
        assert final.total == draft.total
        assert final.status in {"open", "paid"}
        if final.status == "open":
            assert (final.amount_remaining, final.amount_paid) == (final.total, 0)
        if final.collection_method == "send_invoice":
            assert final.status == "open"
        assert v1.invoices.retrieve(draft.id).to_dict() == final.to_dict()
        assert draft.id not in ids(everything(v1.invoices.list, status="draft"))
    assert seen
    numbers = [invoice.number for invoice in everything(v1.invoices.list) if invoice.number]
    assert len(numbers) == len(set(numbers))


def test_an_invoice_of_pending_items_is_due_after_the_days_agreed(v1: Any, clock: Clock) -> None:
    for customer in ids(everything(v1.customers.list)):
        draft = v1.invoices.create(
            {
                "customer": customer,
                "pending_invoice_items_behavior": "include",
                "collection_method": "send_invoice",
                "days_until_due": 30,
            }
        )
        if draft.lines.data:
            break
    clock.now += 60
    final = v1.invoices.finalize_invoice(draft.id)
    assert (final.status, final.amount_remaining) == ("open", draft.total)
    assert final.due_date == final.created + 30 * DAY  # "from when the invoice is created", says the package
    assert final.id in ids(everything(v1.invoices.list, status="open"))


def test_an_invoice_is_finalized_once(v1: Any) -> None:
    invoice = draft_invoice(v1)
    final = v1.invoices.finalize_invoice(invoice)
    assert refuses(v1.invoices.finalize_invoice, invoice).http_status == 400
    assert v1.invoices.retrieve(invoice).to_dict() == final.to_dict()


def test_every_paid_invoice_owes_nothing_and_every_open_one_what_is_left(v1: Any) -> None:
    for invoice in everything(v1.invoices.list):
        assert invoice.amount_remaining == invoice.amount_due - invoice.amount_paid
        assert invoice.total == sum(line.amount for line in invoice.lines.data)
        assert (invoice.status == "paid") is (invoice.status_transitions.paid_at is not None)
        if invoice.status == "paid":
            assert invoice.amount_remaining == 0


def payer(v1: Any, card: str = "pm_card_visa") -> str:
    """
    A new customer with *card* as the default.
    """
    default = {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
    return str(v1.customers.create({"email": "payer@example.com", **default}).id)


def test_an_item_put_into_a_draft_is_billed_and_paid(v1: Any) -> None:
    customer = payer(v1)
    draft = v1.invoices.create({"customer": customer, "currency": "usd"})
    item = v1.invoice_items.create(
        {"customer": customer, "invoice": draft.id, "amount": 2500, "description": "Grinder repair"}
    )
    assert (item.amount, item.currency, item.invoice, item.proration) == (2500, "usd", draft.id, False)
    (line,) = v1.invoices.retrieve(draft.id).lines.data
    assert (line.amount, line.description) == (2500, "Grinder repair")
    assert line.parent.invoice_item_details.invoice_item == item.id

    paid = v1.invoices.pay(draft.id, {"expand": ["payments.data.payment.payment_intent"]})
    (payment,) = paid.payments.data
    assert (paid.status, paid.amount_paid, paid.amount_remaining) == ("paid", 2500, 0)
    assert (payment.status, payment.amount_paid, payment.payment.payment_intent.amount_received) == (
        "paid",
        2500,
        2500,
    )
    assert refuses(v1.invoices.pay, draft.id).http_status == 400


def test_a_card_that_declines_leaves_the_invoice_open(v1: Any) -> None:
    customer = payer(v1, "pm_card_chargeCustomerFail")
    invoice = v1.invoices.create({"customer": customer, "currency": "usd"}).id
    v1.invoice_items.create({"customer": customer, "invoice": invoice, "amount": 2500})
    v1.invoices.finalize_invoice(invoice)
    with pytest.raises(stripe.CardError) as declined:
        v1.invoices.pay(invoice)
    assert (declined.value.http_status, declined.value.code) == (402, "card_declined")
    left = v1.invoices.retrieve(invoice)
    assert (left.status, left.attempted, left.amount_remaining) == ("open", True, 2500)

    void = v1.invoices.void_invoice(invoice)
    assert (void.status, void.amount_paid) == ("void", 0)
    assert refuses(v1.invoices.void_invoice, invoice).http_status == 400


def test_a_draft_can_be_deleted_for_good(v1: Any) -> None:
    draft = v1.invoices.create({"customer": john(v1)}).id
    deleted = v1.invoices.delete(draft)
    assert (deleted.id, deleted.deleted) == (draft, True)
    assert refuses(v1.invoices.retrieve, draft).code == "resource_missing"
    opened = v1.invoices.list({"status": "open"}).data[0].id
    assert refuses(v1.invoices.delete, opened).http_status == 400


def test_an_automatic_draft_is_paid_an_hour_later(v1: Any, clock: Clock) -> None:
    customer = payer(v1)
    v1.invoice_items.create({"customer": customer, "amount": 2500, "currency": "usd"})
    draft = v1.invoices.create(
        {"customer": customer, "auto_advance": True, "pending_invoice_items_behavior": "include"}
    )
    assert draft.automatically_finalizes_at == clock.now + 3_600
    clock.now += 3_600
    paid = v1.invoices.retrieve(draft.id)
    assert (paid.status, paid.status_transitions.paid_at) == ("paid", clock.now)


# Subscriptions


def test_a_new_subscription_charges_at_once(v1: Any, clock: Clock) -> None:
    customer, price = (
        john(v1),
        v1.prices.list({"type": "recurring", "active": True, "currency": "usd"}).data[0],
    )
    charges = ids(everything(v1.charges.list, customer=customer))
    made = v1.subscriptions.create(
        {"customer": customer, "items": [{"price": price.id, "quantity": 2}], "metadata": {"call": "7"}}
    )
    (item,) = made.items.data
    assert (made.status, made.customer, made.metadata.call) == ("active", customer, "7")
    assert (item.price.id, item.quantity, item.subscription) == (price.id, 2, made.id)
    assert (made.start_date, item.current_period_start, made.trial_end) == (clock.now, clock.now, None)
    assert item.current_period_end > clock.now
    assert v1.subscriptions.retrieve(made.id).to_dict() == made.to_dict()
    assert made.id in ids(v1.subscriptions.list({"customer": customer}).data)
    assert made.id in ids(everything(v1.subscriptions.list, price=price.id))

    invoice = v1.invoices.retrieve(made.latest_invoice)
    assert (invoice.status, invoice.amount_paid) == ("paid", 2 * price.unit_amount)
    assert invoice.billing_reason == "subscription_create"
    assert [line.pricing.price_details.price for line in invoice.lines.data] == [price.id]
    (charge,) = [each for each in everything(v1.charges.list, customer=customer) if each.id not in charges]
    assert (charge.amount, charge.status, charge.paid) == (2 * price.unit_amount, "succeeded", True)
    assert v1.payment_intents.retrieve(charge.payment_intent).status == "succeeded"


def test_a_trial_starts_without_a_payment(v1: Any, clock: Clock) -> None:
    customer = john(v1)
    before = v1.balance.retrieve().to_dict(), ids(everything(v1.charges.list))
    made = v1.subscriptions.create(
        {"customer": customer, "items": [{"price": recurring_price(v1)}], "trial_period_days": 14}
    )
    assert made.status == "trialing"
    assert (made.trial_start, made.trial_end) == (clock.now, clock.now + 14 * DAY)
    assert made.items.data[0].current_period_end == made.trial_end
    assert made.id in ids(v1.subscriptions.list({"customer": customer, "status": "trialing"}).data)
    assert made.id not in ids(v1.subscriptions.list({"customer": customer, "status": "active"}).data)
    assert (v1.balance.retrieve().to_dict(), ids(everything(v1.charges.list))) == before


def test_a_customer_without_a_payment_method_cannot_be_charged_for_a_subscription(v1: Any) -> None:
    stranger = v1.customers.create({"email": "no.card@example.com"}).id
    params = {"customer": stranger, "items": [{"price": recurring_price(v1)}]}
    assert refuses(v1.subscriptions.create, params).http_status == 400
    assert v1.subscriptions.list({"customer": stranger, "status": "all"}).data == []
    assert v1.invoices.list({"customer": stranger}).data == []
    assert v1.subscriptions.create({**params, "trial_period_days": 7}).status == "trialing"


def test_a_subscription_needs_prices_that_exist_and_recur(v1: Any) -> None:
    customer, product = john(v1), v1.products.list().data[0].id
    error = refuses(v1.subscriptions.create, {"customer": customer, "items": [{"price": "price_nothing"}]})
    assert (error.code, error.param) == ("resource_missing", "items[0][price]")
    once = v1.prices.create({"currency": "usd", "unit_amount": 500, "product": product}).id
    error = refuses(v1.subscriptions.create, {"customer": customer, "items": [{"price": once}]})
    assert error.http_status == 400


def test_a_canceled_subscription_ends_now_and_says_why(v1: Any, clock: Clock) -> None:
    subscription = v1.subscriptions.list({"customer": john(v1)}).data[0].id
    clock.now += 60
    canceled = v1.subscriptions.cancel(
        subscription, {"cancellation_details": {"comment": "moving abroad", "feedback": "unused"}}
    )
    assert canceled.status == "canceled"
    assert (canceled.canceled_at, canceled.ended_at) == (clock.now, clock.now)
    details = canceled.cancellation_details
    assert (details.comment, details.feedback) == ("moving abroad", "unused")
    assert details.reason == "cancellation_requested"
    assert v1.subscriptions.retrieve(subscription).to_dict() == canceled.to_dict()


def test_a_subscription_is_canceled_once(v1: Any) -> None:
    subscription = v1.subscriptions.list({"customer": john(v1)}).data[0].id
    canceled = v1.subscriptions.cancel(subscription)
    assert refuses(v1.subscriptions.cancel, subscription).code == "resource_missing"
    assert v1.subscriptions.retrieve(subscription).to_dict() == canceled.to_dict()


def test_a_subscription_is_renewed_when_its_period_is_over(v1: Any, clock: Clock) -> None:
    made = v1.subscriptions.create({"customer": payer(v1), "items": [{"price": recurring_price(v1)}]})
    clock.now = made.items.data[0].current_period_end + 3_600
    renewed = v1.subscriptions.retrieve(made.id, {"expand": ["latest_invoice"]})
    assert renewed.items.data[0].current_period_start == clock.now - 3_600
    assert renewed.latest_invoice.id != made.latest_invoice
    assert (renewed.latest_invoice.status, renewed.latest_invoice.billing_reason) == (
        "paid",
        "subscription_cycle",
    )


def test_an_end_at_the_end_of_the_period_can_be_planned_and_taken_back(v1: Any, clock: Clock) -> None:
    subscription = v1.subscriptions.list({"customer": john(v1)}).data[0]
    planned = v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    assert planned.cancel_at == planned.items.data[0].current_period_end
    assert (planned.status, planned.canceled_at) == ("active", clock.now)
    back = v1.subscriptions.update(subscription.id, {"cancel_at_period_end": False})
    assert back.to_dict() == subscription.to_dict()
    v1.subscriptions.update(subscription.id, {"cancel_at_period_end": True})
    clock.now = planned.cancel_at
    ended = v1.subscriptions.retrieve(subscription.id)
    assert (ended.status, ended.ended_at) == ("canceled", clock.now)


# Products


def test_a_product_is_made_changed_and_archived(v1: Any) -> None:
    made = v1.products.create({"name": "Mug", "metadata": {"colour": "blue"}})
    assert (made.name, made.active, made.metadata.colour) == ("Mug", True, "blue")
    changed = v1.products.update(made.id, {"name": "Cup", "active": False, "metadata": {"colour": ""}})
    assert (changed.name, changed.active, changed.metadata.to_dict()) == ("Cup", False, {})
    assert v1.products.retrieve(made.id).to_dict() == changed.to_dict()
    event = v1.events.list({"type": "product.updated"}).data[0]
    assert event.data.previous_attributes.name == "Mug"


# Prices


def test_a_new_price_belongs_to_its_product(v1: Any) -> None:
    product = v1.products.list({"active": True}).data[0].id
    made = v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 1500,
            "product": product,
            "recurring": {"interval": "month", "interval_count": 3},
            "nickname": "quarterly",
            "metadata": {"sheet": "2026"},
        }
    )
    assert (made.product, made.active, made.type, made.billing_scheme) == (
        product,
        True,
        "recurring",
        "per_unit",
    )
    assert (made.recurring.interval, made.recurring.interval_count) == ("month", 3)
    assert (made.recurring.usage_type, made.nickname, made.metadata.sheet) == (
        "licensed",
        "quarterly",
        "2026",
    )
    assert (made.unit_amount, made.unit_amount_decimal) == (1500, Decimal(1500))
    assert v1.prices.list({"product": product, "limit": 1}).data[0].to_dict() == made.to_dict()


def test_a_price_without_an_interval_is_paid_once(v1: Any) -> None:
    product = v1.products.list().data[0].id
    made = v1.prices.create({"currency": "jpy", "unit_amount": 0, "product": product})
    assert (made.type, made.recurring, made.unit_amount, made.currency) == ("one_time", None, 0, "jpy")


def test_a_price_can_bring_its_product(v1: Any) -> None:
    known = ids(everything(v1.products.list))
    made = v1.prices.create(
        {
            "currency": "eur",
            "unit_amount": 990,
            "product_data": {"name": "Gold Plan", "metadata": {"tier": "gold"}},
        }
    )
    assert made.product not in known
    product = v1.products.retrieve(made.product)
    assert (product.name, product.metadata.tier, product.active) == ("Gold Plan", "gold", True)
    assert v1.products.list({"limit": 1}).data[0].id == made.product
    assert v1.events.list({"type": "product.created"}).data[0].data.object.id == made.product


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"product": "prod_nothing"},
        {"product_data": {}},
        {"product_data": {"name": "Gold Plan"}, "product": "the newest"},
    ],
)
def test_a_price_needs_exactly_one_product(v1: Any, params: dict[str, Any]) -> None:
    if params.get("product") == "the newest":
        params = {**params, "product": v1.products.list().data[0].id}
    before = ids(everything(v1.products.list)), ids(everything(v1.prices.list))
    refuses(v1.prices.create, {"currency": "usd", "unit_amount": 500, **params})
    assert (ids(everything(v1.products.list)), ids(everything(v1.prices.list))) == before


def test_a_price_needs_an_amount_that_is_not_negative(v1: Any) -> None:
    product = v1.products.list().data[0].id
    assert refuses(v1.prices.create, {"currency": "usd", "product": product}).http_status == 400
    error = refuses(v1.prices.create, {"currency": "usd", "product": product, "unit_amount": -1})
    assert (error.http_status, error.param) == (400, "unit_amount")


def test_a_lookup_key_leads_to_one_price(v1: Any) -> None:
    product = v1.products.list().data[0].id
    params = {"currency": "usd", "unit_amount": 500, "product": product, "lookup_key": "standard"}
    first = v1.prices.create(params).id
    assert refuses(v1.prices.create, params).http_status == 400
    second = v1.prices.create({**params, "transfer_lookup_key": True}).id
    assert ids(v1.prices.list({"lookup_keys": ["standard"]}).data) == [second]
    assert [each.lookup_key for each in everything(v1.prices.list) if each.id == first] == [None]


def test_a_price_can_be_renamed_and_archived(v1: Any) -> None:
    made = v1.prices.create({"currency": "usd", "unit_amount": 500, "product_data": {"name": "Tea"}})
    changed = v1.prices.update(made.id, {"nickname": "Cup of tea", "active": False})
    assert (changed.nickname, changed.active, changed.unit_amount) == ("Cup of tea", False, 500)
    assert v1.prices.retrieve(made.id).to_dict() == changed.to_dict()
    assert made.id not in ids(everything(v1.prices.list, active=True))
