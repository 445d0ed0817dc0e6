"""
Stripe's rates, latency and the delay of the search index, as ordered.
"""

import pytest

from tests.simulator.front_door import Fields
from tests.simulator.rehearsal import BAKERY, LIVE, Rehearsal

pytestmark = pytest.mark.anyio

OFF = {"rates": False, "latency": 0, "indexing_delay": 0}
SEARCH = {"query": "amount>0"}
TEST: Fields = {}


async def how_many(shop: Rehearsal, path: str, fields: Fields | None = None, world: Fields = TEST) -> int:
    """
    The requests that get through before the first that does not.
    """
    passed = 0
    while (await shop.send("GET", path, fields, world)).status_code == 200:
        passed += 1
    return passed


async def limited(shop: Rehearsal, path: str, fields: Fields | None = None, world: Fields = TEST) -> str:
    """
    Which limit turns a request away.
    """
    reply = await shop.send("GET", path, fields, world)
    assert (reply.status_code, reply.json()["error"]["code"]) == (429, "rate_limit")
    assert reply.json()["error"]["type"] == "invalid_request_error"
    return reply.headers["stripe-rate-limited-reason"]


async def test_nothing_is_limited_until_it_is_ordered() -> None:
    shop = Rehearsal()
    assert await shop.order("GET", "limits") == OFF
    for _ in range(120):
        await shop.get("balance")


async def test_a_sandbox_takes_25_requests_a_second() -> None:
    shop = Rehearsal()
    assert await shop.order("POST", "limits", rates=True) == OFF | {"rates": True}
    assert await how_many(shop, "balance") == 25
    assert await limited(shop, "customers") == "global-rate"


async def test_live_mode_takes_25_for_an_endpoint_and_100_in_all() -> None:
    shop = Rehearsal()
    await shop.order("POST", "limits", rates=True)
    ids = [(await shop.send("POST", "customers", {}, LIVE)).json()["id"] for _ in range(25)]
    for customer in ids:
        assert (await shop.send("GET", f"customers/{customer}", headers=LIVE)).status_code == 200
    assert await limited(shop, f"customers/{ids[0]}", world=LIVE) == "endpoint-rate"
    assert await how_many(shop, "balance", world=LIVE) == 25
    assert await how_many(shop, "customers", world=LIVE) == 25
    assert await limited(shop, "charges", world=LIVE) == "global-rate"


async def test_a_search_takes_20_requests_a_second() -> None:
    shop = Rehearsal()
    await shop.order("POST", "limits", rates=True)
    assert await how_many(shop, "charges/search", SEARCH) == 20
    assert await limited(shop, "charges/search", SEARCH) == "endpoint-rate"
    assert await how_many(shop, "balance") == 5


async def test_buckets_fill_with_the_simulators_time_only_and_each_world_has_its_own() -> None:
    shop = Rehearsal()
    await shop.order("POST", "limits", rates=True)
    assert [await how_many(shop, "balance") for _ in "123"] == [25, 0, 0]
    assert await how_many(shop, "balance", world=BAKERY) == 25
    await shop.order("POST", "clock", advance=1)
    assert await how_many(shop, "balance") == 25
    await shop.order("POST", "clock", advance=3600)
    assert await how_many(shop, "balance") == 25


async def test_rates_that_are_ordered_off_are_forgotten() -> None:
    shop = Rehearsal()
    await shop.order("POST", "limits", rates=True)
    await how_many(shop, "balance")
    await shop.order("POST", "limits", rates=False)
    await shop.order("POST", "limits", rates=True)
    assert await how_many(shop, "balance") == 25


async def test_a_request_waits_its_latency_and_is_answered() -> None:
    shop = Rehearsal()
    assert (await shop.order("POST", "limits", latency=0.001))["latency"] == 0.001
    assert (await shop.get("balance"))["object"] == "balance"


async def test_the_order_for_one_limit_leaves_the_others() -> None:
    shop = Rehearsal()
    await shop.order("POST", "limits", latency=0.001, indexing_delay=60)
    assert await shop.order("POST", "limits", rates=True) == {
        "rates": True,
        "latency": 0.001,
        "indexing_delay": 60,
    }


@pytest.mark.parametrize("world", [{}, LIVE, BAKERY])
async def test_a_search_finds_what_is_new_after_the_delay(world: dict[str, str]) -> None:
    """
    In a world that was open when the order came, and in those that are opened later.
    """
    shop = Rehearsal()
    await shop.order("POST", "limits", indexing_delay=60)
    new = {"amount": "123456", "currency": "usd"}
    assert (await shop.send("POST", "payment_intents", new, world)).status_code == 200
    search = "payment_intents/search", {"query": "amount:123456"}, world
    assert (await shop.send("GET", *search)).json()["data"] == []
    await shop.order("POST", "clock", advance=61)
    assert len((await shop.send("GET", *search)).json()["data"]) == 1


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"latency": -1}, "latency must be from 0 to 60"),
        ({"latency": 61}, "latency must be from 0 to 60"),
        ({"latency": "1"}, "valid number"),
        ({"indexing_delay": -1}, "indexing_delay must be from 0"),
        ({"indexing_delay": 1.5}, "valid integer"),
        ({"rates": "yes"}, "valid boolean"),
        ({"rate": True}, "rates, latency, indexing_delay"),
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused(body: dict[str, object], says: str) -> None:
    shop = Rehearsal()
    assert says in (await shop.misorder("POST", "limits", **body))["message"]
    assert await shop.order("GET", "limits") == OFF
