"""
From Stripe's reply to what a call returns: one object, or a page of them, within a budget. No I/O.

What does not fit is left out in whole rows, and the result says so: a page by the arguments of the
call that goes on where it was cut, an object by the count of what there was.
"""

import json
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from stripe_mcp.objects import StripeObject
from stripe_mcp.pii import mask
from stripe_mcp.view import Detail, View, expand_tree

Arguments = dict[str, Any]
Content = dict[str, Any]

_OF_A_PAGE = ("data", "has_more", "next_call")


@dataclass(frozen=True, slots=True)
class Answered:
    """
    What a call is answered with: the *content*, and *notes* on it that are read first.
    """

    content: Content
    notes: tuple[str, ...] = ()


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
        others = {name: value for name, value in content.items() if name not in _OF_A_PAGE}
        content = {"data": content["data"], "has_more": False} | shrink(others, self.most // 2)
        page = _cut_page(body, content, arguments, count)
        if len(to_text(page)) <= self.most:
            return page

        def size(rows: int) -> int:
            return len(to_text(_cut_page(body, content, arguments, rows)))

        fits = bisect_right(range(1, count), self.most, key=size)
        if _is_search(body) and max(fits, 1) < min(count, arguments.get("limit", count)):
            raise TooManyRows(max(fits, 1))
        page = _cut_page(body, content, arguments, max(fits, 1))
        if not fits:
            [row] = page["data"]
            page["data"] = [shrink(row, self.most - len(to_text(page | {"data": []})))]
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
    *content* in at most *most* characters: its lists are cut to as many rows as fit; if none do, its longest
    fields are left out.

    Under `cut` stands what was there.
    """
    if len(to_text(content)) <= most:
        return content
    fitting = bisect_right(range(most), most, key=lambda rows: len(to_text(_with_lists_cut(content, rows))))
    return _with_lists_cut(content, fitting - 1) if fitting else _with_fields_left_out(content, most)


def _with_lists_cut(content: Content, rows: int) -> Content:
    totals: dict[str, int] = {}
    cut = {name: _first(value, rows, name, totals) for name, value in content.items()}
    told = {path: f"{rows} of {total} shown" for path, total in totals.items()}
    return cut | ({"cut": told} if told else {})


def _first(value: Any, rows: int, path: str, totals: dict[str, int]) -> Any:
    """
    *value* with only the first *rows* of each list; *totals* takes up the length of the longest at each path.
    """
    if isinstance(value, dict):
        return {name: _first(child, rows, f"{path}.{name}", totals) for name, child in value.items()}
    if not isinstance(value, list):
        return value
    if len(value) > rows:
        totals[path] = max(len(value), totals.get(path, 0))
    return [_first(child, rows, path, totals) for child in value[:rows]]


def _with_fields_left_out(content: Content, most: int) -> Content:
    identity = {name: content[name] for name in ("object", "id") if name in content}
    cut = {name: "left out" for name in content if name not in identity}
    room = most - len(to_text(identity | {"cut": cut}))
    if room < 0:
        return identity | {"cut": {"all else": "left out"}}
    sizes = {name: len(to_text({name: content[name]})) for name in cut}
    shortest = sorted(sizes, key=lambda name: sizes[name])
    fitting = bisect_right([*accumulate(sizes[name] for name in shortest)], room)
    for name in shortest[:fitting]:
        del cut[name]
    return {name: value for name, value in content.items() if name not in cut} | {"cut": cut}
