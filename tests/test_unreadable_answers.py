"""
An answer that lacks what every good one has tells nothing: of a read, or of what became of a write.
"""

from typing import Any

import pytest

from tests.agent import LISTS, READS, TEMPLATES, Recorded, agent
from tests.shopping import CALLS

pytestmark = pytest.mark.anyio

ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
NO_OBJECTS: list[dict[str, Any]] = [
    {},
    {"object": "charge"},
    {"object": "charge", "id": None},
    {"object": "charge", "id": 7},
    {"object": "charge", "id": {"id": "ch_1"}},
    {"object": None, "id": "ch_1"},
    {"id": "ch_1"},
]
NO_ROWS: list[Any] = [
    None,
    {},
    "rows",
    0,
    [None],
    ["ch_1"],
    [1],
    [[]],
    [{"object": "charge", "id": "ch_1"}, "ch_2"],
]
NO_PAGES = [
    {"object": "list", "has_more": False},
    *({"object": "list", "data": rows} for rows in NO_ROWS),
    *({"object": "list", "data": [row]} for row in NO_OBJECTS),
]


# A refund by its charge begins with reading that.
NO_READING = {"create_refund": {"payment_intent": "pi_1"}}


@ERAS
@pytest.mark.parametrize("tool", TEMPLATES)
async def test_an_answer_without_what_identifies_is_an_error(era: str, tool: str) -> None:
    async with agent(stripe := Recorded(), era) as caller:
        for body in NO_PAGES if tool in LISTS else NO_OBJECTS:
            if tool == "get_balance" and isinstance(body.get("object"), str):
                continue  # a balance has no id
            stripe.body = body
            text = await caller.refused(tool, **(CALLS | NO_READING)[tool])
            assert ("Nothing was changed" in text) == (tool in READS)
            assert text.startswith("OUTCOME UNKNOWN") == (tool not in READS)
            keyed = TEMPLATES[tool].request.method == "POST"
            assert ("Idempotency key" in text) == keyed


@pytest.mark.parametrize("more", [None, "true", 1, 0])
async def test_a_page_that_does_not_say_clearly_that_there_is_more_is_the_last(more: Any) -> None:
    async with agent(Recorded({"object": "list", "data": [], "has_more": more})) as caller:
        assert await caller.call("list_charges") == {"data": [], "has_more": False}
