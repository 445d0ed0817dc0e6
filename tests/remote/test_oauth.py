"""
Scenario S7: which tokens count, and that all others get nothing, not even a reason.
"""

import time
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from mcp.server.auth.middleware.bearer_auth import BearerAuthBackend
from pydantic import AnyHttpUrl
from starlette.requests import HTTPConnection

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.remote.jwks import ALGORITHMS
from stripe_mcp.remote.oauth import JwtVerifier
from tests.remote.issuer import (
    ISSUER,
    NOW,
    RESOURCE,
    claims,
    jwk,
    private_key,
    refused,
    token,
    verified,
    verifier,
)

pytestmark = pytest.mark.anyio


async def test_a_token_says_who_calls_and_what_they_may() -> None:
    access = await verified(token())
    assert (access.subject, access.client_id, access.claims) == ("person-1", "claude", {"iss": ISSUER})
    assert (access.scopes, access.resource) == (["stripe:read", "stripe:money"], RESOURCE)
    assert access.expires_at == NOW + 300


async def test_a_verified_token_is_kept_nowhere() -> None:
    assert (await verified(token())).token == ""


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("named", [True, False])
async def test_every_algorithm_of_public_keys_counts_whether_the_key_names_it_or_not(
    algorithm: str, named: bool
) -> None:
    key = jwk(algorithm, **({"alg": algorithm} if named else {}))
    await verified(token(algorithm), key)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_key_counts_for_no_other_algorithm_than_it_names(
    algorithm: str, caplog: pytest.LogCaptureFixture
) -> None:
    for other in ALGORITHMS.keys() - {algorithm}:
        assert "no such key" in await refused(token(algorithm), caplog, jwk(algorithm, alg=other))


@pytest.mark.parametrize(
    "wrong",
    [
        {"use": "enc"},
        {"key_ops": ["sign"]},
        {"key_ops": 1},
        {"kty": "EC"},
        {"kty": "oct", "k": "AAAA"},
        {"crv": "P-256"},
        {"n": "!"},
        {"n": 1},
        {"e": None},
        {"d": "AQAB"},
        {"kid": "2"},
        {"kid": None},
    ],
    ids=str,
)
async def test_a_key_that_is_for_something_else_or_broken_counts_for_nothing(
    wrong: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    assert "no such key" in await refused(token(), caplog, jwk("RS256") | wrong)


async def test_a_short_key_counts_for_nothing(caplog: pytest.LogCaptureFixture) -> None:
    weak = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    public = RSAAlgorithm.to_jwk(weak.public_key(), as_dict=True)
    with pytest.warns(jwt.InsecureKeyLengthWarning):
        text = jwt.encode(claims(), weak, "RS256")
    assert await refused(text, caplog, public) == "InvalidKeyError"


def without_kid() -> str:
    return jwt.encode(claims(), private_key("RS256", "1"), "RS256")


async def test_a_token_that_names_no_key_is_of_the_only_one_that_fits() -> None:
    await verified(without_kid(), jwk("RS256"), jwk("ES256", "2"))


async def test_a_token_that_names_no_key_is_refused_where_two_fit(caplog: pytest.LogCaptureFixture) -> None:
    assert "no such key" in await refused(without_kid(), caplog, jwk("RS256"), jwk("RS256", "2"))


AUDIENCES = [RESOURCE, f"{RESOURCE}/", ["https://other.example", RESOURCE], [1, f"{RESOURCE}/"]]


@pytest.mark.parametrize("resource", [RESOURCE, f"{RESOURCE}/"])
@pytest.mark.parametrize("audience", AUDIENCES, ids=str)
async def test_the_audience_is_us_with_or_without_a_slash_at_the_end(resource: str, audience: Any) -> None:
    access = await verifier(resource=resource).verify_token(token(aud=audience))
    assert access is not None
    assert access.resource == resource


async def test_the_sdk_takes_the_token_for_one_of_this_resource() -> None:
    now = int(time.time())  # the SDK asks the clock itself
    text = token(iat=now, exp=now + 300)
    backend = BearerAuthBackend(verifier(now=now), resource_server_url=AnyHttpUrl(RESOURCE))
    headers = [(b"authorization", f"Bearer {text}".encode())]
    signed_in = await backend.authenticate(HTTPConnection({"type": "http", "headers": headers}))
    assert signed_in is not None
    assert signed_in[0].scopes == ["stripe:read", "stripe:money"]
    assert signed_in[1].username == "claude"


S7: dict[str, tuple[dict[str, Any], str]] = {
    "wrong audience": ({"aud": "https://other.example/mcp"}, "another audience"),
    "an audience that begins like ours": ({"aud": f"{RESOURCE}2"}, "another audience"),
    "an audience that ours begins like": ({"aud": "https://stripe.example"}, "another audience"),
    "an ID token, made for the client": ({"aud": "claude", "nonce": "n"}, "another audience"),
    "no audience": ({"aud": None}, "another audience"),
    "an empty audience": ({"aud": []}, "another audience"),
    "an audience of another kind": ({"aud": {"": RESOURCE}}, "another audience"),
    "wrong issuer": ({"iss": "https://login.example/realms/other"}, "another issuer"),
    "an issuer with a slash": ({"iss": f"{ISSUER}/"}, "another issuer"),
    "no issuer": ({"iss": None}, "another issuer"),
    "expired": ({"exp": NOW - 1}, "expired"),
    "expired just now": ({"exp": NOW}, "expired"),
    "no end": ({"exp": None}, "does not say when it ends"),
    "not yet valid": ({"nbf": NOW + 61}, "not yet valid"),
    "made in the future": ({"iat": NOW + 61}, "not yet valid"),
    "no subject": ({"sub": None}, "no subject"),
    "an empty subject": ({"sub": ""}, "no subject"),
    "a subject of two lines": ({"sub": "a\nb"}, "no subject"),
    "a long subject": ({"sub": "x" * 256}, "no subject"),
    "a number as a subject": ({"sub": 1}, "no subject"),
}
NO_TIMES = [True, "1900000000", -1, 1e11, float("inf"), float("nan"), [], {}, 10**400]


@pytest.mark.parametrize("case", S7)
async def test_a_signed_token_is_refused_for_what_it_claims(
    case: str, caplog: pytest.LogCaptureFixture
) -> None:
    changed, why = S7[case]
    assert why in await refused(token(**changed), caplog)


@pytest.mark.parametrize("claim", ["exp", "nbf", "iat"])
@pytest.mark.parametrize("value", NO_TIMES, ids=lambda value: str(value)[:9])
async def test_what_is_no_time_is_refused(claim: str, value: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert f"{claim} is not a time" in await refused(token(**{claim: value}), caplog)


async def test_the_clock_of_the_issuer_may_be_a_minute_ahead() -> None:
    await verified(token(nbf=NOW + 60, iat=NOW + 60.0, sub="x" * 255))


@pytest.mark.parametrize("kind", ["JWT", "jwt", "at+jwt", "AT+JWT", "application/at+jwt"])
async def test_the_typ_is_that_of_an_access_token(kind: str) -> None:
    await verified(token(header={"typ": kind}))


@pytest.mark.parametrize("kind", ["dpop+jwt", "logout+jwt", 1])
async def test_another_typ_is_refused(kind: Any, caplog: pytest.LogCaptureFixture) -> None:
    assert "its typ" in await refused(token(header={"typ": kind}), caplog)


@pytest.mark.parametrize(
    ("said", "scopes"),
    [
        ({"scope": "a  b"}, ["a", "b"]),
        ({"scope": None, "scp": "a b"}, ["a", "b"]),
        ({"scope": None, "scp": ["a", 1, "b"]}, ["a", "b"]),
        ({"scope": "a", "scp": ["b"]}, ["a"]),
        ({"scope": ["a"]}, ["a"]),
        ({"scope": 1}, []),
        ({"scope": None}, []),
    ],
    ids=str,
)
async def test_scopes_are_read_in_the_spellings_of_issuers(said: dict[str, Any], scopes: list[str]) -> None:
    assert (await verified(token(**said))).scopes == scopes


@pytest.mark.parametrize(
    ("said", "client"),
    [
        ({"azp": "b"}, "claude"),
        ({"client_id": None, "azp": "b"}, "b"),
        ({"client_id": "a\n", "azp": 1}, "unknown"),
        ({"client_id": None}, "unknown"),
    ],
    ids=str,
)
async def test_the_client_is_named_by_either_claim(said: dict[str, Any], client: str) -> None:
    assert (await verified(token(**said))).client_id == client


@pytest.mark.parametrize("url", ["http://stripe.example/mcp", "stripe.example/mcp", "", "https://u@x/mcp"])
def test_a_resource_that_could_be_tampered_with_stops_the_start(url: str) -> None:
    with pytest.raises(ConfigurationError, match="OAuth resource must be an https URL"):
        JwtVerifier(ISSUER, url)
