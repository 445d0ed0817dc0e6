"""
Rules that hold for each of the 36 operations, on objects of one's own.
"""

from operator import attrgetter
from typing import Any

import pytest

from tests.live.side import Side
from tests.live.workshop import Workshop
from tests.simulator.stripe_client import ids, refuses
from tests.simulator.stripe_operations import OPERATIONS, READS, WITH_ID

pytestmark = pytest.mark.live

# What a write needs in order to be understood, so that it is refused for the reason that is asked about.
NEEDED: dict[str, dict[str, Any]] = {
    "POST /v1/payment_intents": {"amount": 500, "currency": "usd"},
    "POST /v1/prices": {"currency": "usd", "unit_amount": 500},
}


@pytest.fixture(scope="module")
def own(v1: Any, make: Workshop, side: Side) -> dict[str, str]:
    """
    The id of an object for each kind of path, by what stands in its braces.
    """
    customer = make.customer()
    held, paid = make.charge(capture=False), make.payment(customer=customer.id)
    news = {"type": "payment_intent.created", "created": {"gte": paid.created}}
    side.eventually(lambda: bool(v1.events.list(news).data), True)
    price = make.price()
    return {
        "customer": customer.id,
        "intent": paid.id,
        "charge": held.id,
        "invoice": make.draft(customer, 500).id,
        "subscription_exposed_id": make.subscription(customer, price).id,
        "payment_method": customer.invoice_settings.default_payment_method,
        "refund": v1.refunds.create({"payment_intent": paid.id, "amount": 100}).id,
        "products": price.product,
        "events": v1.events.list(news).data[0].id,
    }


def arguments(request_line: str, own: dict[str, str]) -> tuple[list[str], dict[str, Any]]:
    """
    The ids in the path, and the parameters that the operation cannot do without.
    """
    _, _, service, *rest = request_line.split("/")
    path = [own.get(part[1:-1], own.get(service, "")) for part in rest if part.startswith("{")]
    params = {"query": f'customer:"{own["customer"]}"'} if rest == ["search"] else {}
    return path, {**params, **NEEDED.get(request_line, {})}


@pytest.mark.parametrize("request_line", READS)
def test_a_read_answers_with_what_it_is_for(v1: Any, own: dict[str, str], request_line: str) -> None:
    operation = OPERATIONS[request_line]
    path, params = arguments(request_line, own)
    answer: Any = attrgetter(operation.method)(v1)(*path, params)
    assert {type(answer)} == {operation.container or operation.returns}
    assert answer.last_response.request_id.startswith("req_")
    if operation.container:
        assert {type(each) for each in answer.data} <= {operation.returns}
        assert len(ids(answer.data)) <= 10
    elif path:
        assert answer.id == path[0]


@pytest.mark.parametrize("request_line", WITH_ID)
def test_an_id_that_names_nothing_is_missing(v1: Any, own: dict[str, str], request_line: str) -> None:
    _, params = arguments(request_line, own)
    error = refuses(attrgetter(OPERATIONS[request_line].method)(v1), "nothing_123", params)
    assert (error.http_status, error.code) == (404, "resource_missing")
    assert "nothing_123" in str(error)
    assert error.param


@pytest.mark.parametrize("request_line", OPERATIONS)
def test_an_unknown_parameter_is_refused(v1: Any, own: dict[str, str], request_line: str) -> None:
    path, params = arguments(request_line, own)
    error = refuses(attrgetter(OPERATIONS[request_line].method)(v1), *path, {**params, "colour": "blue"})
    assert (error.http_status, error.code, error.param) == (400, "parameter_unknown", "colour")
