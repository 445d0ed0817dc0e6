"""
R22 to R25: answers that are none, that never end, that lead elsewhere, or that are about something else.
"""

import json
import sys
from typing import Any

import pytest

from tests.agent import texts
from tests.faults.proxy import Fault, listening
from tests.faults.server import Host, Process, made, said, unknown
from tests.faults.stripe_side import (
    CHARGE,
    CUSTOMER,
    PART,
    REFUNDS,
    Stripe,
    bomb,
    change,
    drip,
    half,
    pour,
    say,
)

pytestmark = pytest.mark.anyio

LARGE = 200_000_000  # bytes
BODIES: dict[str, Fault] = {
    "malformed": say(200, '{"id": ', carried_out=True),
    "cut": half,
    "empty": say(200, "", carried_out=True),
    "no object": say(200, "[]", carried_out=True),
    "another object": say(200, '{"object": "toaster"}', carried_out=True),
    "a gzip bomb": bomb(LARGE),
    "broken gzip": say(200, b"\x1f\x8b\x08 no", {"Content-Encoding": "gzip"}, carried_out=True),
    "200 MB": pour(LARGE),
    "deeply nested": say(200, b'{"a":' * 100_000 + b"1" + b"}" * 100_000, carried_out=True),
    "no UTF-8": say(200, b'{"id": "\xff\xfe"}', carried_out=True),
    "a huge number": say(200, b'{"amount": ' + b"9" * 100_000 + b"}", carried_out=True),
    "a page": say(200, "<html></html>", {"Content-Type": "text/html"}, carried_out=True),
}


def largest(process: Process) -> int:
    """
    The most memory that the process has had, in bytes.
    """
    [line] = [line for line in process.proc("status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@pytest.mark.skipif(sys.platform != "linux", reason="reads how much memory was used as Linux says it")
async def test_r22_an_unreadable_answer_makes_a_write_unknown_and_a_read_an_error(
    stripe: Stripe, host: Host
) -> None:
    async with host.process(STRIPE_MCP_MAX_RETRIES="0") as process:
        made(await process.call_tool("create_refund", PART | {"amount": 99}))
        before = largest(process)
        for amount, body in enumerate(BODIES.values(), start=100):
            stripe.next(REFUNDS, body)
            stripe.next("GET /v1/charges", body)
            result = await process.call_tool("create_refund", PART | {"amount": amount})
            unknown(result, stripe.keys(REFUNDS)[-1])
            assert "UNKNOWN" not in said(await process.call_tool("get_charge", {"charge_id": CHARGE}))
        made(await process.call_tool("get_charge", {"charge_id": CHARGE}))
        assert largest(process) - before < LARGE / 2


async def test_r22_the_same_call_resolves_what_an_unreadable_answer_left_unknown(
    stripe: Stripe, host: Host, database: str
) -> None:
    async with host.client(STRIPE_MCP_MAX_RETRIES="0") as client:
        for amount, body in enumerate(BODIES.values(), start=100):
            refund = PART | {"amount": amount}
            stripe.next(REFUNDS, body)
            unknown(await client.call_tool("create_refund", refund), stripe.keys(REFUNDS)[-1])
            made(await client.call_tool("create_refund", refund))
            first, second = stripe.keys(REFUNDS)[-2:]
            assert first == second
    assert len(stripe.keys(REFUNDS)) == 2 * len(BODIES)
    assert stripe.refunded[0] == len(BODIES)


async def test_r23_a_byte_a_second_ends_at_the_deadline(stripe: Stripe, host: Host) -> None:
    stripe.always(REFUNDS, drip)
    stripe.always("GET /v1/charges", drip)
    async with host.client(STRIPE_MCP_DEADLINE="2") as client:
        unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0])
        assert "UNKNOWN" not in said(await client.call_tool("get_charge", {"charge_id": CHARGE}))


async def test_r23_the_same_call_resolves_what_came_too_slowly(
    stripe: Stripe, host: Host, database: str
) -> None:
    stripe.always(REFUNDS, drip)
    async with host.client(STRIPE_MCP_DEADLINE="1") as client:
        unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0])
        stripe.heal()
        made(await client.call_tool("create_refund", PART))
    assert len(set(stripe.keys(REFUNDS))) == 1
    assert stripe.refunded == (1, 500)


async def test_r24_a_redirect_is_not_followed(stripe: Stripe, host: Host) -> None:
    elsewhere = Stripe()
    async with listening(elsewhere) as address, host.client() as client:
        for status in (301, 302, 303, 307, 308):
            stripe.next(REFUNDS, say(status, "", {"Location": f"{address}/v1/refunds"}))
            stripe.next("GET /v1/charges", say(status, "", {"Location": f"{address}/v1/charges"}))
            said(await client.call_tool("create_refund", PART | {"amount": status}))
            said(await client.call_tool("get_charge", {"charge_id": CHARGE}))
    assert elsewhere.connections == 0
    assert stripe.refunded == (0, 0)


WRONG: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("create_refund", PART, {"amount": 4900}),
    ("create_payment_intent", {"amount": 501, "currency": "usd"}, {"currency": "jpy"}),
    ("create_payment_intent", {"amount": 502, "currency": "usd"}, {"livemode": True}),
    ("update_customer", {"customer_id": CUSTOMER, "name": "Jane"}, {"id": "cus_OTHER"}),
]


async def test_r25_an_answer_that_is_not_to_the_request_is_said_loudly(
    stripe: Stripe, host: Host, database: str
) -> None:
    async with host.client() as client:
        for tool, arguments, fields in WRONG:
            stripe.next("POST", change(**fields))
            result = await client.call_tool(tool, arguments)
            made(result)
            label, warning, shown = texts(result)
            assert label == "TEST"
            assert warning.startswith("WARNING")
            assert next(iter(fields)) in warning
            assert json.loads(shown)
        right = await client.call_tool("create_refund", PART | {"amount": 600})
    assert not any(text.startswith("WARNING") for text in texts(right))
