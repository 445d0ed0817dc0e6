"""
R1 to R6: what is lost between the server and Stripe, or between the client and the server.
"""

import socket
from collections.abc import Iterator

import anyio
import pytest
from mcp import Client

from tests.faults.server import Host, made, operation, repeated, said, unknown
from tests.faults.stripe_side import CHARGE, CUSTOMER, PART, REFUNDS, Stall, Stripe, drop, lose

pytestmark = pytest.mark.anyio

in_both_eras = pytest.mark.parametrize("era", ["auto", "legacy"])


@pytest.fixture
def closed_port() -> Iterator[int]:
    """
    Taken, and nobody listens.
    """
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.mark.parametrize(
    "address", ["http://127.0.0.1:{port}", "https://127.0.0.1:{port}", "https://stripe.invalid"]
)
async def test_r01_what_could_not_be_sent_is_not_unknown(
    address: str, closed_port: int, stripe: Stripe, host: Host
) -> None:
    async with host.client(STRIPE_MCP_API_BASE=address.format(port=closed_port)) as client:
        text = said(await client.call_tool("create_refund", PART))
    assert "Nothing was" in text
    assert "UNKNOWN" not in text
    assert stripe.refunded == (0, 0)


async def test_r01_a_tls_handshake_that_is_reset_has_sent_nothing(stripe: Stripe, host: Host) -> None:
    stripe.deaf = 1000
    secure = stripe.address.replace("http:", "https:")
    async with host.client(STRIPE_MCP_API_BASE=secure, STRIPE_MCP_MAX_RETRIES="1") as client:
        text = said(await client.call_tool("create_refund", PART))
    assert "Nothing was" in text
    assert "UNKNOWN" not in text
    assert stripe.connections >= 2
    assert stripe.refunded == (0, 0)


@in_both_eras
async def test_r01_a_connection_that_is_reset_at_once_is_tried_again(
    era: str, stripe: Stripe, host: Host
) -> None:
    async with host.client(era) as client:
        made(await client.call_tool("create_customer", {"name": "Jane"}))
        stripe.next(REFUNDS, drop)  # which ends the connection that is kept open
        stripe.deaf = stripe.connections + 1
        made(await client.call_tool("create_refund", PART))
    assert len(set(stripe.keys(REFUNDS))) == 1
    assert stripe.refunded == (1, 500)


@in_both_eras
async def test_r02_a_reset_before_the_commit_is_tried_again_with_the_same_key(
    era: str, stripe: Stripe, host: Host
) -> None:
    stripe.next(REFUNDS, drop)
    async with host.client(era) as client:
        made(await client.call_tool("create_refund", PART))
    first, second = stripe.keys(REFUNDS)
    assert first == second is not None
    assert stripe.refunded == (1, 500)


@in_both_eras
async def test_r03_an_answer_that_was_lost_after_the_commit_is_replayed(
    era: str, stripe: Stripe, host: Host
) -> None:
    stripe.next(REFUNDS, lose)
    async with host.client(era) as client:
        refund = made(await client.call_tool("create_refund", PART))
    first, second = stripe.keys(REFUNDS)
    assert first == second is not None
    assert stripe.refunded == (1, 500)
    assert stripe.get(f"/v1/refunds/{refund['id']}")["charge"] == CHARGE


@pytest.mark.parametrize(
    ("tool", "target", "shows"),
    [
        ("delete_customer", {"customer_id": CUSTOMER}, {"deleted": True}),
        ("cancel_subscription", {"subscription_id": "sub_XYZ789"}, {"status": "canceled"}),
    ],
)
async def test_r03_after_a_lost_answer_to_a_delete_the_object_itself_is_asked(
    tool: str, target: dict[str, str], shows: dict[str, object], stripe: Stripe, host: Host
) -> None:
    """
    A DELETE has no idempotency key, so the second one meets an object that is gone.
    """
    stripe.next("DELETE", lose)
    async with host.client() as client:
        gone = made(await client.call_tool(tool, target))
    assert gone.items() >= shows.items()
    assert len(stripe.at("DELETE")) == 2


async def resolve(stripe: Stripe, client: Client) -> None:
    """
    Ask again for the refund whose outcome is unknown, and then once more.
    """
    stripe.heal()
    refund = made(await client.call_tool("create_refund", PART))
    assert len(set(stripe.keys(REFUNDS))) == 1
    asked = len(stripe.keys(REFUNDS))
    repeat = await client.call_tool("create_refund", PART)
    repeated(repeat)
    assert made(repeat)["id"] == refund["id"]
    assert len(stripe.keys(REFUNDS)) == asked
    assert stripe.refunded == (1, 500)


@pytest.mark.parametrize("carried_out", [True, False])
async def test_r04_timeouts_until_the_deadline_are_unknown_and_the_same_call_resolves_them(
    carried_out: bool, stripe: Stripe, host: Host, database: str
) -> None:
    stripe.always(REFUNDS, Stall(carried_out=carried_out))
    async with host.client(STRIPE_MCP_DEADLINE="1") as client:
        result = await client.call_tool("create_refund", PART)
        unknown(result, stripe.keys(REFUNDS)[0])
        await resolve(stripe, client)


async def test_r04_an_unknown_outcome_is_resolved_after_a_restart(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.always(REFUNDS, lose)
    async with host.client(STRIPE_MCP_MAX_RETRIES="0") as client:
        unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0])
    async with host.client() as client:
        await resolve(stripe, client)


async def test_r04_after_23_hours_nothing_is_sent_any_more(stripe: Stripe, host: Host, database: str) -> None:
    stripe.always(REFUNDS, drop)
    async with host.client(STRIPE_MCP_MAX_RETRIES="0") as client:
        opened = operation(unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0]))
        stripe.heal()
        host.pass_time(23 * 3600 + 60)
        text = said(await client.call_tool("create_refund", PART))
    assert f"stripe-mcp operations reconcile {opened}" in text
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (0, 0)


async def test_r04_what_was_unknown_for_22_hours_is_sent_with_the_same_key(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.always(REFUNDS, lose)
    async with host.client(STRIPE_MCP_MAX_RETRIES="0") as client:
        unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0])
        host.pass_time(22 * 3600)
        await resolve(stripe, client)


async def test_r04_what_is_unknown_of_one_write_holds_up_no_other(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.always(REFUNDS, drop)
    async with host.client(STRIPE_MCP_MAX_RETRIES="0") as client:
        unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0])
        made(await client.call_tool("create_customer", {"name": "Jane"}))


@in_both_eras
async def test_r05_a_call_that_the_client_cancels_still_ends_and_is_not_done_twice(
    era: str, stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.client(era) as client:
        async with anyio.create_task_group() as calls:
            calls.start_soon(client.call_tool, "create_refund", PART)
            await stall.held.wait()
            calls.cancel_scope.cancel()
        stall.released.set()
        refund = made(await client.call_tool("create_refund", PART))
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (1, 500)
    assert stripe.get(f"/v1/refunds/{refund['id']}")["charge"] == CHARGE


async def test_r05_a_call_whose_client_closes_stdin_still_ends_and_is_not_done_twice(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as process:
        await process.begin("create_refund", **PART)
        await stall.held.wait()
        await process.stdin.aclose()
        stall.released.set()
        assert await process.ended() == 0
    async with host.client() as client:
        repeated(await client.call_tool("create_refund", PART))
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (1, 500)


async def test_r06_a_call_that_is_issued_again_under_a_new_id_waits_for_the_first(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as process:
        gone = await process.begin("create_refund", **PART)
        await stall.held.wait()
        await process.notify("notifications/cancelled", {"requestId": gone})
        again = await process.begin("create_refund", **PART)
        made(await process.call_tool("get_balance", {}))
        stall.released.set()
        made(await process.result(again))
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (1, 500)
