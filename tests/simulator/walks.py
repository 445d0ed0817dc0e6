"""
Lists and searches walked page by page: whatever the size of a page, the way and the filter, the same comes.
"""

from collections.abc import Callable
from itertools import pairwise
from operator import ge, gt, le, lt
from typing import Any, NamedTuple

from hypothesis import strategies as st

from tests.simulator.direct import Desk, Fields

Record = dict[str, Any]

# By list: its filters, with the place in an object where the filter looks.
FILTERS = {
    "balance_transactions": {"currency": "currency", "source": "source", "type": "type"},
    "charges": {"customer": "customer", "payment_intent": "payment_intent"},
    "customers": {"email": "email"},
    "disputes": {"charge": "charge", "payment_intent": "payment_intent"},
    "events": {"type": "type"},
    "invoices": {
        "collection_method": "collection_method",
        "customer": "customer",
        "status": "status",
        "subscription": "parent.subscription_details.subscription",
    },
    "payment_intents": {"customer": "customer"},
    "prices": {"active": "active", "currency": "currency", "product": "product", "type": "type"},
    "products": {"active": "active", "shippable": "shippable"},
    "refunds": {"charge": "charge", "payment_intent": "payment_intent"},
    "subscriptions": {"collection_method": "collection_method", "customer": "customer", "status": "status"},
}
NUMBERS = ("amount", "created", "total")
SEARCHED = {
    "charges": ("amount", "created", "currency", "customer", "refunded", "status"),
    "invoices": ("created", "currency", "customer", "number", "status", "total"),
    "payment_intents": ("amount", "created", "currency", "customer", "status"),
}
COMPARED: dict[str, Callable[[Any, Any], bool]] = {"gt": gt, "gte": ge, "lt": lt, "lte": le}
SIGNS = {">": gt, ">=": ge, "<": lt, "<=": le}
LIMITS = st.sampled_from([1, 2, 3, 7, 10, 50, 100])
NTH = st.integers(0, 9) | st.integers(0, 500)


class Walk(NamedTuple):
    """
    How to walk a list: filtered by what its *n*-th object has, from the *cursor*-th object on.
    """

    path: str
    names: list[str]
    created: str | None
    n: int
    cursor: int
    limits: tuple[int, int]


class Search(NamedTuple):
    """
    What to search for: each clause compares a field with what the *n*-th object has.
    """

    path: str
    clauses: list[tuple[str, str, bool, int]]
    joined: str
    limit: int


@st.composite
def walks(draw: st.DrawFn) -> Walk:
    path = draw(st.sampled_from(sorted(FILTERS)))
    names = draw(st.lists(st.sampled_from(sorted(FILTERS[path])), max_size=2, unique=True))
    created = draw(st.none() | st.sampled_from(sorted(COMPARED)))
    return Walk(path, names, created, draw(NTH), draw(NTH), (draw(LIMITS), draw(LIMITS)))


@st.composite
def searches(draw: st.DrawFn) -> Search:
    path = draw(st.sampled_from(sorted(SEARCHED)))
    fields = st.sampled_from(SEARCHED[path])
    clause = st.tuples(fields, st.sampled_from([":", *SIGNS]), st.booleans(), NTH)
    clauses = draw(st.lists(clause, min_size=1, max_size=3))
    return Search(path, clauses, draw(st.sampled_from(["AND", "OR"])), draw(LIMITS))


def check_walk(desk: Desk, walk: Walk) -> None:
    """
    Forwards and backwards, from an end and from the middle, a list is what its filters leave of all there is.
    """
    path, (limit, other) = walk.path, walk.limits
    everything = {"status": "all"} if path == "subscriptions" else {}
    whole = desk.walk(path, **everything)
    assert len({each["id"] for each in whole}) == len(whole)
    assert all(newer["created"] >= older["created"] for newer, older in pairwise(whole))
    if not whole:
        return
    fields, fits = filtered(walk, whole[walk.n % len(whole)])
    expected = [each for each in whole if fits(each)]
    assert desk.walk(path, **fields, limit=limit) == expected
    at = walk.cursor % len(whole)
    cursor, before, after = whole[at]["id"], whole[:at], whole[at + 1 :]
    assert desk.walk(path, **fields, limit=other, starting_after=cursor) == [*filter(fits, after)]
    assert desk.walk_back(path, cursor, **fields, limit=limit) == [*filter(fits, before)]


def check_some_filters(desk: Desk, n: int) -> None:
    """
    Every fourth of all the lists' filters, which ones and by which object's values decided by *n*.
    """
    filters = [(path, name) for path in FILTERS for name in FILTERS[path]]
    for path, name in filters[n % 4 :: 4]:
        check_walk(desk, Walk(path, [name], None, n, n // 2, (100, 1 + n % 100)))


def filtered(walk: Walk, example: Record) -> tuple[Fields, Callable[[Record], bool]]:
    """
    The parameters that ask for what is like *example*, and the same as a predicate.
    """
    places = {name: FILTERS[walk.path][name] for name in walk.names}
    wanted = {name: value_at(example, place) for name, place in places.items()}
    wanted = {name: value for name, value in wanted.items() if value is not None}
    hidden = walk.path == "subscriptions" and "status" not in wanted
    fields: Fields = dict(wanted)
    if walk.created:
        fields["created"] = {walk.created: example["created"]}

    def fits(record: Record) -> bool:
        return (
            all(value_at(record, places[name]) == value for name, value in wanted.items())
            and not (hidden and record["status"] in ("canceled", "incomplete_expired"))
            and (walk.created is None or COMPARED[walk.created](record["created"], example["created"]))
        )

    return fields, fits


def check_search(desk: Desk, search: Search) -> None:
    """
    The pages of a search are what its clauses leave of the list.
    """
    whole = desk.walk(search.path)
    clauses = [clause(*asked, whole) for asked in search.clauses]
    query = f" {search.joined} ".join(text for text, _ in clauses)
    combine = all if search.joined == "AND" else any
    expected = [each for each in whole if combine(holds(each) for _, holds in clauses)]
    page = desk.page(f"{search.path}/search", query=query, limit=search.limit)
    found = list(page["data"])
    while page["has_more"]:
        page = desk.page(f"{search.path}/search", query=query, limit=search.limit, page=page["next_page"])
        assert page["data"], "more was promised"
        assert page["data"][0]["id"] != found[-1]["id"], "and not the same again"
        found += page["data"]
    assert found == expected, query
    assert page["next_page"] is None


def clause(
    field: str, sign: str, negated: bool, n: int, whole: list[Record]
) -> tuple[str, Callable[[Record], bool]]:
    """
    A clause in Stripe's query language, and the same as a predicate.
    """
    value = whole[n % len(whole)][field]
    minus = "-" if negated else ""
    if value is None:
        return f"{minus}{field}:null", lambda record: (record[field] is None) is not negated
    if field in NUMBERS and sign in SIGNS:
        compared = SIGNS[sign]
        return f"{minus}{field}{sign}{value}", lambda record: compared(record[field], value) is not negated
    written = value if field in NUMBERS else f'"{str(value).lower()}"'
    return f"{minus}{field}:{written}", lambda record: (record[field] == value) is not negated


def value_at(record: Any, place: str) -> Any:
    for name in place.split("."):
        record = record.get(name) if isinstance(record, dict) else None
    return record
