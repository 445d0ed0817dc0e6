"""
What an answer shows: lean by default, all of it on request, and the mode before what a write did.

That the text is the same as the structured content, `Agent.call` looks at every time.
"""

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stripe_mcp.simulator import Simulator
from tests.agent import CATALOG, LISTS, READS, TEMPLATES, WRITES, Content, agent, at_every_object
from tests.shopping import BOUNDLESS, CALLS, REPLIES, SHOP, answer, expansions

pytestmark = pytest.mark.anyio

ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
FULL = {"detail": "full"}
DETAILS = pytest.mark.parametrize("detail", [{}, FULL], ids=["lean", "full"])
EVERY_READ = pytest.mark.parametrize("tool", READS)
SECRETS = ("client_secret", "fingerprint", "secret")
MAPS = ("metadata", "previous_attributes")


def objects(value: Any) -> Iterator[Content]:
    """
    Every object in *value*, itself included.
    """
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects(child)


@ERAS
async def test_twenty_five_reads_take_detail_and_no_write_does(era: str) -> None:
    assert (len(READS), len(WRITES)) == (25, 12)
    async with agent(SHOP, era) as caller:
        for tool in WRITES:
            assert "detail: unknown" in await caller.refused(tool, **CALLS[tool], **FULL)
        for tool in READS:
            for wrong in ("lean", "", None, True, ["full"]):
                assert "detail: " in await caller.refused(tool, **CALLS[tool], detail=wrong)


@pytest.mark.parametrize("tool", TEMPLATES)
async def test_object_and_id_stand_first(tool: str) -> None:
    simulator = SHOP if tool in READS else httpx.ASGITransport(app=Simulator())
    async with agent(simulator) as caller:
        content = await caller.call(tool, **CALLS[tool])
    first = ["object"] if tool == "get_balance" else ["object", "id"]
    for shown in content["data"] if tool in LISTS else [content]:
        assert [*shown][: len(first)] == first


@EVERY_READ
async def test_a_page_shows_its_rows_whether_there_are_more_and_how_to_get_them(tool: str) -> None:
    async with agent(SHOP) as caller:
        content = await caller.call(tool, **CALLS[tool])
    if tool in LISTS:
        assert [*content] == ["data", "has_more", "next_call"][: len(content)]
        assert ("next_call" in content) == content["has_more"]


@EVERY_READ
async def test_lean_has_an_order_of_its_own_and_no_place_for_what_is_new(tool: str) -> None:
    def upside_down(each: Content) -> Content:
        return dict(reversed(each.items()))

    def newer(each: Content) -> Content:
        return {"unheard_of": 1, "a_list": [{"id": "x"}]} | each | {"and_more": {"amount": 5}}

    lean = json.dumps(await answer(REPLIES[tool], tool))
    assert json.dumps(await answer(at_every_object(upside_down, REPLIES[tool]), tool)) == lean
    assert json.dumps(await answer(at_every_object(newer, REPLIES[tool]), tool)) == lean


def whole(value: Any) -> Any:
    """
    What full shows of *value*: no secrets, and no nulls but those that say something.
    """
    if isinstance(value, list):
        return [whole(each) for each in value]
    if not isinstance(value, dict):
        return value
    left = {key: each for key, each in value.items() if each is not None and key not in SECRETS}
    return {key: former(each) if key in MAPS else whole(each) for key, each in left.items()}


def former(value: Any) -> Any:
    """
    What is shown of a map: its nulls too, and those of the maps in it that are no objects.
    """
    if not isinstance(value, dict) or value.get("object") in CATALOG.objects:
        return whole(value)
    return {key: former(each) for key, each in value.items() if key not in SECRETS}


def plain(shown: Any, raw: Any) -> Any:
    """
    *shown* as Stripe said it in *raw*: without displays, with times in seconds.
    """
    match shown, raw:
        case dict(), dict():
            return {key: plain(each, raw.get(key)) for key, each in shown.items() if key in raw}
        case list(), list():
            return [plain(*pair) for pair in zip(shown, raw, strict=True)]
        case str(), int():
            return raw if shown == time(raw) else shown
        case _:
            return shown


def time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


@EVERY_READ
async def test_full_shows_all_but_nulls_and_secrets(tool: str) -> None:
    raw = REPLIES[tool]
    assert plain(await answer(raw, tool, **FULL), raw) == whole(raw)


NEW = st.recursive(
    st.booleans() | st.integers(-5, 5) | st.text(" abc", max_size=5) | st.just("sk_1"),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.sampled_from(["x", "y", "z"]), child),
    max_leaves=6,
)


@settings(max_examples=20)
@given(tool=st.sampled_from(READS), new=NEW)
async def test_full_shows_what_a_newer_api_adds(tool: str, new: Any) -> None:
    def newer(each: Content) -> Content:
        return each | {"unheard_of": new}

    before = await answer(REPLIES[tool], tool, **FULL)
    after = await answer(at_every_object(newer, REPLIES[tool]), tool, **FULL)
    assert after.get("unheard_of", new) == new
    assert sum("unheard_of" in each for each in objects(after)) > 0
    assert at_every_object(lambda each: {k: v for k, v in each.items() if k != "unheard_of"}, after) == before


@DETAILS
@EVERY_READ
async def test_a_secret_is_shown_at_no_depth(tool: str, detail: dict[str, str]) -> None:
    """
    S10.
    """

    def armed(each: Content) -> Content:
        secrets = dict.fromkeys(SECRETS, "canary")
        return each | secrets | {"inside": [secrets, [secrets]]}

    expand = {"expand": expansions(tool)} if expansions(tool) else {}
    content = await answer(at_every_object(armed, REPLIES[tool]), tool, **detail, **expand)
    assert "canary" not in json.dumps(content)
    assert all("secret" not in each for each in objects(content))


MONEY = re.compile(r"(.*_)?(amount|balance|total|subtotal|fee|net|gte|minimum|maximum|capturable)(_.*)?")
CREDIT_WITHOUT_CURRENCY = ("customer", "balance")  # that of who never bought anything
NO_MONEY = re.compile(r".*_(display|decimal|count)|total_count|livemode|.*_percent")


# `currency_options` of a price, whose currency is their key, are money to no file of the catalog.
@EVERY_READ
async def test_every_amount_stands_beside_its_display(tool: str) -> None:
    content = await answer(REPLIES[tool], tool, **FULL)
    bare = {
        name
        for each in objects(content)
        for name, value in each.items()
        if type(value) is int and MONEY.fullmatch(name) and not NO_MONEY.fullmatch(name)
        if f"{name}_display" not in each and (each.get("object"), name) != CREDIT_WITHOUT_CURRENCY
    }
    assert bare == set()


@DETAILS
@EVERY_READ
async def test_every_time_is_iso_8601(tool: str, detail: dict[str, str]) -> None:
    """
    No other number of the shop is as large as the seconds since 1970.
    """
    expand = {"expand": expansions(tool)} if expansions(tool) else {}
    content = await answer(REPLIES[tool], tool, **detail, **expand)
    large = {
        name: value
        for each in objects(content)
        for name, value in each.items()
        if type(value) is int and value > 1_500_000_000
    }
    assert large == {}
    timeless = tool == "get_balance" or (tool, detail) == ("list_payment_methods", {})
    assert timeless or re.search(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"', json.dumps(content))


@pytest.mark.parametrize(
    ("amount", "currency", "shown"),
    [
        (4900, "usd", "$49.00"),
        (500, "jpy", "¥500"),
        (1250, "kwd", "KD 1.250"),
        (-1234567, "eur", "-€12,345.67"),
    ],
)
@DETAILS
async def test_an_amount_is_shown_as_people_write_it(
    amount: int, currency: str, shown: str, detail: dict[str, str]
) -> None:
    refund = {"object": "refund", "id": "re_1", "amount": amount, "currency": currency}
    content = await answer(refund, "get_refund", **detail)
    assert content == {
        "object": "refund", "id": "re_1", "amount": amount, "amount_display": shown, "currency": currency
    }  # fmt: skip


LOOKED_UP = {
    TEMPLATES[tool].returned_object: tool
    for tool in READS
    if tool not in LISTS and TEMPLATES[tool].path_arguments
}


def at(value: Any, path: str) -> Any:
    """
    What stands in *value* at *path*, in the first row of lists; None if nothing does.
    """
    for name in path.split("."):
        value = value.get(name) if isinstance(value, dict) else None
        value = next(iter(value), None) if isinstance(value, list) else value
    return value


@pytest.mark.parametrize("tool", [tool for tool in READS if expansions(tool)])
async def test_what_expand_asks_for_is_shown_as_its_own_tool_shows_it(tool: str) -> None:
    seen = 0
    async with agent(SHOP, max_result_chars=BOUNDLESS) as caller:
        for path in expansions(tool):
            found = at(await caller.call(tool, **CALLS[tool], expand=[path], **FULL), path)
            if not isinstance(found, dict) or not (by := LOOKED_UP.get(found.get("object", ""))):
                continue
            lean = at(await caller.call(tool, **CALLS[tool], expand=[path]), path)
            assert lean == await caller.call(by, **{TEMPLATES[by].path_arguments[0]: found["id"]}), path
            seen += 1
    assert seen


async def test_a_list_that_expand_asks_for_shows_rows_as_its_own_tool_does() -> None:
    async with agent(SHOP) as caller:
        [refund, *_] = (await caller.call("list_refunds"))["data"]
        charge = await caller.call("get_charge", charge_id=refund["charge"], expand=["refunds"])
        assert charge["refunds"]["data"] == (await caller.call("list_refunds", charge=charge["id"]))["data"]
        subscribed = CALLS["get_customer_by_id"]
        customer = await caller.call("get_customer_by_id", **subscribed, expand=["subscriptions"])
        listed = await caller.call("list_subscriptions", customer=customer["id"])
        assert customer["subscriptions"]["data"] == listed["data"]


async def test_an_object_that_has_no_currency_takes_none_from_the_object_around_it() -> None:
    customer = {"object": "customer", "id": "cus_1", "currency": None, "balance": 0}
    charge = {"object": "charge", "id": "ch_1", "amount": 5, "currency": "jpy", "customer": customer}
    content = await answer(charge, "get_charge", expand=["customer"])
    assert "balance_display" not in content["customer"]
    assert content["amount_display"] == "¥5"
