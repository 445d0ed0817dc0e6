"""
The seeded shop: customers, plans, payments and bills, as if it had run for three months.

Rule: what `shop.json` lists happens by the same code as any request, at its
`days` before the clock's present. John Smith is told in code: two months of the
Pro Plan, the newer payment some days ago, a card ending in 4242.
"""

from __future__ import annotations

import json
import unicodedata
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from stripe_mcp.simulator import customers, intent_actions, invoices, payment_intents, products, subscriptions
from stripe_mcp.simulator.cards import CARDS, add_card
from stripe_mcp.simulator.charges import place_charge
from stripe_mcp.simulator.collection import void
from stripe_mcp.simulator.confirmation import confirm
from stripe_mcp.simulator.drafts import FINALIZES_AFTER
from stripe_mcp.simulator.endings import cancel
from stripe_mcp.simulator.invoice_items import add_item
from stripe_mcp.simulator.payment_methods import attach
from stripe_mcp.simulator.periods import DAY, add_interval
from stripe_mcp.simulator.prices import RECURRING, add_price
from stripe_mcp.simulator.products import add_product
from stripe_mcp.simulator.refunds import refund_charge
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record

OPENED = 90  # days ago
SUBSCRIBING = 0.25  # of the regulars


@cache
def _load() -> dict[str, list[Any]]:
    text = Path(__file__).with_name("shop.json").read_text(encoding="utf-8")
    shop: dict[str, list[Any]] = json.loads(text)
    return shop


def open_shop(store: Store) -> None:
    """
    Fill an empty *store*.
    """
    shop = _load()
    with store.at(_ago(store, OPENED)):
        prices = {key: price for product in shop["products"] for key, price in _product(store, product)}
    people = {told["email"]: _customer(store, told) for told in shop["customers"]}
    _john(store, people["john.smith@example.com"], prices["pro_monthly"])
    _past_due(store, people["diego@example.com"], prices["starter_monthly"])
    for told in shop["subscriptions"]:
        _subscription(store, people[told["customer"]], prices[told["price"]], told)
    for told in shop["payments"]:
        _payment(store, people[told["customer"]], told)
    for told in shop["holds"]:
        _hold(store, people[told["customer"]], told)
    for told in shop["drafts"]:
        _draft(store, people[told["customer"]], told)
    for told in shop["pending_items"]:
        with store.at(_ago(store, told["days"])):
            _pending(store, people[told["customer"]], told["description"], told["amount"], told["currency"])
    for name in shop["regulars"]:
        _regular(store, name, prices["starter_monthly"])
    store.run_due()


def _regular(store: Store, name: str, price: Record) -> None:
    """
    Somebody who came one day, bought beans now and then, and perhaps subscribed: as the seed has it.
    """
    choose = store.random
    joined = choose.randint(8, 85)
    told = {
        "name": name,
        "email": _email(name),
        "days": joined,
        "card": choose.choice(["visa", "mastercard", "amex"]),
    }
    customer = _customer(store, told)
    for _ in range(choose.randint(0, 3)):
        kilos = choose.randint(1, 3)
        payment = {
            "amount": 2400 * kilos,
            "currency": "usd",
            "description": f"Espresso beans, {kilos} kg",
            "metadata": {"order": str(choose.randint(2000, 9999))},
            "days": choose.uniform(0.2, joined),
        }
        _payment(store, customer, payment)
    if choose.random() < SUBSCRIBING:
        _subscription(store, customer, price, {"days": joined - 1})


def _email(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    return f"{plain.lower().replace(' ', '.')}@example.net"


def _ago(store: Store, days: float) -> int:
    return store.present() - int(days * DAY)


def _product(store: Store, told: Record) -> list[tuple[str, Record]]:
    product = add_product(
        store, told["name"], active=told.get("active", True), shippable=told.get("shippable")
    )
    prices = []
    for plan in told["prices"]:
        if "id" in plan:
            store.choose_ids(plan["id"])
        recurring = RECURRING | {"interval": plan["interval"]} if "interval" in plan else None
        plain = {name: plan[name] for name in ("active", "lookup_key", "nickname") if name in plan}
        price = add_price(
            store, product, Decimal(plan["amount"]), plan["currency"], recurring=recurring, **plain
        )
        prices.append((plan.get("lookup_key", price["id"]), price))
    if product["active"]:
        products.update_product(store, {"id": product["id"], "default_price": prices[0][1]["id"]})
    return prices


def _customer(store: Store, told: Record) -> Record:
    plain: Record = {name: told[name] for name in ("name", "email", "phone", "metadata") if name in told}
    with store.at(_ago(store, told["days"])):
        if "id" in told:
            store.choose_ids(told["id"])
        customer = customers.create_customer(store, plain)
        if "card" in told:
            _set_default(store, customer, _card(store, customer, told["card"]))
    if "deleted" in told:
        with store.at(_ago(store, told["deleted"])):
            customers.delete_customer(store, {"customer": customer["id"]})
    return customer


def _set_default(store: Store, customer: Record, method: str) -> None:
    settings = {"default_payment_method": method}
    customers.update_customer(store, {"customer": customer["id"], "invoice_settings": settings})


def _card(store: Store, customer: Record, name: str) -> str:
    told = {"name": customer["name"], "email": customer["email"], "country": "US"}
    card = add_card(store, CARDS[name], **told)
    attach(store, card, customer)
    return str(card["id"])


def _subscribe(store: Store, customer: Record, price: Record, **more: Any) -> Record:
    given = {"customer": customer["id"], "items": [{"price": price["id"]}]} | more
    return subscriptions.create_subscription(store, given)


def _john(store: Store, john: Record, pro: Record) -> None:
    """
    He subscribed a month before his newer payment, which is four days old.
    """
    newer = _ago(store, 4)
    store.choose_ids("sub_XYZ789")
    with store.at(add_interval(newer, "month", -1)):
        _subscribe(store, john, pro)
    store.choose_ids("pi_DEF456", "in_GHI789")
    with store.at(newer + FINALIZES_AFTER):
        store.run_due()


def _past_due(store: Store, customer: Record, price: Record) -> None:
    """
    The first month was paid; the card that came after it declines.
    """
    renewed = _ago(store, 2)
    with store.at(add_interval(renewed, "month", -1)):
        _subscribe(store, customer, price)
    with store.at(renewed):
        _set_default(store, customer, _card(store, customer, "chargeCustomerFail"))


def _subscription(store: Store, customer: Record, price: Record, told: Record) -> None:
    named = ("cancel_at_period_end", "payment_behavior", "trial_period_days")
    more = {name: told[name] for name in named if name in told}
    with store.at(_ago(store, told["days"])):
        subscription = _subscribe(store, customer, price, **more)
    if "canceled" in told:
        with store.at(_ago(store, told["canceled"])):
            store.run_due()
            cancel(store, subscription, {"feedback": "too_expensive"})


def _payment(store: Store, customer: Record, told: Record) -> None:
    method = customer["invoice_settings"]["default_payment_method"]
    with store.at(_ago(store, told["days"])):
        intent = payment_intents.create_payment_intent(
            store,
            {
                "customer": customer["id"],
                "payment_method": _card(store, customer, told["card"]) if "card" in told else method,
                **{name: told[name] for name in ("amount", "currency", "description", "metadata")},
                **{name: told[name] for name in ("capture_method",) if name in told},
            },
        )
        if told.get("confirm", True):
            confirm(store, intent)
    if "canceled" in told:
        with store.at(_ago(store, told["canceled"])):
            intent_actions.cancel_payment_intent(store, {"intent": intent["id"]})
    if "refunded" in told:
        with store.at(_ago(store, told["days"] - 1)):
            charge = store.get("charge", intent["latest_charge"])
            refund_charge(store, charge, told["refunded"], "requested_by_customer", {})


def _hold(store: Store, customer: Record, told: Record) -> None:
    """
    A charge that is not captured and has no PaymentIntent, as the older API makes them.
    """
    with store.at(_ago(store, told["days"])):
        method = store.get("payment_method", customer["invoice_settings"]["default_payment_method"])
        place_charge(
            store,
            told["amount"],
            told["currency"],
            method,
            captured=False,
            description=told["description"],
            metadata=told["metadata"],
        )


def _draft(store: Store, customer: Record, told: Record) -> None:
    currency = told.get("currency", "usd")
    given = {"customer": customer["id"], "description": told["description"], "currency": currency}
    if "days_until_due" in told:
        given |= {"collection_method": "send_invoice", "days_until_due": told["days_until_due"]}
    with store.at(_ago(store, told["days"])):
        for description, amount in told["items"]:
            _pending(store, customer, description, amount, currency)
        invoice = invoices.create_invoice(store, given | {"pending_invoice_items_behavior": "include"})
        if told.get("finalize"):
            invoices.finalize_invoice(store, {"invoice": invoice["id"]})
        if told.get("void"):
            void(store, invoice)


def _pending(store: Store, customer: Record, description: str, amount: int, currency: str) -> None:
    add_item(store, customer, amount, currency, description)
