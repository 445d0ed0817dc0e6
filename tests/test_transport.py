"""
What goes out to Stripe, what comes back, and what is written about it.
"""

import logging
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import anyio
import certifi
import httpx
import pytest
import respx

from stripe_mcp.errors import NoAnswer, StripeError
from stripe_mcp.rates import Rates
from stripe_mcp.request import StripeRequest
from stripe_mcp.transport import API_VERSION, Reply, Transport
from tests.scripted_stripe import (
    CANARY,
    DELETE,
    LOST,
    POST,
    READ,
    REFUSED,
    STRIPE,
    Played,
    ScriptedStripe,
    Step,
    answer,
    hang,
    play,
    refusal,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


async def sent(request: StripeRequest, **options: Any) -> httpx.Request:
    played = await play(request, answer(), **options)
    assert len(played.requests) == 1
    return played.requests[0]


@pytest.mark.parametrize("request_", [READ, POST, DELETE], ids=lambda request: request.method)
async def test_every_request_carries_the_key_the_pinned_version_and_our_name(request_: StripeRequest) -> None:
    headers = (await sent(request_)).headers
    assert headers["Authorization"] == f"Bearer {CANARY}"
    assert headers["Stripe-Version"] == API_VERSION == "2026-10-28.endive"
    assert headers["User-Agent"].startswith("stripe-mcp/")
    assert "Stripe-Account" not in headers
    assert "Stripe-Context" not in headers


@pytest.mark.parametrize("request_", [READ, POST, DELETE], ids=lambda request: request.method)
async def test_a_connected_account_and_an_organisations_target_are_named(request_: StripeRequest) -> None:
    headers = (await sent(request_, account="acct_1", context="acct_2")).headers
    assert headers["Stripe-Account"] == "acct_1"
    assert headers["Stripe-Context"] == "acct_2"


@pytest.mark.parametrize("form", ["", "amount=500"])
async def test_a_post_is_a_form_even_when_it_is_empty(form: str) -> None:
    request = await sent(StripeRequest("POST", "/v1/refunds", "/v1/refunds", form=form))
    assert request.headers["Content-Type"] == "application/x-www-form-urlencoded"
    assert request.headers["Content-Length"] == str(len(form))
    assert request.content == form.encode()


@pytest.mark.parametrize("request_", [READ, DELETE], ids=lambda request: request.method)
async def test_what_is_no_post_has_neither_body_nor_content_type_nor_key(request_: StripeRequest) -> None:
    request = await sent(request_)
    assert request.content == b""
    assert "Content-Type" not in request.headers
    assert "Idempotency-Key" not in request.headers


async def test_every_post_has_an_idempotency_key_of_its_own() -> None:
    keys = [(await sent(POST)).headers["Idempotency-Key"] for _ in range(3)]
    assert len({UUID(key) for key in keys}) == 3


@pytest.mark.parametrize(
    "encoded",
    [
        "expand[0]=data.customer&limit=3",
        "created[gte]=1790000000&created[lt]=1790000001",
        "query=status%3A%27active%27+AND+amount%3E5000",
        "email=a%2Bb%40example.com&name=Zo%C3%AB+%26+%E5%B1%B1",
        "metadata[a%25b]=%3D%3F%23%2F&description=",
    ],
)
async def test_query_and_form_reach_the_wire_byte_by_byte(encoded: str) -> None:
    read = await sent(StripeRequest("GET", "/v1/charges", "/v1/charges", query=encoded))
    assert read.url.raw_path == f"/v1/charges?{encoded}".encode()
    removal = await sent(
        StripeRequest("DELETE", "/v1/subscriptions/{id}", "/v1/subscriptions/sub_1", encoded)
    )
    assert removal.url.raw_path == f"/v1/subscriptions/sub_1?{encoded}".encode()
    write = await sent(StripeRequest("POST", "/v1/charges", "/v1/charges", form=encoded))
    assert write.url.raw_path == b"/v1/charges"
    assert write.content == encoded.encode()


async def test_a_percent_encoded_id_stays_encoded() -> None:
    request = await sent(StripeRequest("GET", "/v1/products/{id}", "/v1/products/a%2Fb%3Fc"))
    assert request.url.raw_path == b"/v1/products/a%2Fb%3Fc"
    assert request.url.host == "api.stripe.com"


async def test_a_successful_answer_becomes_a_reply() -> None:
    played = await play(POST, answer(200, {"object": "refund", "id": "re_1"}, Request_Id="req_1"))
    assert played.outcome == Reply(
        {"object": "refund", "id": "re_1"}, "req_1", played.keys[0], replayed=False
    )


async def test_a_reply_to_a_read_has_no_key() -> None:
    played = await play(READ, answer(200, {"object": "balance"}))
    assert played.outcome == Reply({"object": "balance"})


async def test_a_replayed_answer_says_so() -> None:
    """
    R3: the first answer was lost, and the same key brings back what it made.
    """
    played = await play(
        POST, LOST, answer(200, {"object": "refund", "id": "re_1"}, Idempotent_Replayed="true")
    )
    assert played.outcome == Reply({"object": "refund", "id": "re_1"}, None, played.keys[0], replayed=True)
    assert len(played.requests) == 2


@respx.mock
async def test_calls_share_one_client_and_do_not_wait_for_each_other() -> None:
    """
    R27: one stalled call holds up nobody.
    """
    stalled, release = anyio.Event(), anyio.Event()

    async def stall(request: httpx.Request) -> httpx.Response:
        stalled.set()
        await release.wait()
        return httpx.Response(200, json={"object": "event"})

    respx.get(f"{STRIPE}/v1/events").mock(side_effect=stall)
    respx.get(f"{STRIPE}/v1/balance").respond(json={"object": "balance"})
    transport = Transport(CANARY, STRIPE)
    replies: list[Reply] = []

    async def call(path: str) -> None:
        replies.append(await transport.send(StripeRequest("GET", path, path)))

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(call, "/v1/events")
        await stalled.wait()
        async with anyio.create_task_group() as others:
            for _ in range(50):
                others.start_soon(call, "/v1/balance")
        assert [reply.body for reply in replies] == [{"object": "balance"}] * 50
        release.set()
    assert replies[-1].body == {"object": "event"}
    await transport.aclose()


async def test_every_attempt_waits_for_its_place_in_the_rates() -> None:
    asked: list[StripeRequest] = []

    class Busy(Rates):
        def reserve(self, request: StripeRequest, now: float, patience: float = 0) -> float:
            asked.append(request)
            return 7.0

    played = await play(READ, refusal(500), answer(), rates=Busy(live=False))
    assert asked == [READ, READ]
    assert played.waits == [7.0, 0.5, 7.0]


class Full(Rates):
    """
    Has no place for anybody who will not wait for ever.
    """

    def reserve(self, request: StripeRequest, now: float, patience: float = 0) -> None:
        assert 0 < patience <= 50


@pytest.mark.parametrize("request_", [READ, POST])
async def test_a_call_that_would_wait_beyond_its_deadline_is_told_so_at_once(request_: StripeRequest) -> None:
    played = await play(request_, answer(), rates=Full(live=False))
    assert isinstance(played.outcome, NoAnswer)
    assert "waiting here" in str(played.outcome)
    assert not played.requests
    assert not played.waits


async def test_a_write_that_waits_for_its_place_can_still_be_called_off() -> None:
    """
    R5: what was not sent is not sent after its caller is gone.
    """
    stripe, waiting = ScriptedStripe(answer()), anyio.Event()

    class Busy(Rates):
        def reserve(self, request: StripeRequest, now: float, patience: float = 0) -> float:
            return 7.0

    async def sleep(seconds: float) -> None:
        waiting.set()
        await anyio.sleep_forever()

    transport = Transport(CANARY, STRIPE, http=stripe, rates=Busy(live=False), sleep=sleep)
    with anyio.fail_after(5):
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(transport.send, POST)
            await waiting.wait()
            tasks.cancel_scope.cancel()
    await transport.aclose()
    assert not stripe.requests


async def test_cookies_are_not_kept() -> None:
    played = await play(READ, answer(500, b"", Set_Cookie="a=b"), answer())
    assert [request.headers.get("Cookie") for request in played.requests] == [None, None]


# The road there: proxies and certificates


@asynccontextmanager
async def listening(reply: bytes) -> AsyncIterator[tuple[str, list[bytes]]]:
    """
    A server on this machine that says *reply* to everything: its address, and what it heard.
    """
    heard: list[bytes] = []

    async def handle(stream: anyio.abc.SocketStream) -> None:
        async with stream:
            heard.append(await stream.receive())
            await stream.send(reply)

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as tasks,
    ):
        tasks.start_soon(listener.serve, handle)
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        yield f"127.0.0.1:{port}", heard
        tasks.cancel_scope.cancel()


async def test_the_systems_proxy_is_used_and_never_sees_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    A proxy that refuses the tunnel: nothing was sent, so nothing is in doubt.
    """
    async with listening(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n") as (proxy, heard):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        transport = Transport(CANARY, STRIPE, max_retries=0)
        with pytest.raises(NoAnswer, match="ProxyError"):
            await transport.send(POST)
        await transport.aclose()
    assert len(heard) == 1
    assert heard[0].startswith(b"CONNECT api.stripe.com:443 HTTP/1.1\r\n")
    assert CANARY.encode() not in heard[0]


async def test_a_simulator_on_this_machine_is_reached_without_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """
    The key goes over plain http there, and a proxy could read it.
    """
    balance = b'HTTP/1.1 200 OK\r\nContent-Length: 20\r\nConnection: close\r\n\r\n{"object":"balance"}'
    async with listening(b"") as (proxy, seen), listening(balance) as (simulator, heard):
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{proxy}")
        transport = Transport(CANARY, f"http://{simulator}")
        reply = await transport.send(READ)
        await transport.aclose()
    assert reply.body == {"object": "balance"}
    assert heard[0].startswith(b"GET /v1/balance HTTP/1.1\r\n")
    assert seen == []


@pytest.mark.parametrize("proxy", [None, "http://proxy.example:3128"])
def test_a_companys_own_certificates_are_trusted_in_place_of_the_usual_ones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, proxy: str | None
) -> None:
    trusted: list[ssl.SSLContext] = []
    create = ssl.create_default_context

    def remember(**options: Any) -> ssl.SSLContext:
        trusted.append(create(**options))
        return trusted[-1]

    end = "-----END CERTIFICATE-----\n"
    bundle = tmp_path / "company.pem"
    bundle.write_text(Path(certifi.where()).read_text(encoding="utf-8").split(end)[0] + end, encoding="utf-8")
    monkeypatch.setattr(ssl, "create_default_context", remember)
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    if proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy)
    Transport(CANARY, STRIPE)
    assert {len(context.get_ca_certs()) for context in trusted} == {1}


# What is written about it

PRIVATE = StripeRequest(
    "POST",
    "/v1/customers/{customer_id}",
    "/v1/customers/cus_secret1",
    form="email=jenny%40example.com&name=Jenny",
)
PRIVATE_READ = StripeRequest("GET", "/v1/customers", "/v1/customers", query="email=jenny%40example.com")
ECHO = f"Invalid key {CANARY} of jenny@example.com"


@pytest.mark.parametrize("request_", [PRIVATE, PRIVATE_READ], ids=lambda request: request.method)
@pytest.mark.parametrize(
    "step",
    [
        answer(200, {"email": "jenny@example.com", "client_secret": "pi_1_secret_2"}),
        answer(200, f"<html>{ECHO}".encode()),
        answer(302, Location=f"https://evil.example/{CANARY}"),
        refusal(401, message=ECHO),
        refusal(400, type="idempotency_error", message=ECHO),
        refusal(500, message=ECHO),
        httpx.ConnectError(ECHO),
        httpx.ReadError(ECHO),
        httpx.RemoteProtocolError(ECHO),
        hang,
    ],
)
async def test_no_key_no_query_no_body_and_no_address_is_logged_or_told(
    request_: StripeRequest, step: Step, caplog: pytest.LogCaptureFixture
) -> None:
    """
    S3, S4: at DEBUG, with the HTTP libraries at the WARNING that the command leaves them at.
    """
    for library in ("httpx", "httpcore"):
        caplog.set_level(logging.WARNING, logger=library)
    caplog.set_level(logging.DEBUG)
    played = await play(request_, step, deadline=0.05 if step is hang else 50)
    assert request_.route in caplog.text
    for private in (
        CANARY,
        "canary",
        "jenny",
        "Jenny",
        "cus_secret1",
        "email=",
        "client_secret",
        "evil.example",
    ):
        assert private not in caplog.text
    assert CANARY not in str(played.outcome)
    if isinstance(played.outcome, StripeError):
        assert "sk_...1234" in str(played.outcome)


@pytest.mark.parametrize(("step", "level"), [(answer(Request_Id="req_1"), "INFO"), (REFUSED, "WARNING")])
async def test_each_attempt_is_one_line_of_the_log(
    step: Step, level: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="stripe_mcp")
    played: Played = await play(DELETE, step)
    lines = [record for record in caplog.records if record.name == "stripe_mcp.transport"]
    assert [record.levelname for record in lines] == [level] * len(played.requests)
    for attempt, record in enumerate(lines, start=1):
        said = record.getMessage()
        assert said.startswith(f"DELETE /v1/customers/{{customer_id}}, attempt {attempt}: ")
        assert ("req_1" if level == "INFO" else "ConnectError") in said


def test_a_transport_does_not_show_its_key() -> None:
    assert CANARY not in repr(Transport(CANARY, STRIPE))
