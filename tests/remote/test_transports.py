"""
Three ways in, one server: whatever a client speaks, it finds the same.
"""

import sys
from collections.abc import Iterator
from typing import Any

import pytest
from mcp import Client, StdioServerParameters
from mcp_types import ElicitRequestParams, ElicitResult

from tests.remote.process import TRANSPORTS, Remote, remote

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def server() -> Iterator[Remote]:
    with remote("--simulator", "--confirm", "always") as running:
        yield running


over_every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


async def listings(client: Client) -> list[str]:
    lists: list[Any] = [
        await client.list_tools(),
        await client.list_prompts(),
        await client.list_resources(),
        await client.list_resource_templates(),
    ]
    return [each.model_dump_json(exclude={"meta", "ttl_ms", "cache_scope", "result_type"}) for each in lists]


@over_every_transport
async def test_all_transports_list_what_stdio_lists_byte_for_byte(server: Remote, transport: str) -> None:
    command = ["-m", "stripe_mcp", "--simulator", "--confirm", "always"]
    stdio = StdioServerParameters(command=sys.executable, args=command)
    async with Client(stdio, mode="auto" if transport == "modern" else "legacy") as client:
        over_stdio = await listings(client)
    async with server.client(transport) as client:
        assert await listings(client) == over_stdio


@over_every_transport
async def test_a_tool_is_called_and_a_resource_read(server: Remote, transport: str) -> None:
    async with server.client(transport) as client:
        result = await client.call_tool("get_balance", {})
        assert result.structured_content
        assert result.structured_content["object"] == "balance"
        (page,) = (await client.read_resource("stripe://whoami")).contents
        assert "SIMULATOR" in str(getattr(page, "text", ""))


@over_every_transport
@pytest.mark.parametrize("action", ["accept", "decline"])
async def test_a_person_is_asked_and_their_answer_holds(server: Remote, transport: str, action: Any) -> None:
    asked: list[str] = []

    async def answer(context: Any, params: ElicitRequestParams) -> ElicitResult:
        asked.append(params.message)
        return ElicitResult(action=action, content={"confirm": True} if action == "accept" else None)

    async with server.client(transport, elicitation_callback=answer) as client:
        made = await client.call_tool("create_customer", {"email": f"{transport}-{action}@example.com"})
        assert made.structured_content
        gone = await client.call_tool("delete_customer", {"customer_id": made.structured_content["id"]})
    assert len(asked) == 1
    assert gone.is_error is (action == "decline")


@over_every_transport
async def test_a_second_client_is_served_beside_the_first(server: Remote, transport: str) -> None:
    async with server.client(transport) as first, server.client(transport) as second:
        for client in (first, second, first):
            assert not (await client.call_tool("get_balance", {})).is_error
