"""
Payment methods: cards, whose they are, and what they were used for.

Rule: a card belongs to one customer at most; one that was charged without belonging to
anybody, or was detached, is spent: it can be neither used nor attached again.
https://docs.stripe.com/api/payment_methods, https://docs.stripe.com/payments/payment-methods
"""

from __future__ import annotations

from stripe_mcp.simulator.cards import (
    NOT_MODELLED,
    PREFIX,
    TEST_CARDS,
    TOKEN_PREFIX,
    Card,
    Decline,
    add_card,
    card_of,
)
from stripe_mcp.simulator.errors import NoSuch, StripeError, missing_parameter, unsupported
from stripe_mcp.simulator.events import emit
from stripe_mcp.simulator.lists import list_page, named
from stripe_mcp.simulator.metadata import merge_metadata
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Record
from stripe_mcp.simulator.updates import tell


def list_payment_methods(store: Store, given: Record) -> Record:
    """
    GET /v1/customers/{customer}/payment_methods
    """
    store.get("customer", given["customer"], "customer")
    return list_page(
        store,
        "payment_method",
        f"/v1/customers/{given['customer']}/payment_methods",
        given,
        named(given, "customer", "type", "allow_redisplay"),
    )


def retrieve_payment_method(store: Store, given: Record) -> Record:
    """
    GET /v1/payment_methods/{payment_method}
    """
    return store.get("payment_method", given["payment_method"], "payment_method")


def create_payment_method(store: Store, given: Record) -> Record:
    """
    POST /v1/payment_methods: a card, by the name of a test token.
    """
    if "type" not in given:
        raise missing_parameter("type")
    if given["type"] != "card":
        raise unsupported("type")
    if "token" not in given.get("card", {}):
        raise missing_parameter("card[token]")
    method = add_card(store, card_named_by_token(given["card"]["token"], "card[token]"))
    method["allow_redisplay"] = given.get("allow_redisplay", "unspecified")
    method["metadata"] = merge_metadata({}, given.get("metadata"))
    billing = given.get("billing_details", {})
    address = method["billing_details"]["address"] | (billing.get("address") or {})
    method["billing_details"] |= {name: value or None for name, value in billing.items()}
    method["billing_details"]["address"] = address
    store.changed(method)
    return method


def attach_payment_method(store: Store, given: Record) -> Record:
    """
    POST /v1/payment_methods/{payment_method}/attach; for a second time it changes nothing.
    """
    method = resolve(store, given["payment_method"], status=404)
    if "customer" not in given:
        message = "Must provide customer or customer_account."
        raise StripeError(message, code="parameter_missing", executed=False)
    customer = store.get("customer", given["customer"], "customer", status=400)
    if method["customer"] != customer["id"]:
        _check_attachable(store, method)
        attach(store, method, customer)
    return method


def detach_payment_method(store: Store, given: Record) -> Record:
    """
    POST /v1/payment_methods/{payment_method}/detach
    """
    method = retrieve_payment_method(store, given)
    if method["customer"] is None:
        message = "The payment method is not attached to a customer, so it cannot be detached."
        raise StripeError(message, param="payment_method")
    _detach(store, method)
    return method


def _detach(store: Store, method: Record) -> None:
    """
    Take the card from its customer, who may have had it as the default.
    """
    customer = store.get("customer", method["customer"])
    if customer["invoice_settings"]["default_payment_method"] == method["id"]:
        customer["invoice_settings"]["default_payment_method"] = None
    method["customer"] = None
    emit(store, "payment_method.detached", method)
    tell(store, "customer.updated", customer)


def detach_all(store: Store, customer_id: str) -> None:
    """
    What happens to the cards of a customer who goes.
    """
    for method in store.where("payment_method", {"customer": customer_id}):
        _detach(store, method)


def card_named_by_token(token: str, param: str) -> Card:
    """
    The card of a test token: `tok_visa` is the card of `pm_card_visa`.

    Raises:
        StripeError: 400, there is no such token.
    """
    card = None
    if token.startswith(TOKEN_PREFIX):
        card = _card_named(token.removeprefix(TOKEN_PREFIX), param)
    if card is None:
        raise NoSuch("token", token, param, status=400)
    return card


def _card_named(name: str, param: str) -> Card | None:
    if name in NOT_MODELLED:
        raise unsupported(f"{param} ({name})")
    return TEST_CARDS.get(f"{PREFIX}{name}")


def resolve(store: Store, named: str, param: str = "payment_method", status: int = 400) -> Record:
    """
    The payment method that *named* is: one of the account's, or a new one from a test card's name.

    Raises:
        StripeError: There is none, or it is spent.
    """
    if named.startswith(PREFIX):
        card = _card_named(named.removeprefix(PREFIX), param)
        if card:
            return add_card(store, card)
    method = store.get("payment_method", named, param, status=status)
    if method["customer"] is None:
        _check_not_spent(store, method, param)
    return method


def resolve_for(store: Store, named: str, customer_id: str | None) -> Record:
    """
    As `resolve`, to pay with: the card has to be the customer's, or nobody's.

    Raises:
        StripeError: 400, there is none, or it cannot be used here.
    """
    method = resolve(store, named)
    if method["customer"] and customer_id is None:
        message = (
            f"The payment method {method['id']} belongs to the customer {method['customer']}: "
            "name that customer on the PaymentIntent as well."
        )
        raise StripeError(message, code="parameter_missing", param="customer")
    if method["customer"] not in (None, customer_id):
        message = f"The payment method {method['id']} belongs to another customer and cannot be used here."
        raise StripeError(message, param="payment_method")
    return method


def _check_not_spent(store: Store, method: Record, param: str) -> None:
    used = store.where("charge", {"payment_method": method["id"]})
    if used or _was_detached(store, method):
        message = (
            "This payment method was used without belonging to a customer, or was detached from one, "
            "so it cannot be used again. Attach a new one to a customer first to use it more than once."
        )
        raise StripeError(message, param=param)


def _was_detached(store: Store, method: Record) -> bool:
    return bool(store.where("event", {"type": "payment_method.detached", "data.object.id": method["id"]}))


def check_allowed(intent: Record) -> None:
    """
    Refuse a card where *intent*, or what is given for one, wants payments of other types.

    Raises:
        StripeError: 400, it does.
    """
    allowed = intent.get("allowed_payment_method_types") or ["card"]
    if "card" not in allowed or "card" in (intent.get("excluded_payment_method_types") or ()):
        message = "The payment method type card is not allowed for this PaymentIntent: choose another one."
        raise StripeError(message, param="payment_method")


def check_owned(store: Store, named: str, customer: Record, param: str) -> None:
    """
    Refuse as a default what is not a card of the customer's own.

    Raises:
        StripeError: 400, there is no such card, or it is not theirs.
    """
    if store.get("payment_method", named, param, status=400)["customer"] != customer["id"]:
        message = f"The customer does not have a payment method with the ID {named}: attach it first."
        raise StripeError(message, code="resource_missing", param=param)


def check_attachable(store: Store, named: str) -> Record:
    """
    As `resolve`, for a card that a customer is to get.

    Raises:
        StripeError: There is none, it has an owner or is spent, or its bank refuses.
    """
    method = resolve(store, named)
    _check_attachable(store, method)
    return method


def _check_attachable(store: Store, method: Record) -> None:
    if method["customer"] is not None:
        message = "The payment method you provided has already been attached to a customer."
        raise StripeError(message, param="payment_method")
    card = card_of(method)
    if card.decline and not card.attaches:
        raise card.decline.error()


def attach(store: Store, method: Record, customer: Record) -> None:
    """
    Give the card to the customer; its bank has checked the CVC.
    """
    method["customer"] = customer["id"]
    method["card"]["checks"]["cvc_check"] = "pass"
    emit(store, "payment_method.attached", method)


def decline_of(store: Store, method_id: str) -> Decline | None:
    """
    What every charge to this card meets, once its owner has authenticated it if need be.
    """
    return card_of(store.get("payment_method", method_id)).decline


def asks_owner(store: Store, method: Record, *, off_session: bool) -> bool:
    """
    Whether a payment by this card has to be authenticated; some are not once they were set up for it.
    """
    when = card_of(method).asks_owner
    return when == "always" or bool(when and not (off_session and _is_set_up(store, method, when)))


def _is_set_up(store: Store, method: Record, when: str) -> bool:
    paid = {"payment_method": method["id"], "setup_future_usage": "off_session"}
    return when == "on_session" or bool(store.where("payment_intent", paid | {"status": "succeeded"}))


OPERATIONS = {
    "GET /v1/customers/{customer}/payment_methods": list_payment_methods,
    "POST /v1/payment_methods": create_payment_method,
    "GET /v1/payment_methods/{payment_method}": retrieve_payment_method,
    "POST /v1/payment_methods/{payment_method}/attach": attach_payment_method,
    "POST /v1/payment_methods/{payment_method}/detach": detach_payment_method,
}
