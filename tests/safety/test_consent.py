"""
A person is asked before money moves, by what Stripe says and not by what the model says; their answer is for
one call, once.
"""

from typing import Any

import anyio
import pytest
from mcp import MCPError
from mcp_types import CallToolResult, ElicitResult, ErrorData, InputRequiredResult

from stripe_mcp.rules import Rules
from stripe_mcp.simulator import Simulator
from tests.agent import texts
from tests.safety.desk import CONFIRMED, YES, Desk, arguments, committed, desk

pytestmark = pytest.mark.anyio

ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])
EVERY_TOOL = pytest.mark.parametrize("tool", CONFIRMED)
KEY = "0123456789abcdef0123456789abcdef"

NO_CONSENT = {
    "decline": ElicitResult(action="decline"),
    "cancel": ElicitResult(action="cancel"),
    "accept without content": ElicitResult(action="accept"),
    "accept with an empty form": ElicitResult(action="accept", content={}),
    "accept with the box left empty": ElicitResult(action="accept", content={"confirm": False}),
    "accept with a word for a tick": ElicitResult(action="accept", content={"confirm": "true"}),
    "accept with a number for a tick": ElicitResult(action="accept", content={"confirm": 1}),
    "decline with the box ticked": ElicitResult(action="decline", content={"confirm": True}),
}


@ERAS
@EVERY_TOOL
async def test_a_call_that_is_to_be_confirmed_is_asked_about_once_and_then_happens(
    tool: str, era: str
) -> None:
    async with desk(lambda _: YES, era=era) as at:
        before = committed(at.simulator)
        await at.done(tool, **arguments(at.simulator, tool))
        [question] = at.asked
        assert question.message.startswith("TEST")
        assert committed(at.simulator) > before


@ERAS
@EVERY_TOOL
@pytest.mark.parametrize("answer", NO_CONSENT.values(), ids=NO_CONSENT)
async def test_whatever_is_no_clear_yes_moves_nothing(answer: ElicitResult, tool: str, era: str) -> None:
    async with desk(lambda _: answer, era=era) as at:
        text = await at.refused(tool, **arguments(at.simulator, tool))
        assert text.startswith("Refused, nothing was done")


@ERAS
async def test_a_call_that_needs_no_confirmation_asks_nobody(era: str) -> None:
    async with desk(lambda _: YES, era=era) as at:
        await at.done("create_customer", name="Zoë")
        assert at.asked == []


@ERAS
async def test_who_has_chosen_never_to_ask_is_not_asked(era: str) -> None:
    async with desk(lambda _: YES, era=era, rules=Rules(confirm="client")) as at:
        await at.done("create_refund", **arguments(at.simulator, "create_refund"))
        assert at.asked == []


class Wire:
    """
    A client of the newer protocol that hands over states and answers as it likes.
    """

    def __init__(self, at: Desk, tool: str, **given: Any) -> None:
        self._at = at
        self._tool = tool
        self._given = given

    async def call(self, state: str | None = None, answer: ElicitResult | None = None, **given: Any) -> Any:
        """
        The result of one round, whatever it is.
        """
        return await self._at.client.session.call_tool(
            self._tool,
            self._given | given,
            request_state=state,
            input_responses={"confirm": answer} if answer else None,
            allow_input_required=True,
        )

    async def ask(self) -> str:
        """
        The state of the question that a call is answered with.
        """
        result = await self.call()
        assert isinstance(result, InputRequiredResult)
        assert result.request_state
        return result.request_state


@EVERY_TOOL
async def test_r9_a_confirmed_call_that_is_replayed_ten_times_happens_once(tool: str) -> None:
    async with desk(lambda _: YES) as at:
        wire = Wire(at, tool, **arguments(at.simulator, tool))
        state = await wire.ask()
        first: CallToolResult = await wire.call(state, YES)
        assert not first.is_error
        once = committed(at.simulator)
        for _ in range(10):
            again: CallToolResult = await wire.call(state, YES)
            assert again.structured_content == first.structured_content
            assert texts(again)[1].startswith("REPEAT")
        assert committed(at.simulator) == once


@EVERY_TOOL
async def test_an_answer_without_a_state_is_asked_for_again(tool: str) -> None:
    async with desk(lambda _: YES) as at:
        before = committed(at.simulator)
        result = await Wire(at, tool, **arguments(at.simulator, tool)).call(None, YES)
        assert isinstance(result, InputRequiredResult)
        assert committed(at.simulator) == before


@EVERY_TOOL
async def test_a_no_cannot_be_turned_into_a_yes_afterwards(tool: str) -> None:
    async with desk(lambda _: YES) as at:
        before = committed(at.simulator)
        wire = Wire(at, tool, **arguments(at.simulator, tool))
        state = await wire.ask()
        for answer in (ElicitResult(action="decline"), YES, YES):
            result: CallToolResult = await wire.call(state, answer)
            assert result.is_error
        assert committed(at.simulator) == before


async def refused_state(at: Desk, state: str, **given: Any) -> None:
    before = committed(at.simulator)
    with pytest.raises(MCPError, match="nothing was done"):
        await Wire(at, "create_refund", **given).call(state, YES)
    assert committed(at.simulator) == before


async def test_a_yes_is_for_the_arguments_that_were_asked_about() -> None:
    async with desk(lambda _: YES) as at:
        given = arguments(at.simulator, "create_refund")
        state = await Wire(at, "create_refund", **given).ask()
        await refused_state(at, state, **given, amount=1)


async def test_a_yes_is_for_the_tool_that_was_asked_about() -> None:
    async with desk(lambda _: YES) as at:
        given = arguments(at.simulator, "delete_customer")
        state = await Wire(at, "delete_customer", **given).ask()
        await refused_state(at, state, **arguments(at.simulator, "create_refund"))


async def test_a_state_that_was_made_up_or_altered_is_refused() -> None:
    async with desk(lambda _: YES) as at:
        given = arguments(at.simulator, "create_refund")
        state = await Wire(at, "create_refund", **given).ask()
        for forged in ("", "v1.", "made up", state[:-2] + ("AA" if state[-2:] != "AA" else "BB"), state[:-4]):
            await refused_state(at, forged, **given)


async def test_r10_a_yes_that_comes_after_ten_minutes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    async with desk(lambda _: YES) as at:
        given = arguments(at.simulator, "create_refund")
        state = await Wire(at, "create_refund", **given).ask()
        now = __import__("time").time()
        monkeypatch.setattr("mcp.server.request_state.time.time", lambda: now + 601)
        await refused_state(at, state, **given)


async def test_r10_a_yes_to_what_another_process_asked_is_refused() -> None:
    simulator = Simulator()
    given = arguments(simulator, "create_refund")
    async with desk(lambda _: YES, simulator=simulator) as before:
        state = await Wire(before, "create_refund", **given).ask()
    async with desk(lambda _: YES, simulator=simulator) as after:
        await refused_state(after, state, **given)


async def test_a_yes_survives_a_restart_of_servers_that_share_a_key(tmp_path: Any) -> None:
    simulator = Simulator()
    given = arguments(simulator, "create_refund")
    shared: dict[str, Any] = {"state_keys": (KEY,), "database": f"sqlite:///{tmp_path}/ledger/ledger.db"}
    async with desk(lambda _: YES, simulator=simulator, **shared) as before:
        state = await Wire(before, "create_refund", **given).ask()
    for repeated in (False, True):
        async with desk(lambda _: YES, simulator=simulator, **shared) as after:
            result: CallToolResult = await Wire(after, "create_refund", **given).call(state, YES)
            assert not result.is_error
            assert texts(result)[1].startswith("REPEAT") == repeated


async def test_a_yes_of_one_principal_is_worthless_to_another() -> None:
    simulator = Simulator()
    given = arguments(simulator, "create_refund")
    async with desk(lambda _: YES, simulator=simulator, state_keys=(KEY,), principal="anna") as hers:
        state = await Wire(hers, "create_refund", **given).ask()
    async with desk(lambda _: YES, simulator=simulator, state_keys=(KEY,), principal="bert") as his:
        before = committed(simulator)
        result: CallToolResult = await Wire(his, "create_refund", **given).call(state, YES)
        assert result.is_error
        assert "another caller" in texts(result)[0]
        assert committed(simulator) == before


@ERAS
async def test_what_changes_while_the_person_thinks_is_not_done(era: str) -> None:
    simulator = Simulator()
    given = arguments(simulator, "create_refund")
    charge = simulator.store.get("charge", given["charge"])

    def thinks(_: Any) -> ElicitResult:
        charge["amount_refunded"] += 100  # somebody else refunds a part
        return YES

    async with desk(thinks, era=era, simulator=simulator) as at:
        assert "changed meanwhile" in await at.refused("create_refund", **given)


@ERAS
@EVERY_TOOL
async def test_where_the_client_cannot_ask_it_is_relied_on_in_test_mode(tool: str, era: str) -> None:
    async with desk(era=era) as at:
        await at.done(tool, **arguments(at.simulator, tool))


async def test_a_question_that_nobody_answers_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stripe_mcp.asking.LASTS", 0.05)

    async def gone(context: Any, params: Any) -> ElicitResult:
        await anyio.sleep_forever()
        raise AssertionError

    async with desk(lambda _: YES, era="legacy", answering=gone) as at:
        text = await at.refused("create_refund", **arguments(at.simulator, "create_refund"))
        assert "nobody answered" in text


async def test_a_client_that_fails_to_ask_moves_nothing() -> None:
    async def broken(context: Any, params: Any) -> ErrorData:
        return ErrorData(code=-32603, message="no window")

    async with desk(lambda _: YES, era="legacy", answering=broken) as at:
        text = await at.refused("create_refund", **arguments(at.simulator, "create_refund"))
        assert "could not ask" in text
