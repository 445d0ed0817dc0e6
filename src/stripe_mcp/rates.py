"""
Keep below the rates that Stripe admits, so that a flood of calls waits here and is not refused there.

Figures: https://docs.stripe.com/rate-limits
"""

import math
from collections import defaultdict

from stripe_mcp.request import StripeRequest

_ACCOUNT_LIVE = 100  # requests a second, all endpoints together
_ACCOUNT_TEST = 25
_ENDPOINT = 25  # requests a second to one method and path
_SEARCH = 20  # requests a second to one search


class Rates:
    """
    Requests a second of one account: in all, and by endpoint.
    """

    def __init__(self, *, live: bool) -> None:
        self._account = _ACCOUNT_LIVE if live else _ACCOUNT_TEST
        self._full_at: dict[str, float] = defaultdict(float)

    def reserve(self, request: StripeRequest, now: float, patience: float = math.inf) -> float | None:
        """
        Take a place for *request* at the time *now* and return the seconds to wait for it.

        Up to one second's worth of requests goes out at once; beyond that they are spaced evenly.
        None, and no place is taken, if the wait were longer than *patience* in seconds.
        """
        endpoint = _SEARCH if request.route.endswith("/search") else _ENDPOINT
        places = {
            bucket: max(self._full_at[bucket], now) + 1 / rate
            for bucket, rate in (("", self._account), (f"{request.method} {request.route}", endpoint))
        }
        wait = max(0.0, max(places.values()) - now - 1)
        if wait > patience:
            return None
        self._full_at |= places
        return wait
