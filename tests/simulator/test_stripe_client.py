"""
All 36 operations, driven by the official client: each answers, with objects that the client's classes know.
"""

import re
import tomllib
from operator import attrgetter
from pathlib import Path
from typing import Any

import pytest

from tests.simulator.shapes import faults, objects_in
from tests.simulator.stripe_client import Wire, everything, newest_event
from tests.simulator.stripe_operations import LISTS, OPERATIONS, READS, SEARCHES, WRITES

CATALOG = Path(__file__).parents[2] / "catalog" / "tools"


def shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path)


def test_there_are_36_operations_and_every_template_of_the_catalog_calls_one() -> None:
    templates = [tomllib.loads(file.read_text(encoding="utf-8")) for file in CATALOG.glob("*/*.toml")]
    called = {f"{each['request']['method']} {shape(each['request']['path'])}" for each in templates}
    assert len(OPERATIONS) == 36
    assert called <= {shape(request) for request in OPERATIONS}


@pytest.mark.parametrize("request_line", OPERATIONS)
def test_each_operation_is_answered_with_what_it_returns(v1: Any, wire: Wire, request_line: str) -> None:
    operation = OPERATIONS[request_line]
    call = operation.prepare(v1)

    answer: Any = call()

    sent = wire.requests[-1]
    assert re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", request_line), sent)
    assert {type(answer)} == {operation.container or operation.returns}
    if operation.container:
        assert answer.data
        assert {type(each) for each in answer.data} == {operation.returns}
        assert answer.url == sent.partition(" ")[2]


@pytest.mark.parametrize("request_line", OPERATIONS)
def test_answers_hold_to_the_classes_of_the_stripe_package_at_every_depth(v1: Any, request_line: str) -> None:
    assert faults(OPERATIONS[request_line].prepare(v1)()) == set()


@pytest.mark.parametrize("request_line", [*LISTS, *SEARCHES])
def test_so_does_every_object_in_the_shop(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    for each in call({"limit": 100}).auto_paging_iter():
        assert faults(each) == set(), each.id


def test_so_do_canceled_subscriptions_and_deleted_customers(v1: Any) -> None:
    for each in everything(v1.subscriptions.list, status="all"):
        assert faults(each) == set(), each.id
    customer = v1.customers.create()
    v1.customers.delete(customer.id)
    deleted = v1.customers.retrieve(customer.id)
    assert deleted.to_dict() == {"id": customer.id, "object": "customer", "deleted": True}


def alone(request_line: str) -> str:
    """
    The method that reads one of the objects in a list: `customers.retrieve` for `customers.list`.
    """
    return ".".join([*OPERATIONS[request_line].method.split(".")[-2:-1], "retrieve"])


@pytest.mark.parametrize(
    "request_line",
    [line for line in LISTS if alone(line) in {operation.method for operation in OPERATIONS.values()}],
)
def test_an_object_reads_the_same_alone_as_in_its_list(v1: Any, request_line: str) -> None:
    for each in OPERATIONS[request_line].prepare(v1)({"limit": 5}).data:
        assert attrgetter(alone(request_line))(v1)(each.id).to_dict() == each.to_dict()


@pytest.mark.parametrize("request_line", OPERATIONS)
def test_every_answer_names_its_request_and_the_pinned_version_and_nothing_is_live(
    v1: Any, request_line: str
) -> None:
    answer = OPERATIONS[request_line].prepare(v1)()
    assert answer.last_response.code == 200
    assert answer.last_response.request_id.startswith("req_")
    assert answer.last_response.headers["stripe-version"] == "2026-10-28.endive"
    for each in objects_in(answer):
        assert each.to_dict(recursive=False).get("livemode", False) is False


@pytest.mark.parametrize("request_line", WRITES)
def test_every_write_leaves_an_event_about_its_object(v1: Any, request_line: str) -> None:
    operation = OPERATIONS[request_line]
    call = operation.prepare(v1)
    before = newest_event(v1)

    answer = call()

    news = v1.events.list({"ending_before": before, "limit": 100}).data
    about = {event.type for event in news if event.data.object.id == answer.id}
    assert operation.emits in about


@pytest.mark.parametrize("request_line", WRITES)
def test_an_event_names_the_request_that_caused_it(v1: Any, request_line: str) -> None:
    operation = OPERATIONS[request_line]
    answer = operation.prepare(v1)()
    event = v1.events.list({"type": operation.emits}).data[0]
    assert event.request.id == answer.last_response.request_id
    assert event.api_version == "2026-10-28.endive"


@pytest.mark.parametrize("request_line", READS)
def test_a_read_changes_nothing(v1: Any, request_line: str) -> None:
    call = OPERATIONS[request_line].prepare(v1)
    before = newest_event(v1)
    assert call().to_dict() == call().to_dict()
    assert newest_event(v1) == before


# Fields that Stripe sends as null when there is nothing to say, and that clients read without asking first.
NULL_RATHER_THAN_ABSENT = {
    "GET /v1/customers/{customer}": (
        "address balance currency default_source delinquent description discount email invoice_prefix "
        "invoice_settings metadata name phone shipping tax_exempt test_clock"
    ),
    "GET /v1/payment_intents/{intent}": (
        "canceled_at cancellation_reason client_secret customer description last_payment_error "
        "latest_charge next_action payment_method receipt_email setup_future_usage shipping "
        "statement_descriptor"
    ),
    "GET /v1/invoices/{invoice}": (
        "billing_reason customer customer_email customer_name default_payment_method description "
        "due_date hosted_invoice_url invoice_pdf metadata next_payment_attempt number parent status"
    ),
    "GET /v1/subscriptions/{subscription_exposed_id}": (
        "cancel_at canceled_at cancellation_details default_payment_method description ended_at "
        "latest_invoice schedule trial_end trial_start"
    ),
    "GET /v1/products/{id}": (
        "default_price description package_dimensions shippable statement_descriptor tax_code unit_label url"
    ),
    "GET /v1/prices": (
        "lookup_key nickname recurring tax_behavior tiers_mode transform_quantity unit_amount"
    ),
    "GET /v1/refunds/{refund}": (
        "balance_transaction charge metadata payment_intent reason receipt_number status"
    ),
    "GET /v1/payment_methods/{payment_method}": ("card customer metadata"),
    "GET /v1/charges/{charge}": (
        "balance_transaction customer description failure_code failure_message outcome payment_intent "
        "payment_method payment_method_details receipt_email receipt_url shipping transfer_group"
    ),
    "GET /v1/balance_transactions": ("description exchange_rate source"),
    "GET /v1/events/{id}": ("api_version request"),
}


@pytest.mark.parametrize("request_line", NULL_RATHER_THAN_ABSENT)
def test_what_there_is_nothing_to_say_about_is_null_rather_than_absent(v1: Any, request_line: str) -> None:
    answer = OPERATIONS[request_line].prepare(v1)()
    for each in answer.data if OPERATIONS[request_line].container else [answer]:
        assert set(NULL_RATHER_THAN_ABSENT[request_line].split()) - each.to_dict().keys() == set()
