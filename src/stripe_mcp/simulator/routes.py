"""
All operations by method and path, gathered from the modules of the object families.

Rule: a family lists its own operations in `OPERATIONS`, under the names that the
table of parameters has; what stands in braces is the id, and its argument's name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from stripe_mcp.simulator import (
    account,
    balance,
    charges,
    customers,
    direct_charges,
    disputes,
    events,
    intent_actions,
    invoice_items,
    invoices,
    payment_intents,
    payment_methods,
    prices,
    products,
    refunds,
    subscriptions,
)
from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

Handler = Callable[[Store, Record], Record]
FAMILIES = (
    account,
    balance,
    charges,
    customers,
    direct_charges,
    disputes,
    events,
    intent_actions,
    invoice_items,
    invoices,
    payment_intents,
    payment_methods,
    prices,
    products,
    refunds,
    subscriptions,
)
ID_AT = 2  # the part of a path that is an id: /v1/charges/{charge}/capture


class Route(NamedTuple):
    """
    An operation, and what the path's id is called among its arguments.
    """

    operation: str
    handle: Handler
    id_name: str


def _all_routes() -> dict[tuple[str, ...], Route]:
    routes = {}
    for family in FAMILIES:
        for operation, handle in family.OPERATIONS.items():
            method, _, path = operation.partition(" ")
            parts = path.strip("/").split("/")
            id_name = ""
            if len(parts) > ID_AT and parts[ID_AT].startswith("{"):
                id_name, parts[ID_AT] = parts[ID_AT].strip("{}"), "{}"
            routes[method, *parts] = Route(operation, handle, id_name)
    return routes


ROUTES = _all_routes()


def find_route(method: str, path: str) -> tuple[Route, Record]:
    """
    The operation that *path* names, and the id in it as an argument.

    Raises:
        StripeError: 404, there is no such URL.
    """
    parts = path.strip("/").split("/")
    route = ROUTES.get((method, *parts))
    if route and not route.id_name:
        return route, {}
    if len(parts) > ID_AT:
        route = ROUTES.get((method, *parts[:ID_AT], "{}", *parts[ID_AT + 1 :]))
        if route:
            return route, {route.id_name: parts[ID_AT]}
    message = (
        f"Unrecognized request URL ({method}: {path}). See https://docs.stripe.com/api for those there are."
    )
    raise StripeError(message, status=404)
