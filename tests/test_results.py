"""
Pages and the budget: rows are left out whole, and the next call goes on where a page was cut.
"""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.results import Presenter, TooManyRows, shrink, to_text

OBJECTS = load_catalog(builtin_folder()).objects
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=40),
    lambda child: st.lists(child, max_size=9) | st.dictionaries(st.text(max_size=9), child, max_size=5),
    max_leaves=60,
)


class Stripe:
    """
    Lists charges as Stripe does: newest first, by cursors in both directions, or by pages of a search.
    """

    def __init__(self, sizes: list[int], *, search: bool = False) -> None:
        self.rows = [
            {"object": "charge", "id": f"ch_{number}", "description": "x" * size}
            for number, size in enumerate(sizes)
        ]
        self.search = search
        self.asked: list[dict[str, Any]] = []

    def answer(
        self,
        limit: int = 10,
        starting_after: str = "",
        ending_before: str = "",
        page: str = "0",
        **others: Any,
    ) -> dict[str, Any]:
        self.asked.append(others)
        ids = [row["id"] for row in self.rows]
        if ending_before:
            end = ids.index(ending_before)
            start = max(end - limit, 0)
            return self._body(start, end, more=start > 0)
        start = ids.index(starting_after) + 1 if starting_after else int(page)
        end = start + limit
        return self._body(start, end, more=end < len(ids))

    def _body(self, start: int, end: int, *, more: bool) -> dict[str, Any]:
        body = {"data": self.rows[start:end], "has_more": more, "url": "/v1/charges"}
        if not self.search:
            return {"object": "list", **body}
        return {"object": "search_result", **body, "next_page": str(end) if more else None}


def read_all(stripe: Stripe, most: int, arguments: dict[str, Any]) -> list[list[str]]:
    """
    The ids on each page that a client gets that follows the next calls.
    """
    presenter = Presenter(OBJECTS, most, redact_pii=False)
    following: dict[str, Any] | None = arguments
    pages = []
    while following is not None:
        try:
            content = presenter.present(stripe.answer(**following), following, "full")
        except TooManyRows as page:
            following = following | {"limit": min(page.limit, following.get("limit", 10) - 1)}
            continue
        assert len(to_text(content)) <= most
        pages.append([row["id"] for row in content["data"]])
        assert content["has_more"] == ("next_call" in content)
        following = content.get("next_call")
    return pages


SIZES = st.lists(st.integers(0, 900), max_size=40)
MOST = st.integers(500, 5000)
LIMIT = st.integers(1, 100)


@given(sizes=SIZES, most=MOST, limit=LIMIT)
def test_following_the_next_calls_shows_every_row_once(sizes: list[int], most: int, limit: int) -> None:
    """
    R29.
    """
    stripe = Stripe(sizes)
    pages = read_all(stripe, most, {"limit": limit, "customer": "cus_1", "detail": "full"})
    assert [row for page in pages for row in page] == [row["id"] for row in stripe.rows]
    assert stripe.asked == [{"customer": "cus_1", "detail": "full"}] * len(pages)


@given(sizes=st.lists(st.integers(0, 900), min_size=1, max_size=40), most=MOST, limit=LIMIT)
def test_following_them_backwards_shows_every_row_once(sizes: list[int], most: int, limit: int) -> None:
    """
    R29.
    """
    stripe = Stripe(sizes)
    pages = read_all(stripe, most, {"limit": limit, "ending_before": stripe.rows[-1]["id"]})
    assert [row for page in reversed(pages) for row in page] == [row["id"] for row in stripe.rows[:-1]]


@given(sizes=SIZES, most=MOST, limit=LIMIT)
def test_following_the_pages_of_a_search_shows_every_row_once(
    sizes: list[int], most: int, limit: int
) -> None:
    """
    R29.
    """
    stripe = Stripe(sizes, search=True)
    pages = read_all(stripe, most, {"limit": limit, "query": "amount>1"})
    assert [row for page in pages for row in page] == [row["id"] for row in stripe.rows]


def present(body: dict[str, Any], arguments: dict[str, Any], most: int = 25_000) -> dict[str, Any]:
    return Presenter(OBJECTS, most, redact_pii=False).present(body, arguments, "lean")


ROW = {"object": "charge", "id": "ch_1"}


@pytest.mark.parametrize(
    ("body", "arguments"),
    [
        ({"object": "list", "data": [], "has_more": True}, {}),
        ({"object": "list", "data": [ROW], "has_more": True}, {"starting_after": "ch_1"}),
        ({"object": "list", "data": [ROW], "has_more": True}, {"ending_before": "ch_1"}),
        ({"object": "search_result", "data": [], "has_more": True, "next_page": "b"}, {"page": "a"}),
        ({"object": "search_result", "data": [ROW], "has_more": True, "next_page": "a"}, {"page": "a"}),
        ({"object": "search_result", "data": [ROW], "has_more": True, "next_page": None}, {}),
        ({"object": "search_result", "data": [ROW], "has_more": True}, {}),
    ],
)
def test_paging_ends_where_it_would_not_get_on(body: dict[str, Any], arguments: dict[str, Any]) -> None:
    """
    R29.
    """
    content = present(body, arguments)
    assert content["has_more"]
    assert "next_call" not in content


@pytest.mark.parametrize("has_more", [None, "yes", 1])
def test_what_is_no_truth_value_says_nothing_of_more(has_more: Any) -> None:
    assert present({"object": "list", "data": [ROW], "has_more": has_more}, {}) == {
        "data": [ROW],
        "has_more": False,
    }


def test_a_search_that_answers_with_more_rows_than_asked_for_is_not_asked_for_ever() -> None:
    rows = [{"object": "charge", "id": f"ch_{number}", "status": "x" * 200} for number in range(30)]
    body = {"object": "search_result", "data": rows, "has_more": True, "next_page": "b"}
    with pytest.raises(TooManyRows) as caught:
        present(body, {"limit": 30}, most=2000)
    content = present(body, {"limit": caught.value.limit}, most=2000)
    assert len(content["data"]) == caught.value.limit
    assert content["has_more"]
    assert "next_call" not in content  # it would pass over the rows that were cut


def test_a_row_that_is_too_long_by_itself_is_shrunk_and_paging_goes_on() -> None:
    lines = [{"description": "x" * 100, "amount": 1} for _ in range(100)]
    rows = [{"object": "invoice", "id": f"in_{number}", "lines": {"data": lines}} for number in range(2)]
    body = {"object": "list", "data": rows, "has_more": False}
    content = Presenter(OBJECTS, 2000, redact_pii=False).present(body, {}, "full")
    assert len(to_text(content)) <= 2000
    [row] = content["data"]
    assert row["cut"] == {"lines.data": "14 of 100 shown"}
    assert content["next_call"] == {"starting_after": "in_0"}


def test_an_object_within_the_budget_is_left_as_it_is() -> None:
    body = {"object": "charge", "id": "ch_1", "lines": [1, 2, 3]}
    assert shrink(body, len(to_text(body))) == body


def test_the_long_lists_of_an_object_are_cut_and_counted() -> None:
    row = {"n": "x" * 50, "taxes": [1] * 30}
    body = {"object": "a", "id": "a_1", "few": [1, 2], "deep": {"many": [row, {"taxes": [1] * 20}] * 20}}
    content = shrink(body, 700)
    assert content["few"] == [1, 2]
    assert content["cut"] == {"deep.many": "9 of 40 shown", "deep.many.taxes": "9 of 30 shown"}
    assert len(content["deep"]["many"]) == 9
    assert len(body["deep"]["many"]) == 40  # type: ignore[index]


def test_what_has_no_long_lists_loses_its_longest_fields() -> None:
    body = {"object": "a", "metadata": {"note": "x" * 900}, "few": [1, 2], "notes": "x" * 700}
    cut = {"metadata": "left out", "notes": "left out"}
    assert shrink(body, 700) == {"object": "a", "few": [1, 2], "cut": cut}


def test_what_has_too_many_fields_to_name_loses_all() -> None:
    body = {"object": "a", "id": "a_1"} | {f"field_{number}": 1 for number in range(900)}
    assert shrink(body, 700) == {"object": "a", "id": "a_1", "cut": {"all else": "left out"}}


@given(body=st.dictionaries(st.text(max_size=9), JSON, max_size=9), most=st.integers(700, 2000))
def test_whatever_it_is_it_fits_and_says_what_it_is(body: dict[str, Any], most: int) -> None:
    content = shrink({"object": "a", "id": "a_1"} | body | {"id": "a_2"}, most)
    assert len(to_text(content)) <= most
    assert json.loads(to_text(content)) == content
    assert content["id"] == "a_2"
