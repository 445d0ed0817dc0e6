"""
The tools that the suite calls, one method each, named as it names them.
"""

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import ServerRequestContext
from mcp.server.subscriptions import PromptsListChanged, ServerEvent, SubscriptionBus, ToolsListChanged
from mcp.shared.exceptions import MCPError
from mcp.shared.message import ServerMessageMetadata

from tests.conformance.content import embedded, picture, sound, text
from tests.conformance.questions import Questions, sample

_WAIT = 0.05  # seconds between two notifications, as the suite has it


@dataclass(frozen=True, slots=True)
class Call:
    """
    One call: its context, its arguments, and where events for subscribers go.
    """

    ctx: ServerRequestContext
    arguments: Mapping[str, Any]
    bus: SubscriptionBus

    async def log(self, words: str) -> None:
        """
        Tell the client *words*, if it wants to hear them.
        """
        await self.ctx.session.send_log_message("info", words, related_request_id=self.ctx.request_id)

    async def elicit(self, message: str, **properties: Any) -> types.ElicitResult:
        """
        Ask the person at a client of the handshake era for *properties*.
        """
        schema = {"type": "object", "properties": properties, "required": list(properties)}
        return await self.ctx.session.elicit_form(message, schema, related_request_id=self.ctx.request_id)


class Tools:
    """
    Lists and calls the tools; those that ask in rounds are *asking*, by name.
    """

    def __init__(self, bus: SubscriptionBus, asking: Mapping[str, Questions]) -> None:
        self._bus, self._asking = bus, asking

    async def list(self, ctx: ServerRequestContext, params: Any) -> types.ListToolsResult:
        """
        All tools.
        """
        return types.ListToolsResult(tools=[_listed(name) for name in (*_TOOLS, *self._asking)])

    async def call(
        self, ctx: ServerRequestContext, params: types.CallToolRequestParams
    ) -> types.CallToolResult | types.InputRequiredResult:
        """
        What the tool of this name does.
        """
        if questions := self._asking.get(params.name):
            answered = questions.ask(ctx, params)
            return _result(text(answered)) if isinstance(answered, str) else answered
        if params.name not in _TOOLS:
            raise MCPError(types.INVALID_PARAMS, f"Unknown tool: {params.name}")
        return await _TOOLS[params.name](Call(ctx, params.arguments or {}, self._bus))


async def _answers(*content: types.ContentBlock) -> types.CallToolResult:
    return _result(*content)


def _result(*content: types.ContentBlock, is_error: bool = False) -> types.CallToolResult:
    return types.CallToolResult(content=list(content), is_error=is_error)


async def _fail(call: Call) -> types.CallToolResult:
    return _result(text("This tool intentionally returns an error for testing"), is_error=True)


async def _log(call: Call) -> types.CallToolResult:
    await call.log("Tool execution started")
    await anyio.sleep(_WAIT)
    await call.log("Tool processing data")
    await anyio.sleep(_WAIT)
    await call.log("Tool execution completed")
    return _result(text("Logged three times."))


async def _progress(call: Call) -> types.CallToolResult:
    for done in (0, 50, 100):
        await call.ctx.session.report_progress(done, 100)
        await anyio.sleep(_WAIT)
    return _result(text("Went from 0 to 100."))


async def _sampling(call: Call) -> types.CallToolResult:
    said = await call.ctx.session.send_request(
        sample(str(call.arguments["prompt"]), 100),
        types.CreateMessageResult,
        metadata=ServerMessageMetadata(related_request_id=call.ctx.request_id),
    )
    return _result(text(f"LLM response: {getattr(said.content, 'text', '')}"))


async def _elicitation(call: Call) -> types.CallToolResult:
    said = await call.elicit(
        str(call.arguments["message"]),
        username={"type": "string", "description": "User's response"},
        email={"type": "string", "description": "User's email address"},
    )
    return _result(text(f"User response: {_told(said)}"))


async def _defaults(call: Call) -> types.CallToolResult:
    said = await call.elicit(
        "Change what is not so.",
        name={"type": "string", "default": "John Doe"},
        age={"type": "integer", "default": 30},
        score={"type": "number", "default": 95.5},
        status={"type": "string", "enum": ["active", "inactive", "pending"], "default": "active"},
        verified={"type": "boolean", "default": True},
    )
    return _result(text(f"Elicitation completed: {_told(said)}"))


async def _enums(call: Call) -> types.CallToolResult:
    options = ["option1", "option2", "option3"]
    titled = [
        {"const": f"value{n}", "title": f"{word} Choice"}
        for n, word in enumerate(("First", "Second", "Third"), 1)
    ]
    legacy = {"enum": ["opt1", "opt2", "opt3"], "enumNames": ["Option One", "Option Two", "Option Three"]}
    said = await call.elicit(
        "Choose of each.",
        untitledSingle={"type": "string", "enum": options},
        titledSingle={"type": "string", "oneOf": titled},
        legacyEnum={"type": "string", **legacy},
        untitledMulti={"type": "array", "items": {"type": "string", "enum": options}},
        titledMulti={"type": "array", "items": {"anyOf": titled}},
    )
    return _result(text(f"Elicitation completed: {_told(said)}"))


async def _needs_sampling(call: Call) -> types.CallToolResult:
    declared = call.ctx.session.client_capabilities
    if declared is None or declared.sampling is None:
        needed = types.ClientCapabilities(sampling=types.SamplingCapability())
        missing = types.MissingRequiredClientCapabilityErrorData(required_capabilities=needed)
        data = missing.model_dump(by_alias=True, exclude_none=True)
        raise MCPError(types.MISSING_REQUIRED_CLIENT_CAPABILITY, "This needs sampling.", data)
    return _result(text("The client can sample."))


async def _change(call: Call, event: ServerEvent) -> types.CallToolResult:
    await call.bus.publish(event)
    return _result(text("Subscribers were told."))


def _told(said: types.ElicitResult) -> str:
    return f"action={said.action}, content={json.dumps(said.content)}"


def _listed(name: str) -> types.Tool:
    properties = {each: {"type": "string"} for each in _ARGUMENTS.get(name, ())}
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return types.Tool(name=name, description=f"For the scenario of {name}.", input_schema=schema)


_ARGUMENTS = {"test_sampling": ("prompt",), "test_elicitation": ("message",)}

_TOOLS: dict[str, Callable[[Call], Awaitable[types.CallToolResult]]] = {
    "test_simple_text": lambda call: _answers(text("This is a simple text response for testing.")),
    "test_image_content": lambda call: _answers(picture()),
    "test_audio_content": lambda call: _answers(sound()),
    "test_embedded_resource": lambda call: _answers(
        embedded("test://embedded-resource", "text/plain", "This is an embedded resource content.")
    ),
    "test_multiple_content_types": lambda call: _answers(
        text("Multiple content types test:"),
        picture(),
        embedded("test://mixed-content-resource", "application/json", '{"test":"data","value":123}'),
    ),
    "test_error_handling": _fail,
    "test_tool_with_logging": _log,
    "test_logging_tool": _log,
    "test_tool_with_progress": _progress,
    "test_sampling": _sampling,
    "test_elicitation": _elicitation,
    "test_elicitation_sep1034_defaults": _defaults,
    "test_elicitation_sep1330_enums": _enums,
    "test_missing_capability": _needs_sampling,
    "test_trigger_tool_change": lambda call: _change(call, ToolsListChanged()),
    "test_trigger_prompt_change": lambda call: _change(call, PromptsListChanged()),
}
