"""
What a client can offer while an argument is being typed.

An enumeration comes from the schema of the tool that the argument is for; ids and e-mail addresses
are those on the first page of the tool that lists them. To offer nothing is never an error.
"""

import logging
from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from stripe_mcp.calls import Calls
from stripe_mcp.catalog import Template
from stripe_mcp.errors import ToolError
from stripe_mcp.pii import mask
from stripe_mcp.request import build_request
from stripe_mcp.resources import objects

_MOST = 100  # values in one answer, as MCP says; and the most objects that Stripe puts on a page

log = logging.getLogger(__name__)


class CompletionHandlers:
    """
    Answers `completion/complete` for the arguments of prompts and the ids of resources, by *calls*.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        catalog, prompts = calls.catalog.templates, calls.catalog.prompts
        self._sources: dict[tuple[str, str], str | list[str]] = {
            (prompt.name, name): argument.complete
            for prompt in prompts.values()
            for name, argument in prompt.arguments.items()
        }
        for uri, template in objects(catalog).items():
            for name in template.path_arguments:
                self._sources[uri, name] = _ids_of(template, catalog)

    async def complete(
        self, ctx: ServerRequestContext, params: types.CompleteRequestParams
    ) -> types.CompleteResult:
        """
        The values that begin with what is typed.
        """
        ref, typed = params.ref, params.argument
        key = (ref.name if isinstance(ref, types.PromptReference) else ref.uri, typed.name)
        if key not in self._sources:
            raise MCPError(types.INVALID_PARAMS, "Unknown prompt, resource template or argument")
        values, all_known = await self._values(self._sources[key])
        fitting = [value for value in values if value.lower().startswith(typed.value.lower())]
        return types.CompleteResult(
            completion=types.Completion(
                values=fitting[:_MOST],
                total=len(fitting) if all_known else None,
                has_more=len(fitting) > _MOST or not all_known,
            )
        )

    async def _values(self, source: str | list[str]) -> tuple[list[str], bool]:
        """
        The values of *source*, and whether they are all there are.
        """
        if isinstance(source, list):
            return source, True
        if source == "currencies":
            from stripe_mcp.currency import CURRENCIES  # imported late: few clients ask

            return sorted(CURRENCIES), True
        tool, *path = source.split(".")
        template = self._calls.catalog.templates.get(tool)
        if template is None:
            return [], True
        listed = _enumeration(template, path)
        return (listed, True) if listed else await self._seen(template, path[-1])

    async def _seen(self, template: Template, field: str) -> tuple[list[str], bool]:
        """
        What *field* is in the newest objects that *template* lists, and whether there are no older ones.
        """
        if not template.reads:
            return [], True  # a catalog of one's own may name such a tool
        try:
            await self._calls.check_account()
            reply = await self._calls.road.send(build_request(template, {"limit": _MOST}))
            page = self._calls.identity.mask(reply.body)
            values = [row.get(field) for row in page["data"]]
            fit = (value for value in values if self._is_fit(field, value))
            return list(dict.fromkeys(fit)), page["has_more"] is not True
        except ToolError:
            return [], True
        except Exception:
            log.exception("%s gave no completions", template.name)
            return [], True

    def _is_fit(self, field: str, value: Any) -> bool:
        """
        Whether *value* can be offered: nobody could type what is not printable, such as half an emoji.
        """
        if not isinstance(value, str) or not value or not value.isprintable():
            return False
        return not self._calls.settings.redact_pii or mask({field: value}) == {field: value}


def _ids_of(template: Template, catalog: Mapping[str, Template]) -> str | list[str]:
    """
    The source of ids for *template*: the tool that lists such objects, if one does without further arguments.
    """
    for other in catalog.values():
        if other.returns == f"list of {template.returns}" and not other.input.get("required"):
            return f"{other.name}.id"
    return []


def _enumeration(template: Template, path: list[str]) -> list[str]:
    schema: dict[str, Any] = template.input
    for name in path:
        schema = schema.get("properties", {}).get(name, {})
    return [str(value) for branch in schema.get("anyOf", [schema]) for value in branch.get("enum", [])]
