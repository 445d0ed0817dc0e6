"""
The three searches: by equality, by amount and date, by metadata, page by page.
"""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.simulator.stripe_client import Clock, everything, ids
from tests.simulator.stripe_operations import SEARCHES, john, prepared, some, subscription_of

Field = tuple[str, str, Callable[[Any], Any]]


def found(v1: Any, service: str, query: str) -> set[str]:
    return set(ids(everything(getattr(v1, service).search, query=query)))


SEARCHED: list[Field] = [
    ("charges", "status", lambda charge: charge.status),
    ("charges", "currency", lambda charge: charge.currency),
    ("charges", "customer", lambda charge: charge.customer),
    ("charges", "amount", lambda charge: charge.amount),
    ("charges", "created", lambda charge: charge.created),
    ("charges", "refunded", lambda charge: charge.refunded),
    ("charges", "disputed", lambda charge: charge.disputed),
    (
        "charges",
        "payment_method_details.card.last4",
        lambda charge: charge.payment_method_details.card and charge.payment_method_details.card.last4,
    ),
    (
        "charges",
        "payment_method_details.card.brand",
        lambda charge: charge.payment_method_details.card and charge.payment_method_details.card.brand,
    ),
    ("payment_intents", "status", lambda intent: intent.status),
    ("payment_intents", "currency", lambda intent: intent.currency),
    ("payment_intents", "customer", lambda intent: intent.customer),
    ("payment_intents", "amount", lambda intent: intent.amount),
    ("payment_intents", "created", lambda intent: intent.created),
    ("invoices", "status", lambda invoice: invoice.status),
    ("invoices", "currency", lambda invoice: invoice.currency),
    ("invoices", "customer", lambda invoice: invoice.customer),
    ("invoices", "total", lambda invoice: invoice.total),
    ("invoices", "created", lambda invoice: invoice.created),
    ("invoices", "number", lambda invoice: invoice.number),
    ("invoices", "subscription", subscription_of),
]


@pytest.mark.parametrize(("service", "field", "of"), SEARCHED, ids=[" ".join(each[:2]) for each in SEARCHED])
def test_a_search_by_equality_finds_exactly_those(
    v1: Any, service: str, field: str, of: Callable[[Any], Any]
) -> None:
    everyone = everything(getattr(v1, service).list)
    values = {of(each) for each in everyone} - {None}
    assert values
    for value in some(values):
        said = str(value).lower() if isinstance(value, bool) else str(value)
        expected = set(ids(each for each in everyone if of(each) == value))
        assert found(v1, service, f'{field}:"{said}"') == expected
        assert found(v1, service, f'{field}:"{said.upper()}"') == expected
        if type(value) is int:
            assert found(v1, service, f"{field}:{said}") == expected


@pytest.mark.parametrize(
    ("service", "field"), [("charges", "amount"), ("payment_intents", "amount"), ("invoices", "total")]
)
def test_a_search_compares_amounts(v1: Any, service: str, field: str) -> None:
    everyone = {each.id: each[field] for each in everything(getattr(v1, service).list)}
    edge = 5000
    assert found(v1, service, f"{field}>{edge}") == {
        name for name, amount in everyone.items() if amount > edge
    }
    edge = sorted(everyone.values())[len(everyone) // 2]
    assert found(v1, service, f"{field}>={edge}") == {n for n, amount in everyone.items() if amount >= edge}
    assert found(v1, service, f"{field}<{edge}") == {n for n, amount in everyone.items() if amount < edge}
    assert found(v1, service, f"{field}<={edge}") == {n for n, amount in everyone.items() if amount <= edge}


@pytest.mark.parametrize("service", ["charges", "payment_intents", "invoices"])
def test_a_search_joins_clauses_with_and(v1: Any, service: str) -> None:
    everyone = everything(getattr(v1, service).list)
    customer = john(v1)
    edge = sorted(each.created for each in everyone)[len(everyone) // 2]
    expected = set(ids(each for each in everyone if each.customer == customer and each.created > edge))
    assert found(v1, service, f'customer:"{customer}" AND created>{edge}') == expected
    assert found(v1, service, f'customer:"{customer}" created>{edge}') == expected


@pytest.mark.parametrize(
    ("create", "service"), [("payment_intents", "payment_intents"), ("invoices", "invoices")]
)
def test_a_search_finds_metadata(v1: Any, clock: Clock, create: str, service: str) -> None:
    money = {"amount": 700, "currency": "usd"} if create == "payment_intents" else {}
    made = getattr(v1, create).create({"customer": john(v1), "metadata": {"ticket": "T-42"}, **money})
    clock.now += 3600  # Stripe's index lags by less than an hour, and so may the simulator's
    assert found(v1, service, 'metadata["ticket"]:"T-42"') == {made.id}
    assert found(v1, service, "metadata['ticket']:'T-42'") == {made.id}
    assert found(v1, service, 'metadata["ticket"]:"T-43"') == set()
    assert found(v1, service, 'metadata["tickets"]:"T-42"') == set()


def test_a_search_finds_charges_by_their_metadata(v1: Any) -> None:
    everyone = everything(v1.charges.list)
    pairs = {pair for charge in everyone for pair in charge.metadata.to_dict().items()}
    assert pairs
    for key, value in some(pairs):
        expected = set(ids(each for each in everyone if each.metadata.to_dict().get(key) == value))
        assert found(v1, "charges", f'metadata["{key}"]:"{value}"') == expected


@pytest.mark.parametrize("request_line", SEARCHES)
def test_search_pages_have_neither_doubles_nor_gaps(v1: Any, request_line: str) -> None:
    search = prepared(v1, request_line)
    query = {"query": "created>0"}
    first = search({**query, "limit": 2})
    assert len(first.data) == 2
    assert first.has_more is True
    assert first.next_page
    paged = ids(first.auto_paging_iter())
    assert len(paged) == len(set(paged))
    assert set(paged) == set(ids(everything(getattr(v1, request_line.split("/")[2]).list)))


@pytest.mark.parametrize("request_line", SEARCHES)
def test_a_search_for_nothing_in_the_shop_finds_nothing(v1: Any, request_line: str) -> None:
    result = prepared(v1, request_line)({"query": 'customer:"cus_nobody"'})
    assert result.data == []
    assert result.has_more is False
    assert result.next_page is None


UNREADABLE = [
    "",
    "john",
    "status",
    'status:"succeeded',
    'colour:"blue"',
    'status>"open"',
    "amount>5000 AND total>5000",  # no resource has both
    'status:"open" OR customer:"cus_1" AND currency:"usd"',
    '(status:"open")',
]


@pytest.mark.parametrize("request_line", SEARCHES)
def test_a_query_that_cannot_be_read_is_refused(v1: Any, request_line: str) -> None:
    for query in UNREADABLE:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            prepared(v1, request_line)({"query": query})
        assert refused.value.http_status == 400, query


@pytest.mark.parametrize("request_line", SEARCHES)
@pytest.mark.parametrize("params", [{"page": "nowhere"}, {"starting_after": "ch_1"}])
def test_a_search_has_pages_instead_of_cursors(v1: Any, request_line: str, params: dict[str, str]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        prepared(v1, request_line)(params)
    assert refused.value.param == next(iter(params))
