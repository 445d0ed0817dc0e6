"""
Pages to look things up in: each is made when it is read, from the data that the server itself works by.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from stripe_mcp.catalog import Template
from stripe_mcp.listing import markdown_by_category

_SEARCHABLE = ("charges", "payment_intents", "invoices", "customers")


@dataclass(frozen=True, slots=True)
class Page:
    """
    A resource in Markdown; *text* makes it.
    """

    uri: str
    name: str
    title: str
    description: str
    text: Callable[[], str]


def pages(catalog: Mapping[str, Template]) -> list[Page]:
    """
    The pages of a server that offers *catalog*.
    """
    return [
        Page(
            "stripe://reference/search-syntax",
            "search-syntax",
            "Search Syntax",
            "What the search tools can ask for: fields, operators, rules.",
            _search_syntax,
        ),
        Page(
            "stripe://reference/errors",
            "errors",
            "Errors",
            "What each refusal of Stripe means, and what to do about it.",
            _errors,
        ),
        Page(
            "stripe://reference/currencies",
            "currencies",
            "Currencies",
            "Every currency by the decimals of its amounts.",
            _currencies,
        ),
        Page(
            "stripe://catalog",
            "catalog",
            "Catalog",
            "The tools by category, with the Stripe operation and the permission of each.",
            lambda: f"# {len(catalog)} tools\n\n{markdown_by_category(catalog)}",
        ),
    ]


def _search_syntax() -> str:
    # Imported late, here and below: only a page that is read needs its data.
    from stripe_mcp.searching import search_help

    return "\n\n".join(["# Search syntax", *filter(None, map(search_help, _SEARCHABLE))])


def _errors() -> str:
    from stripe_mcp.reference import error_reference

    return error_reference()


def _currencies() -> str:
    from stripe_mcp.currency import CURRENCIES, THREE_DECIMAL, ZERO_DECIMAL, display

    groups = {
        "Two decimals": ("usd", CURRENCIES - ZERO_DECIMAL - THREE_DECIMAL),
        "No decimals": ("jpy", ZERO_DECIMAL),
        "Three decimals": ("kwd", THREE_DECIMAL),
    }
    sections = (
        f"## {name}\n\n4900 {example} is {display(4900, example)}. Likewise: {', '.join(sorted(codes))}."
        for name, (example, codes) in groups.items()
    )
    intro = "Amounts are whole numbers of a currency's smallest unit. Those of isk and ugx end in 00."
    return "\n\n".join(["# Currencies", intro, *sections])
