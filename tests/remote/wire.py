"""
Raw requests of the modern era, for what no well-behaved client does.
"""

from collections.abc import Mapping
from typing import Any

import httpx

VERSION = "2026-07-28"
NONE: Mapping[str, Any] = {}


def headers(token: str | None, method: str, name: str | None = None, **more: str) -> dict[str, str]:
    """
    The headers of a request for *method*, of the tool *name* if it is for one.
    """
    said = {
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
        "MCP-Protocol-Version": VERSION,
        "Mcp-Method": method,
    }
    if name:
        said["Mcp-Name"] = name
    if token:
        said["Authorization"] = f"Bearer {token}"
    return said | more


def message(method: str, number: int = 1, **params: Any) -> dict[str, Any]:
    """
    A JSON-RPC request of a client that can fill in forms.
    """
    meta = {
        "io.modelcontextprotocol/protocolVersion": VERSION,
        "io.modelcontextprotocol/clientInfo": {"name": "test", "version": "1"},
        "io.modelcontextprotocol/clientCapabilities": {},
    }
    return {"jsonrpc": "2.0", "id": number, "method": method, "params": params | {"_meta": meta}}


async def call(
    http: httpx.AsyncClient,
    address: str,
    token: str | None,
    tool: str,
    arguments: Mapping[str, Any] = NONE,
    number: int = 1,
) -> httpx.Response:
    """
    Call *tool* and give the HTTP answer.
    """
    return await http.post(
        f"{address}/mcp",
        json=message("tools/call", number, name=tool, arguments=dict(arguments)),
        headers=headers(token, "tools/call", tool),
    )
