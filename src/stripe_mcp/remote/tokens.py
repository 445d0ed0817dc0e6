"""
Bearer tokens that stand for a tenant: made at random, kept as digests alone.

Rule: whoever reads the tenants file cannot call, and how long a refusal takes tells nothing of a token.
"""

import re
import secrets
from collections.abc import Mapping
from hashlib import sha256
from hmac import compare_digest

from mcp.server.auth.provider import AccessToken

from stripe_mcp.remote.scopes import SCOPES

_LONGEST = 4096  # characters; what is longer is not even looked at


def make_token() -> str:
    """
    A new token, of 256 random bits in 43 characters.
    """
    return secrets.token_urlsafe(32)


def digest(token: str) -> bytes:
    """
    The 32 bytes by which *token* is known.
    """
    return sha256(token.encode("utf-8", "surrogatepass")).digest()


def written(digest: bytes) -> str:
    """
    *digest* as the tenants file has it.
    """
    return f"sha256:{digest.hex()}"


def parse(text: str) -> bytes:
    """
    The digest that is *written* so.

    Raises:
        ValueError: It is none; it may be a token, and is not repeated.
    """
    form = re.fullmatch(r"sha256:([0-9a-f]{64})", text)
    if not form:
        raise ValueError(
            'must be digests, "sha256:" and 64 hexadecimal digits, as `stripe-mcp token` prints them. If one '
            "is a token itself, make a new token: this file is no place for it."
        )
    return bytes.fromhex(form[1])


class StaticTokens:
    """
    Knows tokens by their *digests*, each with the name of its tenant. It is a `TokenVerifier` of the SDK's.
    """

    def __init__(self, digests: Mapping[bytes, str]) -> None:
        self._digests = digests

    async def verify_token(self, token: str) -> AccessToken | None:
        """
        What *token* lets its tenant do, which is everything; None if it is nobody's. The digest takes the
        place of the token, so that nothing further in can show it.
        """
        if len(token) > _LONGEST:
            return None
        given = digest(token)
        names = [name for known, name in self._digests.items() if compare_digest(given, known)]
        return AccessToken(token=written(given), client_id=names[0], scopes=[*SCOPES]) if names else None
