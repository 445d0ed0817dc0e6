"""
The 36 operations as the `stripe` client calls them, each with an object in the seeded shop that it fits.

Nothing here knows a seeded id: the objects are found by reads, as any client would find them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

import stripe

from tests.simulator.stripe_client import everything

Find = Callable[[Any], str]


def john(v1: Any) -> str:
    return str(v1.customers.list({"email": "john.smith@example.com"}).data[0].id)


def active_subscription(v1: Any) -> str:
    return str(v1.subscriptions.list({"status": "active"}).data[0].id)


def recurring_price(v1: Any) -> str:
    return str(v1.prices.list({"type": "recurring", "active": True, "currency": "usd"}).data[0].id)


def draft_invoice(v1: Any) -> str:
    drafts = everything(v1.invoices.list, status="draft")
    return next(str(draft.id) for draft in drafts if draft.total > 0)


def uncaptured_charge(v1: Any) -> str:
    """
    An authorization that the capture takes: made without a payment intent, and not yet captured.
    """
    charges = everything(v1.charges.list)
    return next(
        str(charge.id)
        for charge in charges
        if charge.status == "succeeded" and not charge.captured and charge.payment_intent is None
    )


def refundable_payment_intent(v1: Any) -> str:
    """
    A payment of John's that is all there still.
    """
    charges = everything(v1.charges.list, customer=john(v1))
    return next(
        str(charge.payment_intent)
        for charge in charges
        if charge.captured and charge.payment_intent and charge.amount_refunded == 0
    )


def newest(services: str) -> Find:
    """
    Find the newest object in a list, such as *services* = `charges`.
    """
    return lambda v1: str(attrgetter(services)(v1).list({"limit": 1}).data[0].id)


def johns_payment_method(v1: Any) -> str:
    return str(v1.customers.payment_methods.list(john(v1)).data[0].id)


@dataclass(frozen=True)
class Operation:
    """
    One of Stripe's operations: the client's method, what it returns, and arguments that fit it.
    """

    method: str
    returns: type[stripe.StripeObject]
    id: Find | None = None
    params: Callable[[Any], dict[str, Any]] = lambda v1: {}
    emits: str | None = None  # the event about the object that it returns

    @property
    def container(self) -> type[stripe.StripeObject] | None:
        """
        What the objects come in, when there may be many.
        """
        containers = {"list": stripe.ListObject, "search": stripe.SearchResultObject}
        return containers.get(self.method.rpartition(".")[2])

    def prepare(self, v1: Any) -> "Call":
        """
        Look up what the call needs, so that the call itself is one request.
        """
        path = [self.id(v1)] if self.id else []
        return Call(attrgetter(self.method)(v1), path, self.params(v1))


@dataclass(frozen=True)
class Call:
    """
    A call that is ready: with the id for its path, if it has one, and its parameters.
    """

    method: Callable[..., Any]
    path: list[str]
    params: dict[str, Any]

    def __call__(self, params: Mapping[str, Any] = {}, **options: Any) -> Any:
        return self.method(*self.path, {**self.params, **params}, options)


OPERATIONS: dict[str, Operation] = {
    "GET /v1/customers": Operation("customers.list", stripe.Customer),
    "GET /v1/customers/{customer}": Operation("customers.retrieve", stripe.Customer, john),
    "POST /v1/customers": Operation(
        "customers.create",
        stripe.Customer,
        params=lambda v1: {"email": "ada@example.com", "metadata": {"source": "phone_call"}},
        emits="customer.created",
    ),
    "POST /v1/customers/{customer}": Operation(
        "customers.update",
        stripe.Customer,
        john,
        params=lambda v1: {"name": "Johnny Smith"},
        emits="customer.updated",
    ),
    "DELETE /v1/customers/{customer}": Operation(
        "customers.delete", stripe.Customer, john, emits="customer.deleted"
    ),
    "GET /v1/payment_intents": Operation("payment_intents.list", stripe.PaymentIntent),
    "GET /v1/payment_intents/{intent}": Operation(
        "payment_intents.retrieve", stripe.PaymentIntent, refundable_payment_intent
    ),
    "POST /v1/payment_intents": Operation(
        "payment_intents.create",
        stripe.PaymentIntent,
        params=lambda v1: {"amount": 5000, "currency": "usd", "customer": john(v1)},
        emits="payment_intent.created",
    ),
    "GET /v1/payment_intents/search": Operation(
        "payment_intents.search", stripe.PaymentIntent, params=lambda v1: {"query": 'status:"succeeded"'}
    ),
    "GET /v1/invoices": Operation("invoices.list", stripe.Invoice),
    "GET /v1/invoices/{invoice}": Operation("invoices.retrieve", stripe.Invoice, newest("invoices")),
    "POST /v1/invoices": Operation(
        "invoices.create",
        stripe.Invoice,
        params=lambda v1: {"customer": john(v1)},
        emits="invoice.created",
    ),
    "POST /v1/invoices/{invoice}/finalize": Operation(
        "invoices.finalize_invoice", stripe.Invoice, draft_invoice, emits="invoice.finalized"
    ),
    "GET /v1/invoices/search": Operation(
        "invoices.search", stripe.Invoice, params=lambda v1: {"query": f'customer:"{john(v1)}"'}
    ),
    "GET /v1/subscriptions": Operation("subscriptions.list", stripe.Subscription),
    "GET /v1/subscriptions/{subscription_exposed_id}": Operation(
        "subscriptions.retrieve", stripe.Subscription, active_subscription
    ),
    "POST /v1/subscriptions": Operation(
        "subscriptions.create",
        stripe.Subscription,
        params=lambda v1: {"customer": john(v1), "items": [{"price": recurring_price(v1)}]},
        emits="customer.subscription.created",
    ),
    "DELETE /v1/subscriptions/{subscription_exposed_id}": Operation(
        "subscriptions.cancel",
        stripe.Subscription,
        active_subscription,
        emits="customer.subscription.deleted",
    ),
    "GET /v1/products": Operation("products.list", stripe.Product),
    "GET /v1/products/{id}": Operation("products.retrieve", stripe.Product, newest("products")),
    "GET /v1/prices": Operation("prices.list", stripe.Price),
    "POST /v1/prices": Operation(
        "prices.create",
        stripe.Price,
        params=lambda v1: {
            "currency": "usd",
            "unit_amount": 990,
            "recurring": {"interval": "month"},
            "product": newest("products")(v1),
        },
        emits="price.created",
    ),
    "GET /v1/refunds": Operation("refunds.list", stripe.Refund),
    "GET /v1/refunds/{refund}": Operation("refunds.retrieve", stripe.Refund, newest("refunds")),
    "POST /v1/refunds": Operation(
        "refunds.create",
        stripe.Refund,
        params=lambda v1: {
            "payment_intent": refundable_payment_intent(v1),
            "reason": "requested_by_customer",
        },
        emits="refund.created",
    ),
    "GET /v1/customers/{customer}/payment_methods": Operation(
        "customers.payment_methods.list", stripe.PaymentMethod, john
    ),
    "GET /v1/payment_methods/{payment_method}": Operation(
        "payment_methods.retrieve", stripe.PaymentMethod, johns_payment_method
    ),
    "POST /v1/payment_methods/{payment_method}/detach": Operation(
        "payment_methods.detach", stripe.PaymentMethod, johns_payment_method, emits="payment_method.detached"
    ),
    "GET /v1/charges": Operation("charges.list", stripe.Charge),
    "GET /v1/charges/{charge}": Operation("charges.retrieve", stripe.Charge, newest("charges")),
    "GET /v1/charges/search": Operation(
        "charges.search", stripe.Charge, params=lambda v1: {"query": "amount>1000"}
    ),
    "POST /v1/charges/{charge}/capture": Operation(
        "charges.capture", stripe.Charge, uncaptured_charge, emits="charge.captured"
    ),
    "GET /v1/balance": Operation("balance.retrieve", stripe.Balance),
    "GET /v1/balance_transactions": Operation("balance_transactions.list", stripe.BalanceTransaction),
    "GET /v1/events": Operation("events.list", stripe.Event),
    "GET /v1/events/{id}": Operation("events.retrieve", stripe.Event, newest("events")),
}

LISTS = [request for request, operation in OPERATIONS.items() if operation.container is stripe.ListObject]
SEARCHES = [
    request for request, operation in OPERATIONS.items() if operation.container is stripe.SearchResultObject
]
WRITES = [request for request, operation in OPERATIONS.items() if operation.emits]
POSTS = [request for request in WRITES if request.startswith("POST")]
READS = [request for request, operation in OPERATIONS.items() if not operation.emits]
WITH_ID = [request for request, operation in OPERATIONS.items() if operation.id]


def prepared(v1: Any, request_line: str) -> Call:
    return OPERATIONS[request_line].prepare(v1)


def all_of(call: Call, **params: Any) -> list[Any]:
    """
    Every object of a list or a search, 100 a page.
    """
    return list(call({"limit": 100, **params}).auto_paging_iter())


def some(values: Iterable[Any]) -> list[Any]:
    """
    Five of them at most, the same ones each time.
    """
    return sorted(values, key=str)[:5]


def subscription_of(invoice: Any) -> str | None:
    details = invoice.parent and invoice.parent.subscription_details
    return str(details.subscription) if details else None
