"""
The resources that the suite lists and reads.
"""

import json
import re
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from tests.conformance.content import PNG

Contents = types.TextResourceContents | types.BlobResourceContents

_STATIC: tuple[Contents, ...] = (
    types.TextResourceContents(
        uri="test://static-text",
        mime_type="text/plain",
        text="This is the content of the static text resource.",
    ),
    types.BlobResourceContents(uri="test://static-binary", mime_type="image/png", blob=PNG),
    types.TextResourceContents(uri="test://watched-resource", mime_type="text/plain", text="Never changes."),
)
_TEMPLATE = types.ResourceTemplate(
    uri_template="test://template/{id}/data",
    name="template",
    description="Whatever id is asked for.",
    mime_type="application/json",
)


async def list_resources(ctx: ServerRequestContext, params: Any) -> types.ListResourcesResult:
    """
    All that have an address of their own.
    """
    return types.ListResourcesResult(
        resources=[
            types.Resource(
                uri=each.uri, name=each.uri.rpartition("/")[2], description=each.uri, mime_type=each.mime_type
            )
            for each in _STATIC
        ]
    )


async def list_templates(ctx: ServerRequestContext, params: Any) -> types.ListResourceTemplatesResult:
    """
    The one template.
    """
    return types.ListResourceTemplatesResult(resource_templates=[_TEMPLATE])


async def read(
    ctx: ServerRequestContext, params: types.ReadResourceRequestParams
) -> types.ReadResourceResult:
    """
    What is at an address.
    """
    found: list[Contents] = [each for each in _STATIC if each.uri == params.uri]
    if wanted := re.fullmatch("test://template/([^/]+)/data", params.uri):
        found.append(_filled(params.uri, wanted[1]))
    if not found:
        raise MCPError(types.INVALID_PARAMS, "Resource not found", {"uri": params.uri})
    return types.ReadResourceResult(contents=found)


def _filled(uri: str, wanted: str) -> types.TextResourceContents:
    data = {"id": wanted, "templateTest": True, "data": f"Data for ID: {wanted}"}
    return types.TextResourceContents(uri=uri, mime_type="application/json", text=json.dumps(data))
