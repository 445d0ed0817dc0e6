"""
An agent works here, a person sits by, and money is counted: a client in memory, the simulator behind it.
"""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from mcp import Client
from mcp_types import CallToolResult, ElicitRequestParams, ElicitResult

from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from stripe_mcp.simulator import Simulator
from stripe_mcp.transport import Transport
from tests.agent import CATALOG, TEMPLATES, texts
from tests.shopping import calls

CONFIRMED = [name for name, template in TEMPLATES.items() if template.confirm]
YES = ElicitResult(action="accept", content={"confirm": True})

Person = Callable[[ElicitRequestParams], ElicitResult]


class Desk:
    """
    *client* is the agent's, which has *tools*; *asked* are the questions that the person was put.
    """

    def __init__(
        self, client: Client, tools: set[str], simulator: Simulator, asked: list[ElicitRequestParams]
    ) -> None:
        self.client = client
        self.tools = tools
        self.simulator = simulator
        self.asked = asked

    async def call(self, tool: str, **arguments: Any) -> CallToolResult:
        return await self.client.call_tool(tool, arguments)

    async def done(self, tool: str, **arguments: Any) -> dict[str, Any]:
        """
        What a call brought about that has to succeed.
        """
        result = await self.call(tool, **arguments)
        assert not result.is_error, texts(result)
        content: dict[str, Any] = result.structured_content or {}
        return content

    async def refused(self, tool: str, **arguments: Any) -> str:
        """
        Why a call was refused, which moved nothing.
        """
        before = committed(self.simulator)
        result = await self.call(tool, **arguments)
        assert result.is_error, texts(result)
        assert committed(self.simulator) == before
        return texts(result)[-1]


def committed(simulator: Simulator) -> int:
    """
    How much has happened at the simulator, as its events tell.
    """
    return len(list(simulator.store.all("event")))


@asynccontextmanager
async def desk(
    person: Person | None = None,
    *,
    era: Any = "auto",
    simulator: Simulator | None = None,
    key: str = "sk_test_1",
    http: Callable[[httpx.AsyncBaseTransport], httpx.AsyncBaseTransport] = lambda http: http,
    principal: str = "local",
    catalog: Any = CATALOG,
    answering: Any = None,
    **settings: Any,
) -> AsyncIterator[Desk]:
    """
    A desk; *person* answers questions, None has a client that cannot ask. *http* may stand before
    Stripe, and *answering* takes the place of all that the client does to ask.
    """
    stripe = simulator or Simulator()
    asked: list[ElicitRequestParams] = []

    async def answer(context: Any, params: ElicitRequestParams) -> ElicitResult:
        assert person
        asked.append(params)
        return person(params)

    def connect() -> Transport:
        return Transport(key, "http://stripe", http=http(httpx.ASGITransport(app=stripe)), max_retries=0)

    chosen = Settings(**{"mode": "TEST", "key": key} | settings)
    server = create_server(catalog, chosen, connect, principal)
    asks = answering or (answer if person else None)
    async with Client(server, mode=era, elicitation_callback=asks) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
        yield Desk(client, tools, stripe, asked)


def arguments(simulator: Simulator, tool: str) -> dict[str, Any]:
    """
    Arguments for *tool* that *simulator*'s shop can be called with.
    """
    return calls(simulator)[tool]
