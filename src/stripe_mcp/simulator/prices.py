"""
Prices: how much of a product costs what, once or again and again.

Rule: `unit_amount` is an integer in the smallest unit of the currency, null
where only the decimal is exact. https://docs.stripe.com/api/prices
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from stripe_mcp.simulator.errors import StripeError, missing_parameter, unsupported
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.expansion import includes
from stripe_mcp.simulator.lists import check_named, list_page, named
from stripe_mcp.simulator.metadata import merge_metadata
from stripe_mcp.simulator.products import add_product, check_new
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell

MOST_LOOKUP_KEYS = 10
LONGEST_INTERVALS = {"day": 1095, "week": 156, "month": 36, "year": 3}  # three years
RECURRING = {"interval_count": 1, "meter": None, "trial_period_days": None, "usage_type": "licensed"}


def list_prices(store: Store, given: Record) -> Record:
    """
    GET /v1/prices
    """
    check_named(store, given, "product")
    where, keys = named(given, "active", "currency", "product", "type"), given.get("lookup_keys")
    if keys and len(keys) > MOST_LOOKUP_KEYS:
        message = f"At most {MOST_LOOKUP_KEYS} lookup_keys can be given."
        raise StripeError(message, param="lookup_keys")
    where |= {f"recurring.{name}": value for name, value in given.get("recurring", {}).items()}
    return list_page(
        store,
        "price",
        "/v1/prices",
        given,
        where,
        lambda price: keys is None or price["lookup_key"] in keys,
    )


def retrieve_price(store: Store, given: Record) -> Record:
    """
    GET /v1/prices/{price}
    """
    return store.get("price", given["price"], "price")


def create_price(store: Store, given: Record) -> Record:
    """
    POST /v1/prices, with a product there is or one to make.
    """
    _check(store, given)
    if "product_data" in given:
        product = _make_product(store, given["product_data"])
    else:
        product = store.get("product", given["product"], "product", status=400)
    fields: dict[str, Any] = named(given, "active", "nickname", "tax_behavior")
    fields["metadata"] = merge_metadata({}, given.get("metadata"))
    if "recurring" in given:
        fields["recurring"] = RECURRING | given["recurring"]
    if "lookup_key" in given:
        _take_lookup_key(store, given["lookup_key"])
        fields["lookup_key"] = given["lookup_key"]
    amount = Decimal(given["unit_amount_decimal"] if "unit_amount_decimal" in given else given["unit_amount"])
    return add_price(store, product, amount, given["currency"], **fields)


def _check(store: Store, given: Record) -> None:
    if ("product" in given) == ("product_data" in given):
        raise missing_parameter("product", "Give exactly one of product and product_data.")
    if given.get("billing_scheme") == "tiered":
        raise unsupported("billing_scheme")
    if ("unit_amount" in given) == ("unit_amount_decimal" in given):
        raise missing_parameter("unit_amount", "Give exactly one of unit_amount and unit_amount_decimal.")
    if given.get("unit_amount_decimal", "0").startswith("-"):
        message = "This value must be greater than or equal to 0."
        raise StripeError(message, code="parameter_invalid_integer", param="unit_amount_decimal")
    recurring = given.get("recurring")
    if recurring and recurring.get("interval_count", 1) > LONGEST_INTERVALS[recurring["interval"]]:
        message = "The interval of a price can be three years at most."
        raise StripeError(message, param="recurring[interval_count]")
    if recurring and recurring.get("usage_type") == "metered":
        raise unsupported("recurring[usage_type]")
    _check_lookup_key(store, given)


def update_price(store: Store, given: Record) -> Record:
    """
    POST /v1/prices/{price}. What a price costs cannot be changed.
    """
    price = retrieve_price(store, given)
    _check_update(store, price, given)
    metadata = merge_metadata(price["metadata"], given.get("metadata"))
    if "lookup_key" in given and given["lookup_key"] != price["lookup_key"]:
        _take_lookup_key(store, given["lookup_key"])
    price |= named(given, "active", "lookup_key", "nickname", "tax_behavior") | {"metadata": metadata}
    tell(store, "price.updated", price)
    return price


def _check_update(store: Store, price: Record, given: Record) -> None:
    if given.get("active") is False and store.where("product", {"default_price": price["id"]}):
        message = "This price cannot be archived because it is the default price of its product."
        raise StripeError(message, param="active")
    if price["tax_behavior"] not in ("unspecified", given.get("tax_behavior", price["tax_behavior"])):
        message = "The tax_behavior of a price cannot be changed once it is specified."
        raise StripeError(message, param="tax_behavior")
    _check_lookup_key(store, given, price["id"])


def _check_lookup_key(store: Store, given: Record, own_id: str | None = None) -> None:
    holder = _holder(store, given.get("lookup_key"))
    if holder and holder["id"] != own_id and not given.get("transfer_lookup_key"):
        message = "A price with this lookup_key exists; set transfer_lookup_key to move it."
        raise StripeError(message, param="lookup_key")


def _holder(store: Store, key: str | None) -> Record | None:
    return next(iter(store.where("price", {"lookup_key": key})), None) if key else None


def _take_lookup_key(store: Store, key: str) -> None:
    holder = _holder(store, key)
    if holder:
        holder["lookup_key"] = None
        emit(store, "price.updated", holder)


def _make_product(store: Store, data: Record) -> Record:
    check_new(store, data, "product_data[id]")
    fields: dict[str, Any] = named(data, "active", "statement_descriptor", "unit_label")
    fields["metadata"] = merge_metadata({}, data.get("metadata"))
    return add_product(store, data["name"], data.get("id"), **fields)


def add_price(store: Store, product: Record, amount: Decimal, currency: str, **fields: Any) -> Record:
    """
    A new price of *amount* of the smallest unit; recurring if the *fields* say so.
    """
    whole = int(amount) if amount == int(amount) else None
    price = store.add(
        {
            "id": store.new_id("price"),
            "object": "price",
            "active": True,
            "billing_scheme": "per_unit",
            "created": store.now(),
            "currency": currency,
            "custom_unit_amount": None,
            "livemode": store.livemode,
            "lookup_key": None,
            "metadata": {},
            "nickname": None,
            "product": product["id"],
            "recurring": None,
            "tax_behavior": "unspecified",
            "tiers_mode": None,
            "transform_quantity": None,
            "type": "recurring" if fields.get("recurring") else "one_time",
            "unit_amount": whole,
            "unit_amount_decimal": f"{amount.normalize():f}",
        }
        | fields
    )
    emit(store, "price.created", price)
    return price


@includes("price", "currency_options")
def _currency_options(store: Store, price: Record) -> Record:
    """
    The price in each currency that it has, which is one.
    """
    same = ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")
    return {price["currency"]: {name: price[name] for name in same}}


OPERATIONS = {
    "GET /v1/prices": list_prices,
    "POST /v1/prices": create_price,
    "GET /v1/prices/{price}": retrieve_price,
    "POST /v1/prices/{price}": update_price,
}
