"""
Lists as the client reads them: their order, their pages, their filters.
"""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.simulator.stripe_client import everything, ids
from tests.simulator.stripe_operations import (
    LISTS,
    SEARCHES,
    all_of,
    john,
    prepared,
    some,
    subscription_of,
)


def few_pages(objects: list[Any]) -> int:
    """
    A limit that spreads *objects* over some four pages, and more if there are many.
    """
    return min(100, len(objects) // 4 or 1)


# Order and pages


@pytest.mark.parametrize("request_line", LISTS)
def test_lists_are_newest_first(v1: Any, request_line: str) -> None:
    created = [each.created for each in all_of(prepared(v1, request_line))]
    assert created == sorted(created, reverse=True)


def test_of_two_made_in_the_same_second_the_later_one_comes_first(v1: Any) -> None:
    made = [v1.customers.create({"description": str(number)}) for number in range(3)]
    assert ids(v1.customers.list({"limit": 3}).data) == ids(reversed(made))


@pytest.mark.parametrize("request_line", LISTS)
def test_forward_pages_have_neither_doubles_nor_gaps(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    everyone = ids(all_of(call))
    paged = ids(call({"limit": few_pages(everyone)}).auto_paging_iter())
    assert paged == everyone
    assert len(paged) == len(set(paged))


@pytest.mark.parametrize("request_line", LISTS)
def test_backward_pages_give_all_that_stands_before_the_cursor(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    *newer, last = ids(all_of(call))
    paged = ids(call({"limit": few_pages(newer), "ending_before": last}).auto_paging_iter())
    assert paged == newer[::-1]


@pytest.mark.parametrize("request_line", LISTS)
def test_a_backward_page_is_the_nearest_one_and_still_newest_first(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    *newer, last = ids(all_of(call))
    page = call({"limit": 2, "ending_before": last})
    assert ids(page.data) == newer[-2:]
    assert page.has_more is (len(newer) > 2)


@pytest.mark.parametrize("request_line", LISTS)
def test_has_more_is_true_until_the_last_page(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    total = len(all_of(call))
    for limit in {1, max(1, total - 1), total, total + 1} - set(range(101, total + 2)):
        page = call({"limit": limit})
        assert len(page.data) == min(limit, total)
        assert page.has_more is (total > limit)


@pytest.mark.parametrize("request_line", LISTS)
def test_a_page_has_ten_unless_told(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    assert ids(call().data) == ids(all_of(call))[:10]


@pytest.mark.parametrize("request_line", LISTS)
def test_after_the_last_one_comes_an_empty_page(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    everyone = ids(all_of(call))
    for page in (call({"starting_after": everyone[-1]}), call({"ending_before": everyone[0]})):
        assert page.data == []
        assert page.has_more is False


@pytest.mark.parametrize("request_line", LISTS)
@pytest.mark.parametrize("cursor", ["starting_after", "ending_before"])
def test_a_cursor_that_names_nothing_is_refused(v1: Any, request_line: str, cursor: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        prepared(v1, request_line)({cursor: "nobody_123"})
    assert refused.value.code == "resource_missing"
    assert refused.value.param == cursor


@pytest.mark.parametrize("request_line", LISTS)
def test_both_cursors_at_once_are_refused(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    anyone = call().data[0].id
    with pytest.raises(stripe.InvalidRequestError) as refused:
        call({"starting_after": anyone, "ending_before": anyone})
    assert refused.value.http_status == 400


@pytest.mark.parametrize("request_line", [*LISTS, *SEARCHES])
def test_a_limit_is_a_number_from_1_to_100(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    for limit in (0, 101, -1, "ten", 2.5):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            call({"limit": limit})
        assert (refused.value.http_status, refused.value.param) == (400, "limit"), limit


def test_an_object_made_between_two_pages_shifts_nothing(v1: Any) -> None:
    before = ids(everything(v1.customers.list))
    pages = iter(v1.customers.list({"limit": 2}).auto_paging_iter())
    seen = [next(pages).id]
    v1.customers.create()
    assert seen + ids(pages) == before


# Filters

DATED = [each for each in LISTS if "payment_methods" not in each]


@pytest.mark.parametrize("request_line", DATED)
def test_created_takes_a_moment_or_a_range(v1: Any, request_line: str) -> None:
    call = prepared(v1, request_line)
    everyone = all_of(call)
    edge = everyone[len(everyone) // 2].created
    ranges: dict[str, Callable[[int], bool]] = {
        "gt": lambda created: created > edge,
        "gte": lambda created: created >= edge,
        "lt": lambda created: created < edge,
        "lte": lambda created: created <= edge,
    }
    for bound, holds in ranges.items():
        assert ids(all_of(call, created={bound: edge})) == ids(o for o in everyone if holds(o.created))
    assert ids(all_of(call, created=edge)) == ids(o for o in everyone if o.created == edge)
    assert ids(all_of(call, created={"gte": edge, "lte": edge})) == ids(all_of(call, created=edge))


Filter = tuple[str, str, Callable[[Any], Any]]
FILTERS: list[Filter] = [
    ("GET /v1/customers", "email", lambda customer: customer.email),
    ("GET /v1/payment_intents", "customer", lambda intent: intent.customer),
    ("GET /v1/invoices", "customer", lambda invoice: invoice.customer),
    ("GET /v1/invoices", "status", lambda invoice: invoice.status),
    ("GET /v1/invoices", "collection_method", lambda invoice: invoice.collection_method),
    ("GET /v1/invoices", "subscription", subscription_of),
    ("GET /v1/subscriptions", "customer", lambda subscription: subscription.customer),
    ("GET /v1/subscriptions", "status", lambda subscription: subscription.status),
    ("GET /v1/subscriptions", "collection_method", lambda subscription: subscription.collection_method),
    ("GET /v1/subscriptions", "price", lambda subscription: subscription.items.data[0].price.id),
    ("GET /v1/products", "active", lambda product: product.active),
    ("GET /v1/prices", "product", lambda price: price.product),
    ("GET /v1/prices", "type", lambda price: price.type),
    ("GET /v1/prices", "currency", lambda price: price.currency),
    ("GET /v1/refunds", "charge", lambda refund: refund.charge),
    ("GET /v1/refunds", "payment_intent", lambda refund: refund.payment_intent),
    ("GET /v1/customers/{customer}/payment_methods", "type", lambda method: method.type),
    ("GET /v1/charges", "customer", lambda charge: charge.customer),
    ("GET /v1/charges", "payment_intent", lambda charge: charge.payment_intent),
    ("GET /v1/balance_transactions", "currency", lambda transaction: transaction.currency),
    ("GET /v1/balance_transactions", "source", lambda transaction: transaction.source),
    ("GET /v1/balance_transactions", "type", lambda transaction: transaction.type),
    ("GET /v1/events", "type", lambda event: event.type),
]


@pytest.mark.parametrize(
    ("request_line", "name", "of"), FILTERS, ids=[" ".join(each[:2]) for each in FILTERS]
)
def test_a_filter_gives_exactly_those_that_it_names(
    v1: Any, request_line: str, name: str, of: Callable[[Any], Any]
) -> None:
    call = prepared(v1, request_line)
    everyone = all_of(call)
    values = {of(each) for each in everyone} - {None}
    assert values
    for value in some(values):
        assert ids(all_of(call, **{name: value})) == ids(each for each in everyone if of(each) == value)


def test_filters_hold_from_page_to_page(v1: Any) -> None:
    customer = john(v1)
    expected = ids(everything(v1.charges.list, customer=customer))
    assert len(expected) > 1
    assert ids(v1.charges.list({"customer": customer, "limit": 1}).auto_paging_iter()) == expected


def test_an_email_matches_exactly_case_included(v1: Any) -> None:
    assert len(v1.customers.list({"email": "john.smith@example.com"}).data) == 1
    for other in ("John.Smith@example.com", "john.smith", "JOHN.SMITH@EXAMPLE.COM", "john.smith@example.co"):
        assert v1.customers.list({"email": other}).data == []


def test_prices_and_products_are_listed_by_whether_they_are_sold(v1: Any) -> None:
    product = v1.products.list({"active": True}).data[0].id
    shelved = v1.prices.create({"currency": "usd", "unit_amount": 100, "product": product, "active": False})
    for active in (True, False):
        prices = everything(v1.prices.list, active=active)
        assert {price.active for price in prices} == {active}
        assert (shelved.id in ids(prices)) is not active


def test_prices_are_found_by_lookup_key_and_by_interval(v1: Any) -> None:
    product = v1.products.list().data[0].id
    yearly = v1.prices.create(
        {
            "currency": "usd",
            "unit_amount": 49_000,
            "product": product,
            "recurring": {"interval": "year"},
            "lookup_key": "pro_yearly",
        }
    )
    assert ids(v1.prices.list({"lookup_keys": ["pro_yearly", "nothing"]}).data) == [yearly.id]
    all_yearly = everything(v1.prices.list, recurring={"interval": "year"})
    assert yearly.id in ids(all_yearly)
    assert {price.recurring.interval for price in all_yearly} == {"year"}


def test_products_are_found_by_their_ids(v1: Any) -> None:
    some = ids(v1.products.list().data)[:2]
    assert ids(v1.products.list({"ids": some}).data) == some


def test_canceled_subscriptions_are_hidden_unless_asked_for(v1: Any) -> None:
    subscription = v1.subscriptions.list({"status": "active"}).data[0].id
    assert subscription in ids(everything(v1.subscriptions.list))
    v1.subscriptions.cancel(subscription)

    assert subscription not in ids(everything(v1.subscriptions.list))
    assert "canceled" not in {each.status for each in everything(v1.subscriptions.list)}
    for status in ("all", "canceled", "ended"):
        assert subscription in ids(everything(v1.subscriptions.list, status=status))
    assert {each.status for each in everything(v1.subscriptions.list, status="canceled")} == {"canceled"}


def test_a_payment_method_is_listed_with_its_own_customer_only(v1: Any) -> None:
    seen: list[str] = []
    for customer in everything(v1.customers.list):
        methods = everything(v1.customers.payment_methods.list, customer.id)
        assert {method.customer for method in methods} <= {customer.id}
        seen += ids(methods)
    assert len(seen) == len(set(seen))


def test_payment_methods_of_another_type_are_left_out(v1: Any) -> None:
    assert v1.customers.payment_methods.list(john(v1), {"type": "sepa_debit"}).data == []


# Events by type


def test_an_event_type_may_end_in_a_wildcard(v1: Any) -> None:
    v1.customers.delete(v1.customers.create().id)
    v1.subscriptions.cancel(v1.subscriptions.list({"status": "active"}).data[0].id)
    events = everything(v1.events.list)
    for family in ("customer.", "customer.subscription.", "charge.", "invoice."):
        expected = ids(event for event in events if event.type.startswith(family))
        assert expected
        assert ids(everything(v1.events.list, type=f"{family}*")) == expected


def test_events_of_several_types_come_in_one_list(v1: Any) -> None:
    v1.customers.delete(v1.customers.create().id)
    wanted = ["customer.created", "customer.deleted"]
    expected = ids(event for event in everything(v1.events.list) if event.type in wanted)
    assert ids(everything(v1.events.list, types=wanted)) == expected


def test_type_and_types_exclude_each_other_and_types_are_20_at_most(v1: Any) -> None:
    for params in ({"type": "customer.*", "types": ["charge.captured"]}, {"types": ["charge.captured"] * 21}):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            v1.events.list(params)
        assert refused.value.http_status == 400
