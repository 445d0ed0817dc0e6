"""
What the client is refused, by which of its own errors; and the same idempotency key used twice.
"""

from typing import Any

import pytest
import stripe

from tests.live.workshop import CARDS_ONLY, VISA, Workshop
from tests.simulator.stripe_client import refuses

pytestmark = pytest.mark.live


def test_a_key_that_opens_nothing_is_an_authentication_error(v1: Any) -> None:
    wrong = "not_a_key_of_anybody"
    with pytest.raises(stripe.AuthenticationError) as refused:
        v1.balance.retrieve({}, {"api_key": wrong})
    error: Any = refused.value
    assert (error.http_status, error.error.type) == (401, "invalid_request_error")
    assert wrong not in str(error)


def test_a_url_that_stripe_does_not_have_is_not_found(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as refused:
        client.raw_request("get", "/v1/unicorns")
    assert refused.value.http_status == 404


def test_an_error_says_which_request_it_answers_and_where_to_read_on(v1: Any) -> None:
    error: Any = refuses(v1.customers.create, {"colour": "blue"})
    assert error.request_id.startswith("req_")
    assert error.error.doc_url.startswith("https://")
    assert error.error.request_log_url.startswith("https://")
    assert error.user_message


def test_an_answer_says_in_which_version_it_is(v1: Any, make: Workshop) -> None:
    said = make.customer(None).last_response
    assert (said.code, said.headers["stripe-version"]) == (200, "2026-10-28.endive")
    assert said.request_id.startswith("req_")


REFUSED: list[tuple[str, dict[str, Any], str, str | None]] = [
    ("payment_intents.create", {"currency": "usd"}, "amount", "parameter_missing"),
    ("payment_intents.create", {"amount": 5000}, "currency", "parameter_missing"),
    ("payment_intents.create", {"amount": "ten", "currency": "usd"}, "amount", "parameter_invalid_integer"),
    ("payment_intents.create", {"amount": 5000, "currency": "xyz"}, "currency", None),
    (
        "payment_intents.create",
        {"amount": 5000, "currency": "usd", "capture_method": "x"},
        "capture_method",
        None,
    ),
    (
        "payment_intents.create",
        {"amount": 5000, "currency": "usd", "customer": "cus_0"},
        "customer",
        "resource_missing",
    ),
    ("customers.create", {"address": {"street": "Main St"}}, "address[street]", "parameter_unknown"),
    ("customers.create", {"email": "no address"}, "email", "email_invalid"),
    ("customers.list", {"created": {"after": 1}}, "created[after]", "parameter_unknown"),
    ("charges.list", {"limit": "ten"}, "limit", "parameter_invalid_integer"),
    ("invoices.list", {"status": "lost"}, "status", None),
    ("invoices.create", {"customer": "cus_0"}, "customer", "resource_missing"),
    ("subscriptions.list", {"status": "asleep"}, "status", None),
    (
        "prices.create",
        {"unit_amount": 500, "product_data": {"name": "Gold"}},
        "currency",
        "parameter_missing",
    ),
    (
        "prices.create",
        {"currency": "usd", "unit_amount": 5, "product": "prod_0"},
        "product",
        "resource_missing",
    ),
    ("products.list", {"active": "maybe"}, "active", None),
]


@pytest.mark.parametrize(
    ("method", "params", "param", "code"), REFUSED, ids=[f"{each[0]} {each[1]}" for each in REFUSED]
)
def test_a_parameter_that_cannot_be_taken_is_named(
    v1: Any, method: str, params: dict[str, Any], param: str, code: str | None
) -> None:
    """
    Where Stripe documents no code for it, the parameter alone is compared.
    """
    service, _, verb = method.partition(".")
    error = refuses(getattr(getattr(v1, service), verb), params)
    assert (error.http_status, error.param) == (400, param)
    assert code in (None, error.code)


def replayed(answer: Any) -> bool:
    return bool(answer.headers.get("idempotent-replayed") == "true")


def test_the_same_key_replays_the_same_answer(v1: Any, make: Workshop) -> None:
    given, key = {"email": f"{make.name()}@example.com"}, {"idempotency_key": make.name()}
    first, second = v1.customers.create(given, key), v1.customers.create(given, key)
    assert second.to_dict() == first.to_dict()
    assert [replayed(each.last_response) for each in (first, second)] == [False, True]
    assert second.last_response.headers["original-request"] == first.last_response.request_id
    assert len(v1.customers.list(given).data) == 1


def test_the_same_key_refunds_once(v1: Any, make: Workshop) -> None:
    paid = make.payment(5000)
    given, key = {"payment_intent": paid.id, "amount": 1000}, {"idempotency_key": make.name()}
    assert v1.refunds.create(given, key).id == v1.refunds.create(given, key).id
    assert v1.charges.retrieve(paid.latest_charge.id).amount_refunded == 1000


def test_the_same_key_for_something_else_is_an_idempotency_error(v1: Any, make: Workshop) -> None:
    key = {"idempotency_key": make.name()}
    customer = v1.customers.create({"description": "one", "metadata": make.marked}, key)
    with pytest.raises(stripe.IdempotencyError) as refused:
        v1.customers.create({"description": "another", "metadata": make.marked}, key)
    error: Any = refused.value
    assert (error.http_status, error.error.type) == (400, "idempotency_error")
    with pytest.raises(stripe.IdempotencyError):
        v1.customers.update(customer.id, {"description": "one", "metadata": make.marked}, key)


def test_a_decline_is_replayed_too(v1: Any, make: Workshop) -> None:
    key = {"idempotency_key": make.name()}
    declined: list[Any] = []
    given = {"amount": 500, "currency": "usd", "automatic_payment_methods": CARDS_ONLY, "confirm": True}
    for _ in range(2):
        with pytest.raises(stripe.CardError) as refused:
            v1.payment_intents.create({**given, "payment_method": "pm_card_chargeDeclined"}, key)
        declined.append(refused.value)
    first, second = declined
    assert [replayed(each) for each in declined] == [False, True]
    assert first.json_body["error"]["payment_intent"] == second.json_body["error"]["payment_intent"]


def test_a_request_that_was_not_understood_leaves_its_key_free(v1: Any, make: Workshop) -> None:
    key = {"idempotency_key": make.name()}
    with pytest.raises(stripe.InvalidRequestError):
        v1.customers.create({"colour": "blue"}, key)
    assert not replayed(v1.customers.create({"metadata": make.marked}, key).last_response)


def test_a_new_key_is_a_new_payment(make: Workshop) -> None:
    assert make.payment(card=VISA).id != make.payment(card=VISA).id
