"""
A state that was saved and loaded goes on as one that was not.
"""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from stripe_mcp.simulator import Simulator
from stripe_mcp.simulator.saving import StateError, pack, read_state, write_state
from tests.simulator.front_door import DAY, NOW
from tests.simulator.rehearsal import BAKERY, CHARGE, LIVE, Rehearsal

pytestmark = pytest.mark.anyio

KEY = {"Idempotency-Key": "once"}


async def lived_in() -> Rehearsal:
    """
    A simulator with something of everything in it.
    """
    shop = Rehearsal(seed="tea")
    await shop.key(permissions=["rak_charge_read"])
    await shop.key(expired=True)
    await shop.order("POST", "clock", advance=DAY)
    await shop.send("POST", "refunds", CHARGE, KEY)
    await shop.send("POST", "customers", {"name": "Ada"}, LIVE)
    await shop.send("POST", "customers", {"name": "Bob"}, BAKERY)
    await shop.order("POST", "limits", rates=True, latency=0.001, indexing_delay=60)
    await shop.fault("error", path="/v1/prices", headers={"X": "y"}, times=2)
    await shop.send("GET", "prices")
    return shop


async def what_follows(shop: Rehearsal) -> list[Any]:
    """
    Answers to the same requests, with all that could differ.
    """
    asked = [
        await shop.send("POST", "refunds", CHARGE, KEY),
        await shop.send("GET", "prices"),
        await shop.send("POST", "customers", {"name": "Cid"}),
        await shop.send("POST", "customers", {"name": "Cid"}, LIVE),
        await shop.send("POST", "customers", {"name": "Cid"}, BAKERY | LIVE),
        await shop.send("GET", "charges/search", {"query": "amount>0"}),
        await shop.admin("POST", "keys", json={}),
        await shop.admin("POST", "clock", json={"advance": 40 * DAY}),
        *[await shop.send("GET", "events", {"limit": 100}, world) for world in ({}, LIVE, BAKERY)],
        await shop.admin("GET", "limits"),
        *[await shop.send("GET", "balance") for _ in range(25)],
        await shop.admin("GET", "money"),
        await shop.admin("GET", "state"),
    ]
    return [(reply.status_code, reply.json(), dict(reply.headers)) for reply in asked]


async def test_what_was_put_back_goes_on_exactly_as_what_went_on() -> None:
    kept, other = await lived_in(), Rehearsal()
    state = (await kept.admin("GET", "state")).content
    assert (await other.admin("PUT", "state", content=state)).json() == {"now": NOW + DAY}
    assert await what_follows(kept) == await what_follows(other)


async def test_the_same_holds_for_a_file(tmp_path: Path) -> None:
    kept, other, file = await lived_in(), Rehearsal(), tmp_path / "state.json"
    write_state(file, kept.simulator.state)
    other.simulator.load(read_state(file))
    assert await what_follows(kept) == await what_follows(other)


def test_the_file_is_for_its_owner_only_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.touch(0o644)
    write_state(file, Simulator().state)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


async def test_time_goes_on_while_a_state_lies_in_its_file() -> None:
    shop = Rehearsal()
    await shop.order("POST", "clock", advance=DAY)
    packed = await shop.order("GET", "state")
    later = Rehearsal()
    later.now += 10 * DAY
    assert await later.order("PUT", "state", **packed) == {"now": NOW + 11 * DAY}


async def test_a_reset_after_a_load_starts_from_the_seed_of_what_was_loaded() -> None:
    tea, shop = Rehearsal(seed="tea"), Rehearsal()
    await shop.order("PUT", "state", **await tea.order("GET", "state"))
    await shop.order("POST", "reset")
    assert await shop.post("customers") == await tea.post("customers")


def damaged() -> list[Any]:
    packed = json.loads(json.dumps(pack(Simulator(clock=lambda: NOW).state)))
    return [
        None,
        [],
        {},
        {"format": "other"},
        packed | {"format": "other"},
        packed | {"version": 0},
        packed | {"version": None},
        {key: value for key, value in packed.items() if key != "worlds"},
        packed | {"worlds": 1},
        packed | {"worlds": [{}]},
        packed | {"worlds": [packed["worlds"][0] | {"store": {}}]},
        packed | {"random": []},
        packed | {"random": [3, [1], None]},
        packed | {"limits": {"speed": 1}},
        packed | {"faults": [{"fault": "cut", "times": 0}]},
        packed | {"keys": {"sk_test_1": []}},
        packed | {"advanced": {}},
    ]


@pytest.mark.parametrize("packed", damaged(), ids=range(17))
async def test_what_is_no_state_is_refused_and_nothing_changes(packed: Any) -> None:
    shop = await lived_in()
    before = pack(shop.simulator.state)
    error = await shop.misorder("PUT", "state", content=json.dumps(packed))
    assert error["message"].startswith("The state was not loaded: it")
    assert pack(shop.simulator.state) | {"random": 0} == before | {"random": 0}


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_no_json_is_told_from_a_state(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "state.json"
    file.write_bytes(content)
    with pytest.raises(StateError, match="not a saved state"):
        read_state(file)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "state.json"
    file.write_text("before", encoding="utf-8")

    def no_space(number: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        write_state(file, Simulator().state)
    assert file.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [file]


def test_a_link_to_the_file_stays_a_link(tmp_path: Path) -> None:
    link, file = tmp_path / "link.json", tmp_path / "state.json"
    link.symlink_to(file)
    write_state(link, Simulator().state)
    assert link.is_symlink()
    assert read_state(file)["format"] == "stripe-mcp simulator"
