"""
Customers, their payment methods, and the events that any change leaves behind.
"""

from typing import Any

from tests.simulator.stripe_client import Clock, everything, ids, refuses
from tests.simulator.stripe_operations import (
    john,
    johns_payment_method,
)

# Customers


def test_a_new_customer_is_read_back_listed_first_and_found_by_email(v1: Any, clock: Clock) -> None:
    made = v1.customers.create(
        {
            "email": "Ada@example.com",
            "name": "Ada Löwe & Söhne + 1%",
            "phone": "+15551234567",
            "description": "called twice",
            "address": {"line1": "Hauptstraße 1", "country": "DE"},
            "metadata": {"source": "phone_call", "call": "call_abc123"},
        }
    )
    assert (made.email, made.name, made.phone) == ("Ada@example.com", "Ada Löwe & Söhne + 1%", "+15551234567")
    assert (made.address.line1, made.address.country, made.address.city) == ("Hauptstraße 1", "DE", None)
    assert made.metadata.to_dict() == {"source": "phone_call", "call": "call_abc123"}
    assert (made.balance, made.created) == (0, clock.now)

    assert v1.customers.retrieve(made.id).to_dict() == made.to_dict()
    assert v1.customers.list({"limit": 1}).data[0].to_dict() == made.to_dict()
    assert ids(v1.customers.list({"email": "Ada@example.com"}).data) == [made.id]


def test_two_customers_may_share_an_email(v1: Any) -> None:
    pair = [v1.customers.create({"email": "twin@example.com"}).id for _ in range(2)]
    assert ids(v1.customers.list({"email": "twin@example.com"}).data) == pair[::-1]


def test_an_update_changes_what_it_names_and_nothing_else(v1: Any) -> None:
    before = v1.customers.retrieve(john(v1)).to_dict()
    updated = v1.customers.update(before["id"], {"phone": "+15550000000"})
    assert updated.to_dict() == {**before, "phone": "+15550000000"}
    assert v1.customers.retrieve(before["id"]).to_dict() == updated.to_dict()


def test_an_update_moves_the_customer_to_the_new_email(v1: Any) -> None:
    customer = john(v1)
    v1.customers.update(customer, {"email": "johnny@example.com"})
    assert v1.customers.list({"email": "john.smith@example.com"}).data == []
    assert ids(v1.customers.list({"email": "johnny@example.com"}).data) == [customer]


def test_metadata_is_merged_and_an_empty_string_unsets(v1: Any) -> None:
    customer = v1.customers.create({"metadata": {"a": "1", "b": "2"}, "description": "old"}).id
    update = v1.customers.update
    assert update(customer, {"metadata": {"b": "3", "c": "4"}}).metadata.to_dict() == {
        "a": "1",
        "b": "3",
        "c": "4",
    }
    assert update(customer, {"metadata": {"a": ""}}).metadata.to_dict() == {"b": "3", "c": "4"}
    assert update(customer, {"metadata": ""}).metadata.to_dict() == {}
    assert update(customer, {"description": ""}).description is None


def test_the_event_of_an_update_says_what_was_there_before(v1: Any) -> None:
    customer = v1.customers.create({"name": "Ada", "description": "old"}).id
    v1.customers.update(customer, {"description": "new"})
    event = v1.events.list({"type": "customer.updated"}).data[0]
    assert event.data.object.description == "new"
    assert event.data.previous_attributes.to_dict() == {"description": "old"}


def test_a_deleted_customer_is_gone_from_lists_and_cannot_be_used(v1: Any) -> None:
    customer = john(v1)
    deleted = v1.customers.delete(customer)
    assert (deleted.id, deleted.deleted) == (customer, True)

    assert v1.customers.retrieve(customer).deleted is True
    assert v1.customers.list({"email": "john.smith@example.com"}).data == []
    assert customer not in ids(everything(v1.customers.list))
    assert refuses(v1.customers.delete, customer).code == "resource_missing"
    assert refuses(v1.customers.update, customer, {"name": "Ghost"}).code == "resource_missing"
    payment = {"amount": 500, "currency": "usd", "customer": customer}
    assert refuses(v1.payment_intents.create, payment).code == "resource_missing"


def test_deleting_a_customer_cancels_their_subscriptions_and_keeps_their_payments(v1: Any) -> None:
    customer = john(v1)
    active = ids(everything(v1.subscriptions.list, customer=customer))
    charges = ids(everything(v1.charges.list, customer=customer))
    v1.customers.delete(customer)
    assert {v1.subscriptions.retrieve(each).status for each in active} == {"canceled"}
    assert [v1.charges.retrieve(each).customer for each in charges] == [customer] * len(charges)


# Payment methods


def test_a_detached_payment_method_has_no_customer_and_stays_detached(v1: Any) -> None:
    customer, method = john(v1), johns_payment_method(v1)
    detached = v1.payment_methods.detach(method)
    assert (detached.id, detached.customer) == (method, None)
    assert v1.payment_methods.retrieve(method).to_dict() == detached.to_dict()
    assert method not in ids(v1.customers.payment_methods.list(customer).data)
    assert v1.customers.retrieve(customer).invoice_settings.default_payment_method != method
    assert refuses(v1.payment_methods.detach, method).http_status == 400


# Events


def test_an_event_reads_the_same_alone_and_keeps_what_it_saw(v1: Any) -> None:
    customer = v1.customers.create({"name": "Ada"})
    event = v1.events.list({"type": "customer.created", "limit": 1}).data[0]
    v1.customers.update(customer.id, {"name": "Grace"})
    kept = v1.events.retrieve(event.id)
    assert kept.to_dict() == event.to_dict()
    assert kept.data.object.to_dict() == customer.to_dict()


def test_events_come_in_the_order_of_the_changes(v1: Any) -> None:
    customer = v1.customers.create().id
    v1.customers.update(customer, {"name": "Ada"})
    v1.customers.delete(customer)
    news = v1.events.list({"type": "customer.*", "limit": 3}).data
    assert [event.type for event in news] == ["customer.deleted", "customer.updated", "customer.created"]


def test_an_event_names_the_idempotency_key_of_its_request(v1: Any) -> None:
    v1.customers.create({}, {"idempotency_key": "call-7"})
    assert v1.events.list({"limit": 1}).data[0].request.idempotency_key == "call-7"
