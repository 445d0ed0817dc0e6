"""
Pages of a list: order, cursors, `limit`, `has_more`, and the filters most lists share.

Rule: newest first by `created`, then the last inserted first; a cursor is an id
of the list's kind. https://docs.stripe.com/api/pagination
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from typing import Any

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.store import Store, by_path, has
from stripe_mcp.simulator.table import Bound, Path, Position, Record

Filter = Callable[[Record], bool]
DEFAULT_LIMIT = 10
AFTER = ""  # behind a position: the one right after it
END = float("inf")


def list_page(
    store: Store,
    kind: str,
    url: str,
    given: Record,
    where: Mapping[str, Any] | None = None,
    keep: Filter | None = None,
) -> Record:
    """
    The page of *kind* that *given* asks for, among what has the values of *where* and *keep* lets through.

    Raises:
        StripeError: A cursor names nothing, or there are two.
    """
    limit, wanted = given.get("limit", DEFAULT_LIMIT), by_path(where or {})
    walked = _walk(store, kind, given, wanted)
    kept = (record for record in walked if has(record, wanted) and (keep is None or keep(record)))
    found = list(islice(kept, limit + 1))
    page = found[:limit]
    if "ending_before" in given:
        page.reverse()
    return {"object": "list", "url": url, "has_more": len(found) > limit, "data": page}


def _walk(store: Store, kind: str, given: Record, wanted: Mapping[Path, Any]) -> Iterator[Record]:
    if "starting_after" in given and "ending_before" in given:
        message = "You may only specify one of these parameters: starting_after, ending_before."
        raise StripeError(message, code="parameters_exclusive", param="starting_after")
    low, high = span(given.get("created", {}))
    if "ending_before" in given:
        low = max(low, (*_cursor(store, kind, given, "ending_before"), AFTER))
        return store.table(kind).oldest_first(wanted, low, high)
    if "starting_after" in given:
        high = min(high, _cursor(store, kind, given, "starting_after"))
    return store.table(kind).newest_first(wanted, low, high)


def span(bounds: Mapping[str, int]) -> tuple[Bound, Bound]:
    """
    Where the range that `gt`, `gte`, `lt`, `lte` describe begins, and before what it ends.
    """
    after = {"gt": 1, "gte": 0, "lt": 0, "lte": 1}  # the next second is the first beyond
    moments = {name: (bound + after[name],) for name, bound in bounds.items()}
    low = max((moments[name] for name in ("gt", "gte") if name in moments), default=())
    return low, min((moments[name] for name in ("lt", "lte") if name in moments), default=(END,))


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


def named(given: Record, *names: str) -> Record:
    """
    Those of the fields *names* that were given: for `list_page`, to find what has the same.
    """
    return {name: given[name] for name in names if name in given}


def check_named(store: Store, given: Record, *kinds: str) -> None:
    """
    Refuse a filter by an object that does not exist, as Stripe does.

    Raises:
        StripeError: 400, no such object.
    """
    for kind in kinds:
        if kind in given and given[kind] not in store.deleted:
            store.get(kind, given[kind], kind, status=400)
