"""
What a caller can prove who they are with: how it is compared, and how it is kept from everybody else. No I/O.

Rule: what proves an identity stands in no answer, and no search finds it. Fields are known by their
names; a text in which somebody wrote "Visa ending in 4242" cannot be known, and stays.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from hmac import compare_digest
from typing import Any

_HIDDEN = "***"


@dataclass(frozen=True, slots=True)
class Factor:
    """
    The *schema* of what a caller says, and the names of *fields* that tell it.
    """

    schema: dict[str, Any]
    fields: re.Pattern[str]


# By the name of the field at Stripe that is compared. An IBAN and an account number end in the same four
# digits, an address in one text holds the postal code; whether a bank found that right tells nothing.
FACTORS = {
    "last4": Factor(
        {"type": "string", "pattern": "^[0-9]{4}$", "description": "of a card on file"},
        re.compile(r"last[ _-]?(4|four)|(?<![a-z])iban|(account|card)[ _-]?number", re.IGNORECASE),
    ),
    "postal_code": Factor(
        {"type": "string", "minLength": 1, "maxLength": 20},
        re.compile(
            r"post(al)?[ _-]?code(?!_check)|zip(?!_check|_payments)|(?<!email[ _-])address(?![\w.])",
            re.IGNORECASE,
        ),
    ),
}

# https://docs.stripe.com/receipts, https://docs.stripe.com/invoicing/hosted-invoice-page
_LINK_FIELD = re.compile(r"receipt_url|mandate_url|hosted_\w+_url|(\w+_)?pdf")
# Any other page that Stripe makes for a customer; what is on its own site, or behind a login, tells nothing.
_LINK = re.compile(r"https?://(?!docs\.|dashboard\.|support\.)([\w-]+\.)+stripe\.com\S*", re.IGNORECASE)

_QUOTED = re.compile(r"""(\[\s*)?(?:"[^"]*"|'[^']*')""")


def fits(said: str, on_file: list[str]) -> bool:
    """
    Whether what a caller *said* is among what is *on_file*: as spoken, without spaces, hyphens and case.

    All of it is compared, in a time that does not tell how much is alike.
    """
    known = [_spoken(text) for text in on_file]
    alike = [compare_digest(_spoken(said), text) for text in known if text]
    return any(alike)


def _spoken(text: str) -> bytes:
    return "".join(filter(str.isalnum, text.casefold())).encode()


def find_all(factor: str, value: Any, field: str = "") -> Iterator[str]:
    """
    What the fields called *factor* hold anywhere in the JSON *value*, but for metadata, which anybody writes.
    """
    match value:
        case dict():
            for name, child in value.items():
                if name != "metadata":
                    yield from find_all(factor, child, name)
        case list():
            for child in value:
                yield from find_all(factor, child, field)
        case str() if field == factor:
            yield value


def conceal(factors: frozenset[str], value: Any, field: str = "") -> Any:
    """
    A copy of the JSON *value* that tells none of *factors*, with no link to a page that shows them.
    """
    match value:
        case dict():
            return {
                name: conceal(factors, child, name)
                for name, child in value.items()
                if isinstance(child, dict) or not _LINK_FIELD.fullmatch(name)
            }
        case list():
            return [conceal(factors, child, field) for child in value]
        case None | "" | bool():
            return value
        case _ if _tells(factors, field):
            return _HIDDEN
        case str():
            return _LINK.sub(_HIDDEN, value)
    return value


def asks_for(factors: frozenset[str], arguments: dict[str, Any]) -> bool:
    """
    Whether a search or a list with *arguments* rests on one of *factors*, in its query or as a filter.
    """
    query = arguments.get("query")
    names = [*_names(arguments), _fields(query) if isinstance(query, str) else ""]
    return any(_tells(factors, name) for name in names)


def _fields(query: str) -> str:
    """
    What is left of a search's *query* without quoted values; all of it where Stripe may see other values.
    """
    if "\\" in query or ('"' in query and "'" in query):
        return query
    return _QUOTED.sub(lambda found: found[0] if found[1] else '""', query)


def _names(value: Any) -> Iterator[str]:
    match value:
        case dict():
            for name, child in value.items():
                yield name
                yield from _names(child)
        case list():
            for child in value:
                yield from _names(child)


def _tells(factors: frozenset[str], name: str) -> bool:
    return any(FACTORS[factor].fields.search(name) for factor in factors)
