"""
People, money, days and prices as they read in a question. No I/O.

Rule: what strangers wrote is quoted, cleaned, in one line and short, so that no name of a customer reads
as part of the question; e-mail addresses are masked wherever they stand.
"""

import json
from typing import Any, NamedTuple

from stripe_mcp.currency import written
from stripe_mcp.pii import mask
from stripe_mcp.safety.looking import Body, id_of, text
from stripe_mcp.text import cap, clean
from stripe_mcp.times import iso

_LONGEST = 60  # characters of what a stranger wrote
_LONGEST_ARGUMENT = 200  # characters, of each: a long one must not push another out of sight


def short(said: Any) -> str:
    """
    What somebody *said*, cleaned and cut.
    """
    return cap(" ".join(str(mask(clean(str(said)))).split()), _LONGEST)


def quoted(said: Any) -> str:
    """
    The same in quotes, of which it has none inside.
    """
    return f'"{short(said).replace(chr(34), chr(39))}"'


def money(amount: int, currency: str) -> str:
    """
    *amount*, in the smallest unit of *currency*, for people.
    """
    return written(amount, short(currency))


def told(arguments: Body) -> str:
    """
    *arguments* as they were given.
    """
    return ", ".join(f"{name} {_plain(value)}" for name, value in arguments.items())


def _plain(value: Any) -> str:
    return cap(clean(json.dumps(value, ensure_ascii=False)), _LONGEST_ARGUMENT)


def since(body: Body, verb: str) -> str:
    """
    The day of *body* behind *verb*, and its description: ` that was paid on 2026-09-17 ("Order 1234")`.
    """
    day = (iso(body["created"]) or "")[:10] if isinstance(body.get("created"), int) else ""
    description = body.get("description")
    return f" that {verb} {day}" * bool(day) + (f" ({quoted(description)})" if description else "")


def whose(customer: Any, billed: Body) -> dict[str, Any]:
    """
    The id of *customer*, who may be expanded, and who they are; or whom *billed* names without one.
    """
    known = id_of(customer)
    if not isinstance(customer, dict):
        details = billed.get("billing_details")
        payer = _name(details) if isinstance(details, dict) else ""
        return {"customer": known, "who": known or f"no customer{payer and f'; billed to {payer}'}"}
    gone = "deleted customer" if customer.get("deleted") is True else ""
    return {"customer": known, "who": " ".join(filter(None, (gone, _name(customer), known)))}


def _name(person: Body) -> str:
    name, email = person.get("name"), person.get("email")
    return " ".join([quoted(name)] * bool(name) + [f"({short(email)})"] * bool(email))


class Priced(NamedTuple):
    """
    So many of a price: in words, and what they come to each time; *amount* is None if nobody can tell.
    """

    words: str
    amount: int | None
    currency: str | None
    every: str


def priced(price: Body, count: int) -> Priced:
    """
    *count* of *price*. One by use or in tiers, or with fractions of the smallest unit, has no amount.
    """
    each, currency, every = price.get("unit_amount"), text(price, "currency"), _interval(price)
    by_use = (price.get("recurring") or {}).get("usage_type") == "metered"
    pack = price.get("transform_quantity")
    name = quoted(price["nickname"]) if price.get("nickname") else short(price.get("id"))
    if by_use or not isinstance(each, int):
        return Priced(f"{count} x {name}, by use ({short(currency)}), {every}", None, currency, every)
    amount = each * (_packs(count, pack) if pack else count)
    per = f" per {pack['divide_by']}" if pack else ""
    return Priced(f"{count} x {name} at {money(each, currency)}{per} {every}", amount, currency, every)


def sums(lines: list[Priced]) -> str:
    """
    What *lines* come to each time, for each of their intervals.
    """
    found: dict[tuple[str, str], int] = {}
    for line in lines:
        if line.amount is None or line.currency is None:
            return "How much that is cannot be told"
        each = line.currency, line.every
        found[each] = found.get(each, 0) + line.amount
    return "That is " + " and ".join(
        f"{money(amount, currency)} {every}" for (currency, every), amount in found.items()
    )


def _packs(count: int, pack: Body) -> int:
    """
    https://docs.stripe.com/api/prices/object#price_object-transform_quantity
    """
    size: int = pack["divide_by"]
    return count // size if pack.get("round") == "down" else -(-count // size)


def _interval(price: Body) -> str:
    recurring = price.get("recurring")
    if not isinstance(recurring, dict):
        return "once"
    count, unit = recurring.get("interval_count", 1), short(recurring.get("interval"))
    return f"each {unit}" if count == 1 else f"each {count} {unit}s"
