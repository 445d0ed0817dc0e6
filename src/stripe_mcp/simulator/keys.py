"""
Who may come in: any secret or restricted test key opens the shop.

Rule: a key is never repeated but for its last four characters.
https://docs.stripe.com/api/authentication
"""

from __future__ import annotations

import binascii
from base64 import b64decode

from stripe_mcp.simulator.errors import StripeError

SHOWN = 4
LEAST_LENGTH = 12  # shorter ones are not shown at all


def check_key(authorization: str | None) -> None:
    """
    Let a test key pass, as a Bearer token or as the user name of Basic.

    Raises:
        StripeError: 401, there is no key, or not one for here.
    """
    key = _read_key(authorization or "")
    if not key:
        raise _refused(
            "You did not provide an API key. Send it in the Authorization header, "
            "as 'Authorization: Bearer sk_test_...'."
        )
    if key.startswith("pk_"):
        raise _refused(
            "This API call cannot be made with a publishable API key. Use a secret one.",
            "secret_key_required",
        )
    if key.startswith(("sk_live_", "rk_live_")):
        raise _refused(f"The simulator takes test keys only, and this is a live one: {_mask(key)}")
    if not key.startswith(("sk_test_", "rk_test_")):
        raise _refused(f"Invalid API Key provided: {_mask(key)}")


def _read_key(authorization: str) -> str:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(credentials, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _mask(key: str) -> str:
    return "*" * 8 + (key[-SHOWN:] if len(key) >= LEAST_LENGTH else "")


def _refused(message: str, code: str | None = None) -> StripeError:
    return StripeError(message, status=401, code=code, executed=False)
