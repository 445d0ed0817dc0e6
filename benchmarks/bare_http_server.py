"""
The baseline over HTTP: the SDK's low-level server with one tool, which does one plain GET. Nothing of ours.

The SDK's application, httpx's client and uvicorn are used as they come. Each logs a line per request.
"""

import os
import sys
from typing import Any

import httpx
import mcp_types as types
import uvicorn
from mcp.server.lowlevel import Server

client = httpx.AsyncClient(base_url=os.environ["STRIPE_MCP_API_BASE"])


async def list_tools(ctx: Any, params: Any) -> types.ListToolsResult:
    tool = types.Tool(name="get_balance", input_schema={"type": "object", "properties": {}})
    return types.ListToolsResult(tools=[tool])


async def call_tool(ctx: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
    response = await client.get("/v1/balance")
    return types.CallToolResult(content=[types.TextContent(type="text", text=response.text)])


server = Server("bare", version="1", on_list_tools=list_tools, on_call_tool=call_tool)
uvicorn.run(server.streamable_http_app(), port=int(sys.argv[1]))
