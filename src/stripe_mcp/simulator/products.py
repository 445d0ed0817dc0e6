"""
Products: what the shop sells.

https://docs.stripe.com/api/products
"""

from __future__ import annotations

from typing import Any

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import list_page, named
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record


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


def add_product(store: Store, name: str, product_id: str | None = None, **fields: Any) -> Record:
    """
    A new product; with an id of one's own it must not be there yet.
    """
    if product_id and store.find("product", product_id):
        message = f"Product already exists: {product_id}"
        raise StripeError(message, code="resource_already_exists", param="product_data[id]")
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
    "GET /v1/products/{id}": retrieve_product,
}
