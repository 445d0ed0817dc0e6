"""
The same idempotency key gives the same answer, and nothing happens twice.

Rule: kept is what began to execute, errors included; the same key with another
path or other parameters is an error. Keys of different accounts do not meet.
https://docs.stripe.com/api/idempotent_requests
"""

from __future__ import annotations

from typing import Any, NamedTuple

from stripe_mcp.simulator.errors import StripeError
from stripe_mcp.simulator.wire import Reply, Request

LONGEST_KEY = 255


class _Kept(NamedTuple):
    path: str
    given: dict[str, Any]
    reply: Reply


class Replays:
    """
    The answers that were given under a key.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[str, str], _Kept] = {}

    def find(self, request: Request, given: dict[str, Any]) -> Reply | None:
        """
        The answer that this request was given before, marked as a replay.

        Raises:
            StripeError: The key is too long, or was used for something else.
        """
        key = key_of(request)
        if key is None:
            return None
        if len(key) > LONGEST_KEY:
            message = f"Idempotency keys can have {LONGEST_KEY} characters at most."
            raise StripeError(message, executed=False)
        kept = self._kept.get((_account(request), key))
        if kept is None:
            return None
        if (kept.path, kept.given) != (request.path, given):
            raise _misused(
                "Keys for idempotent requests can only be used with the same endpoint and parameters "
                f"they were first used with. Try another key than '{key}' for a different request."
            )
        original = kept.reply.headers["Request-Id"]
        replayed = {"Idempotent-Replayed": "true", "Original-Request": original}
        return kept.reply._replace(headers=kept.reply.headers | replayed)

    def keep(self, request: Request, given: dict[str, Any], reply: Reply) -> None:
        """
        Remember *reply* if the request has a key.
        """
        key = key_of(request)
        if key is not None:
            self._kept[_account(request), key] = _Kept(request.path, given, reply)


def key_of(request: Request) -> str | None:
    """
    The key that counts: only a POST has one.
    """
    return request.headers.get("idempotency-key") if request.method == "POST" else None


def _account(request: Request) -> str:
    return request.headers.get("stripe-account", "")


def _misused(message: str) -> StripeError:
    return StripeError(message, kind="idempotency_error", executed=False)
