"""
How the road to Stripe is opened: with which key, at which rates, over which network.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from stripe_mcp.settings import STRIPE_API_BASE, Settings

if TYPE_CHECKING:
    import httpx

    from stripe_mcp.transport import Transport


def opener(settings: Settings) -> "Callable[[], Transport] | None":
    """
    What opens the road to Stripe that *settings* describe; None without a key.
    """
    key = settings.key
    if key is None:
        return None

    def open_transport() -> "Transport":
        from stripe_mcp.rates import Rates  # imported late: an HTTP client takes 50 ms to load
        from stripe_mcp.transport import Transport

        return Transport(
            key,
            settings.api_base,
            account=settings.account,
            context=settings.context,
            rates=Rates(live=settings.mode == "LIVE") if settings.api_base == STRIPE_API_BASE else None,
            deadline=settings.deadline,
            max_retries=settings.max_retries,
            http=_simulator() if settings.mode == "SIMULATOR" else None,
        )

    return open_transport


def _simulator() -> "httpx.ASGITransport":
    import httpx

    from stripe_mcp.simulator import Simulator

    return httpx.ASGITransport(app=Simulator())
