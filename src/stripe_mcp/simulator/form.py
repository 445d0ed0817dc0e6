"""
Stripe's form and query encoding, read: `a[b]=1&c[0][d]=2` becomes nested data.

Rule: everything is text here; what it has to be is the parameter table's business.
A list comes as `a[0]`, `a[1]` or as `a[]`; it is a dictionary of indexes until
the table says that it is a list. https://docs.stripe.com/api
"""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from stripe_mcp.simulator.errors import StripeError

KEY = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
PART = re.compile(r"\[([^\[\]]*)\]")


def read_form(encoded: str) -> dict[str, Any]:
    """
    Turn an encoded query or body into nested dictionaries of text.

    Raises:
        StripeError: A key is not in bracket notation, or one name is both a value and an object.
    """
    given: dict[str, Any] = {}
    for key, value in parse_qsl(encoded, keep_blank_values=True):
        _place(given, key, value)
    return given


def _place(given: dict[str, Any], key: str, value: str) -> None:
    matched = KEY.fullmatch(key)
    if matched is None:
        raise _invalid(key)
    inside, last = given, matched[1]
    for part in PART.findall(matched[2]):
        inside = inside.setdefault(last, {})
        if not isinstance(inside, dict):
            raise _invalid(key)
        last = part or _next_index(inside)
    if isinstance(inside.get(last), dict):
        raise _invalid(key)
    inside[last] = value


def _next_index(given: dict[str, Any]) -> str:
    return next(str(index) for index in range(len(given), 2 * len(given) + 1) if str(index) not in given)


def _invalid(key: str) -> StripeError:
    message = f"Invalid request: the parameter name {key} does not fit the others or is not well formed."
    return StripeError(message, param=key, executed=False)
