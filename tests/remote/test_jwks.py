"""
Scenario S7, the issuer's side: how often it is asked for its keys, and what holds while it is away.
"""

import gzip
import json
import logging
from typing import Any

import anyio
import httpx
import pytest

from stripe_mcp.remote.jwks import Keys
from tests.remote.issuer import ISSUER, JWKS, Shop, jwk

pytestmark = pytest.mark.anyio

KEYS = {"keys": [jwk("RS256")]}


async def test_nothing_is_asked_before_there_is_a_token() -> None:
    assert Shop().asked == 0


async def test_keys_are_kept_for_five_minutes() -> None:
    shop = Shop()
    for second in range(0, 600, 10):
        shop.clock.now = second
        assert await shop.knows()
        assert shop.asked == 1 + second // 300


async def test_a_new_key_is_found_at_once_and_a_withdrawn_one_is_gone_in_five_minutes() -> None:
    shop = Shop()
    assert await shop.knows("1")
    shop.clock.now = 31
    shop.issuer.pages[JWKS] = {"keys": [jwk("RS256", "2")]}
    assert await shop.knows("2")
    assert not await shop.knows("1")
    assert shop.asked == 2


async def test_a_withdrawn_key_is_gone_in_five_minutes_also_if_nobody_shows_the_new_one() -> None:
    shop = Shop()
    assert await shop.knows("1")
    shop.issuer.pages[JWKS] = {"keys": [jwk("RS256", "2")]}
    shop.clock.now = 299
    assert await shop.knows("1")
    shop.clock.now = 300
    assert not await shop.knows("1")


async def test_a_flood_of_unknown_key_ids_asks_the_issuer_once_in_thirty_seconds() -> None:
    shop = Shop()
    for second in range(60):
        shop.clock.now = second
        async with anyio.create_task_group() as together:
            for kid in range(20):
                together.start_soon(shop.knows, f"junk-{second}-{kid}")
    assert shop.asked == 2
    assert await shop.knows()


async def test_a_flood_does_not_keep_a_new_key_out_for_longer_than_thirty_seconds() -> None:
    shop = Shop()
    assert not await shop.knows("junk")
    shop.issuer.pages[JWKS] = {"keys": [jwk("RS256", "2")]}
    found_at = None
    for second in range(60):
        shop.clock.now = second
        await shop.knows(f"junk-{second}")
        if found_at is None and await shop.knows("2"):
            found_at = second
    assert found_at == 30


class Gate:
    """
    An issuer's page that is answered only when the gate is opened.
    """

    def __init__(self) -> None:
        self.reached, self.opened = anyio.Event(), anyio.Event()

    async def __call__(self) -> Any:
        self.reached.set()
        await self.opened.wait()
        return KEYS


async def test_all_who_come_while_keys_are_fetched_share_the_one_fetch() -> None:
    shop = Shop()
    shop.issuer.pages[JWKS] = gate = Gate()
    found: list[bool] = []

    async def ask() -> None:
        found.append(await shop.knows())

    with anyio.fail_after(5):
        async with anyio.create_task_group() as together:
            for _ in range(50):
                together.start_soon(ask)
            await gate.reached.wait()
            gate.opened.set()
    assert found == [True] * 50
    assert shop.asked == 1


async def test_who_finds_a_known_key_does_not_wait_for_the_fetch_of_another() -> None:
    shop = Shop()
    assert await shop.knows()
    shop.issuer.pages[JWKS] = gate = Gate()
    shop.clock.now = 300
    with anyio.fail_after(5):
        async with anyio.create_task_group() as together:
            together.start_soon(shop.knows)
            await gate.reached.wait()
            assert await shop.knows()
            gate.opened.set()


async def test_a_caller_who_goes_away_does_not_keep_the_next_from_the_keys() -> None:
    shop = Shop()
    shop.issuer.pages[JWKS] = gate = Gate()
    with anyio.fail_after(5):
        async with anyio.create_task_group() as together:
            together.start_soon(shop.knows)
            await gate.reached.wait()
            together.cancel_scope.cancel()
            gate.opened.set()
    assert await shop.knows()
    assert shop.asked == 1


SECRET = "5dc1a0e1"
BROKEN = {
    "an error": httpx.Response(500, text=SECRET),
    "a redirect": httpx.Response(302, headers={"Location": "https://evil.example"}),
    "no JSON": httpx.Response(200, text=SECRET),
    "no text": httpx.Response(200, content=b"\xff"),
    "too deep": httpx.Response(200, content=b"[" * 100_000),
    "no object": [],
    "no keys": {},
    "keys of another kind": {"keys": {"1": {}}},
    "more than 1 MB": httpx.Response(200, text=json.dumps({"pad": " " * 1_000_000, **KEYS})),
    "compressed": httpx.Response(
        200, content=gzip.compress(json.dumps(KEYS).encode()), headers={"Content-Encoding": "gzip"}
    ),
    "not there": httpx.ConnectError(SECRET),
    "slow": TimeoutError(),
    "an URL that is none": httpx.InvalidURL(SECRET),
}
broken = pytest.mark.parametrize("answer", BROKEN)


@broken
async def test_known_keys_hold_for_a_day_while_the_issuer_is_away(answer: str) -> None:
    shop = Shop()
    assert await shop.knows()
    shop.issuer.pages[JWKS] = BROKEN[answer]
    for hour in range(1, 24):
        shop.clock.now = hour * 3600
        assert await shop.knows()
    assert shop.asked == 24
    shop.clock.now = 24 * 3600
    assert not await shop.knows()


@broken
async def test_an_issuer_that_is_back_is_found_in_thirty_seconds(
    answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    shop = Shop()
    shop.issuer.pages[JWKS] = BROKEN[answer]
    assert not await shop.knows()
    [line] = [record.getMessage() for record in caplog.records if record.levelno >= logging.WARNING]
    assert line.startswith("the keys of the OAuth issuer could not be fetched: ")
    assert SECRET not in line
    shop.issuer.pages[JWKS] = KEYS
    shop.clock.now = 29
    assert not await shop.knows()
    shop.clock.now = 30
    assert await shop.knows()


async def test_no_redirect_is_followed() -> None:
    shop = Shop()
    shop.issuer.pages[JWKS] = BROKEN["a redirect"]
    assert not await shop.knows()
    assert shop.issuer.asked == [JWKS]


async def test_a_slow_issuer_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stripe_mcp.remote.jwks._PATIENCE", 0.01)
    shop = Shop()
    shop.issuer.pages[JWKS] = Gate()
    with anyio.fail_after(5):
        assert not await shop.knows()


async def test_a_proxy_that_cannot_be_used_is_said_and_stops_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"nonsense://user:{SECRET}@proxy")
    assert await Keys(ISSUER, JWKS).find("1", "RS256") is None
    assert caplog.messages == ["the keys of the OAuth issuer could not be fetched: ValueError"]


@pytest.mark.parametrize("issuer", [ISSUER, "http://localhost:1"])
async def test_what_stays_on_this_machine_passes_no_proxy(
    issuer: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "nonsense://proxy")
    assert await Keys(issuer, "http://127.0.0.1:1/keys").find("1", "RS256") is None
    assert caplog.messages == ["the keys of the OAuth issuer could not be fetched: ConnectError"]


async def test_what_is_no_key_among_the_keys_is_passed_over() -> None:
    shop = Shop()
    shop.issuer.pages[JWKS] = {"keys": [1, None, [], *KEYS["keys"]]}
    assert await shop.knows()
