"""
Pages of a list: order, cursors, `limit`, `has_more`, and the filters most lists share.

Rule: newest first by `created`, then the last inserted first; a cursor is an id
of the list's kind. https://docs.stripe.com/api/pagination
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.store import Position, Record, Store

Filter = Callable[[Record], bool]
DEFAULT_LIMIT = 10


def list_page(store: Store, kind: str, url: str, given: Record, keep: Filter | None = None) -> Record:
    """
    The page of *kind* that *given* asks for, among what *keep* lets through.

    Raises:
        StripeError: A cursor names nothing, or there are two.
    """
    limit = given.get("limit", DEFAULT_LIMIT)
    found = list(islice(_kept(_walk(store, kind, given), given, keep), limit + 1))
    page = found[:limit]
    if "ending_before" in given:
        page.reverse()
    return {"object": "list", "url": url, "has_more": len(found) > limit, "data": page}


def _kept(records: Iterator[Record], given: Record, keep: Filter | None) -> Iterator[Record]:
    created = given.get("created")
    for record in records:
        if (created is None or within(record["created"], created)) and (keep is None or keep(record)):
            yield record


def _walk(store: Store, kind: str, given: Record) -> Iterator[Record]:
    if "starting_after" in given and "ending_before" in given:
        message = "You may only specify one of these parameters: starting_after, ending_before."
        raise StripeError(message, code="parameters_exclusive", param="starting_after")
    if "ending_before" in given:
        return store.table(kind).newer_than(_cursor(store, kind, given, "ending_before"))
    if "starting_after" in given:
        return store.table(kind).newest_first(_cursor(store, kind, given, "starting_after"))
    return store.all(kind)


def _cursor(store: Store, kind: str, given: Record, param: str) -> Position:
    position = store.table(kind).position(given[param])
    if position is None:
        store.get(kind, given[param], param)
    assert position is not None  # noqa: S101 - what has no position is not there either
    return position


def embed(records: list[Record], url: str) -> Record:
    """
    A list that stands inside another object, whole.
    """
    return {"object": "list", "data": records, "has_more": False, "total_count": len(records), "url": url}


def within(number: int | None, bounds: dict[str, int]) -> bool:
    """
    Whether *number* lies in the range that `gt`, `gte`, `lt`, `lte` describe.
    """
    return number is not None and all(
        {"gt": number > bound, "gte": number >= bound, "lt": number < bound, "lte": number <= bound}[name]
        for name, bound in bounds.items()
    )


def equal(given: Record, *names: str) -> Filter:
    """
    A filter: each of the fields *names* that was given has the value given.
    """
    wanted: list[tuple[str, Any]] = [(name, given[name]) for name in names if name in given]
    return lambda record: all(record[name] == value for name, value in wanted)


def check_named(store: Store, given: Record, *kinds: str) -> None:
    """
    Refuse a filter by an object that does not exist, as Stripe does.

    Raises:
        StripeError: 400, no such object.
    """
    for kind in kinds:
        if kind in given and given[kind] not in store.deleted:
            store.get(kind, given[kind], kind, status=400)
