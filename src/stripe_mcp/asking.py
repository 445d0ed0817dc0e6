"""
Asking the person at the client, as MCP has it: elicitation, in both eras of the protocol.

Older clients are asked while their call is open. Newer ones get the question as the result of the
call, with a sealed state, and call again with the answer: what comes back is the client's word, so
only what the seal holds is believed.
"""

from collections.abc import Sequence
from typing import Any

import anyio
import mcp_types as types
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.shared.exceptions import MCPError
from mcp_types.version import MODERN_PROTOCOL_VERSIONS

from stripe_mcp.errors import Refused
from stripe_mcp.safety.consent import LASTS, Answer
from stripe_mcp.safety.question import Question

_CONFIRM = "confirm"


class Asking(Exception):
    """
    The call ends with a question; *result* is what the client gets.
    """

    def __init__(self, result: types.InputRequiredResult) -> None:
        super().__init__()
        self.result = result


class PersonAtClient:
    """
    Who sits at the client that made this call.
    """

    def __init__(self, ctx: ServerRequestContext[Any], params: types.CallToolRequestParams) -> None:
        self._ctx = ctx
        self._modern = ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        self.brought = self._answer_in(params)

    @property
    def can_be_asked(self) -> bool:
        """
        Whether the client shows forms: one that declares elicitation and no kind of it does.
        """
        declared = self._ctx.session.client_capabilities
        able = declared.elicitation if declared else None
        return able is not None and (able.form is not None or able.url is None)

    async def ask(self, question: Question, state: str) -> Answer:
        """
        The answer to *question*.

        Raises:
            Asking: The client has to call again with it.
            Refused: Nobody answered.
        """
        form = types.ElicitRequestFormParams(message=question.message, requested_schema=question.schema)
        if self._modern:
            asked = types.ElicitRequest(params=form)
            raise Asking(types.InputRequiredResult(input_requests={_CONFIRM: asked}, request_state=state))
        try:
            with anyio.fail_after(LASTS):
                said = await self._ctx.session.elicit_form(
                    form.message, form.requested_schema, related_request_id=self._ctx.request_id
                )
        except TimeoutError:
            raise Refused("consent", "nobody answered the question within ten minutes.") from None
        except MCPError:
            raise Refused("consent", "the client could not ask the person.") from None
        return Answer(said.action, said.content)

    def _answer_in(self, params: types.CallToolRequestParams) -> tuple[str, Answer] | None:
        """
        The answer that came with the call. Without a state of ours it is anybody's, and not believed.
        """
        said = (params.input_responses or {}).get(_CONFIRM)
        if params.request_state is None or not isinstance(said, types.ElicitResult):
            return None
        return params.request_state, Answer(said.action, said.content)


class Boundary(RequestStateBoundary):
    """
    Seals the state of questions with *keys*; without any, with one that only this process has.

    What was not sealed by them, for this very call, in the last ten minutes, is refused.
    """

    def __init__(self, keys: Sequence[str], name: str) -> None:
        security = (
            RequestStateSecurity(keys=keys, ttl=LASTS) if keys else RequestStateSecurity.ephemeral(ttl=LASTS)
        )
        super().__init__(security, default_audience=name)

    async def __call__(self, ctx: ServerRequestContext[Any, Any], call_next: CallNext) -> HandlerResult:
        """
        Let the request pass; one with a state that is not ours is told to begin again.
        """
        try:
            return await super().__call__(ctx, call_next)
        except MCPError as error:
            data = error.error.data
            if not (isinstance(data, dict) and data.get("reason") == "invalid_request_state"):
                raise
            text = (
                "This answer belongs to a question that has expired, or that was never asked here: nothing "
                "was done. Call the tool again without it to be asked anew."
            )
            raise MCPError(error.error.code, text, data) from None
