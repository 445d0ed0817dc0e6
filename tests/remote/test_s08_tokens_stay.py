"""
S3, S4 and S8 over HTTP: a caller's token never reaches Stripe, a key never leaves for a caller, and neither
of them, nor what customers are called, is in any line that is written.
"""

import json
import sqlite3
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.faults.proxy import Asked, Exchange
from tests.faults.stripe_side import CUSTOMERS, PART, REFUNDS, drop, refuse, say
from tests.remote.hostile import ROUTES, Mall, key_of, mall, token_of
from tests.remote.process import TRANSPORTS
from tests.remote.sessions import calling
from tests.remote.wire import headers

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no private files of this kind"),
]

PERSON = "canary.person@example.com"
WORDS = {"email": PERSON, "name": "Canaria Personalis", "description": "canary-description"}
CALLS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("create_customer", WORDS),
    ("search_customers", {"email": PERSON}),
    ("create_refund", PART),
    ("create_refund", PART | {"amount": 10**9}),
    ("get_charge", {"charge_id": f"ch_{PERSON}"}),
    ("update_customer", {"customer_id": "cus_nobody", "email": PERSON, "nonsense": PERSON}),
    (f"no_tool_{PERSON}", WORDS),
)


@pytest.fixture
async def shops(tmp_path: Path) -> AsyncIterator[Mall]:
    options = ["--log-level", "debug", "--log-json", "--log-file", str(tmp_path / "log")]
    async with mall(tmp_path, *options, tables={"one": {"subjects": ["Ann"]}}) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


def secrets_of(token: str) -> set[str]:
    """
    *token*, and each part of it that says something of it.
    """
    return {token, *(each for each in token.split(".") if len(each) > 20)}


def bytes_of(asked: Iterable[Asked]) -> str:
    return "\n".join(f"{each.method} {each.target} {dict(each.headers)} {each.body}" for each in asked)


async def explode(exchange: Exchange) -> None:
    await say(500, f"<html>{PERSON} {key_of('one')}</html>")(exchange)


async def use(shops: Mall, http: httpx.AsyncClient, token: str) -> list[str]:
    """
    Call over all transports, well and badly, while Stripe fails in many ways. All that was answered.
    """
    said = []
    for transport in TRANSPORTS:
        shops.stripe.next(CUSTOMERS, drop, explode)
        shops.stripe.next(REFUNDS, refuse(402, message=PERSON, code="card_declined"))
        shops.stripe.next(
            "GET /v1/customers?", refuse(401, message=f"Invalid API Key provided: {key_of('one')}")
        )
        async with calling(http, shops.server.address, transport, token) as call:
            for tool, arguments in CALLS:
                said.append((await call(token, tool, arguments)).text)
    for method, path in ROUTES:
        for name in (token, "x" * 32):
            sent = headers(
                name, f"tools/{PERSON}", PERSON, **{"Mcp-Session-Id": token, "Last-Event-ID": token}
            )
            url = (
                f"{shops.server.address}{path}" + ("&" if "?" in path else "?") + f"token={token}&q={PERSON}"
            )
            for body in ("{", "[]", json.dumps({"email": PERSON, "token": token}), f"\xff{token}"):
                async with http.stream(method, url, content=body.encode("latin-1"), headers=sent) as answer:
                    if path != "/sse":
                        said.append((await answer.aread()).decode())
    return said


@pytest.mark.parametrize("caller", ["one", "Ann"])
async def test_nothing_that_is_secret_gets_anywhere(
    shops: Mall, http: httpx.AsyncClient, caller: str, tmp_path: Path
) -> None:
    token = shops.token(caller)
    said = await use(shops, http, token)
    assert len(shops.stripe.at(REFUNDS)) >= 2  # over SSE nobody waits for what the stream brings
    assert shops.server.end() == 0
    at_stripe, log = bytes_of(shops.stripe.asked), (tmp_path / "log").read_text()
    kept = shops.database.read_bytes().decode(errors="replace")
    assert len(log.splitlines()) > 20
    for secret in secrets_of(token):
        for place in (at_stripe, log, kept, *shops.server.log, shops.server.said):
            assert secret not in place
    for each in (key_of("one"), key_of("one")[8:]):
        for place in (log, kept, *said, *shops.server.log, shops.server.said):
            assert each not in place
    for each in (*WORDS.values(), "Canaria"):
        for place in (log, *shops.server.log):
            assert each not in place


async def test_stripe_is_asked_with_the_tenants_key_and_by_nobodys_name(
    shops: Mall, http: httpx.AsyncClient
) -> None:
    """
    Nothing of the caller's request goes on: no header, no cookie, no trace.
    """
    await use(shops, http, shops.token("Ann"))
    assert {each.headers["authorization"] for each in shops.stripe.asked} == {f"Bearer {key_of('one')}"}
    for each in shops.stripe.asked:
        assert {"cookie", "origin", "referer", "mcp-session-id", "mcp-name", "x-forwarded-for"}.isdisjoint(
            each.headers
        )
        assert "Ann" not in bytes_of([each])


async def test_the_audit_says_who_and_not_by_what_token(shops: Mall, http: httpx.AsyncClient) -> None:
    await use(shops, http, shops.token("Ann"))
    connection = sqlite3.connect(shops.database)
    entries = [json.loads(entry) for (entry,) in connection.execute("select entry from audit")]
    connection.close()
    assert {entry["principal"] for entry in entries} == {"oauth:Ann"}
    assert PERSON not in json.dumps(entries)
    assert token_of("one") not in json.dumps(entries)
