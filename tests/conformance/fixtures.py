"""
The server that the official conformance suite expects to find, put together.

Names, texts and behaviour are the suite's, which says them per scenario; each module holds one kind of them.
"""

from typing import Any, get_args

import mcp_types as types
from mcp.server.caching import CacheableMethod, CacheHint
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import InMemorySubscriptionBus, ListenHandler

from tests.conformance import prompts, resources
from tests.conformance.questions import asking_tools
from tests.conformance.tools import Tools


def fixture_server() -> Server[Any]:
    """
    A server with everything that the suite calls, in both eras of the protocol.
    """
    bus = InMemorySubscriptionBus()
    tools = Tools(bus, asking_tools())
    server = Server(
        "conformance-fixtures",
        version="1",
        cache_hints=dict.fromkeys(get_args(CacheableMethod), CacheHint(ttl_ms=1000, scope="public")),
        on_list_tools=tools.list,
        on_call_tool=tools.call,
        on_list_resources=resources.list_resources,
        on_list_resource_templates=resources.list_templates,
        on_read_resource=resources.read,
        on_subscribe_resource=_accept,
        on_unsubscribe_resource=_accept,
        on_subscriptions_listen=ListenHandler(bus),
        on_list_prompts=prompts.list_prompts,
        on_get_prompt=prompts.get,
        on_completion=prompts.complete,
    )
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, _accept)
    server.middleware.append(
        RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=server.name)
    )
    return server


async def _accept(ctx: ServerRequestContext, params: Any) -> types.EmptyResult:
    return types.EmptyResult()
