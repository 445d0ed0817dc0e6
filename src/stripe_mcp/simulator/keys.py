"""
Who may come in, to which mode, and what a restricted key may do there.

Rule: any secret key opens its mode; a restricted key must have been made, with its
permissions. A key is never repeated but for its last four characters.
https://docs.stripe.com/api/authentication, https://docs.stripe.com/keys
"""

from __future__ import annotations

import re
from base64 import b64decode
from typing import NamedTuple

from stripe_mcp.simulator.errors import StripeError

SHOWN = 4
LEAST_LENGTH = 12  # shorter ones are not shown at all
KEY = re.compile(r"(sk|rk|sk_org)_(test|live)_\w+", re.ASCII)

# The part of a path that decides, and Stripe's name of the permission for it.
RESOURCES = {
    "account": "accounts_kyc_basic",
    "balance": "balance",
    "balance_transactions": "balance_transaction_source",
    "charges": "charge",
    "customers": "customer",
    "disputes": "dispute",
    "events": "event",
    "invoiceitems": "invoice",
    "invoices": "invoice",
    "payment_intents": "payment_intent",
    "payment_methods": "payment_method",
    "prices": "plan",
    "products": "product",
    "refunds": "charge",
    "subscriptions": "subscription",
}
PERMISSIONS = sorted({f"rak_{name}_{way}" for name in RESOURCES.values() for way in ("read", "write")})


class Made(NamedTuple):
    """
    A key that was made to order; without *permissions* it is a secret key.
    """

    permissions: list[str] | None
    expired: bool


class Key(NamedTuple):
    """
    A key that was let in; *shown* is what may be repeated of it.
    """

    shown: str
    livemode: bool
    is_organisations: bool
    permissions: list[str] | None

    def check(self, operation: str, account: str) -> None:
        """
        Let *operation* pass.

        Raises:
            StripeError: 403, the permission for it is missing.
        """
        if self.permissions is None:
            return
        needed = permission_for(operation)
        if not {needed, needed.replace("_read", "_write")}.isdisjoint(self.permissions):
            return
        raise StripeError(
            f"The provided key '{self.shown}' does not have the required permissions for this endpoint on "
            f"account '{account}'. Having the '{needed}' permission would allow this request to continue.",
            status=403,
            executed=False,
        )


def permission_for(operation: str) -> str:
    """
    The permission that a restricted key needs for *operation*, such as `rak_charge_write`.
    """
    method, _, path = operation.partition(" ")
    parts = path.strip("/").split("/")
    resource = RESOURCES.get(parts[-1]) or RESOURCES[parts[1]]
    return f"rak_{resource}_{'read' if method == 'GET' else 'write'}"


def open_with(authorization: str | None, made: dict[str, Made]) -> Key:
    """
    The key of the header *authorization*, given as a Bearer token or as the user name of Basic.

    Raises:
        StripeError: 401, there is no key, or not one that opens anything.
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
    return _look_up(key, made)


def _look_up(key: str, made: dict[str, Made]) -> Key:
    matched, known = KEY.fullmatch(key), made.get(key)
    if matched is None or (matched[1] == "rk" and known is None):
        raise _refused(f"Invalid API Key provided: {_mask(key)}")
    if known and known.expired:
        raise _refused(f"Expired API Key provided: {_mask(key)}", "api_key_expired")
    permissions = known.permissions if known else None
    return Key(_mask(key), matched[2] == "live", matched[1] == "sk_org", permissions)


def _read_key(authorization: str) -> str:
    scheme, _, credentials = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return credentials.strip()
    if scheme.lower() == "basic":
        try:
            return b64decode(credentials, validate=True).decode().partition(":")[0]
        except ValueError:
            return ""
    return ""


def _mask(key: str) -> str:
    return "*" * 8 + (key[-SHOWN:] if len(key) >= LEAST_LENGTH else "")


def _refused(message: str, code: str | None = None) -> StripeError:
    return StripeError(message, status=401, code=code, executed=False)
