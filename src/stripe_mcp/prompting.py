"""
Prompts as MCP offers them: listed, and filled in as what the user says.
"""

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from stripe_mcp.errors import InvalidArguments, redact
from stripe_mcp.prompts import Prompt


class PromptHandlers:
    """
    Answers `prompts/list` and `prompts/get` from *prompts*.
    """

    def __init__(self, prompts: Mapping[str, Prompt]) -> None:
        self._prompts = prompts
        self._listed = types.ListPromptsResult(prompts=[_listed(prompt) for prompt in prompts.values()])

    async def list(self, ctx: ServerRequestContext, params: Any) -> types.ListPromptsResult:
        """
        All prompts.
        """
        return self._listed

    async def get(
        self, ctx: ServerRequestContext, params: types.GetPromptRequestParams
    ) -> types.GetPromptResult:
        """
        One prompt, filled in, as what the user says.
        """
        prompt = self._prompts.get(params.name)
        if prompt is None:
            raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {redact(params.name)[:64]}")
        try:
            text = prompt.fill(params.arguments or {})
        except InvalidArguments as error:
            raise MCPError(
                types.INVALID_PARAMS, f"Prompt {prompt.name}: {'; '.join(error.problems)}"
            ) from None
        message = types.PromptMessage(role="user", content=types.TextContent(text=text))
        return types.GetPromptResult(description=prompt.description, messages=[message])


def _listed(prompt: Prompt) -> types.Prompt:
    return types.Prompt(
        name=prompt.name,
        title=prompt.title,
        description=prompt.description,
        arguments=[
            types.PromptArgument(name=name, description=argument.description, required=argument.required)
            for name, argument in prompt.arguments.items()
        ],
    )
