"""
An agent that calls tools and reads their answers, and holds each one to what every answer keeps.
"""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
from mcp import Client
from mcp_types import CallToolResult, TextContent

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from stripe_mcp.transport import Transport

CATALOG = load_catalog(builtin_folder())
TEMPLATES = CATALOG.templates
READS = [name for name, template in TEMPLATES.items() if template.annotations.readOnlyHint]
WRITES = [name for name in TEMPLATES if name not in READS]
LISTS = [name for name in READS if TEMPLATES[name].returns_list]

Content = dict[str, Any]

# What stands before an answer that was given before, or that does not fit the call.
NOTES = ("REPEAT: ", "WARNING: ")


def compact(content: Any) -> str:
    """
    *content* as JSON without a needless space.
    """
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def texts(result: CallToolResult) -> list[str]:
    return [block.text for block in result.content if isinstance(block, TextContent)]


class Agent:
    """
    Calls tools by *client*; *settings* are the server's, *schemas* what it said its answers look like.
    """

    def __init__(self, client: Client, settings: Settings, schemas: dict[str, Any]) -> None:
        self._client = client
        self._settings = settings
        self.schemas = schemas

    async def call(self, tool: str, **arguments: Any) -> Content:
        """
        The answer to a call that has to succeed.

        Raises:
            RuntimeError: It breaks the schema of its tool, at which the SDK's client looks.
        """
        result = await self._client.call_tool(tool, arguments)
        *label, text = (text for text in texts(result) if not text.startswith(NOTES))
        assert not result.is_error, text
        content: Content = result.structured_content or {}
        assert text == compact(content)
        assert label == ([] if tool in READS else [self._settings.mode])
        repeated = len(compact(arguments)) if "next_call" in content else 0
        assert len(text) - repeated <= self._settings.max_result_chars
        return content

    async def pages(self, tool: str, **arguments: Any) -> list[Content]:
        """
        The pages that following `next_call` shows, of which there are not more than rows in any test.
        """
        pages = [await self.call(tool, **arguments)]
        while going_on := pages[-1].get("next_call"):
            assert pages[-1]["has_more"]
            assert len(pages) < 200
            pages.append(await self.call(tool, **going_on))
        return pages

    async def all(self, tool: str, **arguments: Any) -> list[Content]:
        """
        The rows of all pages.
        """
        return [row for page in await self.pages(tool, **arguments) for row in page["data"]]

    async def settle(self, tool: str, **arguments: Any) -> Content | str:
        """
        The answer, or the reason why there is none.
        """
        result = await self._client.call_tool(tool, arguments)
        again = self.refused if result.is_error else self.call
        return await again(tool, **arguments)

    async def refused(self, tool: str, **arguments: Any) -> str:
        """
        The reason why a call failed, which is never that the server broke.
        """
        result = await self._client.call_tool(tool, arguments)
        [text] = texts(result)
        assert result.is_error, text
        assert not text.startswith("Internal error")
        return text


@asynccontextmanager
async def agent(http: httpx.AsyncBaseTransport, era: Any = "auto", **settings: Any) -> AsyncIterator[Agent]:
    """
    An agent of a server with *settings* for which *http* is the way to Stripe.
    """
    chosen = Settings(mode="SIMULATOR", **settings)

    def connect() -> Transport:
        return Transport("sk_test_1", "http://stripe", http=http, max_retries=0)

    async with Client(create_server(CATALOG, chosen, connect), mode=era) as client:
        schemas = {tool.name: tool.output_schema for tool in (await client.list_tools()).tools}
        yield Agent(client, chosen, schemas)


class Recorded(httpx.AsyncBaseTransport):
    """
    A Stripe that answers every request with *body*, which may be changed between calls.
    """

    def __init__(self, body: Any = None) -> None:
        self.body = body

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=json.dumps(self.body))  # in ASCII: half an emoji too


def at_every_object(change: Callable[[Content], Content], value: Any) -> Any:
    """
    *value* with all objects in it changed, but for the maps whose keys the merchant chose.
    """
    if isinstance(value, list):
        return [at_every_object(change, each) for each in value]
    if not isinstance(value, dict):
        return value
    own = ("metadata", "previous_attributes")
    return change({key: each if key in own else at_every_object(change, each) for key, each in value.items()})
