"""
What is ordered with a new subscription, checked before anything is made.

Rule: the prices recur in one currency and interval, the payer can be charged, and
whatever is charged at once can be charged. https://docs.stripe.com/api/subscriptions/create
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stripe_mcp.simulator.billing import due_date, first_owned, own_method, paying_customer
from stripe_mcp.simulator.collection import amount_due
from stripe_mcp.simulator.cycles import Prices
from stripe_mcp.simulator.errors import StripeError, missing_parameter, unsupported
from stripe_mcp.simulator.invoice_items import waiting_items
from stripe_mcp.simulator.lists import named
from stripe_mcp.simulator.metadata import merge_metadata
from stripe_mcp.simulator.payment_methods import asks_owner, decline_of
from stripe_mcp.simulator.periods import DAY
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

FARTHEST = 5 * 366 * DAY  # seconds ahead that a trial can end, or an end be planned


class Order(NamedTuple):
    """
    A subscription to be made; *fields* are what it says of itself from the start.
    """

    customer: Record
    prices: Prices
    trial_end: int | None
    behavior: str
    fields: dict[str, Any]


def read_order(store: Store, given: Record) -> Order:
    """
    What the parameters ask for.

    Raises:
        StripeError: It cannot be had, or its first invoice cannot be charged.
    """
    customer = paying_customer(store, given)
    prices = _prices(store, given, customer)
    due_date(store, given, customer)
    trial_end = _trial_end(store, given)
    behavior = given.get("payment_behavior", "allow_incomplete")
    if behavior == "pending_if_incomplete":
        raise unsupported("payment_behavior")
    own = own_method(store, given, customer)
    owed = _owed(store, customer, prices, in_trial=trial_end is not None)
    charged = amount_due(owed, prices[0][0]["currency"]) and given.get("collection_method") != "send_invoice"
    if charged and behavior != "default_incomplete":
        _check_payable(store, first_owned(store, customer["id"], own), behavior)
    return Order(customer, prices, trial_end, behavior, _fields(given, own))


def _owed(store: Store, customer: Record, prices: Prices, *, in_trial: bool) -> int:
    """
    What the first invoice is going to ask for.
    """
    waiting = waiting_items(store, customer, prices[0][0]["currency"])
    billed = [] if in_trial else [price["unit_amount"] * quantity for price, quantity, _ in prices]
    return int(customer["balance"] + sum(item["amount"] for item in waiting) + sum(billed))


def _prices(store: Store, given: Record, customer: Record) -> Prices:
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
        _check_price(store, price, param)
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


def _check_price(store: Store, price: Record, param: str) -> None:
    product = store.get("product", price["product"])
    if price["type"] != "recurring":
        message = f"The price {price['id']} is not recurring, so it cannot be subscribed to."
        raise StripeError(message, param=param)
    if not (price["active"] and product["active"]):
        message = f"The price {price['id']} or its product is inactive, so it cannot be subscribed to."
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
    check_future(store, int(end), "trial_end")
    return int(end)


def check_future(store: Store, moment: int, param: str) -> None:
    """
    Refuse a moment that is over, or farther than five years ahead.

    Raises:
        StripeError: It is.
    """
    if not 0 < moment - store.now() <= FARTHEST:
        message = "Invalid timestamp: must be in the future, and at most five years from now."
        raise StripeError(message, param=param)


def _check_payable(store: Store, method: str | None, behavior: str) -> None:
    if method is None:
        message = (
            "This customer has no default payment method, and the first invoice is charged at once. "
            "Add one, or use collection_method send_invoice."
        )
        raise StripeError(message, code="resource_missing")
    if behavior != "error_if_incomplete":
        return
    decline = decline_of(store, method)
    if asks_owner(store, store.get("payment_method", method), off_session=False):
        message = "The first payment has to be authenticated by the customer, so no subscription was made."
        code = "subscription_payment_intent_requires_action"
        raise StripeError(message, status=402, kind="card_error", code=code)
    if decline:
        raise decline.error()


def _fields(given: Record, method: str | None) -> dict[str, Any]:
    plain = ("billing_mode", "collection_method", "days_until_due", "description", "trial_settings")
    metadata = merge_metadata({}, given.get("metadata"))
    return named(given, *plain) | {"metadata": metadata, "default_payment_method": method}
