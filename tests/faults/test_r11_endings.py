"""
R11 to R14: how the server ends, and what the next one knows.
"""

import signal
import sys

import anyio
import pytest

from tests.faults.server import Host, made, operation, repeated, unknown
from tests.faults.stripe_side import PART, PAYMENT, REFUNDS, Stall, Stripe, drop

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals"),
]

SOON = 3  # seconds: the server takes a tenth of one, the SDK's own way eight


@pytest.mark.parametrize("carried_out", [True, False])
async def test_r11_a_server_that_is_killed_between_request_and_answer_asks_with_the_same_key(
    carried_out: bool, stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall(carried_out=carried_out))
    async with host.process() as process:
        await process.begin("create_refund", **PART)
        await stall.held.wait()
        process.popen.kill()
        assert await process.ended() == -signal.SIGKILL
    opened = operation(await host.command("operations"))
    async with host.client() as client:
        refund = made(await client.call_tool("create_refund", PART))
    first, second = stripe.keys(REFUNDS)
    assert first == second is not None
    assert stripe.refunded == (1, 500)
    assert opened not in await host.command("operations")
    assert refund["id"] in await host.command("operations", "show", opened)


async def test_r11_an_open_operation_is_reconciled_with_what_stripe_has(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as process:
        await process.begin("create_refund", **PART)
        await stall.held.wait()
        process.popen.kill()
    opened = operation(await host.command("operations"))
    host.pass_time(24 * 3600)
    await host.command("operations", "reconcile", opened)
    assert opened not in await host.command("operations")
    assert len(stripe.keys(REFUNDS)) == 1
    refund = stripe.get("/v1/refunds")["data"][0]
    assert refund["id"] in await host.command("operations", "show", opened)


async def test_r11_an_operation_that_stripe_never_saw_stays_open_until_a_person_closes_it(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.always(REFUNDS, drop)
    async with host.client(STRIPE_MCP_MAX_RETRIES="0") as client:
        opened = operation(unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0]))
    assert opened == operation(await host.command("operations"))
    assert str(stripe.keys(REFUNDS)[0]) in await host.command("operations", "show", opened)


async def test_r12_after_sigterm_the_write_in_flight_ends_and_no_other_begins(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as process:
        await process.begin("create_refund", **PART)
        await stall.held.wait()
        process.popen.terminate()
        await process.begin("create_refund", payment_intent=PAYMENT, amount=600)
        stall.released.set()
        assert await process.ended() == 0
    assert stripe.refunded == (1, 500)
    async with host.client() as client:
        repeated(await client.call_tool("create_refund", PART))
    assert len(stripe.keys(REFUNDS)) == 1


async def test_r12_a_second_signal_ends_at_once_and_the_same_call_resolves_what_was_open(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as process:
        await process.begin("create_refund", **PART)
        await stall.held.wait()
        while process.popen.returncode is None:  # two at once would count as one
            process.popen.terminate()
            with anyio.move_on_after(0.1):
                await process.popen.wait()
        assert process.popen.returncode == 128 + signal.SIGTERM
    assert not stall.released.is_set()
    async with host.client() as client:
        made(await client.call_tool("create_refund", PART))
    assert len(set(stripe.keys(REFUNDS))) == 1
    assert stripe.refunded == (1, 500)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_r13_a_signal_ends_an_idle_server(number: signal.Signals, host: Host) -> None:
    async with host.process() as process:
        process.popen.send_signal(number)
        assert await process.ended(within=SOON) == 0
    assert "Traceback" not in host.log.read_text()


@pytest.mark.parametrize("last", [b"", b'{"jsonrpc": "2.0", "id": 9, "method"'])
async def test_r14_the_end_of_input_ends_an_idle_server(last: bytes, host: Host) -> None:
    async with host.process() as process:
        await process.stdin.send(last)
        await process.stdin.aclose()
        assert await process.ended(within=SOON) == 0
    assert "Traceback" not in host.log.read_text()


@pytest.mark.parametrize("last", [b"", b'{"jsonrpc": "2.0", "id": 9, "method"'])
async def test_r14_after_the_end_of_input_the_ledger_says_what_became_of_the_write(
    last: bytes, stripe: Stripe, host: Host, database: str
) -> None:
    stripe.next(REFUNDS, stall := Stall())
    async with host.process() as process:
        await process.begin("create_refund", **PART)
        await stall.held.wait()
        await process.stdin.send(last)
        await process.stdin.aclose()
        stall.released.set()
        assert await process.ended() == 0
    assert "op_" not in await host.command("operations")
    async with host.client() as client:
        repeated(await client.call_tool("create_refund", PART))
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (1, 500)
