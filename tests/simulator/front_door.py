"""
How these tests reach the simulator: by httpx, through ASGI, with a clock that stands still.
"""

from typing import Any

import httpx

from stripe_mcp.simulator import Simulator

NOW = 1_790_000_000
DAY = 86_400
KEY = {"Authorization": "Bearer sk_test_front_door"}

Fields = dict[str, Any]


class Shop:
    """
    A simulator and the client that talks to it.
    """

    def __init__(self) -> None:
        self.now = NOW
        self.simulator = Simulator(clock=lambda: self.now)

    async def send(
        self, method: str, path: str, fields: Fields | None = None, headers: Fields | None = None, **more: Any
    ) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.simulator)
        place = "data" if method == "POST" else "params"
        async with httpx.AsyncClient(transport=transport, base_url="http://stripe") as client:
            return await client.request(
                method, f"/v1/{path}", headers=KEY | (headers or {}), **({place: fields} | more)
            )

    async def ask(self, method: str, path: str, fields: Fields | None = None) -> Any:
        reply = await self.send(method, path, fields)
        assert reply.status_code == 200, reply.text
        return reply.json()

    async def get(self, path: str, fields: Fields | None = None) -> Any:
        return await self.ask("GET", path, fields)

    async def post(self, path: str, fields: Fields | None = None) -> Any:
        return await self.ask("POST", path, fields)

    async def ids(self, path: str, fields: Fields | None = None) -> list[str]:
        return [item["id"] for item in await self.rows(path, fields)]

    async def rows(self, path: str, fields: Fields | None = None) -> list[Any]:
        """
        All of a list or of a search, as many pages as it takes.
        """
        rows: list[Any] = []
        asked = {"limit": 100} | (fields or {})
        while True:
            page = await self.get(path, asked)
            rows += page["data"]
            if "limit" in (fields or {}) or not page["has_more"]:
                return rows
            asked |= (
                {"page": page["next_page"]} if "next_page" in page else {"starting_after": rows[-1]["id"]}
            )

    async def refusal(self, method: str, path: str, fields: Fields | None = None) -> tuple[int, Fields]:
        """
        Status and error of a call that has to fail.
        """
        reply = await self.send(method, path, fields)
        assert reply.status_code >= 400, reply.text
        return reply.status_code, reply.json()["error"]

    def find(self, kind: str, **wanted: Any) -> Fields:
        """
        The newest object of *kind* with these fields.
        """
        return next(
            r for r in self.simulator.store.all(kind) if all(r.get(k) == v for k, v in wanted.items())
        )

    def customer(self, email: str) -> Any:
        return self.find("customer", email=email)["id"]
