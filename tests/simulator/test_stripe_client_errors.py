"""
What the client is refused, by whom and how; and the same idempotency key used twice.
"""

import re
from typing import Any

import httpx
import pytest
import stripe

from tests.simulator.stripe_client import Wire, ids, newest_event
from tests.simulator.stripe_operations import OPERATIONS, POSTS, READS, WITH_ID, WRITES, john, recurring_price

# Keys

BAD_KEYS = ["nonsense", "pk_test_123", "pk_live_123", "rk_test_123", "rk_live_123", "sk_123"]


@pytest.mark.parametrize("request_line", OPERATIONS)
def test_no_operation_answers_without_a_secret_test_key(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    before = newest_event(v1)
    for key in BAD_KEYS:
        with pytest.raises(stripe.AuthenticationError) as refused:
            call(api_key=key)
        assert refused.value.http_status == 401
        assert key not in str(refused.value), "a key does not belong in a log"
    assert newest_event(v1) == before


@pytest.mark.parametrize("headers", [{}, *({"Authorization": said} for said in ("", "Bearer", "Basic"))])
def test_no_operation_answers_without_any_key(wire: Wire, headers: dict[str, str]) -> None:
    """
    By hand, as the client refuses to start without a key.
    """
    with httpx.Client(base_url=wire.address, headers=headers, trust_env=False) as client:
        for request_line in OPERATIONS:
            reply = client.request(*re.sub(r"[{}]", "", request_line).split())
            assert reply.status_code == 401, request_line
            assert reply.json()["error"]["type"] == "invalid_request_error"


def test_a_publishable_key_is_told_that_a_secret_one_is_needed(v1: Any) -> None:
    with pytest.raises(stripe.AuthenticationError) as refused:
        v1.balance.retrieve({}, {"api_key": "pk_test_123"})
    assert refused.value.error
    assert refused.value.error.code == "secret_key_required"  # the SDK leaves its own `code` empty on a 401


def test_any_secret_test_key_opens_the_same_shop(v1: Any) -> None:
    customer = v1.customers.create().id
    assert v1.customers.retrieve(customer, {}, {"api_key": "sk_test_another"}).id == customer


# Things that do not exist


@pytest.mark.parametrize("request_line", WITH_ID)
def test_an_id_that_names_nothing_is_missing(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    before = newest_event(v1)
    for missing in ("nothing_123", call.path[0][:-1], call.path[0] + "x", call.path[0].upper()):
        with pytest.raises(stripe.InvalidRequestError, match="No such") as refused:
            call.method(missing, call.params)
        assert (refused.value.http_status, refused.value.code) == (404, "resource_missing")
        assert missing in str(refused.value)
        assert refused.value.param
    assert newest_event(v1) == before


@pytest.mark.parametrize("request_line", WITH_ID)
def test_the_id_of_another_kind_of_object_is_missing_too(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    other = john(v1) if "{customer}" not in request_line else v1.products.list().data[0].id
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call.method(other, call.params)
    assert refused.value.code == "resource_missing"


@pytest.mark.parametrize(
    ("method", "path"),
    [("get", "/v1/unicorns"), ("get", "/v1"), ("post", "/v1/balance"), ("delete", "/v1/refunds/re_1")],
)
def test_a_url_that_stripe_does_not_have_is_not_found(
    client: stripe.StripeClient, method: str, path: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL") as refused:
        client.raw_request(method, path)
    assert refused.value.http_status == 404


# Parameters


@pytest.mark.parametrize("request_line", OPERATIONS)
def test_an_unknown_parameter_is_refused_and_changes_nothing(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    before = newest_event(v1)
    for name in ("colour", "Limit", "amonut", "customer_id"):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call({name: "blue"})
        error = refused.value
        assert (error.http_status, error.code, error.param) == (400, "parameter_unknown", name)
    assert newest_event(v1) == before


NESTED: list[tuple[str, dict[str, Any], str]] = [
    ("GET /v1/customers", {"created": {"after": 1}}, "created[after]"),
    ("GET /v1/charges", {"created": {"gt": 1, "gtt": 1}}, "created[gtt]"),
    ("GET /v1/prices", {"recurring": {"period": "month"}}, "recurring[period]"),
    ("POST /v1/customers", {"address": {"street": "Main St"}}, "address[street]"),
    ("POST /v1/customers", {"shipping": {"name": "A", "address": {"town": "B"}}}, "shipping[address][town]"),
    ("POST /v1/customers/{customer}", {"address": {"zip": "1"}}, "address[zip]"),
    (
        "POST /v1/payment_intents",
        {"automatic_payment_methods": {"enabled": True, "redirects": "never"}},
        "automatic_payment_methods[redirects]",
    ),
    ("POST /v1/prices", {"recurring": {"interval": "month", "every": 2}}, "recurring[every]"),
    ("POST /v1/subscriptions", {"items": [{"prise": "price_1"}]}, "items[0][prise]"),
    (
        "DELETE /v1/subscriptions/{subscription_exposed_id}",
        {"cancellation_details": {"reason": "other"}},
        "cancellation_details[reason]",
    ),
]


@pytest.mark.parametrize(("request_line", "params", "param"), NESTED, ids=[each[2] for each in NESTED])
def test_so_is_an_unknown_parameter_within_another(
    v1: Any, request_line: str, params: dict[str, Any], param: str
) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call(params)
    error = refused.value
    assert (error.http_status, error.code, error.param) == (400, "parameter_unknown", param)


MISSING: list[tuple[str, dict[str, Any], str]] = [
    ("payment_intents.create", {"currency": "usd"}, "amount"),
    ("payment_intents.create", {"amount": 5000}, "currency"),
    ("payment_intents.search", {}, "query"),
    ("invoices.search", {"limit": 3}, "query"),
    ("charges.search", {}, "query"),
    ("prices.create", {"unit_amount": 500, "product_data": {"name": "Gold"}}, "currency"),
    (
        "prices.create",
        {"currency": "usd", "unit_amount": 500, "product_data": {"metadata": {"a": "b"}}},
        "product_data[name]",
    ),
    (
        "prices.create",
        {
            "currency": "usd",
            "unit_amount": 1,
            "product_data": {"name": "A"},
            "recurring": {"interval_count": 2},
        },
        "recurring[interval]",
    ),
    (
        "payment_intents.create",
        {"amount": 5000, "currency": "usd", "automatic_payment_methods": {"allow_redirects": "never"}},
        "automatic_payment_methods[enabled]",
    ),
    ("customers.create", {"shipping": {"address": {"line1": "Main St 1"}}}, "shipping[name]"),
]


@pytest.mark.parametrize(("method", "params", "param"), MISSING, ids=[f"{m[0]} {m[2]}" for m in MISSING])
def test_a_missing_parameter_is_named(v1: Any, method: str, params: dict[str, Any], param: str) -> None:
    service, _, verb = method.partition(".")
    with pytest.raises(stripe.InvalidRequestError) as refused:
        getattr(getattr(v1, service), verb)(params)
    error = refused.value
    assert (error.http_status, error.code, error.param) == (400, "parameter_missing", param)


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("GET /v1/charges", {"created": "yesterday"}, "created"),
    ("GET /v1/charges", {"created": {"gte": "yesterday"}}, "created[gte]"),
    ("GET /v1/charges", {"customer": {"id": "cus_1"}}, "customer"),
    ("GET /v1/charges", {"expand": "data.customer"}, "expand"),
    ("GET /v1/products", {"active": "maybe"}, "active"),
    ("GET /v1/prices", {"type": "sometimes"}, "type"),
    ("GET /v1/invoices", {"status": "lost"}, "status"),
    ("GET /v1/subscriptions", {"status": "asleep"}, "status"),
    ("GET /v1/events", {"types": "charge.captured"}, "types"),
    ("GET /v1/customers/{customer}/payment_methods", {"type": "shells"}, "type"),
    ("POST /v1/customers", {"metadata": "source=phone"}, "metadata"),
    ("POST /v1/customers", {"metadata": {"a": {"b": "c"}}}, "metadata[a]"),
    ("POST /v1/customers", {"address": "Main St 1"}, "address"),
    ("POST /v1/customers", {"email": "no address"}, "email"),
    ("POST /v1/customers", {"tax_exempt": "always"}, "tax_exempt"),
    ("POST /v1/payment_intents", {"capture_method": "by hand"}, "capture_method"),
    ("POST /v1/invoices", {"collection_method": "carrier pigeon"}, "collection_method"),
    ("POST /v1/invoices", {"collection_method": "send_invoice", "days_until_due": "soon"}, "days_until_due"),
    ("POST /v1/invoices", {"auto_advance": "perhaps"}, "auto_advance"),
    ("POST /v1/subscriptions", {"items": "price_1"}, "items"),
    ("POST /v1/subscriptions", {"items": ["price_1"]}, "items[0]"),
    ("POST /v1/subscriptions", {"trial_period_days": "some"}, "trial_period_days"),
    ("POST /v1/subscriptions", {"trial_period_days": -1}, "trial_period_days"),
    ("POST /v1/prices", {"recurring": {"interval": "fortnight"}}, "recurring[interval]"),
    ("POST /v1/refunds", {"reason": "regret"}, "reason"),
    ("POST /v1/charges/{charge}/capture", {"amount": "all"}, "amount"),
]


@pytest.mark.parametrize(("request_line", "params", "param"), WRONG, ids=[f"{w[0]} {w[1]}" for w in WRONG])
def test_a_value_of_the_wrong_type_is_refused(
    v1: Any, request_line: str, params: dict[str, Any], param: str
) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    before = newest_event(v1)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call(params)
    assert (refused.value.http_status, refused.value.param) == (400, param)
    assert newest_event(v1) == before


def test_a_word_for_a_number_has_its_own_code(v1: Any) -> None:
    for method, params in (
        (v1.charges.list, {"limit": "ten"}),
        (v1.payment_intents.create, {"amount": "ten", "currency": "usd"}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            method(params)
        assert refused.value.code == "parameter_invalid_integer"


@pytest.mark.parametrize(
    "metadata",
    [
        {f"key{number}": "v" for number in range(51)},
        {"k" * 41: "v"},
        {"k": "v" * 501},
    ],
    ids=["51 keys", "a key of 41", "a value of 501"],
)
def test_metadata_has_limits(v1: Any, metadata: dict[str, str]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        v1.customers.create({"metadata": metadata})
    assert refused.value.http_status == 400


def test_metadata_may_be_as_large_as_the_limits(v1: Any) -> None:
    metadata = {f"{number:040}": "v" * 500 for number in range(50)}
    assert v1.customers.create({"metadata": metadata}).metadata.to_dict() == metadata


@pytest.mark.parametrize("request_line", WRITES)
def test_an_error_says_which_request_it_answers(v1: Any, request_line: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        OPERATIONS[request_line].prepare(v1)({"colour": "blue"})
    said: Any = refused.value
    assert said.request_id.startswith("req_")
    assert said.error.type == "invalid_request_error"
    assert said.error.doc_url.startswith("https://")


# Idempotency


def replayed(answer: Any) -> bool:
    return bool(answer.last_response.headers.get("idempotent-replayed") == "true")


@pytest.mark.parametrize("request_line", POSTS)
def test_the_same_key_replays_the_same_answer_and_changes_nothing_more(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    first = call(idempotency_key="once")
    event = newest_event(v1)

    second = call(idempotency_key="once")

    assert not replayed(first)
    assert replayed(second)
    assert second.to_dict() == first.to_dict()
    assert first.last_response.headers["idempotency-key"] == "once"
    assert second.last_response.headers["original-request"] == first.last_response.request_id
    assert newest_event(v1) == event


@pytest.mark.parametrize("request_line", POSTS)
def test_the_same_key_for_another_request_is_refused(v1: Any, request_line: str) -> None:
    OPERATIONS[request_line].prepare(v1)(idempotency_key="once")
    before = newest_event(v1)
    with pytest.raises(stripe.IdempotencyError) as refused:
        v1.customers.create({"description": "something else"}, {"idempotency_key": "once"})
    assert refused.value.http_status == 400
    assert newest_event(v1) == before


def test_the_same_key_with_other_parameters_is_refused(v1: Any) -> None:
    params = {"customer": john(v1), "items": [{"price": recurring_price(v1)}]}
    v1.subscriptions.create(params, {"idempotency_key": "once"})
    with pytest.raises(stripe.IdempotencyError):
        v1.subscriptions.create({**params, "trial_period_days": 7}, {"idempotency_key": "once"})


def test_the_same_key_for_another_id_in_the_path_is_refused(v1: Any) -> None:
    one, two = ids(v1.customers.list({"limit": 2}).data)
    v1.customers.update(one, {"name": "Ada"}, {"idempotency_key": "once"})
    with pytest.raises(stripe.IdempotencyError):
        v1.customers.update(two, {"name": "Ada"}, {"idempotency_key": "once"})


@pytest.mark.parametrize("request_line", POSTS)
def test_a_request_that_was_not_understood_leaves_its_key_free(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    with pytest.raises(stripe.InvalidRequestError):
        call({"colour": "blue"}, idempotency_key="once")
    assert not replayed(call(idempotency_key="once"))


def test_a_new_key_is_a_new_request(v1: Any) -> None:
    assert (
        v1.customers.create({}, {"idempotency_key": "a"}).id
        != v1.customers.create({}, {"idempotency_key": "b"}).id
    )


@pytest.mark.parametrize("request_line", READS)
def test_a_key_on_a_read_has_no_effect(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    assert not replayed(call(idempotency_key="once"))
    assert not replayed(call(idempotency_key="once"))
    assert not replayed(v1.customers.create({}, {"idempotency_key": "once"}))


def test_a_key_may_have_255_characters(v1: Any) -> None:
    assert v1.customers.create({}, {"idempotency_key": "k" * 255}).id
    with pytest.raises(stripe.InvalidRequestError):
        v1.customers.create({}, {"idempotency_key": "k" * 256})
