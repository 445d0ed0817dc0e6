"""
Limits on money: what one call may move, and what all calls of a day may. No I/O.

Rule: where a kind of money has a limit, only what is known to stay within it passes; a currency that
the limit does not name does not pass at all.
"""

from stripe_mcp.catalog import Template
from stripe_mcp.currency import written
from stripe_mcp.errors import Refused
from stripe_mcp.rules import Rules
from stripe_mcp.safety.operations import Limit
from stripe_mcp.safety.stakes import Stakes, kind_of


def is_limited(rules: Rules, template: Template) -> bool:
    """
    Whether *rules* limit what a call of *template* moves, by amount or by currency.
    """
    kind = kind_of(template)
    by_amount = kind is not None and any(name in rules.limits for name in _names(kind))
    return by_amount or (rules.currencies is not None and (kind is not None or template.confirm))


def _names(kind: str) -> tuple[str, str, str]:
    return (f"max_{kind}", f"max_{kind}_per_day", f"max_{kind}_per_customer")


def check_currency(rules: Rules, currency: str | None) -> None:
    """
    Hold a call in *currency* to the currencies that *rules* admit.

    Raises:
        Refused: It is not among them.
    """
    if currency and rules.currencies is not None and currency not in rules.currencies:
        raise Refused("currency", f"this server works in {', '.join(sorted(rules.currencies))} only.")


def check_money(rules: Rules, stakes: Stakes) -> list[Limit]:
    """
    Hold one call to *rules*, and return what it has to share with the other calls of a day.

    Raises:
        Refused: A limit does not admit it.
    """
    check_currency(rules, stakes.currency)
    if stakes.kind is None:
        return []
    if rules.currencies is not None and stakes.currency is None:
        raise Refused("currency", "nobody can tell in which currency this would move money.")
    once, by_day, by_customer = _names(stakes.kind)
    shared = []
    for name in (once, by_day, by_customer):
        if name not in rules.limits:
            continue
        if stakes.amount is None or stakes.currency is None:
            raise Refused("limit", f"{name} is set, and nobody can tell how much this would move.")
        if stakes.currency not in rules.limits[name]:
            raise Refused("limit", f"{name} admits nothing in {stakes.currency}.")
        most = rules.limits[name][stakes.currency]
        if stakes.amount > most:
            raise Refused(
                "limit", f"{name} admits {written(most, stakes.currency)} at most. Do not split the amount."
            )
        if name == by_customer and stakes.customer is None:
            raise Refused("limit", f"{name} is set, and this belongs to no customer.")
        if name != once:
            shared.append(
                Limit(name=name, most=most, customer=stakes.customer if name == by_customer else None)
            )
    return shared
