"""
The rules of a server: what it may do, how much money it may move, and when a person is asked.

Flags, variables and a file can each say something of every rule; who says nothing changes nothing. Rule:
the stricter wins, whoever says it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from stripe_mcp.currency import CURRENCIES, decimals
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.rule_kinds import (
    ACCOUNT,
    AMOUNTS,
    EXCLUDED,
    NAMES,
    SWITCH,
    Amounts,
    Kind,
    among,
    choice,
    number,
)

_LIMITED = ("refund", "capture", "payment_intent", "subscription")
_SPANS = {"": "one call", "_per_day": "24 hours", "_per_customer": "one customer, 24 hours"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """
    What is allowed, all sources taken together; None stands for all.

    *unasked_calls* go through in live mode within ten minutes where nobody can be asked. *limits* are those
    that are set, by name: `max_refund` holds for one call, `max_refund_per_day` for 24 hours,
    `max_refund_per_customer` for one customer in 24 hours. A currency that a limit does not name passes in
    no amount.
    """

    read_only: bool = False
    tools: frozenset[str] | None = None
    exclude_tools: frozenset[str] = frozenset()
    categories: frozenset[str] | None = None
    account: str | None = None
    currencies: frozenset[str] | None = None
    limits: Mapping[str, Amounts] = field(default_factory=dict)
    confirm: Literal["auto", "always", "client"] = "auto"
    unasked_calls: int = 5
    type_amount_above: Amounts | None = None
    verify_identity: bool = False
    identity_factors: frozenset[str] = frozenset({"last4"})
    repeat_seconds: int = 600
    operation_metadata: bool = True

    def must_type(self, currency: str, amount: int) -> bool:
        """
        Whether a person has to type *amount*, in the smallest unit of *currency*, rather than tick a box.

        Unless set, that is above 100 of a currency with decimals and above 10,000 of one without.
        """
        if self.type_amount_above is None:
            digits = decimals(currency)
            return amount > (100 * 10**digits if digits else 10_000)
        return amount > self.type_amount_above.get(currency, -1)


@dataclass(frozen=True, slots=True)
class Rule:
    """
    One rule as the person who starts the server can set it: its *name* makes the file's key, the flag and
    the variable.
    """

    name: str
    group: str
    kind: Kind
    told: str

    @property
    def flag(self) -> str:
        """
        `--max-refund` for `max_refund`.
        """
        return f"--{self.name.replace('_', '-')}"


_TOOLS, _MONEY, _CONSENT = "which tools", "money", "consent"
LIMITS = [
    Rule(f"max_{kind}{span}", _MONEY, AMOUNTS, f"limit on {kind.replace('_', ' ')}s: {told}")
    for kind in _LIMITED
    for span, told in _SPANS.items()
]
_ALL = [
    Rule("read_only", _TOOLS, SWITCH, "have only tools that change nothing"),
    Rule("tools", _TOOLS, NAMES, "have only these tools, with commas between them"),
    Rule("exclude_tools", _TOOLS, EXCLUDED, "do without these tools"),
    Rule("categories", _TOOLS, NAMES, "have only the tools of these categories"),
    Rule("account", _MONEY, ACCOUNT, "work on this account only: a key of another is refused"),
    Rule("currencies", _MONEY, among(CURRENCIES, "currency"), "move money in these currencies only"),
    *LIMITS,
    Rule(
        "confirm",
        _CONSENT,
        choice("always", "auto", "client"),
        "who agrees to a call that matters: a person asked by the client, else in a terminal (always); asked "
        "by the client if it can (auto, the default); or whoever the client's own dialog asks (client)",
    ),
    Rule(
        "unasked_calls",
        _CONSENT,
        number(0, 1000, min),
        "such calls in ten minutes that may go through in live mode where nobody can be asked (5)",
    ),
    Rule(
        "type_amount_above",
        _CONSENT,
        AMOUNTS,
        "have larger amounts typed in live mode (100 of a currency with decimals, 10000 of one without)",
    ),
    Rule("verify_identity", _CONSENT, SWITCH, "have customers prove who they are"),
    Rule(
        "identity_factors",
        _CONSENT,
        among(("last4", "postal_code"), "factor"),
        "by what: last4 (the default), postal_code",
    ),
    Rule(
        "repeat_seconds",
        _CONSENT,
        number(60, 86_400, max),
        "how long the same write again is taken for a repeat (600)",
    ),
    Rule("no_operation_metadata", _CONSENT, SWITCH, "write no operation id into the metadata of new objects"),
]
RULES = {rule.name: rule for rule in _ALL}


@dataclass(frozen=True, slots=True)
class Said:
    """
    What one source says of one rule; *where* names the place, such as `--max-refund`.
    """

    rule: str
    where: str
    value: Any


def merge(said: Sequence[Said]) -> Rules:
    """
    The rules that keep to everything that was *said*.

    Raises:
        ConfigurationError: What is said of a rule in one place leaves nothing of what is said in another.
    """
    names = dict.fromkeys(each.rule for each in said)
    decided = {name: _decide([each for each in said if each.rule == name]) for name in names}
    limits = {rule.name: decided.pop(rule.name) for rule in LIMITS if rule.name in decided}
    metadata = not decided.pop("no_operation_metadata", False)
    return Rules(**decided, limits=limits, operation_metadata=metadata)


def _decide(said: list[Said]) -> Any:
    stricter = RULES[said[0].rule].kind.stricter
    value = said[0].value
    for each in said[1:]:
        value = stricter(value, each.value)
        if value is None:
            places = " and ".join(each.where for each in said)
            raise ConfigurationError(f"{places}: nothing is left, as what one allows the other does not.")
    return value
