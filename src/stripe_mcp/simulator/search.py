"""
Stripe's search query language, and the pages of a search.

Rule: a query is clauses `field:value`, `-field:value`, `field>1`, `field~"part"`,
joined by AND (or a space) or by OR, never both; a number field knows `: > < >= <=`,
a token field `:`, a string field `:` and `~`. https://docs.stripe.com/search
"""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from itertools import islice
from operator import eq, ge, gt, le, lt
from typing import Any, NamedTuple

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.lists import DEFAULT_LIMIT, span
from stripe_mcp.simulator.store import Store
from stripe_mcp.simulator.table import Bound, Path, Record

TOKEN = re.compile(
    r"""\s*(?:
        (?P<join>AND|OR)(?=\s|$)
      | (?P<negated>-)?(?P<field>[A-Za-z_][\w.]*)(?:\[(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')\])?
        \s*(?P<operator>>=|<=|[:><~])\s*
        (?P<value>"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|-?\d+|null)(?=\s|$)
    )\s*""",
    re.VERBOSE | re.IGNORECASE | re.ASCII,
)
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {":": eq, ">": gt, "<": lt, ">=": ge, "<=": le}
MOST_CLAUSES, SHORTEST_PART = 10, 3

CARD_FIELDS = ("brand", "exp_month", "exp_year", "fingerprint", "last4")
FIELDS: dict[str, dict[str, str]] = {
    "charge": {
        "amount": "number",
        "created": "number",
        "billing_details.address.postal_code": "token",
        "currency": "token",
        "customer": "token",
        "disputed": "token",
        "refunded": "token",
        "status": "token",
        **{
            f"payment_method_details.{kind}.{field}": "token"
            for kind in ("card", "card_present", "interac_present")
            for field in CARD_FIELDS
        },
    },
    "payment_intent": {
        "amount": "number",
        "created": "number",
        "currency": "token",
        "customer": "token",
        "status": "token",
    },
    "invoice": {
        "created": "number",
        "total": "number",
        "currency": "token",
        "customer": "token",
        "last_finalization_error_code": "token",
        "last_finalization_error_type": "token",
        "number": "string",
        "receipt_number": "string",
        "status": "string",
        "subscription": "string",
    },
}
# Where a field of the query stands in the object, if not under its own name.
PLACES = {
    ("invoice", "last_finalization_error_code"): "last_finalization_error.code",
    ("invoice", "last_finalization_error_type"): "last_finalization_error.type",
    ("invoice", "subscription"): "parent.subscription_details.subscription",
}


class Clause(NamedTuple):
    """
    One condition; *value* None asks for what is not set.
    """

    path: tuple[str, ...]
    operator: str
    value: str | int | None
    negated: bool

    def holds(self, record: Record) -> bool:
        return self._matches(_value_at(record, self.path)) is not self.negated

    def _matches(self, actual: Any) -> bool:
        if self.value is None or actual is None:
            return self.value is None and actual is None
        if isinstance(self.value, int):
            return OPERATORS[self.operator](actual, self.value)
        # Neither : nor ~ takes notice of case: https://docs.stripe.com/search#query-structure-and-terminology
        given, text = self.value.lower(), str(actual).lower()
        return given in text if self.operator == "~" else text == given


def _value_at(record: Any, path: tuple[str, ...]) -> Any:
    for step in path:
        record = record.get(step) if isinstance(record, dict) else None
    return record


class Query(NamedTuple):
    """
    The conditions of a search, and whether one of them is enough.
    """

    clauses: list[Clause]
    any_of: bool

    def holds(self, record: Record) -> bool:
        return (any if self.any_of else all)(clause.holds(record) for clause in self.clauses)

    def wanted(self) -> dict[Path, Any]:
        """
        The values that everything found must have.
        """
        if self.any_of:
            return {}
        return {c.path: c.value for c in self.clauses if c.operator == ":" and not c.negated}


def parse_query(kind: str, query: str) -> Query:
    """
    Read *query*, which searches objects of *kind*.

    Raises:
        StripeError: It is not the language, or asks a field for what the field cannot do.
    """
    clauses: list[Clause] = []
    joins: set[str] = set()
    joined, at = True, 0
    while at < len(query):
        matched = TOKEN.match(query, at)
        if matched is None or (matched["join"] and joined):
            raise _bad_query(f"We were unable to parse it near character {at + 1}.")
        if matched["join"]:
            joins.add(matched["join"].upper())
        else:
            joins |= set() if joined else {"AND"}
            clauses.append(_clause(kind, matched))
        joined, at = bool(matched["join"]), matched.end()
    _check_whole(clauses, joins, joined)
    return Query(clauses, joins == {"OR"})


def _check_whole(clauses: list[Clause], joins: set[str], joined: bool) -> None:
    if not clauses or joined:
        raise _bad_query("A clause such as status:'succeeded' is missing at its end.")
    if len(joins) > 1:
        raise _bad_query("AND and OR cannot be combined in one query.")
    if len(clauses) > MOST_CLAUSES:
        raise _bad_query(f"It can have at most {MOST_CLAUSES} clauses.")


def _clause(kind: str, matched: re.Match[str]) -> Clause:
    field, operator, written = matched["field"], matched["operator"], matched["value"]
    path = tuple(PLACES.get((kind, field), field).split("."))
    sort = FIELDS[kind].get(field)
    if field == "metadata" and matched["key"]:
        path, sort = ("metadata", _unquote(matched["key"])), "token"
    elif sort is None or matched["key"]:
        known = ", ".join(FIELDS[kind])
        raise _bad_query(f"Field `{field}` is an unsupported search field for {kind}s; there are: {known}.")
    if written.lower() == "null" and operator == ":":
        return Clause(path, operator, None, bool(matched["negated"]))
    value = _typed(field, sort, operator, written)
    return Clause(path, operator, value, bool(matched["negated"]))


def _typed(field: str, sort: str, operator: str, written: str) -> str | int:
    text = _unquote(written)
    allowed = {"number": (":", ">", "<", ">=", "<="), "token": (":",), "string": (":", "~")}[sort]
    if operator not in allowed:
        raise _bad_query(f"Field `{field}` does not support the operator `{operator}`.")
    if sort == "number":
        if not re.fullmatch(r"-?\d{1,18}", text, re.ASCII):
            raise _bad_query(f"Field `{field}` takes a whole number.")
        return int(text)
    if text == written:
        raise _bad_query(f"The value of `{field}` must be in quotes.")
    if operator == "~" and len(text) < SHORTEST_PART:
        raise _bad_query(f"`~` takes at least {SHORTEST_PART} characters.")
    return text


def _unquote(written: str) -> str:
    return re.sub(r"\\(.)", r"\1", written[1:-1]) if written[0] in "\"'" else written


def _bad_query(reason: str) -> StripeError:
    return StripeError(
        f"The search query cannot be used. {reason} See https://docs.stripe.com/search.",
        param="query",
    )


def search_page(store: Store, kind: str, url: str, given: Record) -> Record:
    """
    The page of the objects of *kind* that the query of *given* finds.

    Raises:
        StripeError: The query or the page cannot be read.
    """
    query = parse_query(kind, given["query"])
    limit, (_, indexed) = given.get("limit", DEFAULT_LIMIT), span({"lte": store.now() - store.indexing_delay})
    high: Bound = indexed
    if "page" in given:
        after = store.table(kind).position(_read_page(given["page"]))
        if after is None:
            raise StripeError("Invalid page: it is not a next_page of this search.", param="page")
        high = min(indexed, after)
    walked = store.table(kind).newest_first(query.wanted(), high=high)
    found = list(islice(filter(query.holds, walked), limit + 1))
    has_more = len(found) > limit
    answer = {
        "object": "search_result",
        "url": url,
        "has_more": has_more,
        "next_page": _write_page(found[limit - 1]["id"]) if has_more else None,
        "data": found[:limit],
    }
    if "total_count" in given.get("expand", []):
        walked = store.table(kind).newest_first(query.wanted(), high=indexed)
        answer["total_count"] = sum(map(query.holds, walked))
    return answer


def _write_page(object_id: str) -> str:
    return urlsafe_b64encode(object_id.encode()).decode().rstrip("=")


def _read_page(page: str) -> str:
    try:
        return urlsafe_b64decode(page + "=" * (-len(page) % 4)).decode()
    except ValueError:
        return ""
