"""
From Stripe's object to what the model and the client read. No I/O.

Lean is the default: the fields that the catalog lists, in its order, without what says nothing.
Full is all that Stripe sent but nulls. In both, an amount stands beside its display, times are
ISO 8601, text is cleaned, and secrets are left out. So is what is not of its field's type: it
would break the schema that the client holds, and the whole answer would be refused for it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from stripe_mcp.currency import display, display_decimal
from stripe_mcp.objects import UNLISTED, Node, StripeObject
from stripe_mcp.text import cap, clean
from stripe_mcp.times import iso

Detail = Literal["lean", "full"]

# https://docs.stripe.com/api/payment_intents/object#payment_intent_object-client_secret and the like:
# whoever holds one can act for the customer, or tell one card from another across merchants.
_SECRETS = frozenset({"client_secret", "fingerprint", "secret"})
# So can whoever holds a link with one in it, such as that of `next_action.redirect_to_url`.
_SECRET_IN_TEXT = re.compile(r"(?<![A-Za-z0-9])([a-z]+(?:_[A-Za-z0-9]+)?_secret_)[A-Za-z0-9]{16,}")
# The merchant chose these keys, and a null among them says that there was nothing before.
_MAPS = frozenset({"metadata", "previous_attributes"})
_MONEY = frozenset({"money", "decimal"})
# Characters: Stripe takes texts of 5,000 at most, and ids have 255.
_LONGEST = {"lean": 200, "full": 5000}
_LONGEST_WORD = 500

# The paths of an `expand` argument as a tree: {"items": {"data": {"price": {}}}}.
Expand = Mapping[str, Any]


class _Misfit(Exception):
    """
    A field holds what is not of its type.
    """


def expand_tree(paths: list[str]) -> Expand:
    """
    The *paths* of an `expand` argument as a tree.
    """
    tree: dict[str, Any] = {}
    for path in paths:
        level = tree
        for name in path.split("."):
            level = level.setdefault(name, {})
    return tree


@dataclass(frozen=True, slots=True)
class View:
    """
    Shows Stripe's objects as *objects* describes them; what it does not describe is shown whole.
    """

    objects: Mapping[str, StripeObject]
    detail: Detail

    def show(
        self, body: dict[str, Any], expand: Expand, *, in_list: bool = False, currency: str = ""
    ) -> dict[str, Any]:
        """
        The Stripe object *body*, with what *expand* asked for in its place.

        *currency* is that of the object around it, for amounts that have none of their own.
        """
        known = self._description(body)
        if known is None:
            return self._fields(body, UNLISTED, expand, currency)
        if self.detail == "full":
            return self._fields(body, known.whole, expand, currency)
        if body.get("deleted") is True:
            known = self.objects.get(f"deleted_{known.name}", known)
        return self._fields(body, known.in_list if in_list else known.alone, expand, currency)

    def _description(self, body: Any) -> StripeObject | None:
        return self.objects.get(str(body.get("object"))) if isinstance(body, dict) else None

    def _fields(self, body: dict[str, Any], node: Node, expand: Expand, currency: str) -> dict[str, Any]:
        """
        The fields of *body* that *node* lists, in its order, then those that were asked for.
        """
        own = body.get("currency", currency)
        currency = own if isinstance(own, str) else ""
        asked = expand if self.detail == "lean" and node is not UNLISTED else body
        shown: dict[str, Any] = {}
        for name in dict.fromkeys([*node.children, *asked]):
            child, value = node.child(name), body.get(name)
            if value is None or name in _SECRETS or not _is_stripes(name, node):
                continue
            if name not in asked and child.says_nothing(value, body):
                continue
            if name == "previous_attributes":
                entry = self._past(value, body.get("object"))
            else:
                of = name if node.by_currency else currency
                entry = self._entry(name, value, child, expand.get(name), of)
            if name in asked or entry.get(name) != {}:
                shown |= entry
        return shown

    def _entry(
        self, name: str, value: Any, node: Node, expand: Expand | None, currency: str
    ) -> dict[str, Any]:
        """
        The field *name* and, if it is an amount, its display; nothing if it is not of its type.

        An object that *expand* did not ask for is only its id in lean.
        """
        if node.kind == "id" and expand is None and self.detail == "lean" and isinstance(value, dict):
            value = value.get("id")
        try:
            entry = {name: self._value(name, value, node, expand or {}, currency)}
        except _Misfit:
            return {}
        if node.kind in _MONEY and (text := _display(value, currency)):
            entry[f"{name}_display"] = text
        return entry

    def _past(self, before: Any, now: Any) -> dict[str, Any]:
        """
        The former values of the object *now*, shown as its fields are, in the currency that there was then.
        """
        known = self._description(now)
        node = replace(known.whole if known else UNLISTED, kind="map")
        then = before if isinstance(before, dict) and "currency" in before else now
        currency = str(then.get("currency")) if known else ""
        return self._entry("previous_attributes", before, node, {}, currency)

    def _value(self, name: str, value: Any, node: Node, expand: Expand, currency: str) -> Any:
        match value:
            case dict() if node.kind == "map" or name in _MAPS:
                return self._map(name, value, node, currency)
            case dict() if node.kind in ("any", "id") and name != "id" and not node.many:
                return self._object(value, node, expand, currency)
            case list() if node.kind == "any" and (node.many or node is UNLISTED):
                rows = value if self.detail == "full" else filter(node.keeps, value)
                return [self._row(row, node, expand, currency) for row in rows]
            case _:
                return self._scalar(value, node)

    def _object(self, value: dict[str, Any], node: Node, expand: Expand, currency: str) -> dict[str, Any]:
        if node.children and (self.detail == "lean" or not self._description(value)):
            return self._fields(value, node, expand, currency)
        return self.show(value, expand, currency=currency)

    def _row(self, row: Any, node: Node, expand: Expand, currency: str) -> Any:
        if isinstance(row, dict):
            if node.children:
                return self._object(row, node, expand, currency)
            return self.show(row, expand, in_list=True, currency=currency)
        if node.many:
            raise _Misfit
        return self._value("", row, UNLISTED, expand, currency) if row is not None else None

    def _map(self, name: str, value: dict[str, Any], node: Node, currency: str) -> dict[str, Any]:
        """
        Keys of others' choice, or former values: all of them, as a null says that there was nothing before.
        """
        shown: dict[str, Any] = {}
        for key, child in value.items():
            key = cap(clean(key), _LONGEST[self.detail])
            if child is None:
                shown[key] = None
            elif name == "metadata" or key not in _SECRETS:
                inner = node.child(key)
                if isinstance(child, dict) and not self._description(child):
                    inner = replace(inner, kind="map")
                shown |= self._entry(key, child, inner, {}, currency)
        return shown

    def _scalar(self, value: Any, node: Node) -> Any:
        match node.kind, value:
            case _ if node.children or node.many:
                pass
            case "any" | "flag", bool():
                return value
            case _, bool():
                pass
            case "any" | "number" | "money", int():
                return value
            case "any" | "number", float():
                return value
            case "date", int() if time := iso(value):
                return time
            case "any" | "text", str():
                return cap(_SECRET_IN_TEXT.sub(r"\1***", clean(value)), _LONGEST[self.detail])
            case "id" | "word" | "decimal", str():
                return cap(clean(value), _LONGEST_WORD)
        raise _Misfit


def _is_stripes(name: str, node: Node) -> bool:
    """
    Whether *name* is not one that only looks like another, nor in the place of a display of ours.
    """
    taken = name.endswith("_display") and node.child(name.removesuffix("_display")).kind in _MONEY
    return name == clean(name) and not taken


def _display(value: int | str, currency: str) -> str | None:
    return display_decimal(value, currency) if isinstance(value, str) else display(value, currency)
