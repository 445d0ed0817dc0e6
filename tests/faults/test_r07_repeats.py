"""
R7 and R8: a write that is asked for again, by a model or by two at once.
"""

from typing import Any

import pytest

from tests.agent import TEMPLATES, texts
from tests.faults.server import Host, made, operation, repeated, said, unknown
from tests.faults.stripe_side import (
    CHARGE,
    CUSTOMER,
    PART,
    PAYMENT,
    PRICE,
    REFUNDS,
    Stall,
    Stripe,
    drop,
    refuse,
)

pytestmark = pytest.mark.anyio

# A call of each tool that does more when it is called again, and where it goes.
CREATES: dict[str, tuple[str, dict[str, Any]]] = {
    "create_customer": ("POST /v1/customers", {"email": "jane@example.com"}),
    "create_draft_invoice": ("POST /v1/invoices", {"customer": CUSTOMER}),
    "create_payment_intent": ("POST /v1/payment_intents", {"amount": 500, "currency": "usd"}),
    "create_price": (
        "POST /v1/prices",
        {"currency": "usd", "unit_amount": 5, "product_data": {"name": "Tea"}},
    ),
    "create_refund": (REFUNDS, PART),
    "create_subscription": ("POST /v1/subscriptions", {"customer": CUSTOMER, "items": [{"price": PRICE}]}),
}


def test_r07_no_tool_that_does_more_when_it_is_called_again_is_left_out() -> None:
    assert CREATES.keys() == {name for name, each in TEMPLATES.items() if not each.annotations.idempotentHint}


async def test_r07_a_repeat_gives_the_first_outcome_unless_it_says_what_it_repeats(
    stripe: Stripe, host: Host, database: str
) -> None:
    async with host.client() as client:
        for tool, (place, arguments) in CREATES.items():
            first = made(await client.call_tool(tool, arguments))
            repeat = await client.call_tool(tool, arguments)
            assert made(repeat)["id"] == first["id"]
            assert len(stripe.keys(place)) == 1
            meant = arguments | {"repeat_of": repeated(repeat)}
            second = made(await client.call_tool(tool, meant))
            assert second["id"] != first["id"]
            third = await client.call_tool(tool, meant)
            repeated(third)
            assert made(third)["id"] == second["id"]
            assert len(set(stripe.keys(place))) == len(stripe.keys(place)) == 2


async def test_r07_a_refund_is_the_same_whatever_its_payment_is_called_by_and_whatever_it_is_for(
    stripe: Stripe, host: Host, database: str
) -> None:
    async with host.client() as client:
        first = made(await client.call_tool("create_refund", PART))
        for other in (
            {"charge": CHARGE, "amount": 500},
            PART | {"reason": "duplicate"},
            {"charge": CHARGE, "amount": 500, "metadata": {"ticket": "T-42"}},
        ):
            repeat = await client.call_tool("create_refund", other)
            repeated(repeat)
            assert made(repeat)["id"] == first["id"]
        made(await client.call_tool("create_refund", PART | {"amount": 600}))
    assert stripe.refunded == (2, 1100)


async def test_r07_ten_minutes_later_the_same_call_is_meant(
    stripe: Stripe, host: Host, database: str
) -> None:
    async with host.client() as client:
        made(await client.call_tool("create_refund", PART))
        host.pass_time(9 * 60)
        repeated(await client.call_tool("create_refund", PART))
        host.pass_time(11 * 60)
        result = await client.call_tool("create_refund", PART)
    assert len(texts(result)) == 2  # the label and the object, and nothing of a repeat
    assert len(set(stripe.keys(REFUNDS))) == 2
    assert stripe.refunded == (2, 1000)


async def test_r07_repeat_of_has_to_name_what_is_repeated(stripe: Stripe, host: Host) -> None:
    async with host.client() as client:
        made(await client.call_tool("create_refund", PART))
        done = repeated(await client.call_tool("create_refund", PART))
        for wrong in ("op_unknown", "op_", "re_1"):
            said(await client.call_tool("create_refund", PART | {"repeat_of": wrong}))
        said(await client.call_tool("create_refund", PART | {"amount": 600, "repeat_of": done}))
    assert stripe.refunded == (1, 500)


async def test_r07_an_unknown_outcome_cannot_be_repeated(stripe: Stripe, host: Host) -> None:
    stripe.always(REFUNDS, drop)
    async with host.client(STRIPE_MCP_MAX_RETRIES="0") as client:
        opened = operation(unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0]))
        stripe.heal()
        said(await client.call_tool("create_refund", PART | {"repeat_of": opened}))
    assert len(set(stripe.keys(REFUNDS))) == 1


async def test_r07_what_changes_nothing_more_is_simply_sent_again(stripe: Stripe, host: Host) -> None:
    update = {"customer_id": CUSTOMER, "description": "Likes tea"}
    async with host.client() as client:
        for _ in range(2):
            made(await client.call_tool("update_customer", update))
    first, second = stripe.keys("POST /v1/customers")
    assert first != second


async def test_r07_a_definite_failure_is_no_outcome_to_repeat(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, refuse(400, type="invalid_request_error", message="No."))
    async with host.client() as client:
        said(await client.call_tool("create_refund", PART))
        made(await client.call_tool("create_refund", PART))
    assert len(set(stripe.keys(REFUNDS))) == 2
    assert stripe.refunded == (1, 500)


async def test_r08_the_same_call_ten_times_at_once_is_one_request(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as process:
        calls = [await process.begin("create_refund", **PART) for _ in range(10)]
        await stall.held.wait()
        made(await process.call_tool("get_balance", {}))
        stall.released.set()
        refunds = {made(await process.result(call))["id"] for call in calls}
    assert len(refunds) == 1
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (1, 500)


async def test_r08_the_same_call_in_two_processes_at_once_is_one_request(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as one, host.process() as other:
        first = await one.begin("create_refund", **PART)
        await stall.held.wait()
        second = await other.begin("create_refund", **PART)
        made(await other.call_tool("get_balance", {}))
        stall.released.set()
        refunds = {made(await one.result(first))["id"], made(await other.result(second))["id"]}
    assert len(refunds) == 1
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (1, 500)


async def test_r08_two_processes_that_open_a_new_database_at_once_both_write(
    stripe: Stripe, host: Host, database: str
) -> None:
    async with host.process() as one, host.process() as other:
        calls = [
            (process, await process.begin("create_refund", payment_intent=PAYMENT, amount=amount))
            for amount in (100, 200, 300)
            for process in (one, other)
        ]
        refunds = {made(await process.result(call))["id"] for process, call in calls}
    assert len(refunds) == 3
    assert stripe.refunded == (3, 600)
