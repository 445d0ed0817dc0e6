"""
How the road to Stripe is opened: with which key, at which rates, over which network.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from stripe_mcp.settings import STRIPE_API_BASE, Settings

if TYPE_CHECKING:
    import httpx

    from stripe_mcp.rates import Rates
    from stripe_mcp.transport import Transport


def opener(
    settings: Settings, rates: "Rates | None" = None, *, fast: bool = False
) -> "Callable[[], Transport] | None":
    """
    What opens the road to Stripe that *settings* describe; None without a key. Several roads to one account
    keep to Stripe's *rates* together; without any, a road counts for itself. *fast* is for many calls, and
    takes longer to load.
    """
    key = settings.key
    if key is None:
        return None

    def open_transport() -> "Transport":
        from stripe_mcp.transport import Transport  # imported late: an HTTP client takes 50 ms to load

        return Transport(
            key,
            settings.api_base,
            account=settings.account,
            context=settings.context,
            rates=rates or rates_of(settings),
            deadline=settings.deadline,
            max_retries=settings.max_retries,
            http=_simulator() if settings.mode == "SIMULATOR" else None,
            fast=fast,
        )

    return open_transport


def rates_of(settings: Settings) -> "Rates | None":
    """
    The rates of the account that *settings* name; None where it is not Stripe that is asked.
    """
    from stripe_mcp.rates import Rates

    return Rates(live=settings.mode == "LIVE") if settings.api_base == STRIPE_API_BASE else None


def _simulator() -> "httpx.ASGITransport":
    import httpx

    from stripe_mcp.simulator import Simulator

    return httpx.ASGITransport(app=Simulator())
