"""
Pages: a client that follows `next_call` sees every row once, in order, whatever fits into an answer.
"""

from typing import Any
from urllib.parse import parse_qs

import httpx
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.agent import LISTS, TEMPLATES, Content, Recorded, agent, compact
from tests.shopping import CALLS, SHOP

pytestmark = pytest.mark.anyio

SEARCHES = [tool for tool in LISTS if "page" in TEMPLATES[tool].input["properties"]]
LEAST = 5000


class Pages(httpx.AsyncBaseTransport):
    """
    A Stripe with *rows*, newest first, which keeps the limits that it was asked for.
    """

    def __init__(self, rows: list[Content]) -> None:
        self._rows = rows
        self._ids = [row["id"] for row in rows]
        self.limits: list[int] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        asked = {name: value for name, [value] in parse_qs(request.url.query.decode()).items()}
        limit, count = int(asked.get("limit", 10)), len(self._rows)
        self.limits.append(limit)
        if "/search" in request.url.path:
            start = int(asked.get("page", 0))
            more = start + limit < count
            page = {"object": "search_result", "next_page": str(start + limit) if more else None}
            rows = self._rows[start : start + limit]
        elif "ending_before" in asked:
            end = self._ids.index(asked["ending_before"])
            page, more, rows = {"object": "list"}, end > limit, self._rows[max(0, end - limit) : end]
        else:
            start = self._ids.index(asked["starting_after"]) + 1 if "starting_after" in asked else 0
            page, more, rows = {"object": "list"}, start + limit < count, self._rows[start : start + limit]
        return httpx.Response(200, json=page | {"data": rows, "has_more": more})


def customer(number: int, size: int) -> Content:
    """
    A customer with about *size* characters of metadata, of which each answer shows all.
    """
    metadata = {f"note{each}": "x" * min(150, size - each * 150) for each in range(-(-size // 150))}
    return {"object": "customer", "id": f"cus_{number}", "metadata": metadata, "created": 1_700_000_000}


def bill(number: int, size: int) -> Content:
    return customer(number, size) | {"object": "charge", "description": "d" * size}


def ids(pages: list[Content]) -> list[str]:
    return [row["id"] for page in pages for row in page["data"]]


SIZES = st.lists(st.integers(0, 700) | st.integers(0, 8000), max_size=40)
FULL = st.sampled_from([{}, {"detail": "full"}])


@settings(max_examples=60)
@given(sizes=SIZES, limit=st.none() | st.integers(1, 100), most=st.integers(LEAST, 25_000), detail=FULL)
@example(sizes=[20_000] * 3, limit=None, most=LEAST, detail={})
async def test_who_goes_on_sees_every_row_once_in_order(
    sizes: list[int], limit: int | None, most: int, detail: dict[str, str]
) -> None:
    """
    R29.
    """
    stripe = Pages([customer(number, size) for number, size in enumerate(sizes)])
    asked = detail | ({"limit": limit} if limit else {})
    async with agent(stripe, max_result_chars=most) as caller:
        pages = await caller.pages("search_customers", **asked)
    assert ids(pages) == [f"cus_{number}" for number in range(len(sizes))]
    assert [page["has_more"] for page in pages] == [True] * (len(pages) - 1) + [False]


@settings(max_examples=60)
@given(sizes=SIZES, limit=st.none() | st.integers(1, 100), most=st.integers(LEAST, 25_000), detail=FULL)
async def test_who_goes_back_sees_every_row_once_in_order(
    sizes: list[int], limit: int | None, most: int, detail: dict[str, str]
) -> None:
    """
    R29.
    """
    stripe = Pages([customer(number, size) for number, size in enumerate([*sizes, 1])])
    asked = detail | {"ending_before": f"cus_{len(sizes)}"} | ({"limit": limit} if limit else {})
    async with agent(stripe, max_result_chars=most) as caller:
        pages = await caller.pages("search_customers", **asked)
    assert ids(pages[::-1]) == [f"cus_{number}" for number in range(len(sizes))]


@settings(max_examples=60)
@given(sizes=SIZES, limit=st.none() | st.integers(1, 100), most=st.integers(LEAST, 25_000), detail=FULL)
async def test_who_goes_through_a_search_sees_every_row_once_in_order(
    sizes: list[int], limit: int | None, most: int, detail: dict[str, str]
) -> None:
    """
    R29: Stripe's pages of a search cannot be entered in the middle, so the server asks for smaller ones.
    """
    stripe = Pages([bill(number, size) for number, size in enumerate(sizes)])
    asked = detail | ({"limit": limit} if limit else {})
    async with agent(stripe, max_result_chars=most) as caller:
        pages = await caller.pages("search_charges", query="amount>1", **asked)
    assert ids(pages) == [f"cus_{number}" for number in range(len(sizes))]


@pytest.mark.parametrize("era", ["auto", "legacy"])
@pytest.mark.parametrize("tool", LISTS)
async def test_every_list_of_the_shop_is_the_same_in_small_pages_as_in_large_ones(
    tool: str, era: str
) -> None:
    """
    R29.
    """
    async with agent(SHOP, era) as caller:
        large = await caller.pages(tool, **CALLS[tool], limit=100)
    async with agent(SHOP, era, max_result_chars=LEAST) as caller:
        small = await caller.pages(tool, **CALLS[tool], limit=100)
    assert ids(small) == ids(large)
    assert len(set(ids(large))) == len(ids(large)) > 0


async def test_the_next_call_repeats_the_arguments_and_says_where_to_go_on() -> None:
    async with agent(SHOP) as caller:
        asked = {"limit": 2, "created": {"gte": "2020-01-01"}, "expand": ["data.customer"], "detail": "full"}
        page = await caller.call("list_charges", **asked)
        assert page["next_call"] == asked | {"starting_after": page["data"][-1]["id"]}
        back = await caller.call("list_charges", ending_before=page["data"][1]["id"], limit=1)
        assert back["data"][0]["id"] == page["data"][0]["id"]


@pytest.mark.parametrize("limit", [0, 101, -1, "10", 2.5])
async def test_a_limit_beyond_what_a_page_holds_is_refused(limit: Any) -> None:
    async with agent(SHOP) as caller:
        for tool in LISTS:
            assert "limit" in await caller.refused(tool, **CALLS[tool], limit=limit)


STUCK = {"object": "list", "has_more": True}


@pytest.mark.parametrize(
    "rows",
    [[], [customer(1, 10)], [customer(1, 10)] * 2, [customer(each, 900) for each in range(20)]],
    ids=["no rows", "a row", "a row twice", "more than fits"],
)
@pytest.mark.parametrize("start", [{}, {"starting_after": "cus_1"}, {"ending_before": "cus_1"}])
async def test_who_goes_on_comes_to_an_end_although_stripe_does_not(
    rows: list[Content], start: dict[str, str]
) -> None:
    async with agent(Recorded(STUCK | {"data": rows}), max_result_chars=LEAST) as caller:
        pages = await caller.pages("search_customers", **start)
    assert len(pages) <= 3
    assert all(page["has_more"] for page in pages)


@pytest.mark.parametrize("rows", [[], [bill(1, 10)], [bill(each, 900) for each in range(20)]])
@pytest.mark.parametrize("cursor", [None, "same", 7, ["x"], ""])
async def test_who_goes_through_a_search_comes_to_an_end_although_stripe_does_not(
    rows: list[Content], cursor: Any
) -> None:
    body = {"object": "search_result", "has_more": True, "next_page": cursor, "data": rows}
    async with agent(Recorded(body), max_result_chars=LEAST) as caller:
        pages = await caller.pages("search_charges", query="amount>1")
    assert len(pages) <= 3
    assert all(page["has_more"] for page in pages)


async def test_a_search_is_asked_for_again_with_what_fits_and_goes_on_so() -> None:
    stripe = Pages([bill(each, 1000) for each in range(30)])
    async with agent(stripe, max_result_chars=LEAST) as caller:
        page = await caller.call("search_charges", query="amount>1", limit=20, detail="full")
    assert stripe.limits == [20, len(page["data"])]
    assert page["next_call"]["limit"] == len(page["data"])
    assert page["next_call"]["page"] == str(len(page["data"]))


async def test_a_page_is_cut_only_where_the_next_row_would_not_fit() -> None:
    stripe = Pages([customer(each, 150 * each) for each in range(40)])
    async with agent(stripe, max_result_chars=100_000) as caller:
        whole = await caller.call("search_customers", limit=40)
    size = len(compact(whole))
    async with agent(stripe, max_result_chars=size) as caller:
        assert await caller.call("search_customers", limit=40) == whole
    async with agent(stripe, max_result_chars=size - 1) as caller:
        page = await caller.call("search_customers", limit=40)
    assert page["data"] == whole["data"][:-1]


async def test_long_arguments_leave_room_for_the_rows() -> None:
    rows = [bill(each, 100) for each in range(3)]
    query = " OR ".join(f'description:"{"x" * 900}{each}"' for each in range(6))
    async with agent(Pages(rows), max_result_chars=10_000) as caller:
        short = await caller.call("search_charges", query="amount>1", limit=2, detail="full")
        long = await caller.call("search_charges", query=query, limit=2, detail="full")
    assert long["data"] == short["data"]
