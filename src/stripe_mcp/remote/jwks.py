"""
The public keys of an OAuth issuer: fetched when a token needs them, kept while the issuer is away.

Rule: no token can make this server fetch often. There is one fetch at a time and one in 30 seconds, however
many unknown key ids are shown; who finds a key that is known does not wait for a fetch of somebody else's.
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import anyio
import httpx
from jwt import PyJWK, PyJWTError

from stripe_mcp.errors import ConfigurationError
from stripe_mcp.settings import is_loopback

# By algorithm, the kind of key and its curve: https://www.rfc-editor.org/rfc/rfc7518#section-3.1
# Symmetric algorithms are left out on purpose, "none" as well: what is public must not make a token.
ALGORITHMS = {
    **dict.fromkeys(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"], ("RSA", None)),
    "ES256": ("EC", "P-256"),
    "ES384": ("EC", "P-384"),
    "ES512": ("EC", "P-521"),
    "EdDSA": ("OKP", "Ed25519"),
}

_FRESH = 300  # seconds before keys are fetched anew
_PAUSE = 30  # seconds between two fetches, whatever they brought
_KEPT = 86_400  # seconds that keys are believed while the issuer tells none
_PATIENCE = 10  # seconds for one fetch, all its requests together
_LARGEST = 1_000_000  # bytes of one answer

log = logging.getLogger(__name__)


class _Unusable(Exception):
    """
    The issuer's answer is no answer.
    """


class Keys:
    """
    The keys of *issuer* at *url*; without it, the issuer's metadata tells where they are.

    *http* stands in for the network, *clock* counts seconds.

    Raises:
        ConfigurationError: One of the two is no https URL, and no http URL on this machine.
    """

    def __init__(
        self,
        issuer: str,
        url: str | None = None,
        *,
        http: httpx.AsyncBaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, given in {"issuer": issuer, "JWKS URL": url}.items():
            if given is not None and not is_private(given):
                raise ConfigurationError(f"The OAuth {name} must be an https URL (http on 127.0.0.1 only).")
        self._issuer = issuer
        self._url = url
        self._http = http
        self._clock = clock
        self._keys: list[dict[str, Any]] = []
        self._fetched = self._tried = float("-inf")
        self._fetching = anyio.Lock()

    async def find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        """
        The key *kid* for *algorithm*, or the only one there is for it if *kid* is None.
        """
        found = self._find(kid, algorithm)
        if found is None or (self._wants(found) and not self._fetching.locked()):
            async with self._fetching:
                if self._wants(self._find(kid, algorithm)):
                    await self._fetch()
            found = self._find(kid, algorithm)
        return found

    def _find(self, kid: str | None, algorithm: str) -> PyJWK | None:
        if self._clock() - self._fetched >= _KEPT:
            return None
        fitting = [key for key in self._keys if kid in (None, key.get("kid")) and _fits(key, algorithm)]
        try:
            return PyJWK(fitting[0], algorithm) if len(fitting) == 1 else None
        except PyJWTError:
            return None  # it says that it fits, and is broken

    def _wants(self, found: PyJWK | None) -> bool:
        """
        Whether it is time to ask the issuer, for one who has *found* this.
        """
        now = self._clock()
        return now - self._tried >= _PAUSE and (found is None or now - self._fetched >= _FRESH)

    async def _fetch(self) -> None:
        self._tried = self._clock()
        try:
            # Shielded: a caller who goes away must not keep the next ones from the keys.
            with anyio.fail_after(_PATIENCE, shield=True):
                async with self._client() as client:
                    url = self._url or await self._discover(client)
                    keys = (await _get(client, url)).get("keys")
            if not isinstance(keys, list):
                raise _Unusable("no list of keys")
        except (_Unusable, httpx.HTTPError, httpx.InvalidURL, OSError, ValueError, ImportError) as error:
            why = str(error) if isinstance(error, _Unusable) else type(error).__name__
            log.warning("the keys of the OAuth issuer could not be fetched: %s", why)
            return
        self._keys, self._fetched = [key for key in keys if isinstance(key, dict)], self._clock()

    def _client(self) -> httpx.AsyncClient:
        """
        A client of its own for each fetch: they are rare, and no connection is left open between them.
        """
        # What goes by plain http stays on this machine, and must not pass through a proxy.
        trusting = all(url.startswith("https:") for url in (self._issuer, self._url or "https:"))
        return httpx.AsyncClient(
            transport=self._http,
            timeout=_PATIENCE,
            trust_env=trusting,
            follow_redirects=False,
            headers={"Accept": "application/json", "Accept-Encoding": "identity"},
        )

    async def _discover(self, client: httpx.AsyncClient) -> str:
        """
        Where the issuer says that its keys are: https://www.rfc-editor.org/rfc/rfc8414#section-3, then
        https://openid.net/specs/openid-connect-discovery-1_0.html#ProviderConfig
        """
        parts = urlsplit(self._issuer)
        path = parts.path.rstrip("/")
        for document in (
            f"/.well-known/oauth-authorization-server{path}",
            f"{path}/.well-known/openid-configuration",
        ):
            try:
                told = await _get(client, f"{parts.scheme}://{parts.netloc}{document}")
            except _Unusable:
                continue
            url = told.get("jwks_uri")
            if told.get("issuer") == self._issuer and isinstance(url, str) and self._is_as_private(url):
                return url
        raise _Unusable("no metadata of this issuer names a jwks_uri")

    def _is_as_private(self, url: str) -> bool:
        return is_private(url) and urlsplit(url).scheme in ("https", urlsplit(self._issuer).scheme)


def is_private(url: str) -> bool:
    """
    Whether nobody on the way can change what *url* answers: https, or http that stays on this machine.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname or ""
        if not host or parts.port == 0 or parts.username is not None or parts.fragment:
            return False
        return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))
    except ValueError:
        return False


def _fits(key: dict[str, Any], algorithm: str) -> bool:
    """
    Whether *key* is a public one to check signatures by *algorithm* with, as far as it says itself.
    """
    uses = key.get("key_ops", ["verify"])
    return (
        (key.get("kty"), key.get("crv")) == ALGORITHMS[algorithm]
        and key.get("alg", algorithm) == algorithm
        and key.get("use", "sig") == "sig"
        and isinstance(uses, list)
        and "verify" in uses
        and "d" not in key  # a private key that was published is everybody's
    )


async def _get(client: httpx.AsyncClient, url: str) -> dict[str, Any]:
    body = bytearray()
    async with client.stream("GET", url) as response:
        if response.status_code != 200:
            raise _Unusable(f"the issuer answered {response.status_code}")
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise _Unusable("a compressed answer, which nobody asked for")
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > _LARGEST:
                raise _Unusable("an answer of more than 1 MB")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        raise _Unusable("an answer that is no JSON") from None
    if not isinstance(answer, dict):
        raise _Unusable("an answer that is no JSON object")
    return answer
