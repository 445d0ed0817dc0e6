"""
The question that a person is asked before a call runs, and whether what comes back is a yes. No I/O.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from unicodedata import category

from stripe_mcp.catalog import Template
from stripe_mcp.currency import CURRENCIES, decimals, display, signs
from stripe_mcp.safety.stakes import Stakes
from stripe_mcp.settings import Mode

_MODES: dict[Mode, str] = {
    "LIVE": "LIVE: real money moves.",
    "TEST": "TEST mode, no real money.",
    "SIMULATOR": "SIMULATOR, play money.",
    "NO KEY": "No key.",
}
# 1,234.50 or 1234.5, and what stands before and behind it
_TYPED = re.compile(r"([^0-9]*)((?:[1-9][0-9]{0,2}(?:,[0-9]{3})+|[0-9]{1,15})(?:\.[0-9]{1,9})?)([^0-9]*)")


@dataclass(frozen=True, slots=True)
class Question:
    """
    *message* is what a person reads; *amount* is what they have to type, None if a tick is enough.
    """

    message: str
    amount: str | None

    @property
    def schema(self) -> dict[str, Any]:
        """
        The form, in the flat JSON Schema that MCP has for it.
        """
        tick = {"type": "boolean", "title": "Yes, do this", "default": False}
        typed = {"type": "string", "title": f"To confirm, type the amount: {self.amount}", "maxLength": 30}
        properties = {"confirm": tick} | ({"amount": typed} if self.amount else {})
        return {"type": "object", "properties": properties, "required": list(properties)}


def put(stakes: Stakes, template: Template, mode: Mode, must_type: bool) -> Question:
    """
    Put *stakes* of a call of *template* into words.
    """
    lines = [
        _MODES[mode],
        f"{template.title}?",
        f"Customer: {stakes.who}",
        *stakes.what,
        *(["This cannot be undone."] if stakes.irreversible else []),
    ]
    typed = None
    if must_type and stakes.amount is not None and stakes.currency is not None:
        typed = _in_digits(stakes.amount, stakes.currency)
    return Question("\n".join(lines), typed)


def _in_digits(amount: int, currency: str) -> str:
    """
    *amount* as it is typed; of a currency that is not known, as in the message, in its smallest unit.
    """
    if display(amount, currency) is None:
        return str(amount)
    places = decimals(currency)
    return f"{Decimal(amount).scaleb(-places):.{places}f}"


def consents(question: Question, action: str, content: Mapping[str, Any] | None) -> str | None:
    """
    Why an answer to *question* is no consent; None if it is one.
    """
    if action != "accept":
        ended = "said no" if action == "decline" else "closed the question"
        return f"the person {ended}. Do not call again unless they ask for it."
    if content is None or content.get("confirm") is not True:
        return "the question came back without a tick in its box, which is no consent."
    if question.amount is not None and not same_amount(str(content.get("amount")), question.amount):
        return "the amount that was typed is not the one that was asked about."
    return None


def same_amount(typed: str, amount: str) -> bool:
    """
    Whether a person who *typed* this means *amount*, which is written like 1234.50. They may add a
    currency's sign or code, and commas between thousands, but no other word: 49 cents are not 49.00.
    """
    found = _TYPED.fullmatch(typed.strip())
    if found is None or not (_is_unit(found[1].strip()) and _is_unit(found[3].strip())):
        return False
    return Decimal(found[2].replace(",", "")) == Decimal(amount)


def _is_unit(said: str) -> bool:
    """
    Whether *said* is nothing, a sign such as $ or CA$, or a code such as usd.
    """
    if not said or said.lower() in CURRENCIES or said.lower() in {sign.lower() for sign in signs()}:
        return True
    return category(said[-1]) == "Sc" and re.fullmatch("[A-Za-z]{0,3}", said[:-1]) is not None
