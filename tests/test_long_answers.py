"""
An object that is longer than an answer may be: what is cut, and what the answer says of it.
"""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.agent import READS, TEMPLATES, Content, Recorded, agent, compact
from tests.shopping import BOUNDLESS, CALLS, REPLIES

pytestmark = pytest.mark.anyio

LEAST = 5000
ALONE = [tool for tool in READS if not TEMPLATES[tool].returns_list]


def invoice(lines: int, text: int = 20, **fields: Any) -> Content:
    """
    An invoice with so many *lines*, each with *text* characters that say what it is for.
    """
    row = {"object": "line_item", "amount": 500, "description": "d" * text, "currency": "usd"}
    rows = [row | {"id": f"il_{each}"} for each in range(lines)]
    shown = {"object": "invoice", "id": "in_1", "status": "open", "total": 500, "currency": "usd"}
    return shown | {"lines": {"object": "list", "data": rows, "has_more": False}} | fields


async def ask(body: Content, tool: str = "get_invoice", most: int = LEAST, **arguments: Any) -> Content:
    async with agent(Recorded(body), max_result_chars=most) as caller:
        return await caller.call(tool, **CALLS[tool], **arguments)


def is_part(part: Any, whole: Any) -> bool:
    """
    Whether *part* is *whole* with ends of lists and fields left out.
    """
    match part, whole:
        case dict(), dict():
            return all(name in whole and is_part(child, whole[name]) for name, child in part.items())
        case list(), list():
            return len(part) <= len(whole) and all(map(is_part, part, whole))
        case _:
            return bool(part == whole)


@pytest.mark.parametrize("detail", [{}, {"detail": "full"}])
async def test_lines_that_do_not_fit_are_cut_and_counted(detail: dict[str, Any]) -> None:
    content = await ask(invoice(300), **detail)
    assert 1 < len(content["lines"]["data"]) < 300
    assert [*content["cut"]] == ["lines.data"]
    assert f"{len(content['lines']['data'])} of 300" in content["cut"]["lines.data"]
    assert (content["status"], content["total_display"]) == ("open", "$5.00")


@settings(max_examples=25)
@given(
    lines=st.integers(0, 400),
    text=st.integers(0, 6000),
    keys=st.integers(0, 50),
    footer=st.integers(0, 6000),
    most=st.integers(LEAST, 25_000),
    detail=st.sampled_from([{}, {"detail": "full"}]),
)
async def test_what_is_cut_is_part_of_the_whole_and_is_told(
    lines: int, text: int, keys: int, footer: int, most: int, detail: dict[str, Any]
) -> None:
    metadata = {f"key{each}": "v" * 500 for each in range(keys)}
    body = invoice(lines, text, metadata=metadata, footer="f" * footer, unheard_of=[["x" * 50] * 9] * lines)
    whole = await ask(body, most=BOUNDLESS, **detail)
    content = await ask(body, most=most, **detail)
    told = content.pop("cut", {})
    assert bool(told) == (len(compact(whole)) > most)
    assert is_part(content, whole)
    assert [*content][:2] == ["object", "id"]
    assert content.keys() >= whole.keys() - {path.partition(".")[0] for path in told}


@pytest.mark.parametrize("detail", [{}, {"detail": "full"}])
@pytest.mark.parametrize("tool", ALONE)
async def test_every_object_fits_however_long_its_texts_are(tool: str, detail: dict[str, Any]) -> None:
    """
    `Agent.call` looks at the length and at the schema.
    """
    long = {name: value * 400 if isinstance(value, str) else value for name, value in REPLIES[tool].items()}
    kept = {name: REPLIES[tool][name] for name in ("object", "id", "currency") if name in REPLIES[tool]}
    metadata = {f"key{each}": "v" * 500 for each in range(50)}
    content = await ask(long | {"metadata": metadata} | kept, tool, **detail)
    assert content["object"] == kept["object"]


async def test_what_fits_is_told_of_nothing_cut() -> None:
    assert "cut" not in await ask(invoice(5))


async def test_a_row_that_is_too_long_by_itself_is_cut_within_its_page() -> None:
    page = {"object": "list", "data": [invoice(400, id=f"in_{each}") for each in range(2)], "has_more": False}
    content = await ask(page, "list_invoices", detail="full")
    [row] = content["data"]
    assert row["id"] == "in_0"
    assert "of 400" in row["cut"]["lines.data"]
    assert content["next_call"] == {"detail": "full", "starting_after": "in_0"}


@pytest.mark.parametrize(
    "new",
    ["u" * 30_000, ["u" * 9] * 3000, {f"u{each}": "u" for each in range(3000)}],
    ids=["a text", "a list", "a map"],
)
async def test_what_a_newer_page_holds_beside_its_rows_fits_too(new: Any) -> None:
    rows = [{"object": "charge", "id": "ch_1", "amount": 5}]
    page = {"object": "list", "data": rows, "has_more": False, "unheard_of": new}
    content = await ask(page, "list_charges", detail="full")
    assert content["data"] == rows
