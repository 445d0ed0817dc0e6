"""
A shop whose admin routes are open, and how tests give their orders there.
"""

from typing import Any

import httpx

from stripe_mcp.simulator import Simulator
from tests.simulator.front_door import NOW, Fields, Shop

LIVE = {"Authorization": "Bearer sk_live_front_door"}
BAKERY = {"Stripe-Account": "acct_1RiverRoadBakery"}
CHARGE = {"payment_intent": "pi_DEF456"}


class Rehearsal(Shop):
    """
    The shop, and the simulator's admin routes.
    """

    def __init__(self, **options: Any) -> None:
        self.now = NOW
        self.simulator = Simulator(self.clock, admin=True, **options)

    def clock(self) -> int:
        """
        The time that the simulator's own clock starts from.
        """
        return self.now

    async def admin(self, method: str, name: str, **body: Any) -> httpx.Response:
        """
        Send an admin request, with a JSON *body* or the `content` it has.
        """
        content = body if "content" in body else {"json": body}
        transport = httpx.ASGITransport(app=self.simulator)
        async with httpx.AsyncClient(transport=transport, base_url="http://stripe") as client:
            return await client.request(method, f"/_simulator/{name}", **content)

    async def order(self, method: str, name: str, **body: Any) -> Any:
        """
        What an admin request that has to succeed answers.
        """
        reply = await self.admin(method, name, **body)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def misorder(self, method: str, name: str, **body: Any) -> Fields:
        """
        The error of an admin request that has to fail.
        """
        reply = await self.admin(method, name, **body)
        assert reply.status_code == 400, reply.text
        return dict(reply.json()["error"])

    async def fault(self, fault: str, **fields: Any) -> Any:
        return await self.order("POST", "faults", faults=[{"fault": fault} | fields])

    async def key(self, **body: Any) -> Fields:
        """
        The Authorization header of a key made to order.
        """
        return {"Authorization": f"Bearer {(await self.order('POST', 'keys', **body))['key']}"}
