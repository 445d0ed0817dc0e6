"""
What is seen of the server from outside, and what is not.
"""

import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Any

import anyio
import httpx
import pytest
from mcp import Client
from mcp.shared.exceptions import MCPError
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.errors import InvalidArguments, NoAnswer, OutcomeUnknown, Refused, StripeError
from stripe_mcp.rates import Rates
from stripe_mcp.request import StripeRequest
from stripe_mcp.server import create_server
from stripe_mcp.settings import Settings
from stripe_mcp.telemetry import error_type, measured, observe_open
from stripe_mcp.transport import Transport
from tests.scripted_stripe import (
    CANARY,
    DELETE,
    LOST,
    POST,
    READ,
    REFUSED,
    STRIPE,
    ScriptedStripe,
    answer,
    hang,
    play,
    refusal,
)
from tests.watching import Watch, watch

pytestmark = pytest.mark.anyio

EMAIL, CARD = "jenny.canary@example.com", "4242424242424242"
PRIVATE = ("canary", CARD, "example.com", "pi_1", "cus_1", "Idempotency")
CATALOG = load_catalog(builtin_folder())
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"


@pytest.fixture
def seen() -> Iterator[Watch]:
    with watch().watching() as seen:
        yield seen


@pytest.fixture(params=["auto", "legacy"])
async def client(request: pytest.FixtureRequest) -> AsyncIterator[Client]:
    async with connected(answer(200, {"object": "balance", "available": []}), mode=request.param) as client:
        yield client


def connected(*script: Any, mode: Any = "auto") -> Client:
    stripe = ScriptedStripe(*script)
    server = create_server(
        CATALOG,
        Settings(mode="TEST", account="acct_1"),
        lambda: Transport(CANARY, STRIPE, http=stripe, max_retries=0),
    )
    return Client(server, mode=mode)


@pytest.mark.parametrize("request_", [READ, POST, DELETE], ids=lambda request: request.method)
async def test_a_request_to_stripe_is_a_span_named_by_its_route(request_: StripeRequest, seen: Watch) -> None:
    await play(request_, answer(Request_Id="req_1"))
    (span,) = seen.spans
    assert span.name == f"{request_.method} {request_.route}"
    assert span.kind is SpanKind.CLIENT
    assert span.status.status_code is StatusCode.UNSET
    assert span.attributes == {
        "http.request.method": request_.method,
        "url.template": request_.route,
        "server.address": "api.stripe.com",
        "http.response.status_code": 200,
        "http.request.resend_count": 0,
        "stripe.request_id": "req_1",
    }
    assert seen.counted("stripe_mcp.stripe.requests") == {
        f"method: {request_.method}, route: {request_.route}, status: 200": 1
    }
    assert seen.counted("stripe_mcp.stripe.retries") == {}


async def test_each_attempt_is_an_event_and_all_after_the_first_are_retries(seen: Watch) -> None:
    await play(POST, LOST, refusal(500), answer(Request_Id="req_3"))
    (span,) = seen.spans
    assert [dict(event.attributes or {}) for event in span.events] == [
        {"http.request.resend_count": 0, "error.type": "ReadError"},
        {"http.request.resend_count": 1, "http.response.status_code": 500},
        {
            "http.request.resend_count": 2,
            "http.response.status_code": 200,
            "stripe.request_id": "req_3",
        },
    ]
    assert span.attributes
    assert span.attributes["http.request.resend_count"] == 2
    assert span.attributes["http.response.status_code"] == 200
    assert "error.type" not in span.attributes
    about = "method: POST, route: /v1/refunds"
    assert seen.counted("stripe_mcp.stripe.requests") == {
        f"{about}, status: {status}": 1 for status in ("ReadError", "500", "200")
    }
    assert seen.counted("stripe_mcp.stripe.retries") == {about: 2}


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        (refusal(402, code="card_declined", decline_code="lost_card"), "lost_card"),
        (refusal(404, code="resource_missing"), "resource_missing"),
        (refusal(401), "invalid_request_error"),
        (refusal(403, type=None), "403"),
        (refusal(400, code=CARD, type=EMAIL), "400"),
        (refusal(400, code="sk_live_canary"), "invalid_request_error"),
        (REFUSED, "NoAnswer"),
        (LOST, "OutcomeUnknown"),
        (hang, "OutcomeUnknown"),
        (RuntimeError(EMAIL), "RuntimeError"),
    ],
)
async def test_a_request_that_failed_says_why_in_one_word(step: Any, kind: str, seen: Watch) -> None:
    try:
        await play(POST, step, max_retries=0, deadline=0.1)
    except RuntimeError:
        assert kind == "RuntimeError"
    (span,) = seen.spans
    assert span.attributes
    assert span.attributes["error.type"] == kind
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None
    assert [event.name for event in span.events] in ([], ["attempt"])


@pytest.mark.parametrize("request_id", [EMAIL, CARD, f"req_{EMAIL}", "req_", "req_" + "1" * 65])
async def test_what_is_no_request_id_is_not_kept(request_id: str, seen: Watch) -> None:
    await play(READ, answer(Request_Id=request_id))
    (span,) = seen.spans
    assert "stripe.request_id" not in str(span.attributes) + str(span.events)


async def test_waits_for_rate_limits_are_counted_by_their_reason(seen: Watch) -> None:
    class Busy(Rates):
        def reserve(self, *_: Any) -> float:
            return 2.0

    await play(READ, refusal(500), answer())
    assert seen.counted("stripe_mcp.rate_limit.wait") == {}
    await play(READ, answer(), rates=Busy(live=False))
    assert seen.counted("stripe_mcp.rate_limit.wait") == {"reason: rates": 1}
    await play(READ, answer(429, Retry_After="3"), answer())
    assert seen.counted("stripe_mcp.rate_limit.wait") == {"reason: rates": 1, "reason: retry_after": 1}


async def test_a_call_that_does_not_wait_counts_no_wait(seen: Watch) -> None:
    await play(READ, answer(), rates=Rates(live=False))
    assert seen.counted("stripe_mcp.rate_limit.wait") == {}


class Asking(Exception):
    """
    As in `asking`: the call ends with a question.
    """


@pytest.mark.parametrize(
    ("error", "outcome", "kind", "why"),
    [
        (None, "ok", None, None),
        (Refused("limit", EMAIL), "refused", None, "limit"),
        (OutcomeUnknown(EMAIL, CANARY), "unknown", "OutcomeUnknown", None),
        (InvalidArguments([EMAIL]), "error", "InvalidArguments", None),
        (NoAnswer(EMAIL), "error", "NoAnswer", None),
        (StripeError(402, code="card_declined"), "error", "card_declined", None),
        (ValueError(EMAIL), "error", "ValueError", None),
        (Asking(EMAIL), "asked", None, None),
        (MCPError(-32602, EMAIL), "protocol_error", None, None),
        (KeyboardInterrupt(EMAIL), "cancelled", None, None),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else None,
)
def test_a_call_is_counted_by_its_outcome(
    error: BaseException | None, outcome: str, kind: str | None, why: str | None, seen: Watch
) -> None:
    raised = None
    with trace.get_tracer("stripe_mcp").start_as_current_span("call"):
        try:
            with measured("create_refund"):
                if error:
                    raise error
        except BaseException as passed:  # noqa: BLE001 - whatever was raised within
            raised = passed
    assert raised is error
    about = f"outcome: {outcome}, tool: create_refund"
    assert seen.counted("stripe_mcp.calls") == seen.counted("stripe_mcp.call.duration") == {about: 1}
    assert seen.counted("stripe_mcp.errors") == ({f"error.type: {kind}": 1} if kind else {})
    assert seen.counted("stripe_mcp.refusals") == ({f"why: {why}": 1} if why else {})
    shown = {"stripe_mcp.outcome": outcome} | ({"stripe_mcp.error": kind} if kind else {})
    assert seen.span("call").attributes == shown
    assert "canary" not in seen.everything()


async def test_a_call_that_is_cancelled_is_counted_as_such(seen: Watch) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        with measured("get_balance"):
            await anyio.sleep_forever()
    assert seen.counted("stripe_mcp.calls") == {"outcome: cancelled, tool: get_balance": 1}


@pytest.mark.parametrize("code", [None, "", "two words", "a" * 65, CARD, EMAIL, "rk_live_canary"])
def test_of_stripes_codes_only_words_are_repeated(code: str | None) -> None:
    error = StripeError(402, code=code, decline_code=code, type="card_error")
    assert error_type(error) == "card_error"
    assert error_type(StripeError(402, type=code)) == "402"


def test_open_operations_are_what_was_last_said(seen: Watch) -> None:
    observe_open("acme", 3)
    observe_open("acme", 2)
    assert seen.counted("stripe_mcp.operations.open") == {"tenant: acme": 2}


async def test_a_request_belongs_to_the_call_and_that_to_the_trace_of_its_client(
    client: Client, seen: Watch
) -> None:
    with trace.get_tracer("stripe_mcp").start_as_current_span("agent"):
        await client.call_tool("get_balance", {})
    request, parents = seen.span("GET /v1/balance"), []
    spans = {span.context.span_id: span for span in seen.spans if span.context}
    while request.parent:
        request = spans[request.parent.span_id]
        parents.append((request.name, request.kind))
    assert parents[0] == ("tools/call get_balance", SpanKind.SERVER)
    assert parents[-1] == ("agent", SpanKind.INTERNAL)


async def test_the_trace_goes_to_stripe_in_no_header(seen: Watch) -> None:
    with trace.get_tracer("stripe_mcp").start_as_current_span("agent"):
        played = await play(POST, answer())
    assert not played.requests[0].headers.keys() & {"traceparent", "tracestate", "baggage"}


async def test_a_call_goes_on_with_the_trace_that_it_names_but_not_with_its_state(seen: Watch) -> None:
    meta: Any = {
        "traceparent": f"00-{TRACE}-{PARENT}-01",
        "tracestate": f"vendor={CARD}",
        "baggage": f"mail={EMAIL}",
    }
    async with connected(answer(200, {"object": "balance", "available": []})) as client:
        await client.call_tool("get_balance", {}, meta=meta)
    call, request = seen.span("tools/call get_balance"), seen.span("GET /v1/balance")
    assert call.parent
    assert f"{call.parent.span_id:016x}" == PARENT
    assert {f"{span.context.trace_id:032x}" for span in (call, request) if span.context} == {TRACE}
    assert not [span for span in seen.spans if span.context and span.context.trace_state]
    assert CARD not in seen.everything()


@pytest.mark.parametrize("mode", ["auto", "legacy"])
@pytest.mark.parametrize(
    "step",
    [
        answer(200, {"object": "customer", "id": "cus_1", "email": EMAIL}, Request_Id=CARD),
        refusal(402, code=EMAIL, decline_code=CARD, message=f"{EMAIL} {CARD} {CANARY}", param=EMAIL),
        httpx.ReadError(EMAIL),
        RuntimeError(EMAIL),
    ],
    ids=["answer", "refusal", "network", "exception"],
)
async def test_nothing_that_a_caller_or_stripe_said_leaves(step: Any, mode: str, seen: Watch) -> None:
    """
    S3, S4.
    """
    named: list[tuple[str, dict[str, Any]]] = [
        ("create_customer", {"email": EMAIL, "name": CARD, "metadata": {EMAIL: CANARY}}),
        ("search_customers", {"query": f'email:"{EMAIL}"'}),
        ("get_customer_by_id", {"customer_id": f"cus_{CARD}"}),
        ("get_customer_by_id", {EMAIL: CARD}),
        (EMAIL, {}),
        (f"{CANARY} {CARD}", {"name": EMAIL}),
    ]
    async with connected(step, mode=mode) as client:
        asked: list[Awaitable[Any]] = [client.call_tool(name, given) for name, given in named]
        asked += [
            client.read_resource(uri) for uri in (f"stripe://customers/cus_{CARD}", f"stripe://{EMAIL}")
        ]
        asked += [
            client.get_prompt(EMAIL, {EMAIL: CANARY}),
            client.get_prompt("refund_payment", {CARD: EMAIL}),
        ]
        for each in asked:
            try:
                await each
            except MCPError:
                continue
    assert {"tools/call create_customer", "POST /v1/customers", "tools/call"} <= {s.name for s in seen.spans}
    for private in PRIVATE:
        assert private not in seen.everything()
    outermost = [span.attributes or {} for span in seen.spans if span.kind is SpanKind.SERVER]
    assert "RuntimeError" not in [attributes.get("error.type") for attributes in outermost]


def test_of_the_sdks_spans_only_what_this_server_wrote_leaves(seen: Watch) -> None:
    sdk = trace.get_tracer("mcp-python-sdk")
    told = {"mcp.method.name": EMAIL, "mcp.protocol.version": CARD, "jsonrpc.request.id": CARD, EMAIL: CARD}
    with sdk.start_as_current_span(EMAIL, attributes=told) as written:
        written.record_exception(ValueError(EMAIL))
        written.set_status(StatusCode.ERROR, EMAIL)
    (span,) = seen.spans
    assert (span.name, span.attributes, span.events) == ("unknown", {}, ())
    assert span.status.status_code is StatusCode.ERROR
    assert span.status.description is None


def test_spans_of_other_packages_stay_here(seen: Watch) -> None:
    with trace.get_tracer("httpx").start_as_current_span(EMAIL):
        pass
    assert seen.spans == []


def test_loading_it_loads_nothing_of_the_extra() -> None:
    code = "import sys, stripe_mcp.telemetry, stripe_mcp.exporting; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "opentelemetry.trace" in loaded.split()
    assert not [
        name for name in loaded.split() if name.startswith(("opentelemetry.sdk", "opentelemetry.exp"))
    ]
