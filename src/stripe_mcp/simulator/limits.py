"""
How fast the simulator lets itself be asked, and how slow it is; all of it off until ordered.

Rule: a bucket holds one second's worth of requests and fills on the simulator's
clock, so on a clock that stands still it never fills again.
Rates: https://docs.stripe.com/rate-limits
"""

from __future__ import annotations

from dataclasses import dataclass, field

from stripe_mcp.simulator.errors import StripeError

# requests a second; each divides 100, so that hundredths of a second are counted exactly
ACCOUNT_LIVE, ACCOUNT_TEST, ENDPOINT, SEARCH = 100, 25, 25, 20
SECOND = 100  # hundredths


@dataclass
class Limits:
    """
    What was ordered: Stripe's *rates*, a *latency* before each request is carried out, and an
    *indexing_delay* until searches find what is new; both in seconds.
    """

    rates: bool = False
    latency: float = 0
    indexing_delay: int = 0


class TooManyRequests(StripeError):
    """
    429; *reason* says which limit it was.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(
            "Request rate limit exceeded. See https://docs.stripe.com/rate-limits for the limits.",
            status=429,
            code="rate_limit",
            executed=False,
        )
        self.headers = {"Stripe-Rate-Limited-Reason": reason}


@dataclass
class Buckets:
    """
    When, in hundredths of a second, each bucket of one account and mode is full again.
    """

    full_at: dict[str, int] = field(default_factory=dict)

    def take(self, operation: str, now: float, *, livemode: bool) -> None:
        """
        Count a request for *operation*.

        Raises:
            TooManyRequests: A bucket is empty; nothing was counted.
        """
        moment, counted = int(now * SECOND), {}
        for reason, bucket, rate in (
            ("global-rate", "", ACCOUNT_LIVE if livemode else ACCOUNT_TEST),
            ("endpoint-rate", operation, SEARCH if operation.endswith("/search") else ENDPOINT),
        ):
            counted[bucket] = max(self.full_at.get(bucket, 0), moment) + SECOND // rate
            if counted[bucket] > moment + SECOND:
                raise TooManyRequests(reason)
        self.full_at |= counted
