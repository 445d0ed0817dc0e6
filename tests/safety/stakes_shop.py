"""
The simulator's shop as the safety checks read it: what was asked is counted, and answers can be changed.
"""

from copy import deepcopy
from typing import Any

import httpx

from stripe_mcp.errors import StripeError
from stripe_mcp.request import StripeRequest, build_request, encode_form
from stripe_mcp.safety.stakes import Stakes, read_stakes
from stripe_mcp.simulator import Simulator
from tests.agent import TEMPLATES

Body = dict[str, Any]


class Shop:
    """
    The simulator's shop, and what was asked of it. *changed* has answers that it gives instead, by path.
    """

    def __init__(self, simulator: Simulator | None = None) -> None:
        self.simulator = simulator or Simulator()
        self.asked: list[StripeRequest] = []
        self.changed: dict[str, Body] = {}

    async def read(self, request: StripeRequest) -> Body:
        self.asked.append(request)
        if request.path in self.changed:
            return self.changed[request.path]
        return await self.send(request)

    async def send(self, request: StripeRequest) -> Body:
        transport = httpx.ASGITransport(app=self.simulator)
        headers = {"Authorization": "Bearer sk_test_1", "Content-Type": "application/x-www-form-urlencoded"}
        async with httpx.AsyncClient(
            transport=transport, base_url="http://stripe", headers=headers
        ) as client:
            url = f"{request.path}?{request.query}"
            reply = await client.request(request.method, url, content=request.form)
        body: Body = reply.json()
        if reply.status_code != 200:
            raise StripeError(reply.status_code, code=body["error"].get("code"))
        return body

    async def post(self, path: str, **form: Any) -> Body:
        return await self.send(StripeRequest("POST", path, f"/v1/{path}", form=encode_form(form)))

    async def get(self, path: str) -> Body:
        return await self.send(StripeRequest("GET", path, f"/v1/{path}"))

    async def stakes(self, tool: str, **arguments: Any) -> Stakes:
        return await read_stakes(TEMPLATES[tool], arguments, self.read)

    async def call(self, tool: str, **arguments: Any) -> Body:
        return await self.send(build_request(TEMPLATES[tool], arguments))

    def all(self, kind: str, **wanted: Any) -> list[Body]:
        kept = self.simulator.store.all(kind)
        return [deepcopy(each) for each in kept if all(each[name] == value for name, value in wanted.items())]

    def lacks(self, body: Body, **without: Any) -> None:
        """
        Answer with *body* from now on, other than it is by *without*.
        """
        self.changed[f"/v1/{body['object']}s/{body['id']}"] = body | without


def an_own(tool: str, **more: Any) -> Any:
    """
    A tool of somebody's own that does the same as *tool* at Stripe.
    """
    return TEMPLATES[tool].model_copy(update={"name": "mine", "title": "Mine", **more})
