"""
The baseline: the SDK's low-level server with one tool, which does one plain GET. Nothing of ours.
"""

import os
from typing import Any

import anyio
import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

client: Any = None


async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
    tool = types.Tool(name="get_balance", input_schema={"type": "object", "properties": {}})
    return types.ListToolsResult(tools=[tool])


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    global client
    if client is None:
        import httpx

        client = httpx.AsyncClient(base_url=os.environ["STRIPE_MCP_API_BASE"], trust_env=False)
    response = await client.get("/v1/balance")
    return types.CallToolResult(content=[types.TextContent(type="text", text=response.text)])


async def main() -> None:
    server = Server("bare", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
    async with stdio_server() as (read, write):
        await server.run(read, write, server.create_initialization_options())


anyio.run(main)
