"""
R9 and R10: a person's yes counts once, for what was asked, and not for ever.
"""

from contextlib import suppress
from typing import Any

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import (
    CallToolResult,
    ElicitRequest,
    ElicitRequestFormParams,
    ElicitResult,
    InputRequiredResult,
)

from tests.faults.server import Host, made, said
from tests.faults.stripe_side import PART, REFUNDS, Stripe

pytestmark = pytest.mark.anyio


def answer(schema: dict[str, Any]) -> dict[str, Any]:
    """
    What a person who agrees fills in.
    """
    return {name: each.get("enum", [True])[0] for name, each in schema["properties"].items()}


async def yes(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="accept", content=answer(params.requested_schema))


async def no(context: Any, params: Any) -> ElicitResult:
    return ElicitResult(action="decline")


async def emptily(context: Any, params: Any) -> ElicitResult:
    """
    As a hook does that agrees to everything unread.
    """
    return ElicitResult(action="accept", content={})


CANCEL = ("cancel_subscription", {"subscription_id": "sub_XYZ789"}, "DELETE")
REFUND = ("create_refund", PART, REFUNDS)
of_both = pytest.mark.parametrize(("tool", "arguments", "place"), [REFUND, CANCEL])


class Asked:
    """
    A question that the server asked in place of an answer, and what agrees to it.
    """

    def __init__(self, question: InputRequiredResult) -> None:
        self.state = question.request_state
        self.agreed: dict[str, Any] = {}
        for name, request in (question.input_requests or {}).items():
            assert isinstance(request, ElicitRequest)
            assert isinstance(request.params, ElicitRequestFormParams)
            self.agreed[name] = ElicitResult(action="accept", content=answer(request.params.requested_schema))


async def ask(client: Client, tool: str, arguments: dict[str, Any], **more: Any) -> Any:
    return await client.session.call_tool(tool, arguments, allow_input_required=True, **more)


async def question(client: Client, tool: str, arguments: dict[str, Any]) -> Asked:
    result = await ask(client, tool, arguments)
    assert isinstance(result, InputRequiredResult)
    return Asked(result)


async def refusal(client: Client, tool: str, arguments: dict[str, Any], asked: Asked) -> str:
    """
    Why an answer to a question is not taken.
    """
    try:
        result = await ask(client, tool, arguments, input_responses=asked.agreed, request_state=asked.state)
    except MCPError as error:
        return str(error)
    assert isinstance(result, CallToolResult)
    return said(result)


@pytest.mark.parametrize("era", ["auto", "legacy"])
async def test_r09_a_person_is_asked_once_and_decides(
    era: str, stripe: Stripe, host: Host, database: str
) -> None:
    for asked in (no, emptily):
        async with host.client(era, asked) as client:
            said(await client.call_tool("create_refund", PART))
    assert stripe.keys(REFUNDS) == []
    async with host.client(era, yes) as client:
        made(await client.call_tool("create_refund", PART))
    assert stripe.refunded == (1, 500)


@of_both
async def test_r09_a_confirmed_call_that_is_replayed_ten_times_is_done_once(
    tool: str, arguments: dict[str, Any], place: str, stripe: Stripe, host: Host, database: str
) -> None:
    async with host.client(asked=yes) as client:
        asked = await question(client, tool, arguments)
        made(await ask(client, tool, arguments, input_responses=asked.agreed, request_state=asked.state))
        for _ in range(10):
            await _replay(client, tool, arguments, asked)
    assert len(stripe.at(place)) == 1


@of_both
async def test_r09_a_confirmed_call_that_is_sent_five_times_at_once_is_done_once(
    tool: str, arguments: dict[str, Any], place: str, stripe: Stripe, host: Host, database: str
) -> None:
    async with host.client(asked=yes) as client:
        asked = await question(client, tool, arguments)
        async with anyio.create_task_group() as calls:
            for _ in range(5):
                calls.start_soon(_replay, client, tool, arguments, asked)
    assert len(stripe.at(place)) == 1


async def _replay(client: Client, tool: str, arguments: dict[str, Any], asked: Asked) -> None:
    """
    What it brings, an outcome or a refusal, is as good as the other.
    """
    with suppress(MCPError):
        await ask(client, tool, arguments, input_responses=asked.agreed, request_state=asked.state)


async def test_r09_a_yes_to_one_refund_is_none_to_another(stripe: Stripe, host: Host) -> None:
    async with host.client(asked=yes) as client:
        asked = await question(client, "create_refund", PART)
        await refusal(client, "create_refund", PART | {"amount": 4900}, asked)
    assert stripe.keys(REFUNDS) == []


async def test_r09_a_yes_without_its_question_is_asked_again(stripe: Stripe, host: Host) -> None:
    async with host.client(asked=yes) as client:
        asked = await question(client, "create_refund", PART)
        asked.state = None
        again = await ask(client, "create_refund", PART, input_responses=asked.agreed)
        assert isinstance(again, InputRequiredResult)
    assert stripe.keys(REFUNDS) == []


async def test_r10_an_answer_to_a_question_that_expired_is_refused(
    stripe: Stripe, host: Host, database: str
) -> None:
    async with host.client(asked=yes) as client:
        asked = await question(client, "create_refund", PART)
        host.pass_time(24 * 3600)
        assert "again" in await refusal(client, "create_refund", PART, asked)
    assert stripe.keys(REFUNDS) == []


async def test_r10_an_answer_to_a_question_that_another_process_asked_under_another_key_is_refused(
    stripe: Stripe, host: Host
) -> None:
    other = Host(host.folder / "other", dict(host.environment))
    for name in other.environment:
        if name == "HOME" or name.startswith("XDG_"):
            other.environment[name] = str(other.folder)
    other.environment["STRIPE_MCP_DATABASE_URL"] = f"sqlite:///{other.folder}/ledger.db"
    async with host.client(asked=yes) as client, other.client(asked=yes) as stranger:
        asked = await question(client, "create_refund", PART)
        assert "again" in await refusal(stranger, "create_refund", PART, asked)
        asked.state = f"{asked.state}x"
        assert "again" in await refusal(client, "create_refund", PART, asked)
    assert stripe.keys(REFUNDS) == []
