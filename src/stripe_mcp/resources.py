"""
Resources: pages to look things up in, and every Stripe object that a tool reads by its id alone.

Nothing is listed by hand: `GET /v1/charges/{charge_id}` is `stripe://charges/{charge_id}`, and
`GET /v1/balance` is `stripe://balance`. An object takes the same road as a tool's call, and an id
is held to the same pattern before anything is sent.
"""

import logging
import re
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server.caching import CacheHint
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from stripe_mcp.calls import Calls
from stripe_mcp.catalog import Template
from stripe_mcp.errors import InvalidArguments, ToolError, redact
from stripe_mcp.pages import Page, pages
from stripe_mcp.results import to_text

_WHOAMI = types.Resource(
    uri="stripe://whoami",
    name="whoami",
    title="This Server",
    description="Mode, account, tools, limits on money and other rules of this server.",
    mime_type="text/markdown",
)
PUBLIC = CacheHint(ttl_ms=3_600_000, scope="public")  # for what is the same for every account

log = logging.getLogger(__name__)


def objects(catalog: Mapping[str, Template]) -> dict[str, Template]:
    """
    The templates of *catalog* that read one object and need no more than its id, by URI or URI template.
    """
    return {
        f"stripe://{template.request.path.removeprefix('/v1/')}": template
        for template in catalog.values()
        if template.reads
        and re.fullmatch(r"/v1/\w+(/\{\w+\})?", template.request.path)
        and not template.returns_list
        and template.input.get("required", []) == template.path_arguments
    }


class ResourceHandlers:
    """
    Answers `resources/list`, `resources/templates/list` and `resources/read` by *calls*.
    """

    def __init__(self, calls: Calls) -> None:
        catalog = calls.catalog.templates
        self._calls = calls
        self._objects = objects(catalog)
        self._pages = {page.uri: page for page in pages(catalog)}
        listed = [_WHOAMI, *(_listed_page(page) for page in self._pages.values())]
        templates = []
        for uri, template in self._objects.items():
            if template.path_arguments:
                templates.append(types.ResourceTemplate(uri_template=uri, **_about(template)))
            else:
                listed.append(types.Resource(uri=uri, **_about(template)))
        self._listed = types.ListResourcesResult(resources=listed)
        self._templates = types.ListResourceTemplatesResult(resource_templates=templates)

    async def list(self, ctx: ServerRequestContext, params: Any) -> types.ListResourcesResult:
        """
        What can be read without an id.
        """
        return self._listed

    async def list_templates(
        self, ctx: ServerRequestContext, params: Any
    ) -> types.ListResourceTemplatesResult:
        """
        What can be read by its id.
        """
        return self._templates

    async def read(
        self, ctx: ServerRequestContext, params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        """
        One page, or one object as Stripe has it now.
        """
        try:
            if page := self._pages.get(params.uri):
                return _contents(params.uri, "text/markdown", page.text(), PUBLIC)
            if params.uri == _WHOAMI.uri:
                text = await self._whoami()
                return _contents(params.uri, "text/markdown", text, CacheHint())
            text = await self._read_object(params.uri)
            return _contents(params.uri, "application/json", text, CacheHint())
        except MCPError:
            raise
        except Exception:
            log.exception("a resource could not be read")
            raise MCPError(types.INTERNAL_ERROR, "Internal error of stripe-mcp; its log says more.") from None

    async def _whoami(self) -> str:
        from stripe_mcp.whoami import account_reader, describe  # imported late, as what pages need is

        calls = self._calls
        try:
            return await describe(calls.settings, calls.catalog, account_reader(calls.road))
        except ToolError as error:
            raise MCPError(types.INTERNAL_ERROR, calls.explain(error, None)) from None

    async def _read_object(self, uri: str) -> str:
        template, arguments = self._find(uri)
        try:
            answered = await self._calls.read(template, {**arguments, "detail": "full"})
            return to_text(answered.content)
        except ToolError as error:
            mistaken = isinstance(error, InvalidArguments) or getattr(error, "status", None) == 404
            code = types.INVALID_PARAMS if mistaken else types.INTERNAL_ERROR
            raise MCPError(code, self._calls.explain(error, template)) from None

    def _find(self, uri: str) -> tuple[Template, dict[str, str]]:
        """
        The template that reads *uri*, and its arguments.
        """
        for shape, template in self._objects.items():
            prefix, by_id, _ = shape.partition("{")
            if uri == prefix or (by_id and uri.startswith(prefix)):
                return template, dict.fromkeys(template.path_arguments, uri.removeprefix(prefix))
        named = redact(uri)
        raise MCPError(types.INVALID_PARAMS, f"Unknown resource: {named[:64]}", {"uri": named})


def _about(template: Template) -> dict[str, Any]:
    return {
        "name": template.name,
        "title": template.returns.replace("_", " ").capitalize(),
        "description": template.description,
        "mime_type": "application/json",
    }


def _listed_page(page: Page) -> types.Resource:
    return types.Resource(
        uri=page.uri,
        name=page.name,
        title=page.title,
        description=page.description,
        mime_type="text/markdown",
    )


def _contents(uri: str, mime_type: str, text: str, hint: CacheHint) -> types.ReadResourceResult:
    return types.ReadResourceResult(
        contents=[types.TextResourceContents(uri=uri, mime_type=mime_type, text=text)],
        ttl_ms=hint.ttl_ms,
        cache_scope=hint.scope,
    )
