"""
Products and prices: made, changed, archived.
"""

from typing import Any

import pytest

from tests.simulator.bills import story, told
from tests.simulator.front_door import NOW, Shop

pytestmark = pytest.mark.anyio


async def test_a_product_is_made_with_all_that_is_told_of_it() -> None:
    shop = Shop()
    fields = {
        "id": "mug",
        "name": "Mug",
        "active": "false",
        "description": "Holds coffee",
        "images[0]": "https://example.com/mug.png",
        "marketing_features[0][name]": "Handmade",
        "metadata[colour]": "blue",
        "shippable": "true",
        "statement_descriptor": "MUG",
        "type": "good",
        "unit_label": "piece",
        "url": "https://example.com/mug",
    }
    made = await shop.post("products", fields)
    assert made == await shop.get("products/mug")
    plain = ("id", "name", "description", "statement_descriptor", "type", "unit_label", "url")
    assert {name: made[name] for name in plain} == {name: fields[name] for name in plain}
    assert (made["active"], made["shippable"], made["images"]) == (False, True, [fields["images[0]"]])
    assert (made["marketing_features"], made["metadata"]) == ([{"name": "Handmade"}], {"colour": "blue"})
    assert (made["created"], made["updated"]) == (NOW, NOW)
    assert await story(shop, "mug") == ["product.created"]
    status, error = await shop.refusal("POST", "products", fields)
    assert (status, error["code"], error["param"]) == (400, "resource_already_exists", "id")
    assert "mug" in await shop.ids("products", {"shippable": "true", "active": "false"})


async def test_a_product_is_changed_and_tells_it_once() -> None:
    shop = Shop()
    await shop.post(
        "products", {"id": "mug", "name": "Mug", "description": "old", "images[0]": "https://x.example"}
    )
    shop.now += 60
    for _ in range(2):
        changed = await shop.post(
            "products/mug", {"name": "Cup", "description": "", "images": "", "metadata[a]": "b"}
        )
        assert (changed["name"], changed["description"], changed["images"]) == ("Cup", None, [])
        assert (changed["metadata"], changed["updated"]) == ({"a": "b"}, NOW + 60)
        shop.now += 60
    assert await story(shop, "mug") == ["product.created", "product.updated"]
    (event,) = (await shop.get("events", {"type": "product.updated", "limit": 1}))["data"]
    before = event["data"]["previous_attributes"]
    assert (before["name"], before["description"], before["updated"]) == ("Mug", "old", NOW)


async def test_the_default_price_of_a_product_is_an_active_one_of_its_own() -> None:
    shop = Shop()
    fields = {"product": (await shop.post("products", {"name": "Mug"}))["id"], "currency": "usd"}
    product = f"products/{fields['product']}"
    good = (await shop.post("prices", fields | {"unit_amount": 900}))["id"]
    off = (await shop.post("prices", fields | {"unit_amount": 800, "active": "false"}))["id"]
    for price in (off, "price_XYZ789", "price_no"):
        assert (await shop.refusal("POST", product, {"default_price": price}))[1]["param"] == "default_price"
    expanded = await shop.post(product, {"default_price": good, "expand[]": "default_price"})
    assert expanded["default_price"]["unit_amount"] == 900
    assert (await shop.refusal("POST", f"prices/{good}", {"active": "false"}))[1]["param"] == "active"
    await shop.post(
        product, {"default_price": (await shop.post("prices", fields | {"unit_amount": 1}))["id"]}
    )
    assert (await shop.post(f"prices/{good}", {"active": "false"}))["active"] is False


async def test_a_price_is_changed_in_all_but_what_it_costs() -> None:
    shop = Shop()
    price = "prices/price_XYZ789"
    fields = {"nickname": "Pro", "metadata[tier]": "2", "lookup_key": "pro", "tax_behavior": "exclusive"}
    for _ in range(2):
        changed = await shop.post(price, fields)
        assert (changed["nickname"], changed["metadata"], changed["lookup_key"]) == (
            "Pro",
            {"tier": "2"},
            "pro",
        )
    assert await story(shop, "price_XYZ789") == ["price.updated"]  # it was made too long ago to be told still
    assert await shop.get(price) == changed
    assert await shop.ids("prices", {"lookup_keys[0]": "pro"}) == ["price_XYZ789"]
    assert (await shop.refusal("POST", price, {"tax_behavior": "inclusive"}))[1]["param"] == "tax_behavior"
    assert (await shop.refusal("POST", price, {"unit_amount": 1}))[1]["code"] == "parameter_unknown"
    assert (await shop.refusal("GET", "prices/price_no"))[1]["code"] == "resource_missing"


async def test_a_lookup_key_moves_only_when_it_is_told_to() -> None:
    shop = Shop()
    other = shop.find("price", lookup_key="starter_monthly")["id"]
    before = await told(shop)
    taken = {"lookup_key": "starter_monthly"}
    assert (await shop.refusal("POST", "prices/price_XYZ789", taken))[1]["param"] == "lookup_key"
    assert await told(shop) == before
    moved = await shop.post("prices/price_XYZ789", taken | {"transfer_lookup_key": "true"})
    assert (moved["lookup_key"], (await shop.get(f"prices/{other}"))["lookup_key"]) == (
        "starter_monthly",
        None,
    )


async def test_a_price_knows_what_it_costs_in_its_currency() -> None:
    price = await Shop().get("prices/price_XYZ789", {"expand[]": "currency_options"})
    assert price["currency_options"] == {
        "usd": {
            "custom_unit_amount": None,
            "tax_behavior": "unspecified",
            "unit_amount": 4900,
            "unit_amount_decimal": "4900",
        }
    }


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ({"active": "false"}, lambda price: not price["active"]),
        ({"currency": "eur"}, lambda price: price["currency"] == "eur"),
        ({"type": "one_time"}, lambda price: price["recurring"] is None),
        ({"recurring[interval]": "year"}, lambda price: (price["recurring"] or {}).get("interval") == "year"),
        ({"recurring[usage_type]": "metered"}, lambda price: False),
        ({"recurring[meter]": "mtr_1"}, lambda price: False),
        ({"created[gt]": NOW}, lambda price: price["created"] > NOW),
    ],
)
async def test_prices_are_listed_by_what_they_are(filters: dict[str, Any], found: Any) -> None:
    shop = Shop()
    prices = await shop.rows("prices")
    assert await shop.ids("prices", filters) == [price["id"] for price in prices if found(price)]
