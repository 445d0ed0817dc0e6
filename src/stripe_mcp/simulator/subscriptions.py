"""
Subscriptions: started, shown, changed, canceled.

Rule: lists leave out what has ended unless its status is asked for; what time does
to a subscription is in `cycles` and `endings`. https://docs.stripe.com/billing/subscriptions/overview
"""

from __future__ import annotations

from stripe_mcp.simulator import subscribing
from stripe_mcp.simulator.billing import own_method
from stripe_mcp.simulator.cycles import announce, start
from stripe_mcp.simulator.dunning import advance
from stripe_mcp.simulator.endings import cancel, credit_unused, draft_rest, set_details
from stripe_mcp.simulator.errors import NoSuch, StripeError
from stripe_mcp.simulator.lists import check_named, list_page, named, within
from stripe_mcp.simulator.metadata import merge_metadata
from stripe_mcp.simulator.standing import ENDED
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell

PERIODS = ("current_period_start", "current_period_end")
# What can still be changed: https://docs.stripe.com/api/subscriptions/object#subscription_object-status
CHANGEABLE = {
    "incomplete": {"cancellation_details", "default_payment_method", "metadata"},
    "canceled": {"cancellation_details", "metadata"},
    "incomplete_expired": {"cancellation_details", "metadata"},
}


def list_subscriptions(store: Store, given: Record) -> Record:
    """
    GET /v1/subscriptions
    """
    check_named(store, given, "customer", "price")
    where = named(given, "customer", "customer_account", "collection_method", "test_clock")
    if "automatic_tax" in given:
        where["automatic_tax.enabled"] = given["automatic_tax"]["enabled"]
    for name in ("plan", "price"):
        if name in given:
            where[f"items.data.{name}.id"] = given[name]

    def keep(subscription: Record) -> bool:
        items = subscription["items"]["data"]
        return _has_status(subscription, given.get("status")) and all(
            any(within(item[name], given[name]) for item in items) for name in PERIODS if name in given
        )

    return list_page(store, "subscription", "/v1/subscriptions", given, where, keep)


def _has_status(subscription: Record, wanted: str | None) -> bool:
    if wanted is None:
        return subscription["status"] not in ENDED
    if wanted == "ended":
        return subscription["status"] in ENDED
    return wanted in ("all", subscription["status"])


def retrieve_subscription(store: Store, given: Record) -> Record:
    """
    GET /v1/subscriptions/{subscription_exposed_id}
    """
    return store.get("subscription", given["subscription_exposed_id"])


def create_subscription(store: Store, given: Record) -> Record:
    """
    POST /v1/subscriptions: makes the first invoice, and charges it unless there is a trial.
    """
    order = subscribing.read_order(store, given)
    _check_end(store, given)
    subscription = start(store, order.customer, order.prices, order.trial_end, order.behavior, **order.fields)
    _set_end(store, subscription, given)
    announce(store, subscription)
    return subscription


def update_subscription(store: Store, given: Record) -> Record:
    """
    POST /v1/subscriptions/{subscription_exposed_id}
    """
    subscription = retrieve_subscription(store, given)
    _check_changeable(subscription, given)
    _check_end(store, given)
    metadata = merge_metadata(subscription["metadata"], given.get("metadata"))
    if "default_payment_method" in given:
        customer = store.get("customer", subscription["customer"])
        subscription["default_payment_method"] = own_method(store, given, customer)
    if "description" in given:
        subscription["description"] = given["description"] or None
    subscription["metadata"] = metadata
    set_details(subscription, given.get("cancellation_details", {}))
    _set_end(store, subscription, given)
    tell(store, "customer.subscription.updated", subscription)
    return subscription


def _check_changeable(subscription: Record, given: Record) -> None:
    status = subscription["status"]
    asked = given.keys() - {"subscription_exposed_id", "expand"}
    refused = sorted(asked - CHANGEABLE.get(status, asked))
    if refused:
        allowed = ", ".join(sorted(CHANGEABLE[status]))
        message = f"A subscription that is {status} can only update its {allowed}."
        raise StripeError(message, param=refused[0])


def _check_end(store: Store, given: Record) -> None:
    if "cancel_at" in given and "cancel_at_period_end" in given:
        message = "You may only specify one of these parameters: cancel_at, cancel_at_period_end."
        raise StripeError(message, code="parameters_exclusive", param="cancel_at")
    if isinstance(given.get("cancel_at"), int):
        subscribing.check_future(store, given["cancel_at"], "cancel_at")


def _set_end(store: Store, subscription: Record, given: Record) -> None:
    """
    Plan the end that was asked for, or none any more.

    All items have one period, so that each name of an end means the end of that.
    """
    cancel_at, at_period_end = given.get("cancel_at"), given.get("cancel_at_period_end")
    if cancel_at == "" or (at_period_end is False and subscription["cancel_at_period_end"]):
        subscription |= {"cancel_at": None, "canceled_at": None, "cancel_at_period_end": False}
        subscription["cancellation_details"]["reason"] = None
    elif cancel_at or at_period_end:
        if not isinstance(cancel_at, int):
            cancel_at = subscription["items"]["data"][0]["current_period_end"]
        subscription |= {"cancel_at": cancel_at, "canceled_at": store.now()}
        subscription["cancel_at_period_end"] = bool(at_period_end)
        subscription["cancellation_details"]["reason"] = "cancellation_requested"
        store.plan(cancel_at, "subscription.end", subscription["id"])


def cancel_subscription(store: Store, given: Record) -> Record:
    """
    DELETE /v1/subscriptions/{subscription_exposed_id}: at once; what has ended is not found.
    """
    subscription, last = retrieve_subscription(store, given), None
    if subscription["status"] in ENDED:
        raise NoSuch("subscription", subscription["id"], "id")
    if given.get("prorate"):
        credit_unused(store, subscription)
    if given.get("invoice_now") and subscription["status"] != "incomplete":
        last = draft_rest(store, subscription)
    cancel(store, subscription, given.get("cancellation_details", {}))
    if last:
        advance(store, last, auto_advance=True)
    return subscription


OPERATIONS = {
    "GET /v1/subscriptions": list_subscriptions,
    "POST /v1/subscriptions": create_subscription,
    "GET /v1/subscriptions/{subscription_exposed_id}": retrieve_subscription,
    "POST /v1/subscriptions/{subscription_exposed_id}": update_subscription,
    "DELETE /v1/subscriptions/{subscription_exposed_id}": cancel_subscription,
}
