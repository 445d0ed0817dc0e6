"""
The one connection to Stripe that all calls of a server share.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from stripe_mcp.errors import NotConnected
from stripe_mcp.request import StripeRequest

if TYPE_CHECKING:
    from stripe_mcp.transport import Reply, Transport


class Road:
    """
    The road to Stripe, opened at the first call: an HTTP client takes 50 ms that `tools/list` need not pay.
    """

    def __init__(self, connect: "Callable[[], Transport] | None") -> None:
        self._connect = connect
        self._transport: Transport | None = None

    async def send(
        self, request: StripeRequest, *, idempotency_key: str | None = None, in_doubt: bool = False
    ) -> "Reply":
        """
        Send *request* to Stripe, as `Transport.send` does.

        Raises:
            NotConnected: There is no key.
            ToolError: What `Transport.send` raises.
        """
        if self._connect is None:
            raise NotConnected
        if self._transport is None:
            self._transport = self._connect()
        return await self._transport.send(request, idempotency_key=idempotency_key, in_doubt=in_doubt)

    async def read(self, request: StripeRequest) -> dict[str, Any]:
        """
        The object that Stripe answers *request* with.

        Raises:
            ToolError: What `send` raises.
        """
        return (await self.send(request)).body

    async def aclose(self) -> None:
        """
        Close the connections, if any were opened.
        """
        if self._transport is not None:
            await self._transport.aclose()
            self._transport = None
