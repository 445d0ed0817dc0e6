"""
S7 over the wire: which tokens count, on every route and in every session. What makes a token false in
itself: `test_forged_tokens`.
"""

import hmac
import json
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from tests.faults.stripe_side import PART
from tests.remote.hostile import EVERYTHING, ROUTES, Issuer, issuing
from tests.remote.issuer import claims, part, private_key
from tests.remote.process import TRANSPORTS, Remote, remote
from tests.remote.sessions import calling, content_of
from tests.remote.wire import headers, message

pytestmark = pytest.mark.anyio

over_every_transport = pytest.mark.parametrize("transport", TRANSPORTS)
BALANCE: tuple[str, dict[str, Any]] = ("get_balance", {})
CUSTOMER: tuple[str, dict[str, Any]] = ("create_customer", {"email": "a@example.com"})
REFUND: tuple[str, dict[str, Any]] = ("create_refund", PART)


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    with issuing() as running:
        yield running


@pytest.fixture(scope="module")
def server(issuer: Issuer) -> Iterator[Remote]:
    with remote("--simulator", token="", **issuer.environment) as running:
        yield running


@pytest.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(timeout=30) as client:
        yield client


def unsigned(issuer: Issuer) -> str:
    said = {"iss": issuer.address, "aud": issuer.resource, "exp": int(time.time()) + 300, "scope": EVERYTHING}
    return f"{part({'alg': 'none', 'typ': 'at+jwt'})}.{part(claims(**said))}."


def confused(issuer: Issuer) -> str:
    """
    Signed with the public key, taken as a password that both sides know.
    """
    public = private_key("RS256", "1").public_key()
    password = public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    said = {"iss": issuer.address, "aud": issuer.resource, "exp": int(time.time()) + 300, "scope": EVERYTHING}
    begun = f"{part({'alg': 'HS256', 'typ': 'at+jwt', 'kid': '1'})}.{part(claims(**said))}"
    return f"{begun}.{part(hmac.digest(password, begun.encode(), 'sha256'))}"


BAD: dict[str, Any] = {
    "expired": {"exp": 1_700_000_000, "iat": 1_600_000_000},
    "not yet valid": {"nbf": 4_000_000_000},
    "for another audience": {"aud": "https://other.example/mcp"},
    "for our host, and not for us": {"aud": "https://stripe.example"},
    "for nobody": {"aud": None},
    "of another issuer": {"iss": "https://evil.example"},
    "without a subject": {"sub": None},
    "without an end": {"exp": None},
    "of a key that is not published": {"kid": "2"},
    "unsigned": unsigned,
    "signed with the public key": confused,
}


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize("kind", BAD)
def test_a_token_that_does_not_count_opens_no_route(
    server: Remote, issuer: Issuer, method: str, path: str, kind: str
) -> None:
    made = BAD[kind]
    token = issuer.token(scope=EVERYTHING, **made) if isinstance(made, dict) else made(issuer)
    body = message("tools/call", name="get_balance", arguments={}) if method == "POST" else None
    answer = httpx.request(
        method, f"{server.address}{path}", json=body, headers=headers(token, "tools/call", "get_balance")
    )
    assert answer.status_code == 401
    assert answer.json()["error"] == "invalid_token"
    assert 'resource_metadata="https://stripe.example/' in answer.headers["www-authenticate"]
    assert kind not in answer.text


@over_every_transport
async def test_a_session_needs_a_valid_token_at_every_message(
    server: Remote, issuer: Issuer, http: httpx.AsyncClient, transport: str
) -> None:
    token = issuer.token()
    async with calling(http, server.address, transport, token) as call:
        assert (await call(token, *BALANCE)).is_success
        for kind in ("expired", "for another audience"):
            assert (await call(issuer.token(**BAD[kind]), *BALANCE)).status_code == 401
        assert (await call("x", *BALANCE)).status_code == 401
        assert (await call(token, *BALANCE)).is_success


@over_every_transport
@pytest.mark.parametrize(
    ("has", "called", "lacks"),
    [
        ("", BALANCE, "stripe:read"),
        ("", REFUND, "stripe:money"),
        ("openid profile", CUSTOMER, "stripe:write"),
        ("stripe:read", CUSTOMER, "stripe:write"),
        ("stripe:read stripe:write", REFUND, "stripe:money"),
        ("stripe:money stripe:write", BALANCE, "stripe:read"),
        ("stripe:* stripe:", BALANCE, "stripe:read"),
        ("STRIPE:READ", BALANCE, "stripe:read"),
    ],
)
async def test_a_scope_that_is_missing_is_named_and_no_other(
    server: Remote,
    issuer: Issuer,
    http: httpx.AsyncClient,
    transport: str,
    has: str,
    called: tuple[str, dict[str, Any]],
    lacks: str,
) -> None:
    token = issuer.token(scope=has)
    async with calling(http, server.address, transport, token) as call:
        answer = await call(token, *called)
    assert answer.status_code == 403
    assert (answer.json()["error"], answer.json()["scope"]) == ("insufficient_scope", lacks)
    challenge = answer.headers["www-authenticate"]
    assert f'error="insufficient_scope", scope="{lacks}", resource_metadata="https://' in challenge


@over_every_transport
async def test_a_session_goes_on_with_a_token_that_allows_more(
    server: Remote, issuer: Issuer, http: httpx.AsyncClient, transport: str
) -> None:
    little = issuer.token(scope="stripe:read")
    async with calling(http, server.address, transport, little) as call:
        assert (await call(little, *CUSTOMER)).status_code == 403
        more = await call(issuer.token(scope="stripe:read stripe:write"), *CUSTOMER)
        assert more.is_success
        if transport != "sse":
            assert content_of(more)["structuredContent"]["email"] == "a@example.com"


@pytest.mark.parametrize("transport", ["modern", "legacy"])
@pytest.mark.parametrize(
    "body",
    [
        '{"jsonrpc": "2.0", "id": 3, "method": "ping", "method": "tools/call", "params": %s}',
        '{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": %s, "params": {"name": "get_event"}}',
        '[{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": %s}]',
        '{"jsonrpc": "2.0", "id": 3, "method": "tools\\u002fcall", "params": %s}',
        '\ufeff{"jsonrpc": "2.0", "id": 3, "method": "tools/call", "params": %s}',
    ],
)
async def test_no_way_of_writing_a_call_hides_what_it_needs(
    server: Remote, issuer: Issuer, http: httpx.AsyncClient, transport: str, body: str
) -> None:
    params = json.dumps({"name": "create_refund", "arguments": PART} | _meta(transport))
    said = headers(issuer.token(), "tools/call", "get_balance")
    if transport == "legacy":
        said |= {"MCP-Protocol-Version": "2025-11-25"}
    answer = await http.post(f"{server.address}/mcp", content=body % params, headers=said)
    assert answer.status_code in (400, 403)
    assert "refund" not in answer.text


def _meta(transport: str) -> dict[str, Any]:
    return {"_meta": message("x")["params"]["_meta"]} if transport == "modern" else {}


async def test_tools_are_listed_to_whoever_is_let_in(
    server: Remote, issuer: Issuer, http: httpx.AsyncClient
) -> None:
    """
    A client asks for the scope that it lacks when it knows what it would call.
    """
    said = headers(issuer.token(scope=""), "tools/list")
    answer = await http.post(f"{server.address}/mcp", json=message("tools/list"), headers=said)
    assert len(answer.json()["result"]["tools"]) >= 37


def test_an_issuer_that_cannot_be_asked_lets_nobody_in() -> None:
    with issuing() as gone:
        token = gone.token()
    with remote("--simulator", token="", **gone.environment) as running:
        body = message("tools/call", name="get_balance", arguments={})
        said = headers(token, "tools/call", "get_balance")
        assert httpx.post(f"{running.address}/mcp", json=body, headers=said).status_code == 401
        assert httpx.get(f"{running.address}/healthz").status_code == 200
