"""
From Stripe's reply to what a call returns: one object, or a page of them, within a budget. No I/O.

What does not fit is left out in whole rows, and the result says so: a page by the arguments of the
call that goes on where it was cut, an object by the count of what there was.
"""

import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from stripe_mcp.objects import StripeObject
from stripe_mcp.pii import mask
from stripe_mcp.view import Detail, View, expand_tree

Arguments = dict[str, Any]
Content = dict[str, Any]

_USUAL_LIMIT = 10  # rows, where a call does not say: https://docs.stripe.com/api/pagination


class TooManyRows(Exception):
    """
    A page of a search does not fit, and only a page of at most *limit* rows can be continued.
    """

    def __init__(self, limit: int) -> None:
        super().__init__(limit)
        self.limit = limit


def to_text(content: Content) -> str:
    """
    *content* as compact JSON.
    """
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class Presenter:
    """
    Shows replies as *objects* describes them in at most *most* characters of JSON.

    With *redact_pii*, e-mail addresses, phone numbers and addresses are masked.
    """

    objects: Mapping[str, StripeObject]
    most: int
    redact_pii: bool

    def present(self, body: dict[str, Any], arguments: Arguments, detail: Detail) -> Content:
        """
        What answers a call with *arguments*, to which *body* is Stripe's reply.

        Raises:
            TooManyRows: Not all rows of a search fit.
        """
        body = mask(body) if self.redact_pii else body
        content = View(self.objects, detail).show(body, expand_tree(arguments.get("expand", [])))
        if isinstance(content.get("data"), list):  # that of an event is an object
            return self._page(body, content, arguments)
        return shrink(content, self.most)

    def _page(self, body: dict[str, Any], content: Content, arguments: Arguments) -> Content:
        count = len(content["data"])
        page = _cut_page(body, content, arguments, count)
        if len(to_text(page)) <= self.most:
            return page

        def size(rows: int) -> int:
            return len(to_text(_cut_page(body, content, arguments, rows)))

        fits = bisect_right(range(1, count), self.most, key=size)
        if _is_search(body) and max(fits, 1) < min(count, arguments.get("limit", _USUAL_LIMIT)):
            raise TooManyRows(max(fits, 1))
        page = _cut_page(body, content, arguments, max(fits, 1))
        if not fits:
            [row] = page["data"]
            page["data"] = [shrink(row, self.most - len(to_text({**page, "data": []})))]
        return page


def _is_search(body: dict[str, Any]) -> bool:
    return bool(body["object"] == "search_result")


def _cut_page(body: dict[str, Any], content: Content, arguments: Arguments, count: int) -> Content:
    """
    The page with only *count* of its rows, those next to the cursor, and the call that goes on behind them.
    """
    rows = slice(-count, None) if "ending_before" in arguments else slice(count)
    cut = count < len(content["data"])
    page = {**content, "data": content["data"][rows], "has_more": cut or body.get("has_more") is True}
    going_on = None if cut and _is_search(body) else _next_cursor(body, body["data"][rows], arguments)
    if page["has_more"] and going_on:
        page["next_call"] = arguments | going_on
    return page


def _next_cursor(body: dict[str, Any], rows: list[dict[str, Any]], arguments: Arguments) -> Arguments | None:
    """
    Where the next page starts; None if there is no telling, or if it would start where this one did.
    """
    if not rows:
        return None
    if _is_search(body):
        name, cursor = "page", body.get("next_page")
    elif "ending_before" in arguments:
        name, cursor = "ending_before", rows[0].get("id")
    else:
        name, cursor = "starting_after", rows[-1].get("id")
    return {name: cursor} if isinstance(cursor, str) and cursor not in ("", arguments.get(name)) else None


def shrink(content: Content, most: int) -> Content:
    """
    *content* in at most *most* characters: its longest lists are cut, then its longest fields left out.

    Under `cut` stands what was there.
    """
    if len(to_text(content)) <= most:
        return content
    content, cut, totals = deepcopy(content), dict[str, str](), dict[str, int]()
    while len(to_text(content | {"cut": cut})) > most:
        fields = [name for name in content if name not in ("object", "id")]
        if not fields:
            return content | {"cut": {"all else": "left out"}}
        longest = max(fields, key=lambda name: len(to_text({name: content[name]})))
        path, rows = max(_lists(content[longest], longest), key=_weight, default=("", []))
        if rows:
            totals.setdefault(path, len(rows))
            del rows[len(rows) // 2 :]
            cut[path] = f"{len(rows)} of {totals[path]} shown"
        else:
            del content[longest]
            cut = {path: told for path, told in cut.items() if path.partition(".")[0] != longest}
            cut[longest] = "left out"
    return content | {"cut": cut}


def _lists(value: Any, path: str) -> Iterator[tuple[str, list[Any]]]:
    """
    All lists in *value* that hold something, by their paths.
    """
    if isinstance(value, list) and value:
        yield path, value
    named = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, child in named:
        yield from _lists(child, f"{path}.{name}")


def _weight(found: tuple[str, list[Any]]) -> tuple[bool, int]:
    rows = found[1]
    return len(rows) > 1, len(to_text({"": rows}))
