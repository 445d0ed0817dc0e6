"""
An OAuth issuer for tests, without a network: it makes tokens and publishes keys; and who is to believe it.
"""

import base64
import json
from collections.abc import Iterable
from functools import cache
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm
from mcp.server.auth.provider import AccessToken, TokenVerifier

from stripe_mcp.remote.jwks import Keys
from stripe_mcp.remote.oauth import JwtVerifier

ISSUER = "https://login.example/realms/shop"
RESOURCE = "https://stripe.example/mcp"
JWKS = "https://login.example/keys"
NOW = 1_800_000_000  # the time, in Unix seconds, at which all tests begin

METADATA = "https://login.example/.well-known/oauth-authorization-server/realms/shop"
OPENID = "https://login.example/realms/shop/.well-known/openid-configuration"

_CURVES: dict[str, Any] = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}


@cache
def private_key(algorithm: str, name: str) -> Any:
    """
    The private key of that *name* for *algorithm*.
    """
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm]())
    if algorithm == "EdDSA":
        return ed25519.Ed25519PrivateKey.generate()
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def jwk(algorithm: str, kid: str = "1", **more: Any) -> dict[str, Any]:
    """
    What is published of the key *kid* for *algorithm*.
    """
    kind: Any = (
        ECAlgorithm if algorithm in _CURVES else OKPAlgorithm if algorithm == "EdDSA" else RSAAlgorithm
    )
    public = kind.to_jwk(private_key(algorithm, kid).public_key(), as_dict=True)
    public.pop("key_ops", None)  # few issuers publish it
    return {**public, "kid": kid, "use": "sig", **more}


def claims(**changed: Any) -> dict[str, Any]:
    """
    Claims of a valid token, but for what is *changed*; what is None is left out.
    """
    whole = {
        "iss": ISSUER,
        "aud": RESOURCE,
        "sub": "person-1",
        "exp": NOW + 300,
        "iat": NOW,
        "scope": "stripe:read stripe:money",
        "client_id": "claude",
        **changed,
    }
    return {name: value for name, value in whole.items() if value is not None}


def token(algorithm: str = "RS256", kid: str = "1", header: Any = (), **changed: Any) -> str:
    """
    A token that the key *kid* has signed, with more in its *header*.
    """
    headers = {"typ": "at+jwt", "kid": kid, **dict(header)}
    return jwt.encode(claims(**changed), private_key(algorithm, kid), algorithm, headers=headers)


class Issuer:
    """
    Answers by *pages*, from URLs to what is there: a JSON value, a response or an error. Counts in *asked*.
    """

    def __init__(self, keys: Iterable[dict[str, Any]] = ()) -> None:
        self.pages: dict[str, Any] = {JWKS: {"keys": [*keys]}}
        self.asked: list[str] = []
        self.transport = httpx.MockTransport(self._answer)

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url)
        self.asked.append(url)
        page = self.pages.get(url, httpx.Response(404))
        if callable(page):
            page = await page()
        if isinstance(page, Exception):
            raise page
        return page if isinstance(page, httpx.Response) else httpx.Response(200, json=page)


class Clock:
    """
    A clock that only moves when it is told to.
    """

    def __init__(self, now: float = NOW) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


def verifier(*keys: dict[str, Any], resource: str = RESOURCE, now: float = NOW) -> TokenVerifier:
    """
    What stands before *resource* and knows the *keys* of the issuer.
    """
    transport = Issuer(keys or [jwk("RS256")]).transport
    return JwtVerifier(ISSUER, resource, JWKS, http=transport, now=Clock(now), clock=Clock())


async def verified(text: str, *keys: dict[str, Any]) -> AccessToken:
    """
    What *text* allows.
    """
    access = await verifier(*keys).verify_token(text)
    assert access is not None
    return access


async def refused(text: str, caplog: pytest.LogCaptureFixture, *keys: dict[str, Any]) -> str:
    """
    Why *text* was refused: the one line in the log, which holds nothing of the token.
    """
    caplog.clear()
    assert await verifier(*keys).verify_token(text) is None
    [line] = caplog.messages
    assert line.startswith("a bearer token was refused: ")
    secret = [text, *text.split("."), "person-1", "claude", ISSUER, RESOURCE]
    assert not [part for part in secret if len(part) > 5 and part in line]
    return line.removeprefix("a bearer token was refused: ")


def part(value: Any) -> str:
    """
    One of the three parts of a token.
    """
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


class Shop:
    """
    Keys of an issuer that can be changed, and the clock that they are kept by.
    """

    def __init__(self, url: str | None = JWKS, issuer: str = ISSUER) -> None:
        self.issuer = Issuer([jwk("RS256")])
        self.clock = Clock(0)
        self.keys = Keys(issuer, url, http=self.issuer.transport, clock=self.clock)

    async def knows(self, kid: str = "1") -> bool:
        return await self.keys.find(kid, "RS256") is not None

    @property
    def asked(self) -> int:
        return len(self.issuer.asked)
