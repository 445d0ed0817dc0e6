"""
Every answer keeps the schema that its tool was listed with, whatever Stripe sends: `Agent.call` looks.
"""

import json
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from stripe_mcp.simulator import Simulator
from tests.agent import LISTS, READS, TEMPLATES, WRITES, Content, Recorded, agent
from tests.shopping import CALLS, REPLIES, SIMULATOR, calls, expansions

pytestmark = pytest.mark.anyio

ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])


async def schemas(era: str) -> dict[str, Any]:
    async with agent(Recorded(), era) as connected:
        return connected.schemas


@ERAS
async def test_a_schema_types_what_is_shown_requires_what_identifies_and_admits_more(era: str) -> None:
    listed = await schemas(era)
    assert list(listed) == list(TEMPLATES)
    for tool, schema in listed.items():
        Draft202012Validator.check_schema(schema)
        shown = schema["properties"]["data"]["items"] if TEMPLATES[tool].returns_list else schema
        if TEMPLATES[tool].returns_list:
            assert schema["required"] == ["data", "has_more"]
        identity = [] if tool == "get_balance" else ["id"]
        assert shown["required"] == ["object", *identity]
        assert all(typed for typed in shown["properties"].values())
        assert "additionalProperties" not in json.dumps(schema)


@ERAS
@pytest.mark.parametrize("tool", TEMPLATES)
async def test_the_answer_of_every_tool_keeps_its_schema(era: str, tool: str) -> None:
    simulator = SIMULATOR if tool in READS else Simulator()
    async with agent(httpx.ASGITransport(app=simulator), era) as caller:
        arguments = calls(simulator)[tool]
        content = await caller.call(tool, **arguments)
        assert content.get("data", content)
        if tool in READS:
            await caller.call(tool, **arguments, detail="full")


@pytest.mark.parametrize("tool", [tool for tool in TEMPLATES if expansions(tool)])
async def test_an_answer_with_whole_objects_in_place_of_ids_keeps_its_schema(tool: str) -> None:
    simulator = SIMULATOR if tool in READS else Simulator()
    async with agent(httpx.ASGITransport(app=simulator)) as caller:
        arguments = calls(simulator)[tool]
        for path in expansions(tool):
            another = {} if tool in READS else {"metadata": {"path": path}}  # or it were a repeat
            await caller.call(tool, **arguments, **another, expand=[path])
            if tool in READS:
                await caller.call(tool, **arguments, expand=[path], detail="full")


async def test_a_customer_who_is_gone_keeps_the_schema_of_one_who_is_there() -> None:
    gone = {"object": "customer", "id": "cus_1", "deleted": True}
    async with agent(Recorded(gone)) as caller:
        assert await caller.call("get_customer_by_id", customer_id="cus_1") == gone
        assert await caller.call("delete_customer", customer_id="cus_1") == gone


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(
        [-(10**30), 10**18, 1_700_000_000, 0.5, 1e300, "", "usd", "1", "junk", "\ud83d", "0.5"]
    ),
    lambda child: (
        st.lists(child, max_size=2)
        | st.dictionaries(
            st.sampled_from(["id", "object", "data", "amount", "currency", "\u200b"]), child, max_size=2
        )
    ),
    max_leaves=4,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """
    Every field and every row in *value*, as the container and its key.
    """
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(value, key) for key, _ in inside] + [place for _, child in inside for place in places(child)]


@st.composite
def damaged(draw: st.DrawFn, tool: str) -> Content:
    """
    A real answer to *tool* in which some fields hold junk; what makes it readable is left.
    """
    body: Content = json.loads(json.dumps(REPLIES[tool]))
    rows = body["data"][:2] if TEMPLATES[tool].returns_list else [body]
    identities = [{name: row[name] for name in ("object", "id") if name in row} for row in rows]
    for _ in range(draw(st.integers(1, 12))):
        within, key = draw(st.sampled_from(places(rows)))
        if within is not rows:
            within[key] = draw(JUNK)
    for row, identity in zip(rows, identities, strict=True):
        row[draw(st.sampled_from([*row, "cut", "next_call", "secret", "unheard_of"]))] = draw(JUNK)
        row |= identity
    return {"object": body["object"], "data": rows, "has_more": draw(JUNK)} if rows[0] is not body else body


@settings(max_examples=100)
@given(data=st.data(), tool=st.sampled_from(READS), detail=st.sampled_from([{}, {"detail": "full"}]))
async def test_an_answer_whose_fields_hold_junk_keeps_the_schema(
    data: st.DataObject, tool: str, detail: dict[str, str]
) -> None:
    stripe = Recorded(data.draw(damaged(tool)))
    expand = data.draw(st.lists(st.sampled_from(expansions(tool) or [""]), max_size=3))
    asked = {"expand": expand} if expand and expansions(tool) else {}
    async with agent(stripe) as caller:
        await caller.call(tool, **CALLS[tool], **asked, **detail)


@settings(max_examples=50)
@given(data=st.data(), tool=st.sampled_from(WRITES))
async def test_what_a_write_answers_keeps_the_schema_when_it_holds_junk(
    data: st.DataObject, tool: str
) -> None:
    kind = TEMPLATES[tool].returned_object.removeprefix("deleted_")
    like = next(name for name in READS if TEMPLATES[name].returns == kind or kind in TEMPLATES[name].returns)
    body = data.draw(damaged(like))
    async with agent(Recorded(body["data"][0] if TEMPLATES[like].returns_list else body)) as caller:
        await caller.settle(tool, **CALLS[tool])


@pytest.mark.parametrize("detail", [{}, {"detail": "full"}])
@pytest.mark.parametrize("now", [None, "junk", [], {"object": "mystery"}, {"object": "charge"}])
@pytest.mark.parametrize("before", ["junk", 5, [], [{"amount": 5}], {"amount": "junk"}, {"metadata": None}])
async def test_an_event_keeps_the_schema_whatever_there_was_before(
    before: Any, now: Any, detail: dict[str, str]
) -> None:
    event = {"object": "event", "id": "evt_1", "data": {"object": now, "previous_attributes": before}}
    async with agent(Recorded(event)) as caller:
        await caller.call("get_event", **CALLS["get_event"], **detail)


@pytest.mark.parametrize("name", ["amount_display", "net_display"])
async def test_a_field_of_stripes_takes_the_place_of_no_display(name: str) -> None:
    row = {"object": "balance_transaction", "id": "txn_1", "amount": 500, "net": None, name: ["junk"]}
    async with agent(Recorded({"object": "list", "data": [row], "has_more": False})) as caller:
        await caller.call("list_balance_transactions", detail="full")


async def test_a_field_of_stripes_takes_the_place_of_no_next_call() -> None:
    async with agent(
        Recorded({"object": "list", "data": [], "has_more": False, "next_call": "junk"})
    ) as caller:
        assert "next_call" not in await caller.call("list_charges", detail="full")


@pytest.mark.parametrize("tool", READS)
async def test_an_object_of_another_kind_keeps_the_schema_or_is_an_error(tool: str) -> None:
    body = REPLIES[tool]
    async with agent(stripe := Recorded()) as caller:
        for kind in ["junk", "charge", "customer", "event", "list", "balance", "price"]:
            rows = [row | {"object": kind} for row in body["data"][:2]] if tool in LISTS else []
            stripe.body = {"id": "x_1"} | body | {"object": kind} | ({"data": rows} if rows else {})
            await caller.settle(tool, **CALLS[tool])
            await caller.settle(tool, **CALLS[tool], detail="full")


@pytest.mark.parametrize("name", ["amo\u200bunt", "created\u2060"])
async def test_a_name_with_what_cannot_be_seen_takes_the_place_of_no_other(name: str) -> None:
    body = {"object": "charge", "id": "ch_1", "amount": 5, "created": 1_700_000_000, name: ["junk"]}
    async with agent(Recorded(body)) as caller:
        await caller.call("get_charge", **CALLS["get_charge"], detail="full")


@pytest.mark.parametrize("detail", [{}, {"detail": "full"}])
@pytest.mark.parametrize("tool", [tool for tool in READS if tool not in LISTS])
async def test_an_object_that_calls_itself_deleted_keeps_the_schema(
    tool: str, detail: dict[str, str]
) -> None:
    async with agent(Recorded(REPLIES[tool] | {"deleted": True})) as caller:
        await caller.call(tool, **CALLS[tool], **detail)


@pytest.mark.parametrize("detail", [{}, {"detail": "full"}])
async def test_a_number_beyond_all_numbers_is_shown_in_no_answer(detail: dict[str, str]) -> None:
    body = b'{"object": "payment_method", "id": "pm_1", "card": {"exp_month": 1e999}, "unheard_of": -1e999}'
    async with agent(httpx.MockTransport(lambda request: httpx.Response(200, content=body))) as caller:
        assert "Infinity" not in str(
            await caller.settle("get_payment_method", **CALLS["get_payment_method"], **detail)
        )
