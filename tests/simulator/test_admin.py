"""
The admin routes: closed until asked for, exact about what they take, and what they do.
"""

import subprocess
import sys

import pytest

from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.account import ACCOUNT_ID
from stripe_mcp.simulator.admin import ACTS, FARTHEST
from stripe_mcp.simulator.store import ACTIONS
from tests.simulator.front_door import DAY, NOW, Shop
from tests.simulator.rehearsal import BAKERY, CHARGE, LIVE, Rehearsal

pytestmark = pytest.mark.anyio

USELESS = """
import sys
from stripe_mcp.simulator import Simulator
Simulator()
print(*sys.modules)
"""


def test_a_simulator_without_admin_loads_nothing_that_only_admin_and_http_need() -> None:
    done = subprocess.run([sys.executable, "-c", USELESS], capture_output=True, text=True, check=True)
    assert not set(done.stdout.split()) & {"pydantic", "uvicorn", "stripe_mcp.simulator.admin"}


@pytest.mark.parametrize(("method", "name"), ACTS)
async def test_the_routes_are_closed_until_they_are_asked_for(method: str, name: str) -> None:
    shop, closed = Rehearsal(), Shop()
    shop.simulator = closed.simulator
    reply = await shop.admin(method, name)
    assert reply.status_code == 401  # as for any other URL, the key is missed first
    reply = await closed.send(method, f"../_simulator/{name}")
    assert reply.status_code == 404
    assert "Unrecognized request URL" in reply.json()["error"]["message"]


async def test_a_route_that_is_not_there_names_those_that_are() -> None:
    shop = Rehearsal()
    for method, name in (("GET", "nothing"), ("GET", "keys"), ("DELETE", "clock"), ("GET", "")):
        reply = await shop.admin(method, name)
        assert reply.status_code == 404
        assert all(f"{m} /_simulator/{n}" in reply.json()["error"]["message"] for m, n in ACTS)


@pytest.mark.parametrize(("method", "name"), [route for route in ACTS if route != ("PUT", "state")])
async def test_a_field_that_is_not_known_is_refused_and_the_known_ones_are_named(
    method: str, name: str
) -> None:
    shop = Rehearsal()
    before = await shop.order("GET", "state")
    error = await shop.misorder(method, name, surprise=1)
    assert error["param"] == "surprise"
    assert "Fields: " in error["message"]
    after = await shop.order("GET", "state")
    assert before | {"random": 0} == after | {"random": 0}


@pytest.mark.parametrize("content", ["{", "[]", "1", '"x"', "null"])
@pytest.mark.parametrize(("method", "name"), [route for route in ACTS if route != ("PUT", "state")])
async def test_a_body_that_is_no_object_is_refused(method: str, name: str, content: str) -> None:
    assert "The body: " in (await Rehearsal().misorder(method, name, content=content))["message"]


@pytest.mark.parametrize("name", ["clock", "reset", "keys", "limits"])
async def test_no_body_at_all_is_an_empty_object(name: str) -> None:
    empty = await Rehearsal().admin("POST", name, content="")
    assert empty.status_code == (400 if name == "clock" else 200)


async def test_every_answer_of_the_admin_routes_has_a_request_id() -> None:
    shop = Rehearsal()
    for method, name in (*ACTS, ("GET", "nothing")):
        assert (await shop.admin(method, name)).headers["request-id"].startswith("req_")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"permissions": ["rak_chargeread"]}, "rak_charge_read, rak_charge_write"),
        ({"permissions": "rak_charge_read"}, "valid array"),
        ({"permissions": [1]}, "permissions[0]"),
        ({"livemode": 1}, "valid boolean"),
        ({"expired": None}, "valid boolean"),
    ],
)
async def test_a_key_that_cannot_be_is_refused(body: dict[str, object], says: str) -> None:
    assert says in (await Rehearsal().misorder("POST", "keys", **body))["message"]


async def test_the_clock_goes_on_from_where_it_is_and_forward_only() -> None:
    shop = Rehearsal()
    assert await shop.order("GET", "clock") == {"now": NOW}
    assert await shop.order("POST", "clock", advance=DAY) == {"now": NOW + DAY}
    assert await shop.order("POST", "clock", to=NOW + 2 * DAY) == {"now": NOW + 2 * DAY}
    shop.now += DAY
    assert await shop.order("GET", "clock") == {"now": NOW + 3 * DAY}
    for body in ({"to": NOW}, {"advance": -1}, {"advance": FARTHEST + 1}, {"to": NOW + FARTHEST * 2}):
        error = await shop.misorder("POST", "clock", **body)
        assert error["param"] in body
        assert "forward only" in error["message"]
    for content in ('{"advance": 1, "to": 1790000001}', '{"advance": 1.5}', '{"to": true}', "{}"):
        await shop.misorder("POST", "clock", content=content)
    assert await shop.order("GET", "clock") == {"now": NOW + 3 * DAY}
    assert (await shop.post("customers"))["created"] == NOW + 3 * DAY


async def test_what_comes_due_happens_in_every_world_at_its_own_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    Without a request to that world, before or after.
    """
    shop = Rehearsal()
    done: list[tuple[int, str]] = []
    monkeypatch.setitem(ACTIONS, "note", lambda store, noted: done.append((store.now(), noted)))
    for account, livemode in ((BAKERY["Stripe-Account"], False), (ACCOUNT_ID, True), (ACCOUNT_ID, False)):
        store = shop.simulator.state.world(account, livemode=livemode).store
        for hours in (30, 5, 20):
            store.plan(NOW + hours * 3600, "note", f"{account} {livemode}")
    await shop.order("POST", "clock", advance=DAY)
    assert len(done) == 6
    for world in {noted for _, noted in done}:
        assert [when for when, noted in done if noted == world] == [NOW + 5 * 3600, NOW + 20 * 3600]


async def test_the_money_of_each_charge_is_what_its_transactions_say() -> None:
    shop = Rehearsal()
    before = (await shop.order("GET", "money"))["charges"]
    assert all(row["captured"] >= row["refunded"] >= 0 for row in before.values())
    captured = {charge["id"]: charge for charge in shop.simulator.store.all("charge") if charge["captured"]}
    assert set(before) == set(captured)
    for charge, row in before.items():
        told = captured[charge]
        assert (row["currency"], row["captured"], row["captures"]) == (
            told["currency"],
            told["amount_captured"],
            1,
        )
        assert row["refunded"] == told["amount_refunded"]
    (john,) = await shop.ids("charges", CHARGE)
    await shop.post("refunds", CHARGE | {"amount": "1000"})
    await shop.post("refunds", CHARGE | {"amount": "900"})
    changed = (await shop.order("GET", "money"))["charges"]
    row = {"currency": "usd", "captured": 4900, "captures": 1, "refunded": 1900, "refunds": 2}
    assert changed == before | {john: row}


async def test_the_money_counts_refunds_that_failed_as_none() -> None:
    shop = Rehearsal()
    refund = await shop.post("refunds", CHARGE)
    kept = shop.simulator.store
    (booked,) = [each for each in kept.all("balance_transaction") if each["source"] == refund["id"]]
    kept.add(booked | {"id": "txn_back", "amount": 4900, "net": 4900, "type": "refund_failure"})
    row = (await shop.order("GET", "money"))["charges"][refund["charge"]]
    assert (row["captured"], row["refunded"], row["refunds"]) == (4900, 0, 0)


async def test_the_money_of_all_worlds_is_counted_and_other_bookings_are_not() -> None:
    shop = Rehearsal()
    await shop.send("GET", "balance", headers=BAKERY)
    (charge, *_) = (await shop.order("GET", "money"))["charges"]
    bakery = shop.simulator.state.world(BAKERY["Stripe-Account"], livemode=False).store
    (sold, *_) = shop.simulator.store.all("balance_transaction")
    bakery.add(sold | {"id": "txn_1", "source": "ch_bread", "type": "charge", "amount": 300})
    bakery.add(sold | {"id": "txn_2", "source": "dp_1", "type": "adjustment", "amount": -300})
    rows = (await shop.order("GET", "money"))["charges"]
    assert (rows["ch_bread"]["captured"], rows["ch_bread"]["refunded"]) == (300, 0)
    assert charge in rows
    assert "dp_1" not in rows


async def test_a_reset_is_as_a_new_simulator() -> None:
    shop, new = Rehearsal(seed="tea"), Rehearsal(seed="tea")
    await shop.post("customers", {"name": "Ada"})
    await shop.key()
    await shop.fault("stall")
    await shop.order("POST", "limits", rates=True, indexing_delay=5)
    await shop.order("POST", "clock", advance=DAY)
    assert await shop.order("POST", "reset") == {"now": NOW}
    assert (await shop.post("customers")) == (await new.post("customers"))
    assert (await shop.send("GET", "events")).content == (await new.send("GET", "events")).content
    assert await shop.order("GET", "state") == await new.order("GET", "state")


def test_another_seed_gives_other_ids_but_for_those_that_people_know() -> None:
    ids = [
        {customer["id"] for customer in Simulator(clock=lambda: NOW, seed=seed).store.all("customer")}
        for seed in ("tea", "coffee")
    ]
    assert "cus_ABC123" in ids[0] & ids[1]
    assert len(ids[0] & ids[1]) < len(ids[0]) / 2


THREE_D_SECURE = {
    "amount": "4900",
    "currency": "usd",
    "confirm": "true",
    "payment_method": "pm_card_threeDSecure2Required",
}


@pytest.mark.parametrize(
    ("answer", "status"),
    [({}, "succeeded"), ({"succeeds": True}, "succeeded"), ({"succeeds": False}, "requires_payment_method")],
)
async def test_the_owner_of_a_card_authenticates_a_payment_once(answer: dict[str, bool], status: str) -> None:
    shop = Rehearsal()
    intent = await shop.post("payment_intents", THREE_D_SECURE)
    assert intent["status"] == "requires_action"
    answered = await shop.order("POST", "authentications", payment_intent=intent["id"], **answer)
    assert answered["status"] == status
    assert await shop.get(f"payment_intents/{intent['id']}") == answered
    error = await shop.misorder("POST", "authentications", payment_intent=intent["id"], **answer)
    assert error["code"] == "payment_intent_unexpected_state"


async def test_a_payment_in_live_mode_is_authenticated_there_and_one_that_is_nowhere_is_not_found() -> None:
    shop = Rehearsal()
    live = (await shop.send("POST", "payment_intents", THREE_D_SECURE, LIVE)).json()
    answered = await shop.order("POST", "authentications", payment_intent=live["id"])
    assert (answered["livemode"], answered["status"]) == (True, "succeeded")
    assert (await shop.admin("POST", "authentications", payment_intent="pi_nowhere")).status_code == 404
