"""
Invoice items: what is to be billed once, waiting for an invoice or put into a draft.

Rule: an item becomes a line of at most one invoice, whose id it then carries. One
that waits is taken up by the next invoice of a subscription, or by a draft that asks
for such. https://docs.stripe.com/api/invoiceitems, https://docs.stripe.com/billing/invoices/subscription
"""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from stripe_mcp.simulator.billing import paying_customer
from stripe_mcp.simulator.drafts import decide_currency
from stripe_mcp.simulator.errors import StripeError, missing_parameter
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lines import add_line, parent_of_item, pricing, subscription_of
from stripe_mcp.simulator.metadata import merge_metadata
from stripe_mcp.simulator.money import LARGEST_CHARGE
from stripe_mcp.simulator.standing import ENDED
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell

MOST_ITEMS = 250  # of one invoice
WAYS = ("amount", "pricing", "unit_amount_decimal")  # to say what an item costs


def create_invoice_item(store: Store, given: Record) -> Record:
    """
    POST /v1/invoiceitems: a line of the draft given, or one that waits for an invoice.
    """
    customer = paying_customer(store, given)
    invoice = _draft(store, given, customer)
    price = _price(store, given)
    currency = _currency(given, price, invoice, customer)
    fields = _fields(store, given, customer) | ({"pricing": pricing(price)} if price else {})
    name = store.get("product", price["product"])["name"] if price else None
    amount = _amount(given, price)
    if not fields["discountable"]:
        fields["net_amount"] = amount
    item = add_item(store, customer, amount, currency, given.get("description", name), **fields)
    if invoice:
        _take(store, invoice, item)
        tell(store, "invoice.updated", invoice)
    return item


def _draft(store: Store, given: Record, customer: Record) -> Record | None:
    if "invoice" not in given:
        return None
    invoice = store.get("invoice", given["invoice"], "invoice", status=400)
    if invoice["customer"] != customer["id"]:
        message = f"The invoice {invoice['id']} is for another customer than {customer['id']}."
        raise StripeError(message, param="invoice")
    if invoice["status"] != "draft":
        message = "This invoice is no longer a draft, so its items cannot be changed."
        raise StripeError(message, code="invoice_not_editable", param="invoice")
    if len(invoice["lines"]["data"]) >= MOST_ITEMS:
        raise StripeError(f"An invoice can have at most {MOST_ITEMS} items.", param="invoice")
    return invoice


def _price(store: Store, given: Record) -> Record | None:
    """
    The price to bill by, if the item is not told its amount; exactly one way to say it is allowed.
    """
    ways = [name for name in WAYS if name in given]
    if len(ways) != 1:
        raise missing_parameter("amount", f"Give exactly one of {', '.join(WAYS)}.")
    if ways == ["amount"] and "quantity" in given:
        message = "You may only specify one of these parameters: amount, quantity."
        raise StripeError(message, code="parameters_exclusive", param="quantity")
    if "pricing" not in given:
        return None
    price = store.get("price", given["pricing"]["price"], "pricing[price]", status=400)
    if price["type"] == "recurring" or not price["active"]:
        message = f"The price {price['id']} is inactive or recurring: an item needs one that is neither."
        raise StripeError(message, param="pricing[price]")
    return price


def _currency(given: Record, price: Record | None, invoice: Record | None, customer: Record) -> str:
    fixed = (price or invoice or {}).get("currency")
    currency: str = given.get("currency") or fixed or customer["currency"] or "usd"
    for source, param in ((price, "currency"), (invoice, "invoice")):
        if source and source["currency"] != currency:
            message = f"The item is in {currency}, and {source['id']} is in {source['currency']}."
            raise StripeError(message, param=param)
    return currency


def _amount(given: Record, price: Record | None) -> int:
    """
    The whole item's amount, half a smallest unit rounded up.
    """
    if "amount" in given:
        amount = int(given["amount"])
    else:
        each = Decimal(price["unit_amount_decimal"] if price else given["unit_amount_decimal"])
        amount = int((each * given.get("quantity", 1)).to_integral_value(ROUND_HALF_UP))
    if abs(amount) > LARGEST_CHARGE:
        message = f"An item's amount must be no more than {LARGEST_CHARGE} in the smallest unit."
        raise StripeError(message, code="amount_too_large", param="amount")
    return amount


def _fields(store: Store, given: Record, customer: Record) -> dict[str, Any]:
    quantity = given.get("quantity", 1)
    fields: dict[str, Any] = {
        "discountable": given.get("discountable", given.get("amount", 0) >= 0),
        "metadata": merge_metadata({}, given.get("metadata")),
        "quantity": quantity,
        "quantity_decimal": str(quantity),
    }
    if "period" in given:
        if given["period"]["end"] < given["period"]["start"]:
            raise StripeError("A period cannot end before it starts.", param="period[end]")
        fields["period"] = given["period"]
    if "subscription" in given:
        fields["parent"] = _subscription_parent(store, given["subscription"], customer)
    return fields


def _subscription_parent(store: Store, subscription_id: str, customer: Record) -> Record:
    subscription = store.get("subscription", subscription_id, "subscription", status=400)
    if subscription["customer"] != customer["id"] or subscription["status"] in ENDED:
        message = f"The subscription {subscription_id} has ended, or belongs to another customer."
        raise StripeError(message, param="subscription")
    return subscription_parent(subscription_id, None)


def subscription_parent(subscription_id: str, item_id: str | None) -> Record:
    """
    How an invoice item says which subscription it belongs to.
    """
    details = {"subscription": subscription_id, "subscription_item": item_id}
    return {"subscription_details": details, "type": "subscription_details"}


def add_item(
    store: Store, customer: Record, amount: int, currency: str, description: str | None, **fields: Any
) -> Record:
    """
    Something to be billed with the customer's next invoice that includes such. The first one decides
    the customer's currency.
    """
    decide_currency(store, customer, currency)
    item = store.add(
        {
            "id": store.new_id("ii"),
            "object": "invoiceitem",
            "amount": amount,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "date": store.now(),
            "description": description,
            "discountable": True,
            "discounts": [],
            "invoice": None,
            "livemode": store.livemode,
            "metadata": {},
            "net_amount": None,
            "parent": None,
            "period": {"start": store.now(), "end": store.now()},
            "pricing": None,
            "proration": False,
            "proration_details": None,
            "quantity": 1,
            "quantity_decimal": "1",
            "tax_rates": [],
            "test_clock": None,
        }
        | fields
    )
    emit(store, "invoiceitem.created", item)
    return item


def waiting_items(
    store: Store, customer: Record, currency: str, subscription: str | None = None
) -> list[Record]:
    """
    What waits for an invoice in *currency*, oldest first: for one of *subscription*, or of none that runs.
    """
    wanted = {"customer": customer["id"], "currency": currency, "invoice": None}
    waiting = [
        item
        for item in reversed(store.where("invoiceitem", wanted))
        if subscription_of(item) in (None, subscription) or _has_ended(store, item)
    ]
    return waiting[:MOST_ITEMS]


def _has_ended(store: Store, item: Record) -> bool:
    return store.get("subscription", subscription_of(item) or "")["status"] in ENDED


def take_pending_items(store: Store, invoice: Record, subscription: str | None = None) -> None:
    """
    Turn what waits for the invoice's customer, in its currency, into lines of *invoice*.
    """
    customer = store.get("customer", invoice["customer"])
    for item in waiting_items(store, customer, invoice["currency"], subscription):
        _take(store, invoice, item)


def _take(store: Store, invoice: Record, item: Record) -> None:
    item["invoice"] = invoice["id"]
    store.changed(item)
    copied = ("discountable", "metadata", "period", "pricing", "quantity", "quantity_decimal")
    add_line(
        store,
        invoice,
        parent_of_item(item),
        item["amount"],
        item["description"],
        **{name: item[name] for name in copied},
    )


def free_items(store: Store, invoice: Record) -> None:
    """
    Let the items of a draft that goes wait again, for another invoice.
    """
    for item in store.where("invoiceitem", {"invoice": invoice["id"]}):
        item["invoice"] = None
        store.changed(item)


OPERATIONS = {"POST /v1/invoiceitems": create_invoice_item}
