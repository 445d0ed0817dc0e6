"""
Objects expanded in place of their ids, one level deep.
"""

import inspect
from typing import Any, ForwardRef, Union, get_args

import pytest
import stripe

from tests.simulator.stripe_client import ids, newest_event
from tests.simulator.stripe_operations import (
    LISTS,
    OPERATIONS,
    SEARCHES,
    john,
    prepared,
    recurring_price,
)


def expandable(cls: type) -> list[str]:
    """
    The fields that hold an id or, expanded, the object: `Optional[Union[str, SomeClass]]` in the package.
    """
    hints = inspect.get_annotations(cls)
    unions = {
        name: get_args(hint) for name, hint in hints.items() if getattr(hint, "__origin__", None) is Union
    }
    return [
        name
        for name, options in unions.items()
        if str in options and any(isinstance(option, ForwardRef) for option in options)
    ]


DELETE_CUSTOMER = "DELETE /v1/customers/{customer}"  # the one operation that takes no parameter at all
WITH_EXPANDABLE = {
    line: expandable(OPERATIONS[line].returns) for line in OPERATIONS if expandable(OPERATIONS[line].returns)
}


@pytest.mark.parametrize("request_line", [line for line in [*LISTS, *SEARCHES] if line in WITH_EXPANDABLE])
def test_every_reference_in_a_list_expands_to_the_object(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    plain = {each.id: each for each in call({"limit": 100}).data}
    for field in WITH_EXPANDABLE[request_line]:
        for each in call({"limit": 100, "expand": [f"data.{field}"]}).data:
            reference = plain[each.id].to_dict().get(field)
            if isinstance(reference, str):
                assert isinstance(each[field], stripe.StripeObject), field
                assert each[field].id == reference
            else:
                assert each.to_dict().get(field) == reference


# A deleted customer has no references left.
ONE_BY_ONE = [line for line in WITH_EXPANDABLE if line not in {*LISTS, *SEARCHES, DELETE_CUSTOMER}]


@pytest.mark.parametrize("request_line", ONE_BY_ONE)
def test_every_reference_of_an_object_expands_on_reads_and_writes(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    answer = call({"expand": WITH_EXPANDABLE[request_line]}).to_dict(recursive=False)
    assert [field for field in WITH_EXPANDABLE[request_line] if isinstance(answer.get(field), str)] == []


def test_what_is_only_included_when_asked_for_is_absent_before(v1: Any) -> None:
    customer = john(v1)
    assert "subscriptions" not in v1.customers.retrieve(customer)
    assert "subscriptions" not in v1.customers.list().data[0]
    expanded = v1.customers.retrieve(customer, {"expand": ["subscriptions"]})
    assert ids(expanded.subscriptions.data) == ids(v1.subscriptions.list({"customer": customer}).data)
    (listed,) = v1.customers.list({"email": expanded.email, "expand": ["data.subscriptions"]}).data
    assert listed.subscriptions.to_dict() == expanded.subscriptions.to_dict()

    refund = v1.refunds.list().data[0]
    assert "refunds" not in v1.charges.retrieve(refund.charge)
    charge = v1.charges.retrieve(refund.charge, {"expand": ["refunds"]})
    assert ids(charge.refunds.data) == ids(v1.refunds.list({"charge": charge.id}).data)


@pytest.mark.parametrize("request_line", [line for line in OPERATIONS if line != DELETE_CUSTOMER])
def test_a_path_that_cannot_be_expanded_is_refused(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    before = newest_event(v1)
    for path in ("colour", "id", "data.colour", "metadata"):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded") as refused:
            call({"expand": [path]})
        assert refused.value.http_status == 400
    assert newest_event(v1) == before


@pytest.mark.parametrize("request_line", [line for line in [*LISTS, *SEARCHES] if line in WITH_EXPANDABLE])
def test_a_list_is_expanded_below_data_only(v1: Any, request_line: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        prepared(v1, request_line)({"expand": WITH_EXPANDABLE[request_line][:1]})


def test_expanding_lasts_for_one_answer(v1: Any) -> None:
    charge = v1.charges.list({"customer": john(v1), "expand": ["data.customer"]}).data[0]
    assert charge.customer.email == "john.smith@example.com"
    assert v1.charges.retrieve(charge.id).customer == charge.customer.id


def test_what_a_write_made_can_be_expanded_in_its_answer(v1: Any) -> None:
    subscription = v1.subscriptions.create(
        {
            "customer": john(v1),
            "items": [{"price": recurring_price(v1)}],
            "expand": ["latest_invoice", "customer"],
        }
    )
    assert subscription.latest_invoice.parent.subscription_details.subscription == subscription.id
    assert subscription.customer.email == "john.smith@example.com"
