"""
What the classes of the `stripe` package say about an answer: which fields there are, and of what type.

The package is the official client, made by Stripe from its own description of the API, so what it finds
wrong with an answer, a user's program would stumble over.
"""

import inspect
import json
from collections.abc import Iterator, Set
from functools import cache, lru_cache
from typing import Any, ForwardRef, Literal, TypeVar, Union, get_args, get_origin

import stripe
from stripe._util import convert_to_stripe_object

# On the last page Stripe's `next_page` is null, although the class declares a plain str.
NULL_DESPITE_THE_CLASS = {(stripe.SearchResultObject, "next_page")}
# Fields of every list and search result that the two generic classes do not declare.
UNDECLARED = {"object", "url", "total_count"}

# A class says `Optional` of what may be null and of what may be absent alike. What an object of a kind has to
# have is therefore all that its class declares, if only as null, but for this.
ONLY_EXPANDED = {
    "charge": {"refunds"},
    "customer": {"cash_balance", "invoice_credit_balance", "sources", "subscriptions", "tax", "tax_ids"},
    "invoice": {"confirmation_secret", "payments"},
    "plan": {"tiers"},
    "price": {"currency_options", "tiers"},
}
ONLY_IN_SOME_STATES = {
    "balance": {
        "connect_reserved": "of platforms with connected accounts",
        "instant_available": "of accounts that may use Instant Payouts",
        "issuing": "of accounts that issue cards",
    },
    "charge": {
        "authorization_code": "where the network tells one",
        "level3": "of purchases with level III data",
        "presentment_details": "where the customer saw another currency",
    },
    "customer": {
        "business_name": "once it was given",
        "individual_name": "once it was given",
    },
    "event": {
        "account": "of connected accounts",
        "context": "of organizations",
    },
    "invoice": {
        "threshold_reason": "of invoices that a billing threshold made",
    },
    "invoiceitem": {
        "frozen_fields": "of items that are partly fixed",
        "invoicing_rules": "of items that wait for more than the next invoice",
    },
    "payment_intent": {
        "hooks": "where a tax calculation is linked",
        "managed_payments": "of sellers who use Managed Payments",
        "payment_details": "of purchases with industry data",
        "presentment_details": "where the customer saw another currency",
    },
    "product": {"tax_details": "of products with a place of performance"},
    "refund": {
        "description": "of refunds that no card gets",
        "failure_reason": "of refunds that failed",
        "instructions_email": "of refunds that need the customer's bank account",
        "next_action": "of refunds that need the customer",
        "presentment_details": "where the customer saw another currency",
    },
    "subscription": {
        "managed_payments": "of sellers who use Managed Payments",
        "presentment_details": "where the customer saw another currency",
    },
    "subscription_item": {"current_trial": "of items with a trial of their own"},
}


@cache
def declared(cls: Any) -> dict[str, Any]:
    """
    The fields of a class of the `stripe` package, with their annotations.
    """
    return {
        name: hint
        for base in reversed(cls.__mro__)
        if issubclass(base, stripe.StripeObject) and base is not stripe.StripeObject
        for name, hint in inspect.get_annotations(base).items()
        if name.islower() and not name.startswith("_")  # no field is called like OBJECT_NAME
    }


@cache
def required(cls: type) -> Set[str]:
    """
    The fields that every answer has.

    The package has one mark, `Optional`, for two things: a field that may be null, and one that may be
    absent (an unexpanded `charge.refunds`, a `deleted` flag). It keeps no NotRequired for answers, so what is
    certain is this: a field whose annotation is not Optional is always there, and never null.
    """
    return frozenset(name for name, hint in declared(cls).items() if not fits(None, hint))


@cache
def expected(cls: Any) -> Set[str]:
    """
    The fields that an answer has where it is an object of a kind: the required ones, and those that are null
    rather than absent.
    """
    kind = getattr(cls, "OBJECT_NAME", "")
    if not kind:
        return required(cls)
    absent = ONLY_EXPANDED.get(kind, set()) | ONLY_IN_SOME_STATES.get(kind, {}).keys() | {"deleted"}
    if cls is stripe.PaymentMethod:  # has one field with the details of its type; the simulator's are cards
        absent |= set(get_args(get_args(declared(cls)["type"])[0])) - {"card"}
    return required(cls) | (declared(cls).keys() - absent)


def fits(value: Any, hint: Any) -> bool:
    """
    Tell whether *value* is what *hint* says.
    """
    origin: Any = get_origin(hint)
    arguments = get_args(hint)
    if isinstance(hint, ForwardRef):
        hint = hint.__forward_arg__
    if isinstance(hint, str):  # a class that the module imports for type checkers only
        return isinstance(value, getattr(stripe, hint, stripe.StripeObject))
    if hint is Any:
        return True
    if origin is Union:
        return any(fits(value, argument) for argument in arguments)
    if origin is Literal:
        return value in arguments
    if origin is list:
        return isinstance(value, list) and all(fits(each, arguments[0]) for each in value)
    if isinstance(hint, TypeVar) or (origin or hint).__name__ == "UntypedStripeObject":
        return isinstance(value, stripe.StripeObject)
    if hint is float:
        return type(value) in (int, float)
    return isinstance(value, origin or hint) and not (hint is int and isinstance(value, bool))


def objects_in(value: Any) -> Iterator[stripe.StripeObject]:
    """
    Walk through an answer and everything that hangs in it.
    """
    if isinstance(value, stripe.StripeObject):
        yield value
        value = list(value.to_dict(recursive=False).values())
    if isinstance(value, list):
        for each in value:
            yield from objects_in(each)


def faults(answer: stripe.StripeObject) -> set[str]:
    """
    What the classes of the `stripe` package find wrong with an answer, at any depth.
    """
    found = set()
    for each in objects_in(answer):
        cls: Any = type(each)
        fields, hints = each.to_dict(recursive=False), declared(cls)
        if cls is stripe.StripeObject:  # metadata and the like: any fields
            continue
        gone = fields.get("deleted") is True
        missing = ({"id", "object"} if gone else expected(cls)) - fields.keys()
        unknown = fields.keys() - hints.keys() - UNDECLARED
        wrong = {
            name
            for name in fields.keys() & hints.keys()
            if not fits(fields[name], hints[name])
            and not (fields[name] is None and (cls, name) in NULL_DESPITE_THE_CLASS)
        }
        found |= {f"{cls.__qualname__}.{name} is missing" for name in missing}
        found |= {f"{cls.__qualname__}.{name} is no field of this version" for name in unknown}
        found |= {f"{cls.__qualname__}.{name} = {fields[name]!r} is not {hints[name]}" for name in wrong}
    return found


@lru_cache(maxsize=10_000)
def faults_in(text: str) -> Set[str]:
    """
    `faults` of an object as JSON text; what was looked at once is not looked at again.
    """
    return frozenset(faults(convert_to_stripe_object(json.loads(text), api_mode="V1")))
