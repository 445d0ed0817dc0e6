"""
The three searches. Stripe's index takes up to a minute, so these tests wait there, and only there.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.live.side import Side
from tests.live.workshop import Workshop
from tests.simulator.stripe_client import ids, refuses

pytestmark = pytest.mark.live


class Books(NamedTuple):
    """
    A customer, and the ids of all that there is to find of them.
    """

    customer: str
    found: list[str]


@pytest.fixture(scope="module")
def books(make: Workshop) -> dict[str, Books]:
    """
    By the service that is searched. Invoices have a customer of their own, as they make payment intents.
    """
    payer, debtor = make.customer(), make.customer()
    payments = [make.payment(amount, customer=payer.id) for amount in (700, 1700)]
    invoices = [make.open_invoice(debtor, amount) for amount in (800, 1800)]
    return {
        "charges": Books(payer.id, [paid.latest_charge.id for paid in payments]),
        "payment_intents": Books(payer.id, ids(payments)),
        "invoices": Books(debtor.id, ids(invoices)),
    }


QUERIES: list[tuple[str, str, Callable[[list[str]], list[str]]]] = [
    ("charges", 'customer:"{customer}" AND status:"succeeded"', lambda all_of_them: all_of_them),
    ("charges", 'customer:"{customer}" AND amount>700', lambda all_of_them: all_of_them[1:]),
    ("charges", 'customer:"{customer}" AND -amount:700', lambda all_of_them: all_of_them[1:]),
    ("charges", 'customer:"{customer}" AND payment_method_details.card.last4:"4242"', lambda those: those),
    ("charges", "customer:'{customer}' AND refunded:\"true\"", lambda all_of_them: []),
    ("payment_intents", 'metadata["stripe_mcp_test"]:"{run}" AND amount:700', lambda those: those[:1]),
    ("payment_intents", 'customer:"{customer}" amount<=700', lambda all_of_them: all_of_them[:1]),
    ("payment_intents", 'customer:"{customer}" AND status:"canceled"', lambda all_of_them: []),
    ("invoices", 'customer:"{customer}" AND status:"open" AND total>=800', lambda all_of_them: all_of_them),
    ("invoices", 'customer:"{customer}" AND total>800', lambda all_of_them: all_of_them[1:]),
]


@pytest.mark.parametrize(("service", "query", "those"), QUERIES, ids=[" ".join(each[:2]) for each in QUERIES])
def test_a_search_finds_exactly_what_fits(
    v1: Any,
    books: dict[str, Books],
    make: Workshop,
    side: Side,
    service: str,
    query: str,
    those: Callable[[list[str]], list[str]],
) -> None:
    search, (customer, found) = getattr(v1, service).search, books[service]
    everything, expected = {"query": f'customer:"{customer}"', "limit": 100}, set(found)
    assert side.eventually(lambda: set(ids(search(everything).data)), expected) == expected
    wanted, asked = set(those(found)), query.format(customer=customer, run=make.run)

    def look() -> set[str]:
        seen = set(ids(search({"query": asked, "limit": 100}).auto_paging_iter()))
        return seen & expected if "metadata" in query else seen  # all tests of a run use the same mark

    assert side.eventually(look, wanted) == wanted


def test_a_search_comes_in_pages(v1: Any, books: dict[str, Books], side: Side) -> None:
    customer, charges = books["charges"]
    asked = {"query": f'customer:"{customer}" AND status:"succeeded"', "limit": 1}
    search = v1.charges.search
    side.eventually(lambda: len(ids(search(asked).auto_paging_iter())), 2)
    first = search({**asked, "expand": ["total_count"]})
    assert (first.object, first.has_more, first.total_count) == ("search_result", True, 2)
    second = search({**asked, "page": first.next_page})
    assert (second.has_more, second.next_page) == (False, None)
    assert sorted(ids(first.data + second.data)) == sorted(charges)


UNREADABLE = [
    "john",
    'status:"succeeded',
    'colour:"blue"',
    'status>"open"',
    'status:"open" OR customer:"cus_1" AND currency:"usd"',
    " AND ".join(f"created>{number}" for number in range(11)),
]


@pytest.mark.parametrize("service", ["charges", "payment_intents", "invoices"])
@pytest.mark.parametrize("query", UNREADABLE)
def test_a_query_that_cannot_be_read_is_refused(v1: Any, service: str, query: str) -> None:
    assert refuses(getattr(v1, service).search, {"query": query}).http_status == 400


@pytest.mark.parametrize("service", ["charges", "payment_intents", "invoices"])
def test_a_search_asks_for_something_and_has_no_cursors(v1: Any, service: str) -> None:
    search = getattr(v1, service).search
    missing = refuses(search, {})
    assert (missing.code, missing.param) == ("parameter_missing", "query")
    unknown = refuses(search, {"query": "created>0", "starting_after": "ch_1"})
    assert (unknown.code, unknown.param) == ("parameter_unknown", "starting_after")
