"""
Who pays a bill, with what, and by when: what invoices and subscriptions share.

Rule: a bill is charged to a card of the customer's own, or sent to an e-mail
address with a day by which it is due. https://docs.stripe.com/billing/collection-method
"""

from __future__ import annotations

from stripe_mcp.simulator import payment_methods
from stripe_mcp.simulator.errors import StripeError, missing_parameter
from stripe_mcp.simulator.lines import subscription_of
from stripe_mcp.simulator.periods import DAY
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record


def paying_customer(store: Store, given: Record) -> Record:
    """
    The customer who is billed; the API asks for one although its schema does not.
    """
    if "customer" not in given:
        raise missing_parameter("customer")
    return store.get("customer", given["customer"], "customer", status=400)


def own_method(store: Store, given: Record, customer: Record) -> str | None:
    """
    The id of the default payment method given, which must be the customer's.
    """
    if "default_payment_method" not in given:
        return None
    named: str = given["default_payment_method"]
    payment_methods.check_owned(store, named, customer, "default_payment_method")
    return named


def due_date(store: Store, given: Record, customer: Record) -> int | None:
    """
    When an invoice that is sent has to be paid; one that is charged has no such day.
    """
    named = [name for name in ("days_until_due", "due_date") if name in given]
    if given.get("collection_method") != "send_invoice":
        if named:
            message = f"You can only give {named[0]} if collection_method is send_invoice."
            raise StripeError(message, param=named[0])
        return None
    if len(named) != 1:
        message = "With collection_method send_invoice, give one of days_until_due and due_date."
        raise missing_parameter("days_until_due", message)
    if not customer["email"]:
        message = "Missing email: an invoice can only be sent to a customer who has an e-mail address."
        raise StripeError(message, param="customer")
    due: int = given.get("due_date") or store.now() + given["days_until_due"] * DAY
    if due < store.now():
        raise StripeError("The due date must be in the future.", param="due_date")
    return due


def method_for(store: Store, invoice: Record) -> str | None:
    """
    The card to charge an invoice to: its own default, else its subscription's, else its customer's.

    https://docs.stripe.com/billing/revenue-recovery/smart-retries#payment-method-ordering
    """
    subscription = store.find("subscription", subscription_of(invoice) or "")
    named = [each["default_payment_method"] for each in (invoice, subscription) if each]
    return first_owned(store, invoice["customer"], *named)


def first_owned(store: Store, customer_id: str, *named: str | None) -> str | None:
    """
    The first of the cards *named*, and of the customer's default, that the customer still has.
    """
    customer = store.find("customer", customer_id)
    default = customer and customer["invoice_settings"]["default_payment_method"]
    for method in (*named, default):
        if method and store.get("payment_method", method)["customer"] == customer_id:
            return str(method)
    return None
