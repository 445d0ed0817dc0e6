import pytest

from tests.simulator.front_door import Shop

pytestmark = pytest.mark.anyio


async def test_an_email_finds_its_customer_only_when_written_exactly() -> None:
    shop = Shop()
    assert await shop.ids("customers", {"email": "john.smith@example.com"}) == ["cus_ABC123"]
    assert await shop.ids("customers", {"email": "John.Smith@example.com"}) == []


async def test_a_customer_is_made_with_a_test_card_as_default() -> None:
    shop = Shop()
    fields = {
        "name": "Ada",
        "email": "ada@example.com",
        "address[city]": "Oslo",
        "payment_method": "pm_card_visa",
        "invoice_settings[default_payment_method]": "pm_card_visa",
        "invoice_settings[footer]": "Thanks",
        "preferred_locales[]": "nb",
    }
    made = await shop.post("customers", fields)
    method = made["invoice_settings"]["default_payment_method"]
    assert await shop.ids(f"customers/{made['id']}/payment_methods", {"type": "card"}) == [method]
    assert (made["address"]["city"], made["address"]["line1"], made["preferred_locales"]) == (
        "Oslo",
        None,
        ["nb"],
    )
    card = await shop.get(f"payment_methods/{method}", {"expand[]": "customer"})
    assert (card["card"]["last4"], card["customer"]["name"]) == ("4242", "Ada")


async def test_a_card_that_had_an_owner_is_not_attached_again() -> None:
    shop = Shop()
    theirs = shop.find("payment_method", type="card")["id"]
    assert (await shop.refusal("POST", "customers", {"payment_method": theirs}))[1][
        "param"
    ] == "payment_method"
    default = {"invoice_settings[default_payment_method]": theirs}
    assert (await shop.refusal("POST", "customers", default))[1]["code"] == "resource_missing"
    john = shop.find("customer", id="cus_ABC123")["invoice_settings"]["default_payment_method"]
    not_johns = next(m["id"] for m in shop.simulator.store.all("payment_method") if m["id"] != john)
    default = {"invoice_settings[default_payment_method]": not_johns}
    assert (await shop.refusal("POST", "customers/cus_ABC123", default))[1]["code"] == "resource_missing"


async def test_an_update_joins_metadata_clears_by_empty_and_tells_of_it_once() -> None:
    shop = Shop()
    john = shop.find("customer", id="cus_ABC123")["invoice_settings"]["default_payment_method"]
    fields = {
        "metadata[vip]": "yes",
        "metadata[source]": "",
        "shipping[name]": "J",
        "shipping[address][city]": "LA",
    }
    changed = await shop.post(
        "customers/cus_ABC123", fields | {"invoice_settings[default_payment_method]": john}
    )
    assert (changed["metadata"], changed["shipping"]["address"]["city"]) == ({"vip": "yes"}, "LA")
    cleared = await shop.post(
        "customers/cus_ABC123",
        {"metadata": "", "shipping": "", "address": "", "tax_exempt": "", "description": ""},
    )
    assert (cleared["metadata"], cleared["shipping"], cleared["tax_exempt"]) == ({}, None, "none")
    await shop.post("customers/cus_ABC123")
    newest, older = (await shop.get("events", {"type": "customer.updated", "limit": 2}))["data"]
    assert newest["data"]["previous_attributes"]["metadata"] == {"vip": "yes"}
    assert older["data"]["previous_attributes"]["shipping"] is None


async def test_metadata_has_50_keys_at_most_also_after_joining() -> None:
    shop = Shop()
    await shop.post("customers/cus_ABC123", {f"metadata[k{i}]": "v" for i in range(49)})
    assert (await shop.refusal("POST", "customers/cus_ABC123", {"metadata[more]": "v"}))[1][
        "param"
    ] == "metadata"


async def test_a_deleted_customer_leaves_a_stub_and_no_subscription_or_card() -> None:
    shop = Shop()
    card = shop.find("customer", id="cus_ABC123")["invoice_settings"]["default_payment_method"]
    stub = {"id": "cus_ABC123", "object": "customer", "deleted": True}
    assert await shop.ask("DELETE", "customers/cus_ABC123") == stub
    assert await shop.get("customers/cus_ABC123") == stub
    assert "cus_ABC123" not in await shop.ids("customers")
    assert (await shop.get("subscriptions/sub_XYZ789"))["status"] == "canceled"
    assert (await shop.get(f"payment_methods/{card}"))["customer"] is None
    assert (await shop.refusal("DELETE", "customers/cus_ABC123"))[0] == 404
    assert len(await shop.ids("charges", {"customer": "cus_ABC123"})) == 2
    intent = await shop.get("payment_intents/pi_DEF456", {"expand[]": "customer"})
    assert intent["customer"] == stub
    after = await shop.get("customers", {"starting_after": "cus_ABC123", "limit": 1})
    assert after["data"]


async def test_a_customer_whose_subscription_has_ended_can_go_too() -> None:
    shop = Shop()
    grace = shop.customer("grace.park@example.com")
    assert (await shop.ask("DELETE", f"customers/{grace}"))["deleted"] is True


async def test_a_card_is_detached_once_and_is_nobodys_default_after() -> None:
    shop = Shop()
    card = shop.find("customer", id="cus_ABC123")["invoice_settings"]["default_payment_method"]
    assert (await shop.post(f"payment_methods/{card}/detach"))["customer"] is None
    assert (await shop.get("customers/cus_ABC123"))["invoice_settings"]["default_payment_method"] is None
    assert (await shop.refusal("POST", f"payment_methods/{card}/detach"))[0] == 400
    diego = shop.customer("diego@example.com")
    old = (await shop.ids(f"customers/{diego}/payment_methods"))[-1]
    default = shop.find("customer", id=diego)["invoice_settings"]["default_payment_method"]
    assert old != default
    await shop.post(f"payment_methods/{old}/detach")
    assert shop.find("customer", id=diego)["invoice_settings"]["default_payment_method"] == default


async def test_a_customer_has_more_to_show_when_asked() -> None:
    shop = Shop()
    names = ("cash_balance", "invoice_credit_balance", "sources", "tax", "tax_ids")
    expand = {f"expand[{at}]": name for at, name in enumerate(names)}
    plain = await shop.get("customers/cus_ABC123")
    bare = await shop.get("customers/cus_ABC123", expand)
    assert not plain.keys() & set(names)
    assert (bare["sources"]["data"], bare["tax_ids"]["data"], bare["invoice_credit_balance"]) == ([], [], {})
    assert (bare["cash_balance"]["available"], bare["cash_balance"]["customer"]) == (None, "cus_ABC123")
    assert (bare["tax"]["automatic_tax"], bare["tax"]["location"]) == ("unrecognized_location", None)
    home = {"address[country]": "US", "address[state]": "WA"}
    known = await shop.post("customers/cus_ABC123", home | expand)
    assert known["tax"]["automatic_tax"] == "not_collecting"
    assert known["tax"]["location"] == {"country": "US", "source": "billing_address", "state": "WA"}
    await shop.ask("DELETE", "subscriptions/sub_XYZ789", {"prorate": "true", "invoice_now": "true"})
    owed = await shop.get("customers/cus_ABC123", expand)
    assert owed["invoice_credit_balance"] == {"usd": owed["balance"]}
    assert owed["balance"] < 0


async def test_an_invoice_prefix_is_short_and_nobody_elses() -> None:
    shop = Shop()
    assert (await shop.post("customers/cus_ABC123", {"invoice_prefix": "JOHN"}))["invoice_prefix"] == "JOHN"
    assert (await shop.post("customers/cus_ABC123", {"invoice_prefix": "JOHN"}))["invoice_prefix"] == "JOHN"
    for prefix in ("JO", "john", "J" * 13, "JOHN"):
        error = (await shop.refusal("POST", "customers", {"invoice_prefix": prefix}))[1]
        assert error["param"] == "invoice_prefix"


async def test_what_can_be_said_of_a_customer_can_be_unsaid() -> None:
    shop = Shop()
    said = {
        "business_name": "Smith & Co",
        "description": "regular",
        "email": "j@example.com",
        "individual_name": "John",
        "name": "John S",
        "phone": "+15550100000",
        "tax_exempt": "reverse",
        "preferred_locales[0]": "de",
        "address[city]": "Rome",
        "shipping[name]": "J",
        "shipping[address][city]": "Rome",
        "invoice_settings[footer]": "Thanks",
        "invoice_settings[custom_fields][0][name]": "PO",
        "invoice_settings[custom_fields][0][value]": "7",
        "metadata[a]": "b",
    }
    before = await shop.get("customers/cus_ABC123")
    changed = await shop.post("customers/cus_ABC123", said)
    assert changed["invoice_settings"]["custom_fields"] == [{"name": "PO", "value": "7"}]
    draft = await shop.post("invoices", {"customer": "cus_ABC123"})
    assert (draft["footer"], draft["customer_tax_exempt"]) == ("Thanks", "reverse")
    emptied = (
        "business_name",
        "description",
        "email",
        "individual_name",
        "name",
        "phone",
        "address",
        "shipping",
    )
    fields = dict.fromkeys((*emptied, "metadata", "tax_exempt", "invoice_settings[custom_fields]"), "")
    back = await shop.post("customers/cus_ABC123", fields)
    assert {name: back.get(name) for name in emptied} == dict.fromkeys(emptied)
    assert (back["metadata"], back["tax_exempt"]) == ({}, "none")
    assert back["invoice_settings"]["custom_fields"] is None
    assert back["balance"] == before["balance"]
