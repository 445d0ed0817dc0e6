"""
R15 to R21: Stripe, or what stands before it, answers with an error.
"""

import re
import time
from email.utils import formatdate
from typing import Any

import pytest

from tests.agent import texts
from tests.faults.proxy import Fault
from tests.faults.server import Host, made, operation, said, unknown
from tests.faults.stripe_side import (
    CHARGE,
    CUSTOMER,
    KEY,
    PART,
    PRICE,
    REFUNDS,
    Stripe,
    lose,
    refuse,
    say,
)

pytestmark = pytest.mark.anyio

TOO_MANY = {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests."}
PAGE = "<html><body><h1>Bad Gateway</h1><!-- nginx secrets --></body></html>"


def too_many(retry_after: str | None) -> Fault:
    return refuse(429, {} if retry_after is None else {"Retry-After": retry_after}, **TOO_MANY)


def pause(stripe: Stripe) -> float:
    """
    Seconds between the last two attempts at a refund, which have one key.
    """
    first, second = stripe.at(REFUNDS)[-2:]
    assert first.key == second.key is not None
    return second.at - first.at


async def test_r15_too_many_requests_are_tried_again_with_the_same_key(stripe: Stripe, host: Host) -> None:
    waits = ["0", "1", "-5", "soon", "", "Fri, 31 Dec 1999 23:59:59 GMT", None]
    async with host.client() as client:
        for amount, retry_after in enumerate(waits, start=100):
            stripe.next(REFUNDS, too_many(retry_after))
            made(await client.call_tool("create_refund", PART | {"amount": amount}))
            assert pause(stripe) >= (1 if retry_after == "1" else 0)
            assert stripe.refunded[0] == amount - 99
    assert len(stripe.keys(REFUNDS)) == 2 * len(waits)


async def test_r15_a_date_to_try_again_at_is_waited_for(stripe: Stripe, host: Host) -> None:
    async with host.client() as client:
        made(await client.call_tool("create_customer", {"name": "Jane"}))  # all is loaded from here on
        [before] = stripe.at("POST /v1/customers")
        in_two_seconds = formatdate(time.time() + 2, usegmt=True)
        stripe.next(REFUNDS, too_many(in_two_seconds))
        made(await client.call_tool("create_refund", PART))
    pause(stripe)
    assert stripe.at(REFUNDS)[1].at - before.at >= 1  # a date has whole seconds


@pytest.mark.parametrize("retry_after", ["120", formatdate(time.time() + 3600, usegmt=True)])
async def test_r15_a_wait_beyond_the_deadline_is_told_at_once(
    retry_after: str, stripe: Stripe, host: Host
) -> None:
    stripe.always(REFUNDS, too_many(retry_after))
    async with host.client() as client:
        text = said(await client.call_tool("create_refund", PART))
        seconds = [int(number) for number in re.findall(r"\b\d{3,4}\b", text)]
        assert any(110 <= each <= 3600 and each != 429 for each in seconds), text
        assert "UNKNOWN" not in text
        assert len(stripe.keys(REFUNDS)) == 1
        stripe.heal()
        made(await client.call_tool("create_refund", PART))
    assert stripe.refunded == (1, 500)


IN_USE = refuse(409, code="idempotency_key_in_use", type="idempotency_error", message="In use.")
LOCKED = refuse(
    429,
    {"Stripe-Should-Retry": "true"},
    code="lock_timeout",
    type="invalid_request_error",
    message="Another request works on this object.",
)


@pytest.mark.parametrize("fault", [IN_USE, LOCKED], ids=["key in use", "lock timeout"])
async def test_r16_what_is_busy_is_asked_again_with_the_same_key(
    fault: Fault, stripe: Stripe, host: Host
) -> None:
    stripe.next(REFUNDS, fault)
    async with host.client() as client:
        made(await client.call_tool("create_refund", PART))
    pause(stripe)


async def test_r16_a_key_that_stays_in_use_is_an_unknown_outcome(stripe: Stripe, host: Host) -> None:
    stripe.next(REFUNDS, lose, IN_USE, IN_USE)
    async with host.client() as client:
        unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0])
        made(await client.call_tool("create_refund", PART))
    assert len(set(stripe.keys(REFUNDS))) == 1
    assert stripe.refunded == (1, 500)


async def test_r17_an_idempotency_error_is_our_own_bug(stripe: Stripe, host: Host) -> None:
    stripe.always(REFUNDS, refuse(400, type="idempotency_error", message="Keys for other parameters."))
    async with host.client() as client:
        result = await client.call_tool("create_refund", PART)
    assert result.is_error
    assert "fault of stripe-mcp" in texts(result)[0]
    assert "idempotency_error" in host.log.read_text()
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (0, 0)


STORED = {"Stripe-Should-Retry": "false"}
BROKEN = '{"error": {"type": "api_error", "message": "An error occurred."}}'


@pytest.mark.parametrize("carried_out", [True, False])
async def test_r18_a_stored_500_is_asked_for_once_more_and_then_no_more(
    carried_out: bool, stripe: Stripe, host: Host, database: str
) -> None:
    replayed = STORED | {"Idempotent-Replayed": "true"}
    stripe.next(REFUNDS, say(500, BROKEN, STORED, carried_out=carried_out))
    stripe.always(REFUNDS, say(500, BROKEN, replayed))
    async with host.client() as client:
        opened = operation(unknown(await client.call_tool("create_refund", PART), stripe.keys(REFUNDS)[0]))
        assert len(stripe.keys(REFUNDS)) == 1
        for _ in range(3):
            text = said(await client.call_tool("create_refund", PART))
            assert f"stripe-mcp operations reconcile {opened}" in text
        first, second = stripe.keys(REFUNDS)
        assert first == second
        await host.command("operations", "reconcile", opened)
        assert (opened in await host.command("operations")) != carried_out
    assert len(stripe.keys(REFUNDS)) == 2
    assert stripe.refunded == ((1, 500) if carried_out else (0, 0))


async def test_r19_a_page_of_a_gateway_is_tried_again_with_the_same_key(stripe: Stripe, host: Host) -> None:
    async with host.client() as client:
        for number, status in enumerate((502, 503, 504), start=1):
            stripe.next(REFUNDS, say(status, PAGE, {"Content-Type": "text/html"}, carried_out=True))
            made(await client.call_tool("create_refund", PART | {"amount": status}))
            pause(stripe)
            assert stripe.refunded[0] == number


async def test_r19_a_page_of_a_gateway_is_never_shown(stripe: Stripe, host: Host) -> None:
    shown = []
    async with host.client(STRIPE_MCP_MAX_RETRIES="0") as client:
        for status in (502, 503, 504):
            refund = PART | {"amount": status}
            page = say(status, PAGE, {"Content-Type": "text/html"})
            stripe.next(REFUNDS, page)
            stripe.next("GET /v1/balance", page)
            shown.append(unknown(await client.call_tool("create_refund", refund), stripe.keys(REFUNDS)[-1]))
            shown.append(said(await client.call_tool("get_balance", {})))
    shown.append(host.log.read_text())
    assert not any(word in text for text in shown for word in ("html", "Bad Gateway", "nginx"))


SUBSCRIBE: dict[str, Any] = {"customer": CUSTOMER, "items": [{"price": PRICE}]}


def declined(decline_code: str) -> Fault:
    message = "Your card was declined."
    return refuse(402, type="card_error", code="card_declined", decline_code=decline_code, message=message)


@pytest.mark.parametrize("decline_code", ["insufficient_funds", "stolen_card"])
async def test_r20_a_decline_is_told_and_not_tried_again_and_retires_its_key(
    decline_code: str, stripe: Stripe, host: Host
) -> None:
    stripe.always("POST /v1/subscriptions", declined(decline_code))
    async with host.client() as client:
        for times in (1, 2):
            text = said(await client.call_tool("create_subscription", SUBSCRIBE))
            assert decline_code in text
            assert "customer" in text
            assert len(stripe.keys("POST /v1/subscriptions")) == times
    first, second = stripe.keys("POST /v1/subscriptions")
    assert first != second


@pytest.mark.parametrize("tool", ["create_refund", "get_balance"])
async def test_r21_a_key_that_opens_nothing_is_not_tried_again_and_never_shown(
    tool: str, stripe: Stripe, host: Host
) -> None:
    quoted = f"Invalid API Key provided: {KEY[:12]}****{KEY[-4:]}, sent as {KEY}"
    stripe.always("", refuse(401, type="invalid_request_error", message=quoted))
    async with host.client() as client:
        text = said(await client.call_tool(tool, PART if tool == "create_refund" else {}))
    for shown in (text, host.log.read_text()):
        assert KEY[8:-4] not in shown
    assert "key" in text
    assert len(stripe.asked) == len({(asked.method, asked.target) for asked in stripe.asked})
    assert stripe.refunded == (0, 0)


async def test_r21_a_missing_permission_is_named(stripe: Stripe, host: Host) -> None:
    key = stripe.make_key("rak_charge_read")
    async with host.client(STRIPE_SECRET_KEY=key) as client:
        made(await client.call_tool("get_charge", {"charge_id": CHARGE}))
        text = said(await client.call_tool("create_refund", PART))
    assert "rak_charge_write" in text
    assert key[8:-4] not in text
    assert len(stripe.keys(REFUNDS)) == 1
    assert stripe.refunded == (0, 0)


async def test_r20_r21_what_was_refused_leaves_nothing_open(
    stripe: Stripe, host: Host, database: str
) -> None:
    refusals = [
        refuse(status, type="invalid_request_error", message="No.") for status in (400, 401, 403, 404)
    ]
    stripe.next(REFUNDS, *refusals, declined("insufficient_funds"))
    async with host.client() as client:
        for _ in range(len(refusals) + 1):
            said(await client.call_tool("create_refund", PART))
        assert "op_" not in await host.command("operations")
        made(await client.call_tool("create_refund", PART))
    assert len(set(stripe.keys(REFUNDS))) == len(refusals) + 2
    assert stripe.refunded == (1, 500)
