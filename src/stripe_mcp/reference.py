"""
Stripe's errors and what to do about each, as a page made from the data that the advice is made of.
"""

from collections.abc import Iterable, Iterator

from stripe_mcp.advice import refusals
from stripe_mcp.declines import declines, spoken


def error_reference() -> str:
    """
    The page, in Markdown.

    Raises:
        ConfigurationError: A file of the data breaks the format.
    """
    known = refusals()
    tables: dict[str, Iterable[tuple[str, str]]] = {
        "Status": known.status.items(),
        "Type or code": known.code.items(),
        "Words of the message": known.message.items(),
        "Stripe-Rate-Limited-Reason": known.rate_limit.items(),
        "Mode of the server": known.mode.items(),
    }
    filled = {"mode": "", "permission": "a permission", "wait": "later"}
    sections = ["# When Stripe refuses"]
    for heading, texts in tables.items():
        rows = [(f"`{name}`", text.format(**filled)) for name, text in texts]
        sections.append(_table((heading, "What to do"), rows))
    declined = _table(("Decline codes", "The customer hears", "What to do"), _declined())
    return "\n\n".join([*sections, declined])


def _declined() -> Iterator[tuple[str, str, str]]:
    for decline in declines():
        secret = "" if decline.customer else "The reason is not for the customer. "
        again = " The same payment method may work later." if decline.temporary else ""
        codes = ", ".join(f"`{code}`" for code in decline.codes)
        yield codes, spoken(decline), f"{secret}{decline.next}{again}"


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [headings, ("---",) * len(headings), *rows]
    return "\n".join(f"| {' | '.join(map(str.strip, line))} |" for line in lines)
