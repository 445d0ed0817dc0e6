"""
Events: what happened, with the object as it was then.

Rule: each change of an object that Stripe reports is told by `emit`, after the
change. Stripe keeps events for 30 days. https://docs.stripe.com/api/events
"""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any

from stripe_mcp.simulator.errors import NoSuch, StripeError
from stripe_mcp.simulator.lists import list_page
from stripe_mcp.simulator.periods import DAY
from stripe_mcp.simulator.store import Store, snapshot
from stripe_mcp.simulator.table import Record

API_VERSION = "2026-10-28.endive"
MOST_TYPES = 20
KEPT_FOR = 30 * DAY  # seconds


def emit(store: Store, kind: str, record: Record) -> None:
    """
    Tell that *record* changed: the event shows it as it is now, and what was otherwise when last told.
    """
    now, before = snapshot(record), store.told.get(record["id"])
    store.told[record["id"]] = now
    store.changed(record)
    event_id = store.new_id("evt")  # also if it is not kept: later ids do not depend on when it was looked
    if store.now() < store.present() - KEPT_FOR:
        return
    data: Record = {"object": now}
    if before is not None and before != now:
        data["previous_attributes"] = _differences(before, now)
    store.add(
        {
            "id": event_id,
            "object": "event",
            "api_version": API_VERSION,
            "created": store.now(),
            "data": data,
            "livemode": store.livemode,
            "pending_webhooks": 0,
            "request": dict(store.request),
            "type": kind,
        }
    )


def _differences(before: Record, now: Record) -> Record:
    """
    The former values of what changed, null for what was not there; a list comes as a whole.
    """
    changed = [key for key in (*now, *(before.keys() - now.keys())) if before.get(key) != now.get(key)]
    return {key: _former(before.get(key), now.get(key)) for key in changed}


def _former(before: Any, now: Any) -> Any:
    nested = isinstance(before, dict) and isinstance(now, dict)
    return _differences(before, now) if nested else before


def list_events(store: Store, given: Record) -> Record:
    """
    GET /v1/events. No webhooks are simulated, so every event counts as delivered.
    """
    if "type" in given and "types" in given:
        message = "You may only specify one of these parameters: type, types."
        raise StripeError(message, code="parameters_exclusive", param="type")
    patterns = given.get("types", [given.get("type", "*")])
    if len(patterns) > MOST_TYPES:
        raise StripeError(f"At most {MOST_TYPES} types can be given.", param="types")
    oldest = store.now() - KEPT_FOR
    return list_page(
        store,
        "event",
        "/v1/events",
        given,
        {"type": patterns[0]} if len(patterns) == 1 and "*" not in patterns[0] else {},
        lambda event: (
            event["created"] >= oldest
            and given.get("delivery_success", True)
            and any(fnmatchcase(event["type"], pattern) for pattern in patterns)
        ),
    )


def retrieve_event(store: Store, given: Record) -> Record:
    """
    GET /v1/events/{id}
    """
    event = store.get("event", given["id"])
    if event["created"] < store.now() - KEPT_FOR:
        raise NoSuch("event", given["id"], "id")
    return event


OPERATIONS = {
    "GET /v1/events": list_events,
    "GET /v1/events/{id}": retrieve_event,
}
