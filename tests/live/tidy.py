"""
Leaves an account as it was found: what the suite made is removed, ended or switched off.

Rule: the state is read before anything is done, so it does not matter how far a test came.
Payments and refunds that have happened stay in the books; they are test money.
"""

from collections.abc import Mapping
from typing import Any

import stripe


class LeftBehind(Exception):
    """
    Something that was made is still in use, and says so line by line.
    """


SETTLED = {"succeeded", "canceled", "processing"}


def leave_nothing(v1: Any, made: Mapping[str, str]) -> None:
    """
    End all objects in *made* (kinds by id).

    Raises:
        LeftBehind: Of some that was not possible; of the others it was done all the same.
    """
    left = []
    for kind, end in ENDINGS.items():
        for each in [each for each, its_kind in made.items() if its_kind == kind]:
            try:
                end(v1, each)
            except stripe.StripeError as error:
                left.append(f"{each} is left: {error}")
    if left:
        raise LeftBehind("\n".join(left))


def _cancel_payment_intent(v1: Any, intent: str) -> None:
    if v1.payment_intents.retrieve(intent).status not in SETTLED:
        v1.payment_intents.cancel(intent)


def _release_charge(v1: Any, charge: str) -> None:
    held = v1.charges.retrieve(charge)
    if held.payment_intent is not None:  # which releases it
        return
    if held.status == "succeeded" and not held.captured and not held.refunded:
        v1.refunds.create({"charge": charge})


def _delete_customer(v1: Any, customer: str) -> None:
    """
    With the customer go their subscriptions: https://docs.stripe.com/api/customers/delete
    """
    for invoice in v1.invoices.list({"customer": customer}).auto_paging_iter():
        if invoice.status == "draft":
            v1.invoices.delete(invoice.id)
        elif invoice.status == "open":
            v1.invoices.void_invoice(invoice.id)
    v1.customers.delete(customer)


def _retire_price(v1: Any, price: str) -> None:
    v1.prices.update(price, {"active": False})


def _retire_product(v1: Any, product: str) -> None:
    v1.products.update(product, {"active": False})


ENDINGS = {  # in this order: a customer's invoices before their payments, a price before its product
    "charge": _release_charge,
    "customer": _delete_customer,
    "payment_intent": _cancel_payment_intent,
    "price": _retire_price,
    "product": _retire_product,
}
