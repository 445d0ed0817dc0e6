"""
Handles: what a verified caller's agent shows at each call that needs one. No I/O.

Rule: only a server with the same keys can make one, and every character of it counts.
"""

import json
import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hmac import compare_digest, digest

_HANDLE = re.compile(r"(ver_[A-Za-z0-9_-]+={0,2})\.([A-Za-z0-9_-]{43}=)", re.ASCII)
# A new number whenever the claims change, so that older handles are forgeries and not riddles.
_PURPOSE = b"stripe-mcp verification 1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Claims:
    """
    The *customer* that was verified for *principal* on *account*, until *expires*, in Unix seconds.
    """

    customer: str
    principal: str
    account: str
    mode: str
    expires: int


class Handles:
    """
    Signs with the first of *keys* and takes what any of them signed; without one, with a key of this process.
    """

    def __init__(self, keys: Sequence[bytes]) -> None:
        # Keys sign other things as well: none of those is to be a handle.
        self._keys = [digest(key, _PURPOSE, "sha256") for key in keys or [secrets.token_bytes(32)]]

    def sign(self, claims: Claims) -> str:
        """
        The handle that stands for *claims*.
        """
        said = f"ver_{_encode(json.dumps(asdict(claims)).encode())}"
        return f"{said}.{_signature(said, self._keys[0])}"

    def open(self, handle: str) -> Claims | None:
        """
        What *handle* stands for; None if it is not one of ours.
        """
        parts = _HANDLE.fullmatch(handle)
        if parts is None:
            return None
        said, signature = parts.groups()
        # Compared as text: base64 has several spellings of the same bytes.
        alike = [compare_digest(_signature(said, key), signature) for key in self._keys]
        if not any(alike):
            return None
        return Claims(**json.loads(urlsafe_b64decode(said.removeprefix("ver_"))))


def _signature(said: str, key: bytes) -> str:
    return _encode(digest(key, said.encode(), "sha256"))


def _encode(data: bytes) -> str:
    return urlsafe_b64encode(data).decode()
