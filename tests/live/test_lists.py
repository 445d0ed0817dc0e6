"""
Lists over objects of one's own, page by page in both directions, and what is expanded in them.
"""

from typing import Any

import pytest

from tests.live.workshop import Workshop
from tests.simulator.stripe_client import everything, ids, refuses

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def customer(make: Workshop) -> Any:
    return make.customer()


@pytest.fixture(scope="module")
def intents(customer: Any, make: Workshop) -> list[str]:
    """
    Five payment intents of one customer, newest first.
    """
    return [make.intent(500 + number, customer=customer.id).id for number in range(5)][::-1]


def test_pages_go_forward_without_doubles_or_gaps(v1: Any, customer: Any, intents: list[str]) -> None:
    first = v1.payment_intents.list({"customer": customer.id, "limit": 2})
    assert (ids(first.data), first.has_more, first.url) == (intents[:2], True, "/v1/payment_intents")
    second = v1.payment_intents.list(
        {"customer": customer.id, "limit": 2, "starting_after": first.data[-1].id}
    )
    assert (ids(second.data), second.has_more) == (intents[2:4], True)
    last = v1.payment_intents.list(
        {"customer": customer.id, "limit": 2, "starting_after": second.data[-1].id}
    )
    assert (ids(last.data), last.has_more) == (intents[4:], False)


def test_pages_go_back_and_stay_newest_first(v1: Any, customer: Any, intents: list[str]) -> None:
    back = v1.payment_intents.list({"customer": customer.id, "limit": 2, "ending_before": intents[4]})
    assert (ids(back.data), back.has_more) == (intents[2:4], True)
    further = v1.payment_intents.list({"customer": customer.id, "limit": 2, "ending_before": intents[2]})
    assert (ids(further.data), further.has_more) == (intents[:2], False)


def test_the_client_turns_the_pages_in_both_directions(v1: Any, customer: Any, intents: list[str]) -> None:
    forward = v1.payment_intents.list({"customer": customer.id, "limit": 2})
    assert ids(forward.auto_paging_iter()) == intents
    backward = v1.payment_intents.list({"customer": customer.id, "limit": 2, "ending_before": intents[4]})
    assert ids(backward.auto_paging_iter()) == intents[3::-1]


def test_a_cursor_is_an_object_that_exists(v1: Any) -> None:
    error = refuses(v1.payment_intents.list, {"starting_after": "pi_nothing"})
    assert (error.code, error.param) == ("resource_missing", "starting_after")
    both = {"starting_after": "pi_nothing", "ending_before": "pi_nothing"}
    assert refuses(v1.payment_intents.list, both).http_status == 400


def test_a_list_can_be_limited_to_a_time(v1: Any, customer: Any, intents: list[str]) -> None:
    newest = v1.payment_intents.retrieve(intents[0]).created
    own = {"customer": customer.id}
    assert everything(v1.payment_intents.list, **own, created={"gt": newest}) == []
    assert ids(everything(v1.payment_intents.list, **own, created={"lte": newest})) == intents


def test_a_customer_who_does_not_exist_has_no_list(v1: Any) -> None:
    error = refuses(v1.payment_intents.list, {"customer": "cus_nothing"})
    assert (error.code, error.param) == ("resource_missing", "customer")


def test_what_is_expanded_is_the_object_itself(v1: Any, make: Workshop) -> None:
    customer = make.customer()
    paid = make.payment(customer=customer.id, expand=["customer"])
    assert paid.customer.to_dict() == v1.customers.retrieve(customer.id).to_dict()
    path = "data.payment_intent.latest_charge.balance_transaction"
    (charge,) = v1.charges.list({"customer": customer.id, "expand": [path, "data.customer"]}).data
    deep = charge.payment_intent.latest_charge
    assert (charge.customer.email, charge.payment_intent.id, deep.id) == (customer.email, paid.id, charge.id)
    assert deep.balance_transaction.source == charge.id


@pytest.mark.parametrize(
    "path", ["colour", "amount", "customer.invoice_settings.default_payment_method.customer.invoice_settings"]
)
def test_what_cannot_be_expanded_is_refused(v1: Any, make: Workshop, path: str) -> None:
    intent = make.intent()
    error = refuses(v1.payment_intents.retrieve, intent.id, {"expand": [path]})
    assert error.http_status == 400
    assert "expand" in str(error)
