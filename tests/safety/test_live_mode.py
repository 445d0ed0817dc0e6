"""
Real money: who cannot be asked is trusted five times in ten minutes, then a person has to say yes.
"""

import time
from pathlib import Path
from typing import Any

import pytest
from mcp_types import ElicitResult

from stripe_mcp.rules import Rules
from stripe_mcp.safety import approvals
from stripe_mcp.safety.store import Store
from tests.agent import texts
from tests.safety.desk import YES, desk
from tests.safety.live_shop import KEY, LiveShop

pytestmark = pytest.mark.anyio

LIVE: dict[str, Any] = {"mode": "LIVE", "key": KEY}
ERAS = pytest.mark.parametrize("era", ["auto", "legacy"])


async def waiting(database: str) -> list[approvals.Approval]:
    store = Store(database)
    try:
        return await store.look(approvals.waiting, time.time())
    finally:
        store.close()


async def settle(database: str, state: str) -> None:
    """
    Let a person answer all that waits.
    """
    store = Store(database)
    for approval in await store.look(approvals.waiting, time.time()):
        assert await store.run(approvals.settle, approval.id, state, time.time())
    store.close()


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/state/ledger.db"


@ERAS
async def test_a_model_that_refunds_everything_gets_no_further_than_five_calls(
    era: str, database: str
) -> None:
    shop = await LiveShop().open(9)
    async with desk(era=era, simulator=shop.simulator, database=database, **LIVE) as at:
        results = [await at.call("create_refund", payment_intent=payment) for payment in shop.payments]
    assert [result.is_error for result in results] == [False] * 5 + [True] * 4
    assert "stripe-mcp approve" in texts(results[5])[0]
    assert await shop.refunded() == 5 * shop.amount
    assert len(await waiting(database)) == 4


async def test_the_five_are_shared_by_all_tools_and_all_processes(database: str) -> None:
    shop = await LiveShop().open(6)
    for number in range(5):
        async with desk(simulator=shop.simulator, database=database, **LIVE) as at:
            if number % 2:
                await at.done("delete_customer", customer_id=shop.customers[number])
            else:
                await at.done("create_refund", payment_intent=shop.payments[number])
    async with desk(simulator=shop.simulator, database=database, **LIVE) as at:
        assert "stripe-mcp approve" in await at.refused("create_refund", payment_intent=shop.payments[5])
        await at.done("create_customer", name="Zoë")  # which needs nobody's yes


async def test_how_many_go_unasked_can_be_set(database: str) -> None:
    shop = await LiveShop().open(2)
    async with desk(simulator=shop.simulator, database=database, rules=Rules(unasked_calls=0), **LIVE) as at:
        assert "stripe-mcp approve" in await at.refused("create_refund", payment_intent=shop.payments[0])


async def test_what_a_person_approved_goes_through_once(database: str) -> None:
    shop = await LiveShop().open(1)
    always: dict[str, Any] = {"rules": Rules(confirm="always"), "database": database, **LIVE}
    async with desk(simulator=shop.simulator, **always) as at:
        part = {"payment_intent": shop.payments[0], "amount": 1000}
        first = await at.refused("create_refund", **part)
        assert await at.refused("create_refund", **part) == first  # it waits, and is not filed twice
        [waits] = await waiting(database)
        assert '"Jane Doe" (j***@example.com)' in waits.question
        assert "Refund $10.00 of $50.00" in waits.question
        assert waits.question.startswith("LIVE")
        assert waits.amount == "10.00"  # which is typed in a terminal, however small
        await settle(database, "approved")
        await at.done("create_refund", **part)
        again = await at.call("create_refund", **part)
        assert texts(again)[1].startswith("REPEAT")
        repeat_of = texts(again)[1].partition("op_")[2][:16]
        assert "stripe-mcp approve" in await at.refused("create_refund", **part, repeat_of=f"op_{repeat_of}")
    assert await shop.refunded() == 1000


async def test_what_a_person_declined_is_refused_and_not_put_to_them_again(database: str) -> None:
    shop = await LiveShop().open(1)
    always: dict[str, Any] = {"rules": Rules(confirm="always"), "database": database, **LIVE}
    async with desk(simulator=shop.simulator, **always) as at:
        await at.refused("create_refund", payment_intent=shop.payments[0])
        await settle(database, "declined")
        assert "said no" in await at.refused("create_refund", payment_intent=shop.payments[0])
        assert await waiting(database) == []


async def test_what_changed_since_it_was_approved_has_to_be_approved_anew(database: str) -> None:
    shop = await LiveShop().open(1)
    always: dict[str, Any] = {"rules": Rules(confirm="always"), "database": database, **LIVE}
    async with desk(simulator=shop.simulator, **always) as at:
        await at.refused("create_refund", payment_intent=shop.payments[0])
        await settle(database, "approved")
        await shop.post("refunds", payment_intent=shop.payments[0], amount=100)
        assert "changed meanwhile" in await at.refused("create_refund", payment_intent=shop.payments[0])
        assert "stripe-mcp approve" in await at.refused("create_refund", payment_intent=shop.payments[0])


@pytest.mark.parametrize(
    ("typed", "passes"), [("50.00", True), ("$50", True), ("5000", False), ("", False), (None, False)]
)
@ERAS
async def test_above_the_set_amount_it_has_to_be_typed(era: str, typed: str | None, passes: bool) -> None:
    shop = await LiveShop().open(1)
    content: dict[str, Any] = {"confirm": True} | ({} if typed is None else {"amount": typed})
    answer = ElicitResult(action="accept", content=content)
    rules = Rules(type_amount_above={"usd": 4999})
    async with desk(lambda _: answer, era=era, simulator=shop.simulator, rules=rules, **LIVE) as at:
        result = await at.call("create_refund", payment_intent=shop.payments[0])
        assert result.is_error != passes
        assert "type the amount: 50.00" in str(at.asked[0].requested_schema)  # type: ignore[union-attr]


async def test_up_to_the_set_amount_a_tick_is_enough() -> None:
    shop = await LiveShop().open(1)
    rules = Rules(type_amount_above={"usd": 5000})
    async with desk(lambda _: YES, simulator=shop.simulator, rules=rules, **LIVE) as at:
        await at.done("create_refund", payment_intent=shop.payments[0])
