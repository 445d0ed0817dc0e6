"""
The tools that ask something of the client in the middle of a call, as protocol 2026-07-28 has it: the
question is the result of the call, and the client calls again with the answer.

Rule: it asks for nothing that the client did not declare, and again for all that a call did not bring.
"""

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from mcp.server.context import ServerRequestContext

Requests = Mapping[str, types.InputRequest]
_KINDS: dict[str, tuple[str, type]] = {  # method: the capability that it needs, and the kind of its answer
    "elicitation/create": ("elicitation", types.ElicitResult),
    "sampling/createMessage": ("sampling", types.CreateMessageResult),
    "roots/list": ("roots", types.ListRootsResult),
}


class Questions:
    """
    Rounds of *requests*, after which a call says *outcome*, with the answers in place of their names.

    With *sealed*, each round carries a state, and an answer that comes without it counts for nothing.
    """

    def __init__(self, outcome: str, *rounds: Requests, sealed: bool = False) -> None:
        self._outcome, self._rounds, self._sealed = outcome, rounds, sealed

    def ask(
        self, ctx: ServerRequestContext, params: types.InputResponseRequestParams
    ) -> str | types.InputRequiredResult:
        """
        The outcome, or what is to be asked first.
        """
        number = int(params.request_state or 0)
        declared = ctx.session.client_capabilities
        wanted = _askable(self._rounds[number], declared)
        believed = not self._sealed or params.request_state is not None
        answers = _answers(wanted, params.input_responses or {}) if believed else None
        if answers is None:
            return self._question(number, wanted)
        if number + 1 < len(self._rounds):
            return self._question(number + 1, _askable(self._rounds[number + 1], declared))
        return self._outcome.format(**answers)

    def _question(self, number: int, requests: Requests) -> types.InputRequiredResult:
        return types.InputRequiredResult(
            input_requests=dict(requests), request_state=str(number) if self._sealed else None
        )


def _askable(requests: Requests, declared: types.ClientCapabilities | None) -> Requests:
    return {
        name: request
        for name, request in requests.items()
        if getattr(declared, _KINDS[request.method][0], None) is not None
    }


def _answers(requests: Requests, given: Mapping[str, Any]) -> dict[str, str] | None:
    if not all(isinstance(given.get(name), _KINDS[each.method][1]) for name, each in requests.items()):
        return None
    return {name: _words(given[name]) for name in requests}


def _words(answer: Any) -> str:
    if isinstance(answer, types.ElicitResult):
        return ", ".join(str(value) for value in (answer.content or {}).values())
    if isinstance(answer, types.ListRootsResult):
        return ", ".join(str(root.uri) for root in answer.roots)
    return str(getattr(answer.content, "text", ""))


def form(message: str, **properties: str) -> types.ElicitRequest:
    """
    A form that asks for *properties*, each of the type that is said.
    """
    fields = {name: {"type": kind} for name, kind in properties.items()}
    schema = {"type": "object", "properties": fields, "required": list(properties)}
    return types.ElicitRequest(params=types.ElicitRequestFormParams(message=message, requested_schema=schema))


def sample(prompt: str, max_tokens: int) -> types.CreateMessageRequest:
    """
    A question to the client's model.
    """
    message = types.SamplingMessage(role="user", content=types.TextContent(text=prompt))
    return types.CreateMessageRequest(
        params=types.CreateMessageRequestParams(messages=[message], max_tokens=max_tokens)
    )


def asking_tools() -> dict[str, Questions]:
    """
    The tools of this kind, by name.
    """
    name = {"user_name": form("What is your name?", name="string")}
    roots = {"client_roots": types.ListRootsRequest()}
    confirm = {"confirm": form("Please confirm", ok="boolean")}
    capital = {"capital_question": sample("What is the capital of France?", 100)}
    greeting = {"greeting": sample("Generate a greeting", 50)}
    steps = (
        {"step1": form("Step 1: What is your name?", name="string")},
        {"step2": form("Step 2: What is your favorite color?", color="string")},
    )
    prefix = "test_input_required_result_"
    return {
        f"{prefix}elicitation": Questions("Hello, {user_name}!", name),
        f"{prefix}sampling": Questions("{capital_question}", capital),
        f"{prefix}list_roots": Questions("Roots: {client_roots}", roots),
        f"{prefix}request_state": Questions("state-ok", confirm, sealed=True),
        f"{prefix}tampered_state": Questions("state-ok", confirm, sealed=True),
        f"{prefix}multiple_inputs": Questions(
            "{greeting} {user_name}, at {client_roots}", {**name, **greeting, **roots}, sealed=True
        ),
        f"{prefix}multi_round": Questions("Your color is {step2}.", *steps, sealed=True),
        f"{prefix}capabilities": Questions("Thank you.", {**name, **greeting}),
        "test_streaming_elicitation": Questions("Hello, {user_name}!", name),
    }
