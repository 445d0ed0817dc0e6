"""
Keep below the rates that Stripe admits, so that a flood of calls waits here and is not refused there.

Figures: https://docs.stripe.com/rate-limits
"""

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
        self._full_at: dict[tuple[str, str], float] = defaultdict(float)

    def reserve(self, request: StripeRequest, now: float) -> float:
        """
        Take a place for *request* at the time *now* (seconds) and return the seconds to wait for it.

        Up to one second's worth of requests goes out at once; beyond that they are spaced evenly.
        """
        search = request.route.endswith("/search")
        return max(
            self._take(("", ""), self._account, now),
            self._take((request.method, request.route), _SEARCH if search else _ENDPOINT, now),
        )

    def _take(self, bucket: tuple[str, str], rate: int, now: float) -> float:
        full_at = max(self._full_at[bucket], now) + 1 / rate
        self._full_at[bucket] = full_at
        return max(0.0, full_at - now - 1)
