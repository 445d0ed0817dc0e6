"""
Makes what the tests of this folder read, by requests that Stripe takes as well.

Everything is in US dollars and cents, and carries the run in its metadata or e-mail address.
"""

from itertools import count
from typing import Any
from uuid import uuid4

VISA = "pm_card_visa"
CARDS_ONLY = {"enabled": True, "allow_redirects": "never"}  # a redirect would need a return_url


class Workshop:
    """
    The makers share one `v1` client. *run* is unique; `name()` is too, within all runs.
    """

    def __init__(self, v1: Any) -> None:
        self.v1 = v1
        self.run = uuid4().hex[:12]
        self.marked = {"stripe_mcp_test": self.run}
        self._numbers = count(1)

    def name(self) -> str:
        return f"{self.run}-{next(self._numbers)}"

    def customer(self, card: str | None = VISA, **fields: Any) -> Any:
        """
        A customer of their own e-mail address, with *card* as the default payment method.
        """
        given = {"email": f"{self.name()}@example.com", "name": "Ada Live", "metadata": self.marked}
        if card:
            given |= {"payment_method": card, "invoice_settings": {"default_payment_method": card}}
        return self.v1.customers.create({**given, **fields})

    def intent(self, amount: int = 5000, **fields: Any) -> Any:
        """
        A payment intent; it waits for a payment method unless the *fields* say more.
        """
        given = {"amount": amount, "currency": "usd", "automatic_payment_methods": CARDS_ONLY}
        return self.v1.payment_intents.create({**given, "metadata": self.marked, **fields})

    def payment(self, amount: int = 5000, card: str = VISA, **fields: Any) -> Any:
        """
        A payment by *card*, with its charge. It is captured within the request, so that its fee is known.
        """
        given = {"payment_method": card, "confirm": True, "capture_method": "automatic"}
        return self.intent(amount, **{**given, "expand": ["latest_charge.balance_transaction"], **fields})

    def charge(self, amount: int = 5000, source: str = "tok_visa", **fields: Any) -> Any:
        """
        A charge without a payment intent.
        """
        given = {"amount": amount, "currency": "usd", "source": source, "metadata": self.marked}
        return self.v1.charges.create({**given, **fields})

    def price(self, amount: int = 2000, interval: str | None = "month", **fields: Any) -> Any:
        """
        A price with a product of its own; without an *interval* it is paid once.
        """
        given: dict[str, Any] = {"currency": "usd", "unit_amount": amount, "metadata": self.marked}
        if interval:
            given["recurring"] = {"interval": interval}
        if "product" not in fields:
            given["product_data"] = {"name": f"Plan {self.name()}", "metadata": self.marked}
        return self.v1.prices.create({**given, **fields})

    def product(self, **fields: Any) -> Any:
        return self.v1.products.create({"name": f"Product {self.name()}", "metadata": self.marked, **fields})

    def subscription(self, customer: Any, price: Any = None, **fields: Any) -> Any:
        """
        A subscription to *price*, or to a new one; it is paid with the customer's card.
        """
        items = fields.get("items") or [{"price": (price or self.price()).id}]
        given = {"customer": customer.id, "items": items, "metadata": self.marked}
        return self.v1.subscriptions.create({**given, **fields})

    def draft(self, customer: Any, *amounts: int, **fields: Any) -> Any:
        """
        A draft invoice with a line for each of the *amounts*. It stays a draft until it is finalized.
        """
        for amount in amounts:
            item = {"customer": customer.id, "amount": amount, "currency": "usd", "description": "Beans"}
            self.v1.invoice_items.create(item)
        given = {"customer": customer.id, "pending_invoice_items_behavior": "include", "auto_advance": False}
        return self.v1.invoices.create({**given, "metadata": self.marked, **fields})

    def open_invoice(self, customer: Any, *amounts: int, **fields: Any) -> Any:
        draft = self.draft(customer, *amounts, **fields)
        return self.v1.invoices.finalize_invoice(draft.id, {"auto_advance": False})
