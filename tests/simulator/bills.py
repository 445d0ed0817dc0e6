"""
What the tests of billing have in common: somebody who pays, something to subscribe to, what was told.
"""

from typing import Any

from stripe_mcp.simulator import payment_methods
from tests.simulator.front_door import Shop

HOUR = 3_600
GOOD, BAD = "pm_card_visa", "pm_card_chargeCustomerFail"  # the bad one attaches, and then declines
ASKS = "pm_card_authenticationRequired"  # its owner has to authenticate each payment


async def payer(shop: Shop, card: str = GOOD, **fields: str) -> str:
    """
    The id of a new customer with *card* as the default.
    """
    default = {"payment_method": card, "invoice_settings[default_payment_method]": card}
    return str((await shop.post("customers", {"email": "payer@example.com"} | default | fields))["id"])


async def stranger(shop: Shop, **fields: str) -> str:
    """
    The id of a new customer without a card.
    """
    return str((await shop.post("customers", {"email": "stranger@example.com"} | fields))["id"])


async def plan(shop: Shop, amount: int = 3000, interval: str = "month", **fields: str) -> str:
    """
    The id of a new recurring price.
    """
    recurring = {"unit_amount": amount, "currency": "usd", "recurring[interval]": interval}
    return str((await shop.post("prices", recurring | {"product_data[name]": "Gold"} | fields))["id"])


async def subscribe(shop: Shop, customer: str, price: str, **fields: str) -> Any:
    return await shop.post("subscriptions", {"customer": customer, "items[0][price]": price} | fields)


async def change_card(shop: Shop, customer: str, card: str | None) -> None:
    """
    Take the default card away from *customer*, and give them a new one if there is one to give.
    """
    default = (await shop.get(f"customers/{customer}"))["invoice_settings"]["default_payment_method"]
    if default:
        await shop.post(f"payment_methods/{default}/detach")
    if card:
        store = shop.simulator.store
        method = payment_methods.resolve(store, card)
        payment_methods.attach(store, method, store.get("customer", customer))
        await shop.post(f"customers/{customer}", {"invoice_settings[default_payment_method]": method["id"]})


async def bill(shop: Shop, customer: str, amount: int = 3000, **fields: str) -> Any:
    """
    A draft with one line of *amount*.
    """
    draft = await shop.post("invoices", {"customer": customer, "currency": "usd"} | fields)
    item = {"customer": customer, "amount": amount, "invoice": draft["id"]}
    await shop.post("invoiceitems", item)
    return await shop.get(f"invoices/{draft['id']}")


async def open_bill(shop: Shop, customer: str, amount: int = 3000, **fields: str) -> Any:
    draft = await bill(shop, customer, amount, **fields)
    return await shop.post(f"invoices/{draft['id']}/finalize")


async def told(shop: Shop, *kinds: str) -> list[str]:
    """
    The types of the newest events that are about *kinds* of objects (or all), oldest first.
    """
    events = (await shop.get("events", {"limit": 100}))["data"]
    about = [e["type"] for e in events if not kinds or e["data"]["object"]["object"] in kinds]
    return about[::-1]


async def story(shop: Shop, object_id: str) -> list[str]:
    """
    What was told of one object, oldest first.
    """
    events = await shop.rows("events")
    return [event["type"] for event in events if event["data"]["object"]["id"] == object_id][::-1]


async def intent_of(shop: Shop, invoice: str) -> Any:
    """
    The PaymentIntent that pays *invoice*.
    """
    path = {"expand[]": "payments.data.payment.payment_intent"}
    (payment,) = (await shop.get(f"invoices/{invoice}", path))["payments"]["data"]
    return payment["payment"]["payment_intent"]


def money(shop: Shop) -> int:
    """
    What the balance transactions amount to, which the balance has to equal.
    """
    return sum(t["net"] for t in shop.simulator.store.all("balance_transaction"))
