"""
The prompts that the suite lists and gets, and the completion of their arguments.
"""

from collections.abc import Sequence
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.shared.exceptions import MCPError

from tests.conformance.content import embedded, picture, text
from tests.conformance.questions import Questions, form

_ARGUMENTS: dict[str, tuple[str, ...]] = {
    "test_simple_prompt": (),
    "test_prompt_with_arguments": ("arg1", "arg2"),
    "test_prompt_with_embedded_resource": ("resourceUri",),
    "test_prompt_with_image": (),
    "test_input_required_result_prompt": (),
}
_CONTEXT = Questions(
    "Use this context: {user_context}",
    {"user_context": form("What context should the prompt use?", context="string")},
)


async def list_prompts(ctx: ServerRequestContext, params: Any) -> types.ListPromptsResult:
    """
    All prompts.
    """
    return types.ListPromptsResult(
        prompts=[
            types.Prompt(
                name=name,
                description=f"For the scenario of {name}.",
                arguments=[types.PromptArgument(name=each, required=True) for each in arguments],
            )
            for name, arguments in _ARGUMENTS.items()
        ]
    )


async def get(
    ctx: ServerRequestContext, params: types.GetPromptRequestParams
) -> types.GetPromptResult | types.InputRequiredResult:
    """
    One prompt, filled in.
    """
    if params.name not in _ARGUMENTS:
        raise MCPError(types.INVALID_PARAMS, f"Unknown prompt: {params.name}")
    if params.name != "test_input_required_result_prompt":
        return _said(*_content(params.name, params.arguments or {}))
    answered = _CONTEXT.ask(ctx, params)
    return _said(text(answered)) if isinstance(answered, str) else answered


async def complete(ctx: ServerRequestContext, params: types.CompleteRequestParams) -> types.CompleteResult:
    """
    Words that begin as the argument does.
    """
    words = ("paris", "park", "party", "testing")
    fitting = [word for word in words if word.startswith(params.argument.value)]
    return types.CompleteResult(completion=types.Completion(values=fitting, total=len(fitting)))


def _content(name: str, given: dict[str, str]) -> Sequence[types.ContentBlock]:
    if name == "test_prompt_with_arguments":
        pairs = ", ".join(f"{each}='{given.get(each, '')}'" for each in _ARGUMENTS[name])
        return [text(f"Prompt with arguments: {pairs}")]
    if name == "test_prompt_with_embedded_resource":
        resource = embedded(
            given.get("resourceUri", ""), "text/plain", "Embedded resource content for testing."
        )
        return [resource, text("Please process the embedded resource above.")]
    if name == "test_prompt_with_image":
        return [picture(), text("Please analyze the image above.")]
    return [text("This is a simple prompt for testing.")]


def _said(*content: types.ContentBlock) -> types.GetPromptResult:
    return types.GetPromptResult(
        messages=[types.PromptMessage(role="user", content=each) for each in content]
    )
