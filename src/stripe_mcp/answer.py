"""
What one answer of Stripe's means: is it good, is it worth another attempt, what is it known by now?
No I/O.

Whether something was changed is decided on the safe side: only an answer that is Stripe's own, and
that says so, settles the outcome of a write.
"""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from math import isfinite
from time import time
from typing import Any

from stripe_mcp.errors import NoAnswer, StripeError
from stripe_mcp.request import StripeRequest
from stripe_mcp.text import cap, clean

# Stripe gives these before it carries anything out: https://docs.stripe.com/api/idempotent_requests
_NOT_EXECUTED = (401, 403, 409, 429)
_DEEPEST = 100  # levels; Stripe's objects have fewer than 20, and more could not be shown

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """
    Status, headers (in any case) and body; the *body* is None if it is not a JSON object.
    """

    status: int
    headers: Mapping[str, str]
    body: dict[str, Any] | None

    @property
    def succeeded(self) -> bool:
        """
        Whether this is a Stripe object: each one names its kind in `object`.
        """
        return self.status == 200 and self.body is not None and isinstance(self.body.get("object"), str)

    @property
    def error(self) -> dict[str, Any]:
        """
        Stripe's error object, empty where the answer holds none.
        """
        error = (self.body or {}).get("error")
        return error if isinstance(error, dict) else {}

    @property
    def replayed(self) -> bool:
        """
        Whether Stripe had kept this answer for the idempotency key.
        """
        return self.headers.get("Idempotent-Replayed") == "true"

    @property
    def worth_retrying(self) -> bool:
        """
        Stripe's own word first, then the status; a good status with a bad body is asked for again.
        """
        said = self.headers.get("Stripe-Should-Retry")
        if said in ("true", "false"):
            return said == "true"
        return self.status in (200, 409, 429) or self.status >= 500

    @property
    def retry_after(self) -> float | None:
        """
        The seconds that `Retry-After` asks for, given in seconds or as a date; None if it says neither.
        """
        value = self.headers.get("Retry-After", "")
        if value.isascii() and value.isdigit() and len(value) < 10:
            return float(value)
        try:
            return max(0.0, parsedate_to_datetime(value).timestamp() - time())
        except (ValueError, OverflowError):  # the latter for a date in a time zone out of this world
            return None

    def leaves_doubt(self, request: StripeRequest, before: bool) -> bool:
        """
        Whether *request* may have changed something unseen, given the doubt that stood *before* this answer.
        """
        if not request.writes or self.succeeded:
            return False
        if self.error.get("code") == "idempotency_key_in_use":
            return True  # an attempt of ours is being carried out right now
        if self.error and (self.status in _NOT_EXECUTED or self.error.get("type") == "idempotency_error"):
            return before
        if not self.error or not 400 <= self.status < 500:
            return True
        # Stripe replays a POST; a DELETE that is refused may have been carried out the time before.
        return before and request.method == "DELETE"

    def refusal(self) -> NoAnswer | StripeError:
        """
        The error that this answer stands for. A body that is not Stripe's is never shown.
        """
        if self.status < 400:
            return NoAnswer(f"Stripe's answer could not be read (status {self.status}).")
        if self.error.get("type") == "idempotency_error":
            log.error("idempotency_error: a key was used for two different requests, which is our fault")
        fields = ("type", "code", "decline_code", "advice_code", "param", "message", "doc_url")
        return StripeError(
            self.status,
            **{name: _said(self.error[name]) for name in fields if isinstance(self.error.get(name), str)},
            request_id=self.headers.get("Request-Id"),
            rate_limit=self.headers.get("Stripe-Rate-Limited-Reason"),
            retry_after=self.retry_after,
        )


def _finite(number: str) -> float:
    value = float(number)
    if not isfinite(value):
        raise ValueError(f"{number} is no JSON, or too large to be written again")
    return value


def _said(text: str) -> str:
    """
    Stripe may repeat in its errors what strangers wrote.
    """
    return cap(clean(text), 1000)


def parse_object(body: bytes | bytearray) -> dict[str, Any] | None:
    """
    The JSON object in *body*, None if there is none or it is nested beyond all reason.
    """
    try:
        parsed = json.loads(body, parse_constant=_finite, parse_float=_finite)
    except (ValueError, RecursionError):
        return None
    if not isinstance(parsed, dict):
        return None
    level: list[Any] = [parsed]
    for _ in range(_DEEPEST):
        inside = [node.values() if isinstance(node, dict) else node for node in level]
        level = [child for children in inside for child in children if isinstance(child, (dict, list))]
        if not level:
            return parsed
    return None
