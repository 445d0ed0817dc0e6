"""
Customers and their payment methods, from the first request to the last.
"""

from typing import Any

import pytest

from tests.live.workshop import VISA, Workshop
from tests.simulator.stripe_client import everything, ids, refuses

pytestmark = pytest.mark.live


def test_a_customer_is_read_as_they_were_made(v1: Any, make: Workshop) -> None:
    made = make.customer(
        None,
        name="Ada Löwe & Söhne + 1%",
        phone="+15551234567",
        address={"line1": "Hauptstraße 1", "country": "DE"},
        metadata={**make.marked, "source": "phone_call"},
    )
    read = v1.customers.retrieve(made.id)
    assert read.to_dict() == made.to_dict()
    assert (read.object, read.name, read.phone) == ("customer", "Ada Löwe & Söhne + 1%", "+15551234567")
    assert (read.address.line1, read.address.country, read.address.city) == ("Hauptstraße 1", "DE", None)
    assert (read.metadata.source, read.balance, read.livemode) == ("phone_call", 0, False)
    assert (read.description, read.currency, read.invoice_settings.default_payment_method) == (None,) * 3


def test_an_email_address_leads_to_its_customers_newest_first_and_is_compared_exactly(
    v1: Any, make: Workshop
) -> None:
    email = f"Ada-{make.name()}@example.com"
    pair = [make.customer(None, email=email).id for _ in range(2)]
    assert ids(v1.customers.list({"email": email}).data) == pair[::-1]
    assert v1.customers.list({"email": email.lower()}).data == []


def test_an_update_changes_what_it_names_and_nothing_else(v1: Any, make: Workshop) -> None:
    before = make.customer(None, description="old").to_dict()
    updated = v1.customers.update(before["id"], {"description": "new"})
    assert updated.to_dict() == {**before, "description": "new"}
    assert v1.customers.update(before["id"], {"description": ""}).description is None


def test_metadata_is_merged_and_an_empty_string_unsets(v1: Any, make: Workshop) -> None:
    customer = make.customer(None, metadata={"a": "1", "b": "2"}).id
    for given, kept in (
        ({"b": "3", "c": "4"}, {"a": "1", "b": "3", "c": "4"}),
        ({"a": ""}, {"b": "3", "c": "4"}),
        ("", {}),
    ):
        assert v1.customers.update(customer, {"metadata": given}).metadata.to_dict() == kept


def test_a_deleted_customer_is_a_stub_and_cannot_be_used(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    subscription = make.subscription(customer)
    assert v1.customers.delete(customer.id).to_dict() == {
        "id": customer.id,
        "object": "customer",
        "deleted": True,
    }
    assert v1.customers.retrieve(customer.id).deleted is True
    assert v1.customers.list({"email": customer.email}).data == []
    assert v1.subscriptions.retrieve(subscription.id).status == "canceled"
    for refused in (
        refuses(v1.customers.update, customer.id, {"name": "Ghost"}),
        refuses(v1.customers.delete, customer.id),
        refuses(v1.payment_intents.create, {"amount": 500, "currency": "usd", "customer": customer.id}),
    ):
        assert refused.code == "resource_missing"


def test_a_customer_has_the_cards_that_were_attached(v1: Any, make: Workshop) -> None:
    customer = make.customer(None)
    attached = v1.payment_methods.attach(VISA, {"customer": customer.id})
    assert (attached.object, attached.type, attached.customer) == ("payment_method", "card", customer.id)
    assert (attached.card.brand, attached.card.last4) == ("visa", "4242")
    assert v1.payment_methods.retrieve(attached.id).to_dict() == attached.to_dict()
    assert ids(v1.customers.payment_methods.list(customer.id).data) == [attached.id]
    assert v1.customers.payment_methods.list(customer.id, {"type": "us_bank_account"}).data == []


def test_a_card_can_be_made_from_a_token_and_become_the_default(v1: Any, make: Workshop) -> None:
    customer = make.customer(None)
    card = v1.payment_methods.create({"type": "card", "card": {"token": "tok_mastercard"}})
    assert (card.customer, card.card.brand) == (None, "mastercard")
    v1.payment_methods.attach(card.id, {"customer": customer.id})
    settings = {"invoice_settings": {"default_payment_method": card.id}}
    assert v1.customers.update(customer.id, settings).invoice_settings.default_payment_method == card.id


def test_a_detached_card_belongs_to_nobody_and_stays_detached(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    card = customer.invoice_settings.default_payment_method
    assert v1.payment_methods.detach(card).customer is None
    assert v1.customers.payment_methods.list(customer.id).data == []
    assert v1.customers.retrieve(customer.id).invoice_settings.default_payment_method is None
    assert refuses(v1.payment_methods.detach, card).http_status == 400
    assert refuses(v1.payment_methods.attach, card, {"customer": customer.id}).http_status == 400


def test_a_card_of_one_customer_pays_for_no_other(make: Workshop) -> None:
    card = make.customer().invoice_settings.default_payment_method
    error = refuses(lambda: make.payment(card=card, customer=make.customer(None).id))
    assert error.http_status == 400


def test_a_customer_shows_their_subscriptions_only_when_asked(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    subscription = make.subscription(customer)
    (plain,) = v1.customers.list({"email": customer.email}).data
    (full,) = everything(v1.customers.list, email=customer.email, expand=["data.subscriptions"])
    assert "subscriptions" not in plain.to_dict()
    assert ids(full.subscriptions.data) == [subscription.id]
