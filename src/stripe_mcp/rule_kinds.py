"""
What can be said of a rule: how it is written, what of it is accepted, and which of two sayings is stricter.
No I/O.

A value has one form, that of the file; what a flag or a variable says is brought into it first, so that
all three are held to the same checks. Rule: an amount is exact, or it is refused.
"""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from decimal import Decimal
from operator import and_, or_
from typing import Any

from stripe_mcp.currency import CURRENCIES, decimals
from stripe_mcp.errors import redact
from stripe_mcp.spelling import nearest

Amounts = Mapping[str, int]  # by currency, in its smallest unit


@dataclass(frozen=True, slots=True)
class Kind:
    """
    A kind of value. *written* stands for it in help texts; without it, a flag has no value.

    *parse* brings a text into the form that the file has, *check* makes of that what counts; both raise a
    `ValueError` that says what is wrong. *stricter* of two is what both admit; None where that is nothing.
    """

    written: str
    parse: Callable[[str], Any]
    check: Callable[[Any], Any]
    stricter: Callable[[Any, Any], Any]


def among(known: Collection[str], what: str) -> Kind:
    """
    A list of names, all of them *known*: each is a *what*. Something has to be left of two such lists.
    """

    def check(value: Any) -> frozenset[str]:
        names = _names(value)
        for name in sorted(names):
            find(name, known, what)
        return names

    return Kind("NAMES", _split, check, lambda one, other: one & other or None)


def number(least: int, most: int, stricter: Callable[[int, int], int]) -> Kind:
    """
    A whole number from *least* to *most*.
    """

    def check(value: Any) -> int:
        if type(value) is not int or not least <= value <= most:
            raise ValueError(f"must be a whole number from {least} to {most}.")
        return value

    def parse(text: str) -> Any:
        return int(text) if re.fullmatch(r"[0-9]{1,9}", text) else text

    return Kind("NUMBER", parse, check, stricter)


def choice(*strictest_first: str) -> Kind:
    """
    One of several words.
    """

    def check(value: Any) -> str:
        if not isinstance(value, str) or value not in strictest_first:
            raise ValueError(f"must be one of {', '.join(strictest_first)}.")
        return value

    return Kind("|".join(strictest_first), str, check, lambda *said: min(said, key=strictest_first.index))


def find(name: str, known: Collection[str], what: str) -> None:
    """
    Make sure that *name* is *known*; it is to be a *what*.

    Raises:
        ValueError: It is not; the text says which one was probably meant.
    """
    if name not in known:
        near = nearest(name, known)
        raise ValueError(f"there is no {what} {redact(name)[:64]}.{f' Did you mean {near}?' if near else ''}")


def _switch(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError("must be true or false.")
    return value


def _split(text: str) -> list[str]:
    names = [name.strip() for name in text.split(",")]
    if not all(names):
        raise ValueError("must be names with commas between them.")
    return names


def _names(value: Any) -> frozenset[str]:
    if not isinstance(value, list) or not value or not all(isinstance(name, str) and name for name in value):
        raise ValueError("must be a list of names, one at least.")
    return frozenset(value)


def _account(value: Any) -> str:
    if not isinstance(value, str) or not re.fullmatch(r"acct_[A-Za-z0-9]+", value):
        raise ValueError("must be the id of an account, like acct_1Abc.")
    return value


def _split_amounts(text: str) -> dict[str, str]:
    pairs = [part.partition("=") for part in text.split(",")]
    amounts = {code.strip(): amount.strip() for code, _, amount in pairs}
    if not all(equals for _, equals, _ in pairs):
        raise ValueError("must be amounts by currency, like usd=500.00,jpy=50000.")
    if len(amounts) < len(pairs):
        raise ValueError("must name a currency once.")
    return amounts


def _amounts(value: Any) -> Amounts:
    if not isinstance(value, dict) or not value:
        raise ValueError('must be amounts by currency, like { usd = "500.00", jpy = "50000" }.')
    for currency in value:
        find(currency, CURRENCIES, "currency")
    return {currency: _smallest_unit(currency, amount) for currency, amount in value.items()}


def _smallest_unit(currency: str, amount: Any) -> int:
    digits = decimals(currency)
    fraction = rf"(\.[0-9]{{1,{digits}}})?" if digits else ""
    if not isinstance(amount, str) or not re.fullmatch(rf"[0-9]{{1,12}}{fraction}", amount):
        like = f"500.{'0' * digits}" if digits else "50000"
        raise ValueError(
            f'{currency} must be a text of digits with {digits or "no"} decimals, like "{like}".'
        )
    return int(Decimal(amount).scaleb(digits))


def _smaller(one: Amounts, other: Amounts) -> Amounts:
    return {currency: min(one[currency], other[currency]) for currency in one if currency in other}


SWITCH = Kind("", lambda text: {"true": True, "false": False}.get(text, text), _switch, or_)
NAMES = Kind("NAMES", _split, _names, and_)
EXCLUDED = Kind("NAMES", _split, _names, or_)
ACCOUNT = Kind("ACCOUNT", str, _account, lambda one, other: one if one == other else None)
AMOUNTS = Kind("AMOUNTS", _split_amounts, _amounts, _smaller)
