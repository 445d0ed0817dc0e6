"""
An OAuth 2.1 resource server's half of a login: is this bearer token one of our issuer's, and for us?

Rule: a token says nothing until a key that the issuer publishes has verified it, by an algorithm that this
key is for. Whatever is wrong with one, the caller is told no more than that it is not valid; the reason is a
line in the log, without the token and without what it says of anybody.

https://www.rfc-editor.org/rfc/rfc9068 (tokens), https://www.rfc-editor.org/rfc/rfc8725 (what goes wrong)
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

import httpx
from jwt import PyJWK, PyJWS, PyJWTError
from mcp.server.auth.provider import AccessToken

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.remote.jwks import ALGORITHMS, Keys, is_private

_LONGEST = 16_384  # characters of a token
_LEEWAY = 60  # seconds that the issuer's clock may be ahead of ours
_LATEST = 1e11  # the year 5138, in Unix seconds
_TYPES = ("jwt", "at+jwt", "application/at+jwt")
_JWS = PyJWS(options={"verify_signature": True, "enforce_minimum_key_length": True})

log = logging.getLogger(__name__)


class _NotValid(Exception):
    """
    Why a token does not count.
    """


class JwtVerifier:
    """
    Verifies tokens that *issuer* has made for *resource*, the public URL of this endpoint.

    The issuer's keys are at *jwks_url*, or where its metadata says. *http* stands in for the network, *now*
    is the time in Unix seconds, *clock* counts seconds for the keys.

    Raises:
        ConfigurationError: One of the URLs is none, or could be tampered with on the way.
    """

    def __init__(
        self,
        issuer: str,
        resource: str,
        jwks_url: str | None = None,
        *,
        http: httpx.AsyncBaseTransport | None = None,
        now: Callable[[], float] = time.time,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not is_private(resource):
            raise ConfigurationError("The OAuth resource must be an https URL (http on 127.0.0.1 only).")
        self._keys = Keys(issuer, jwks_url, http=http, clock=clock)
        self._issuer = issuer
        self._resource = resource
        self._now = now

    async def verify_token(self, token: str) -> AccessToken | None:
        """
        What *token* allows and to whom; None if it is not valid, or cannot be verified now.
        """
        try:
            return self._read(await self._open(token))
        except _NotValid as why:
            log.warning("a bearer token was refused: %s", why)
            return None

    async def _open(self, token: str) -> dict[str, Any]:
        """
        The claims that the issuer has signed.
        """
        if len(token) > _LONGEST or not token.isascii():
            raise _NotValid("it is too long, or no text of a token")
        try:
            header = _JWS.get_unverified_header(token)
            key = await self._key(header)
            claims = json.loads(_JWS.decode(token, key, [key.algorithm_name]))
        except PyJWTError as error:
            raise _NotValid(type(error).__name__) from None
        except (ValueError, RecursionError):
            raise _NotValid("its claims are no JSON") from None
        if not isinstance(claims, dict):
            raise _NotValid("its claims are no JSON object")
        return claims

    async def _key(self, header: dict[str, Any]) -> PyJWK:
        """
        The issuer's key that *header* names. Keys that a token brings along or links to are not looked at.
        """
        algorithm, kind = header.get("alg"), header.get("typ", "JWT")
        if not isinstance(algorithm, str) or algorithm not in ALGORITHMS:
            raise _NotValid("its algorithm is not one that a public key verifies")
        if not isinstance(kind, str) or kind.lower() not in _TYPES:
            raise _NotValid("its typ is not that of an access token")
        if "crit" in header:
            raise _NotValid("it asks for an extension (crit)")
        key = await self._keys.find(header.get("kid"), algorithm)
        if key is None:
            raise _NotValid("the issuer has no such key, or could not be asked")
        return key

    def _read(self, claims: dict[str, Any]) -> AccessToken:
        """
        The token that *claims* describe, once they hold.
        """
        if claims.get("iss") != self._issuer:
            raise _NotValid("another issuer made it")
        if not self._is_for_us(claims.get("aud")):
            raise _NotValid("it is for another audience")
        self._check_times(claims)
        subject = claims.get("sub")
        if not _is_name(subject):
            raise _NotValid("it has no subject, or one that is no name")
        clients = [claims[name] for name in ("client_id", "azp") if _is_name(claims.get(name))]
        return AccessToken(
            token="",  # verified, it has no further use, and what is not kept cannot leak
            client_id=clients[0] if clients else "unknown",
            scopes=_scopes(claims),
            expires_at=int(claims["exp"]),
            resource=self._resource,
            subject=subject,
            claims={"iss": self._issuer},
        )

    def _is_for_us(self, audience: Any) -> bool:
        named = audience if isinstance(audience, list) else [audience]
        ours = self._resource.removesuffix("/")
        return any(isinstance(name, str) and name.removesuffix("/") == ours for name in named)

    def _check_times(self, claims: dict[str, Any]) -> None:
        """
        Raises:
            _NotValid: It is over, not valid yet, or does not say in Unix seconds.
        """
        now, times = self._now(), {name: claims[name] for name in ("exp", "nbf", "iat") if name in claims}
        if "exp" not in times:
            raise _NotValid("it does not say when it ends")
        for name, at in times.items():
            if isinstance(at, bool) or not isinstance(at, int | float) or not 0 <= at < _LATEST:
                raise _NotValid(f"{name} is not a time in Unix seconds")
        if now >= times["exp"]:
            raise _NotValid("it is expired")
        if now + _LEEWAY < max(times.get("nbf", 0), times.get("iat", 0)):
            raise _NotValid("it is not yet valid")


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 255 and value.isprintable()


def _scopes(claims: dict[str, Any]) -> list[str]:
    """
    The scopes, in either of the spellings that issuers have: one text, or a list.
    """
    said = claims.get("scope", claims.get("scp"))
    listed = said.split() if isinstance(said, str) else said if isinstance(said, list) else []
    return [scope for scope in listed if isinstance(scope, str)]
