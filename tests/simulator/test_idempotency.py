"""
The same key, once more: what is replayed, what is refused, and for how long.
"""

import anyio
import pytest

from tests.simulator.front_door import DAY
from tests.simulator.rehearsal import BAKERY, CHARGE, LIVE, Rehearsal

pytestmark = pytest.mark.anyio

KEY = {"Idempotency-Key": "once"}


async def test_a_key_means_nothing_in_another_account_or_mode() -> None:
    shop = Rehearsal()
    made = {
        (await shop.send("POST", "customers", {"name": name}, KEY | world)).json()["id"]
        for name, world in (("Ada", {}), ("Bob", BAKERY), ("Cid", LIVE), ("Dora", BAKERY | LIVE))
    }
    assert len(made) == 4


async def test_a_key_is_forgotten_after_24_hours() -> None:
    shop = Rehearsal()
    first = await shop.send("POST", "customers", {}, KEY)
    await shop.order("POST", "clock", advance=DAY - 1)
    assert (await shop.send("POST", "customers", {}, KEY)).content == first.content
    await shop.order("POST", "clock", advance=1)
    again = await shop.send("POST", "customers", {"name": "Ada"}, KEY)
    assert (again.status_code, "Idempotent-Replayed" in again.headers) == (200, False)
    assert (await shop.send("POST", "customers", {"name": "Ada"}, KEY)).content == again.content


async def test_what_is_too_old_is_not_kept_for_ever() -> None:
    shop = Rehearsal()
    await shop.send("POST", "customers", {}, KEY)
    await shop.order("POST", "clock", advance=DAY)
    await shop.send("POST", "customers", {}, {"Idempotency-Key": "another"})
    (shops,) = (await shop.order("GET", "state"))["worlds"]
    assert list(shops["replays"]) == ["another"]


async def test_an_empty_key_is_none() -> None:
    shop = Rehearsal()
    ids = {(await shop.send("POST", "customers", {}, {"Idempotency-Key": ""})).json()["id"] for _ in "12"}
    assert len(ids) == 2


async def test_a_key_in_flight_is_a_conflict_until_it_has_its_answer() -> None:
    shop = Rehearsal()
    await shop.fault("stall")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(shop.send, "POST", "refunds", CHARGE, KEY)
        await anyio.wait_all_tasks_blocked()
        conflict = await shop.send("POST", "refunds", CHARGE, KEY)
        elsewhere = await shop.send("POST", "customers", {}, KEY | LIVE)
        tasks.cancel_scope.cancel()
    error = conflict.json()["error"]
    assert (conflict.status_code, error["type"], error["code"]) == (
        409,
        "invalid_request_error",
        "idempotency_key_in_use",
    )
    assert elsewhere.status_code == 200
    replay = await shop.send("POST", "refunds", CHARGE, KEY)
    assert (replay.status_code, replay.headers["idempotent-replayed"]) == (200, "true")


async def test_during_latency_nothing_is_done_and_the_key_is_in_flight() -> None:
    shop = Rehearsal()
    await shop.order("POST", "limits", latency=60)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(shop.send, "POST", "refunds", CHARGE, KEY)
        await anyio.wait_all_tasks_blocked()
        conflict = await shop.send("POST", "refunds", CHARGE, KEY)
        tasks.cancel_scope.cancel()
    assert conflict.json()["error"]["code"] == "idempotency_key_in_use"
    await shop.order("POST", "limits", latency=0)
    assert await shop.ids("refunds", CHARGE) == []
    done = await shop.send("POST", "refunds", CHARGE, KEY)
    assert (done.status_code, "idempotent-replayed" in done.headers) == (200, False)


async def test_a_reused_key_says_what_does_not_fit() -> None:
    shop = Rehearsal()
    await shop.send("POST", "customers", {"name": "Ada"}, KEY)
    other = (await shop.send("POST", "customers", {"name": "Bob"}, KEY)).json()["error"]
    elsewhere = (await shop.send("POST", "customers/cus_ABC123", {"name": "Ada"}, KEY)).json()["error"]
    assert {other["type"], elsewhere["type"]} == {"idempotency_error"}
    assert "same parameters" in other["message"]
    assert "/v1/customers, not /v1/customers/cus_ABC123" in elsewhere["message"]


async def test_what_was_turned_away_at_the_door_leaves_the_key_free() -> None:
    shop = Rehearsal()
    bare = await shop.key(permissions=[])
    assert (await shop.send("POST", "customers", {}, KEY | bare)).status_code == 403
    assert (await shop.send("POST", "customers", {}, KEY | {"Authorization": "Bearer x"})).status_code == 401
    await shop.order("POST", "limits", rates=True)
    while (await shop.send("GET", "balance")).status_code == 200:
        pass
    assert (await shop.send("POST", "customers", {}, KEY)).status_code == 429
    await shop.order("POST", "limits", rates=False)
    done = await shop.send("POST", "customers", {}, KEY)
    assert (done.status_code, "idempotent-replayed" in done.headers) == (200, False)
