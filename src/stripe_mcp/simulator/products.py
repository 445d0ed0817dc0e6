"""
Products: what the shop sells.

https://docs.stripe.com/api/products
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import list_page, named
from stripe_mcp.simulator.metadata import merge_metadata
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell

PLAIN = ("active", "description", "name", "shippable", "statement_descriptor", "type", "unit_label", "url")
LISTS = ("images", "marketing_features")


def list_products(store: Store, given: Record) -> Record:
    """
    GET /v1/products
    """
    where, ids = named(given, "active", "shippable", "type", "url"), given.get("ids")
    return list_page(
        store, "product", "/v1/products", given, where, lambda product: ids is None or product["id"] in ids
    )


def retrieve_product(store: Store, given: Record) -> Record:
    """
    GET /v1/products/{id}
    """
    return store.get("product", given["id"])


def create_product(store: Store, given: Record) -> Record:
    """
    POST /v1/products
    """
    check_new(store, given, "id")
    return add_product(store, product_id=given.get("id"), **_fields({}, given))


def update_product(store: Store, given: Record) -> Record:
    """
    POST /v1/products/{id}
    """
    product = retrieve_product(store, given)
    fields = _fields(product["metadata"], given)
    if "default_price" in given:
        price = store.get("price", given["default_price"], "default_price", status=400)
        if price["product"] != product["id"] or not price["active"]:
            message = f"The price {price['id']} is inactive, or that of another product."
            raise StripeError(message, param="default_price")
        fields["default_price"] = price["id"]
    if any(product[name] != value for name, value in fields.items()):
        product |= fields | {"updated": store.now()}
    tell(store, "product.updated", product)
    return product


def _fields(metadata: dict[str, str], given: Record) -> dict[str, Any]:
    """
    What was given of a product that has *metadata*; an empty text or list unsets.
    """
    plain = {name: None if given[name] == "" else given[name] for name in PLAIN if name in given}
    fields: dict[str, Any] = plain | {name: given[name] or [] for name in LISTS if name in given}
    return fields | {"metadata": merge_metadata(metadata, given.get("metadata"))}


def check_new(store: Store, given: Record, param: str) -> None:
    """
    Refuse an id of one's own that a product, or anything else, has already.

    Raises:
        StripeError: It is not new.
    """
    if store.has_id(given.get("id", "")):
        message = f"Product already exists: {given['id']}"
        raise StripeError(message, code="resource_already_exists", param=param)


def add_product(store: Store, name: str, product_id: str | None = None, **fields: Any) -> Record:
    """
    A new product; what is not given of it is empty.
    """
    product = store.add(_new_product(store, name, product_id or store.new_id("prod", 14)) | fields)
    emit(store, "product.created", product)
    return product


def _new_product(store: Store, name: str, product_id: str) -> Record:
    return {
        "id": product_id,
        "object": "product",
        "active": True,
        "created": store.now(),
        "default_price": None,
        "description": None,
        "images": [],
        "livemode": store.livemode,
        "marketing_features": [],
        "metadata": {},
        "name": name,
        "package_dimensions": None,
        "shippable": None,
        "statement_descriptor": None,
        "tax_code": None,
        "type": "service",
        "unit_label": None,
        "updated": store.now(),
        "url": None,
    }


OPERATIONS = {
    "GET /v1/products": list_products,
    "POST /v1/products": create_product,
    "GET /v1/products/{id}": retrieve_product,
    "POST /v1/products/{id}": update_product,
}
