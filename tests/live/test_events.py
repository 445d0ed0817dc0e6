"""
What happened, as events tell it. Stripe writes them a moment later, so these tests wait there.
"""

from typing import Any

import pytest

from tests.live.side import Side
from tests.live.workshop import Workshop
from tests.simulator.stripe_client import everything, refuses

pytestmark = pytest.mark.live


def events_of(v1: Any, thing: Any, kind: str) -> list[Any]:
    """
    The events of a *kind* about one object, newest first.
    """
    listed = everything(v1.events.list, type=kind, created={"gte": thing.created})
    return [event for event in listed if event.data.object.id == thing.id]


def test_the_life_of_a_customer_is_told_in_order(v1: Any, make: Workshop, side: Side) -> None:
    customer = make.customer(None, description="old")
    v1.customers.update(customer.id, {"description": "new"})
    v1.customers.delete(customer.id)
    told = ["customer.deleted", "customer.updated", "customer.created"]

    def look() -> list[str]:
        return [event.type for event in events_of(v1, customer, "customer.*")]

    assert sorted(side.eventually(look, told)) == sorted(told)
    (updated,) = events_of(v1, customer, "customer.updated")
    assert updated.data.previous_attributes.to_dict() == {"description": "old"}
    assert updated.data.object.description == "new"
    assert v1.events.retrieve(updated.id).to_dict() == updated.to_dict()


def test_an_event_names_the_request_and_its_key(v1: Any, make: Workshop, side: Side) -> None:
    key = make.name()
    intent = v1.payment_intents.create(
        {"amount": 500, "currency": "usd", "metadata": make.marked}, {"idempotency_key": key}
    )

    def look() -> list[tuple[str, str]]:
        found = events_of(v1, intent, "payment_intent.created")
        return [(event.request.id, event.request.idempotency_key) for event in found]

    told = [(intent.last_response.request_id, key)]
    assert side.eventually(look, told) == told
    (event,) = events_of(v1, intent, "payment_intent.created")
    assert (event.object, event.livemode, event.data.object.object) == ("event", False, "payment_intent")


MONEY = ["charge.succeeded", "payment_intent.succeeded", "charge.refunded", "refund.created"]


def test_a_payment_and_its_refund_are_told(v1: Any, make: Workshop, side: Side) -> None:
    paid = make.payment()
    refund = v1.refunds.create({"payment_intent": paid.id})
    own = {paid.id, paid.latest_charge.id, refund.id}

    def look() -> set[str]:
        listed = everything(v1.events.list, types=MONEY, created={"gte": paid.created})
        return {event.type for event in listed if event.data.object.id in own}

    assert side.eventually(look, set(MONEY)) == set(MONEY)


def test_a_list_of_events_is_for_one_type_or_for_some(v1: Any) -> None:
    error = refuses(v1.events.list, {"type": "charge.*", "types": ["charge.refunded"]})
    assert error.http_status == 400
