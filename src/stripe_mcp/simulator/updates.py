"""
Changes told once: an event for an object that is not as it was when it was last told of.

Rule: whoever may have changed an object, or not, tells it here; whoever knows that
something happened emits its event. https://docs.stripe.com/api/events
"""

from __future__ import annotations

from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record


def tell(store: Store, kind: str, record: Record) -> None:
    """
    Emit *kind* if *record* has changed; what was never told of is left to its first event.
    """
    if store.told.get(record["id"], record) != record:
        emit(store, kind, record)
