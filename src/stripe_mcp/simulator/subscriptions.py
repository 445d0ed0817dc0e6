"""
Subscriptions: started, shown, canceled.

Rule: periods stand on the items, not on the subscription (since 2025-03-31);
lists leave out what has ended unless its status is asked for.
https://docs.stripe.com/billing/subscriptions/overview
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.billing import due_date, own_method, paying_customer
from stripe_mcp.simulator.charges import DECLINED
from stripe_mcp.simulator.cycles import bill_rest, credit_unused, start, void_first_invoice
from stripe_mcp.simulator.errors import StripeError, missing_parameter, no_such, unsupported
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import check_named, list_page, named, within
from stripe_mcp.simulator.metadata import merge_metadata
from stripe_mcp.simulator.payment_methods import is_declining
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

ENDED = frozenset(["canceled", "incomplete_expired"])
DAY = 86_400
PERIODS = ("current_period_start", "current_period_end")


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
    customer = paying_customer(store, given)
    prices = _prices(store, given, customer)
    due_date(store, given, customer)
    trial_end = _trial_end(store, given)
    behavior = given.get("payment_behavior", "allow_incomplete")
    if behavior == "pending_if_incomplete":
        raise unsupported("payment_behavior")
    _check_end(store, given.get("cancel_at"))
    own = own_method(store, given, customer)
    method = own or customer["invoice_settings"]["default_payment_method"]
    owed = customer["balance"] + sum(price["unit_amount"] * quantity for price, quantity, _ in prices)
    charged = given.get("collection_method") != "send_invoice" and trial_end is None and owed > 0
    if charged and behavior != "default_incomplete":
        _check_payable(store, method, behavior)
    fields = _fields(given, own)
    subscription = start(store, customer, prices, trial_end, behavior, **fields)
    _set_end(store, subscription, given)
    emit(store, "customer.subscription.created", subscription)
    return subscription


def _prices(store: Store, given: Record, customer: Record) -> list[tuple[Record, int, Record]]:
    """
    The price, quantity and metadata of each item.
    """
    if not given.get("items"):
        raise missing_parameter("items")
    prices = []
    for index, item in enumerate(given["items"]):
        param = f"items[{index}][price]"
        if "price" not in item:
            raise missing_parameter(param)
        price = store.get("price", item["price"], param, status=400)
        _check_price(price, param)
        prices.append((price, item.get("quantity", 1), merge_metadata({}, item.get("metadata"))))
    terms = {
        (p["currency"], p["recurring"]["interval"], p["recurring"]["interval_count"]) for p, _, _ in prices
    }
    if len(terms) > 1:
        raise StripeError("The prices of a subscription must have one currency and interval.", param="items")
    currency = prices[0][0]["currency"]
    if currency != given.get("currency", currency) or currency != (customer["currency"] or currency):
        message = f"The prices are in {currency}: a customer's subscriptions and invoices have one currency."
        raise StripeError(message, param="currency" if "currency" in given else "items")
    return prices


def _check_price(price: Record, param: str) -> None:
    if price["type"] != "recurring":
        message = f"The price {price['id']} is not recurring, so it cannot be subscribed to."
        raise StripeError(message, param=param)
    if not price["active"]:
        message = f"The price {price['id']} is inactive, so it cannot be subscribed to."
        raise StripeError(message, param=param)
    if price["unit_amount"] is None:
        raise unsupported(param)


def _trial_end(store: Store, given: Record) -> int | None:
    """
    The Unix second at which a trial ends, if there is one.
    """
    if "trial_end" in given and "trial_period_days" in given:
        message = "You may only specify one of these parameters: trial_end, trial_period_days."
        raise StripeError(message, code="parameters_exclusive", param="trial_end")
    if "trial_period_days" in given:
        return int(store.now() + given["trial_period_days"] * DAY)
    end: int | str = given.get("trial_end", "now")
    if end == "now":
        return None
    if int(end) <= store.now():
        raise StripeError("Invalid timestamp: must be in the future.", param="trial_end")
    return int(end)


def _check_payable(store: Store, method: str | None, behavior: str) -> None:
    if method is None:
        message = (
            "This customer has no default payment method, and the first invoice is charged at once. "
            "Add one, or use collection_method send_invoice."
        )
        raise StripeError(message, code="resource_missing")
    decline = is_declining(store, method)
    if behavior == "error_if_incomplete" and decline:
        raise StripeError(DECLINED, status=402, kind="card_error", code="card_declined", decline_code=decline)


def _fields(given: Record, method: str | None) -> dict[str, Any]:
    plain = ("collection_method", "days_until_due", "description")
    fields = {name: given[name] for name in plain if name in given}
    fields |= {"metadata": merge_metadata({}, given.get("metadata")), "default_payment_method": method}
    for name in ("billing_mode", "trial_settings"):
        if name in given:
            fields[name] = given[name]
    return fields


def _check_end(store: Store, cancel_at: int | str | None) -> None:
    if cancel_at == "max_billed_until":
        raise unsupported("cancel_at")
    if isinstance(cancel_at, int) and cancel_at <= store.now():
        raise StripeError("Invalid timestamp: must be in the future.", param="cancel_at")


def _set_end(store: Store, subscription: Record, given: Record) -> None:
    """
    Plan the end that was asked for; the period's end where it is asked for by name.
    """
    cancel_at = given.get("cancel_at")
    if given.get("cancel_at_period_end") or isinstance(cancel_at, str):
        cancel_at = subscription["items"]["data"][0]["current_period_end"]
    if cancel_at is not None:
        subscription |= {"cancel_at": cancel_at, "canceled_at": store.now()}
        subscription["cancel_at_period_end"] = given.get("cancel_at_period_end", False)
        subscription["cancellation_details"]["reason"] = "cancellation_requested"


def cancel_subscription(store: Store, given: Record) -> Record:
    """
    DELETE /v1/subscriptions/{subscription_exposed_id}: at once; what has ended is not found.
    """
    subscription = retrieve_subscription(store, given)
    if subscription["status"] in ENDED:
        raise no_such("subscription", subscription["id"], "id")
    if given.get("prorate"):
        credit_unused(store, subscription)
    end(store, subscription, given.get("cancellation_details", {}))
    if given.get("invoice_now"):
        bill_rest(store, subscription)
    return subscription


def end(store: Store, subscription: Record, details: Record) -> None:
    """
    End *subscription* now; its periods and invoices stay as they are, but for a first one unpaid.
    """
    incomplete = subscription["status"] == "incomplete"
    subscription |= {
        "canceled_at": store.now(),
        "ended_at": store.now(),
        "status": "incomplete_expired" if incomplete else "canceled",
    }
    subscription["cancellation_details"] |= {name: value or None for name, value in details.items()}
    subscription["cancellation_details"]["reason"] = "cancellation_requested"
    if incomplete:
        void_first_invoice(store, subscription)
    emit(store, "customer.subscription.deleted", subscription)


OPERATIONS = {
    "GET /v1/subscriptions": list_subscriptions,
    "POST /v1/subscriptions": create_subscription,
    "GET /v1/subscriptions/{subscription_exposed_id}": retrieve_subscription,
    "DELETE /v1/subscriptions/{subscription_exposed_id}": cancel_subscription,
}
