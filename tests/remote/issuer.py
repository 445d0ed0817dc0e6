"""
An OAuth issuer for tests: it makes tokens, and answers for its keys without a network.
"""

from collections.abc import Iterable
from functools import cache
from typing import Any

import httpx
import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

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
