"""
The network through aiohttp does what httpx's own does, on a real connection: above all, what broke after
something was sent is never told as not sent, and nothing is sent twice.
"""

import asyncio
import datetime
import ipaddress
import ssl
import sys
import tracemalloc
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import anyio
import anyio.lowlevel
import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from stripe_mcp.aiohttp_transport import AiohttpTransport
from stripe_mcp.errors import NoAnswer, OutcomeUnknown, ToolError
from stripe_mcp.request import StripeRequest
from stripe_mcp.transport import Reply, Transport
from tests.faults.proxy import reset
from tests.scripted_stripe import CANARY, POST, READ, WRITES

pytestmark = pytest.mark.anyio

EVERY = (READ, *WRITES)
MEGABYTE = 1_000_000
of_every_kind = pytest.mark.parametrize("request_", EVERY, ids=lambda request: request.method)


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, bool]]:
    """
    The loops that the remote endpoint runs on.
    """
    if request.param == "uvloop":
        pytest.importorskip("uvloop")
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


def answer(body: bytes = b'{"object":"balance"}', status: str = "200 OK", **headers: str) -> bytes:
    named = {"Content-Length": str(len(body))} | headers
    lines = [f"HTTP/1.1 {status}", *(f"{name.replace('_', '-')}: {value}" for name, value in named.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


Step = Callable[[asyncio.StreamWriter], Awaitable[None]]


def says(*pieces: bytes, then: Callable[[asyncio.StreamWriter], None] | None = None) -> Step:
    """
    Write *pieces* and do *then* to the connection, which else stays open.
    """

    async def step(writer: asyncio.StreamWriter) -> None:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        if then:
            then(writer)

    return step


def end(writer: asyncio.StreamWriter) -> None:
    writer.close()


@dataclass
class Stripe:
    """
    Takes one step of *script* for each request it has heard, whatever the connection; the last one for ever.
    """

    script: tuple[Step, ...]
    base: str = ""
    heard: list[bytes] = field(default_factory=list)
    connections: list[asyncio.StreamWriter] = field(default_factory=list)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list[asyncio.Task[None] | None] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        self.tasks.append(asyncio.current_task())
        with suppress(ConnectionError, asyncio.IncompleteReadError):
            while not writer.is_closing():
                head = await reader.readuntil(b"\r\n\r\n")
                _, _, length = head.lower().partition(b"content-length: ")
                body = await reader.readexactly(int(length.split(b"\r\n")[0])) if length else b""
                self.heard.append(head + body)
                await self.script[min(len(self.heard), len(self.script)) - 1](writer)
        self.left.set()
        writer.close()


@asynccontextmanager
async def stripe(*script: Step, tls: ssl.SSLContext | None = None) -> AsyncIterator[Stripe]:
    served = Stripe(script)
    async with await asyncio.start_server(served.serve, "127.0.0.1", 0, ssl=tls) as server:
        port = server.sockets[0].getsockname()[1]
        served.base = f"{'https' if tls else 'http'}://127.0.0.1:{port}"
        yield served
        for writer in served.connections:
            writer.transport.abort()
        await asyncio.gather(*filter(None, served.tasks))


@asynccontextmanager
async def road(base: str, **options: Any) -> AsyncIterator[Transport]:
    transport = Transport(CANARY, base, fast=True, **{"max_retries": 0} | options)
    try:
        assert isinstance(transport._client._transport, AiohttpTransport)
        yield transport
    finally:
        await transport.aclose()


async def outcome(request: StripeRequest, transport: Transport) -> Reply | ToolError:
    with anyio.fail_after(20):
        try:
            return await transport.send(request)
        except ToolError as error:
            return error


def assert_left_open(request: StripeRequest, said: Reply | ToolError) -> None:
    """
    A write is told as unknown, a read as unanswered.
    """
    assert isinstance(said, OutcomeUnknown if request.writes else NoAnswer)


# What was never sent


@of_every_kind
async def test_where_nobody_listens_nothing_was_sent(request_: StripeRequest) -> None:
    async with stripe() as gone:
        pass
    async with road(gone.base) as transport:
        said = await outcome(request_, transport)
    assert isinstance(said, NoAnswer)
    assert "ConnectError" in str(said)


@of_every_kind
async def test_a_name_that_nobody_has_is_told_as_not_sent(request_: StripeRequest) -> None:
    async with road("http://nobody.invalid") as transport:
        assert isinstance(await outcome(request_, transport), NoAnswer)


async def test_a_connection_that_is_not_made_in_time_is_told_as_not_sent() -> None:
    """
    To a listener that never shakes hands.
    """
    async with stripe() as served, client(timeout=httpx.Timeout(30, connect=0.05)) as sender:
        with pytest.raises(httpx.ConnectTimeout):
            await sender.get(served.base.replace("http:", "https:"))


def client(keepalive: float = 30, **options: Any) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=AiohttpTransport(trust_env=False, keepalive=keepalive), **options)


# What broke after it was sent

BROKEN = {
    "closed without an answer": says(then=end),
    "reset without an answer": says(then=reset),
    "half a status line": says(b"HTTP/1.1 20", then=end),
    "half of the headers": says(b"HTTP/1.1 200 OK\r\nContent-Le", then=end),
    "headers, then reset": says(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n", then=reset),
    "half a body, then closed": says(answer()[:-5], then=end),
    "half a body, then reset": says(answer()[:-5], then=reset),
    "half a chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{", then=end),
    "no last chunk": says(
        b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n14\r\n{"object":"balance"}\r\n', then=end
    ),
    "no number of a chunk": says(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n"),
    "no number as a length": says(b"HTTP/1.1 200 OK\r\nContent-Length: many\r\n\r\n{}"),
    "noise": says(b"\x16\x03\x01\x00\xff" * 20),
    "a header without an end": says(b"HTTP/1.1 200 OK\r\nX: " + b"x" * MEGABYTE),
    "headers without an end": says(b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 10_000),
    "no gzip": says(answer(b"no gzip", Content_Encoding="gzip")),
    "an upgrade that nobody asked for": says(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n", then=end
    ),
    "nothing after a promise": says(b"HTTP/1.1 100 Continue\r\n\r\n", then=end),
}


@of_every_kind
@pytest.mark.parametrize("step", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("before", [(), (says(answer()),)], ids=["new connection", "used connection"])
async def test_a_broken_answer_leaves_a_write_unknown_and_nothing_is_sent_again(
    request_: StripeRequest, step: Step, before: tuple[Step, ...]
) -> None:
    async with stripe(*before, step) as served, road(served.base) as transport:
        for _ in before:
            assert isinstance(await outcome(READ, transport), Reply)
        assert_left_open(request_, await outcome(request_, transport))
    assert len(served.heard) == len(before) + 1
    assert len(served.connections) == 1


async def test_a_write_that_is_cut_off_on_its_way_out_is_unknown() -> None:
    async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readexactly(1)
        reset(writer)

    large = StripeRequest("POST", "/v1/refunds", "/v1/refunds", form="a=" + "x" * MEGABYTE)
    async with await asyncio.start_server(cut, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with road(f"http://127.0.0.1:{port}") as transport:
            assert_left_open(large, await outcome(large, transport))


@of_every_kind
async def test_an_answer_that_stalls_is_told_as_such(request_: StripeRequest) -> None:
    async with stripe(says(answer()[:-5])) as served, road(served.base, deadline=0.1) as transport:
        assert_left_open(request_, await outcome(request_, transport))


@pytest.mark.parametrize("piece", [b"", answer()[:-5]], ids=["nothing", "half an answer"])
async def test_a_server_that_falls_silent_is_waited_for_as_long_as_was_said(piece: bytes) -> None:
    async with stripe(says(piece)) as served, client(timeout=httpx.Timeout(30, read=0.05)) as sender:
        with pytest.raises(httpx.ReadTimeout):
            await sender.post(served.base, content=b"amount=500")


# Connections that are used again


@of_every_kind
async def test_one_connection_serves_call_after_call(request_: StripeRequest) -> None:
    async with stripe(says(answer())) as served, road(served.base) as transport:
        for _ in range(5):
            assert isinstance(await outcome(request_, transport), Reply)
    assert len(served.connections) == 1


@of_every_kind
async def test_what_was_said_unasked_is_not_taken_for_the_next_answer(request_: StripeRequest) -> None:
    """
    Such as the 408 that some send before they close an idle connection.
    """
    async with stripe(says(answer())) as served, road(served.base) as transport:
        await outcome(READ, transport)
        await says(answer(b'{"object":"charge"}'))(served.connections[0])
        for _ in range(5):  # for the loop to notice
            await anyio.lowlevel.checkpoint()
        said = await outcome(request_, transport)
    assert isinstance(said, Reply)
    assert said.body == {"object": "balance"}
    assert len(served.connections) == 2


async def test_two_answers_to_one_request_are_not_shared_out_to_two() -> None:
    twice = says(answer(b'{"object":"first"}') + answer(b'{"object":"second"}'))
    async with stripe(twice, says(answer())) as served, road(served.base) as transport:
        said = [await outcome(READ, transport) for _ in range(2)]
    assert [each.body["object"] for each in said if isinstance(each, Reply)] == ["first", "balance"]


@pytest.mark.parametrize("close", [end, reset])
async def test_a_connection_that_was_closed_in_the_meantime_is_replaced(
    close: Callable[[asyncio.StreamWriter], None],
) -> None:
    async with stripe(says(answer())) as served, road(served.base) as transport:
        await outcome(READ, transport)
        close(served.connections[0])
        await served.left.wait()
        for _ in range(5):
            await anyio.lowlevel.checkpoint()
        assert isinstance(await outcome(POST, transport), Reply)
    assert len(served.connections) == 2


async def test_a_connection_that_idled_too_long_is_not_used_again() -> None:
    async with stripe(says(answer())) as served, client(keepalive=0) as sender:
        for _ in range(2):
            assert (await sender.get(served.base)).status_code == 200
    assert len(served.connections) == 2


async def test_a_hundred_and_more_calls_do_not_wait_for_each_other() -> None:
    everybody = asyncio.Barrier(150)

    async def wait(writer: asyncio.StreamWriter) -> None:
        await everybody.wait()
        await says(answer())(writer)

    async with stripe(wait) as served, road(served.base) as transport:
        said = await asyncio.gather(*(outcome(POST, transport) for _ in range(everybody.parties)))
    assert all(isinstance(each, Reply) for each in said)


async def test_a_read_ends_when_its_caller_goes_away_and_its_connection_with_it() -> None:
    async with stripe(says(b"")) as served, road(served.base) as transport:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(outcome, READ, transport)
            while not served.heard:
                await anyio.lowlevel.checkpoint()
            tasks.cancel_scope.cancel()
        with anyio.fail_after(20):
            await served.left.wait()


async def test_a_write_is_finished_when_its_caller_goes_away() -> None:
    async with stripe(says(b""), says(answer())) as served, road(served.base) as transport:
        said: list[Reply | ToolError] = []

        async def write() -> None:
            said.append(await transport.send(POST))

        with anyio.fail_after(20):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(write)
                while not served.heard:
                    await anyio.lowlevel.checkpoint()
                tasks.cancel_scope.cancel()
                await says(answer(b'{"object":"refund"}'))(served.connections[0])
    assert [each.body for each in said if isinstance(each, Reply)] == [{"object": "refund"}]


# What goes out, byte by byte


async def heard(request: StripeRequest, *, fast: bool) -> bytes:
    async with stripe(says(answer())) as served:
        transport = Transport(CANARY, served.base, fast=fast, account="acct_1", context="org_1")
        await transport.send(request, idempotency_key="key" if request.method == "POST" else None)
        await transport.aclose()
    [said] = served.heard
    head, _, body = said.partition(b"\r\n\r\n")
    line, *headers = head.replace(served.base.removeprefix("http://").encode(), b"HOST").split(b"\r\n")
    if request.method == "DELETE":
        headers = [
            header for header in headers if header != b"Content-Length: 0"
        ]  # aiohttp says it, httpx not
    return b"\r\n".join([line, *sorted(headers), b"", body])


WORTH = st.text("az09.-_~%2F2f[]=&+!$'()*,;:@/ ?#\"<>\\^`{|}é\u20ac", max_size=40)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(method=st.sampled_from(["GET", "POST", "DELETE"]), text=WORTH, place=st.sampled_from(["id", "rest"]))
def test_requests_are_those_that_httpx_sends(method: Any, text: str, place: str) -> None:
    path = f"/v1/customers/{quote(text, safe='')}" if place == "id" and text.strip(".") else "/v1/customers"
    rest = f"metadata[{quote_plus(text)}]={quote_plus(text)}" if place == "rest" else ""
    request = StripeRequest(method, "/v1/customers", path, **{"form" if method == "POST" else "query": rest})
    fast, slow = (asyncio.run(heard(request, fast=fast)) for fast in (True, False))
    assert fast == slow


async def test_no_cookie_is_kept() -> None:
    async with stripe(says(answer(Set_Cookie="a=b; Path=/"))) as served, road(served.base) as transport:
        for _ in range(2):
            await outcome(READ, transport)
    assert not any(b"cookie" in said.lower() for said in served.heard)


@pytest.mark.parametrize("status", ["301 -", "302 -", "303 -", "307 -", "308 -"])
@of_every_kind
async def test_a_redirect_is_not_followed(request_: StripeRequest, status: str) -> None:
    async with stripe(says(answer())) as elsewhere:
        redirect = answer(b"", status, Location=elsewhere.base + "/v1/balance")
        async with stripe(says(redirect)) as served, road(served.base) as transport:
            assert_left_open(request_, await outcome(request_, transport))
    assert elsewhere.heard == []


# What comes back


@pytest.mark.parametrize("request_", WRITES, ids=lambda request: request.method)
async def test_an_answer_is_read_with_its_headers(request_: StripeRequest) -> None:
    whole = answer(b'{"object":"refund"}', Request_Id="req_1", Idempotent_Replayed="true")
    async with stripe(says(whole)) as served, road(served.base) as transport:
        said = await outcome(request_, transport)
    assert isinstance(said, Reply)
    assert (said.body, said.request_id, said.replayed) == ({"object": "refund"}, "req_1", True)


FORMS = {
    "chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    b'5\r\n{"obj\r\nf\r\nect":"balance"}\r\n0\r\n\r\n',
    "until it is closed": b'HTTP/1.1 200 OK\r\n\r\n{"object":"balance"}',
    "HTTP/1.0": b'HTTP/1.0 200 OK\r\n\r\n{"object":"balance"}',
    "after a promise": b"HTTP/1.1 103 Early Hints\r\n\r\n" + answer(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
async def test_an_answer_is_read_in_whatever_form_it_comes(form: bytes) -> None:
    pieces = [form[at : at + 7] for at in range(0, len(form), 7)]
    async with stripe(says(*pieces, then=end)) as served, road(served.base) as transport:
        said = await outcome(POST, transport)
    assert isinstance(said, Reply)
    assert said.body == {"object": "balance"}


async def test_a_compressed_answer_is_unpacked_once() -> None:
    packed = answer(zlib.compress(b'{"object":"balance"}', wbits=31), Content_Encoding="gzip")
    async with stripe(says(packed)) as served, road(served.base) as transport:
        assert isinstance(await outcome(READ, transport), Reply)


@pytest.mark.parametrize("kind", ["huge", "gzip bomb"])
async def test_an_answer_beyond_all_reason_is_left_and_its_connection_closed(kind: str) -> None:
    """
    200 MB on the line, or that and a thousand times more once unpacked.
    """
    piece, sent = b" " * MEGABYTE, 0
    if kind == "gzip bomb":
        packer = zlib.compressobj(9, wbits=31)
        piece = packer.compress(bytes(100 * MEGABYTE)) + packer.flush(zlib.Z_SYNC_FLUSH)

    async def pour(writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        encoding = "gzip" if kind == "gzip bomb" else "identity"
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\n\r\n".encode())
        for _ in range(200):
            writer.write(piece)
            await writer.drain()
            sent += 1

    async with stripe(pour) as served, road(served.base) as transport:
        tracemalloc.start()
        try:
            assert_left_open(POST, await outcome(POST, transport))
            _, peak = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        with anyio.fail_after(20):
            await served.left.wait()
    assert sent * len(piece) < 40 * MEGABYTE
    assert peak < 250 * MEGABYTE


# The road there: proxies and certificates


def certificate(folder: Path) -> tuple[Path, ssl.SSLContext]:
    """
    A certificate of our own for this machine: its file, and what a server shows it with.
    """
    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=True
        )
        .sign(key, hashes.SHA256())
    )
    pem, private = folder / "certificate.pem", folder / "key.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    kind, no_password = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, kind, no_password))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem, private)
    return pem, context


async def test_a_certificate_that_is_not_trusted_is_sent_nothing(tmp_path: Path) -> None:
    _, context = certificate(tmp_path)
    async with stripe(says(answer()), tls=context) as served, road(served.base) as transport:
        said = await outcome(POST, transport)
    assert isinstance(said, NoAnswer)
    assert "ConnectError" in str(said)
    assert served.heard == []


async def test_a_companys_own_certificate_is_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file, context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    async with stripe(says(answer()), tls=context) as served, road(served.base) as transport:
        assert isinstance(await outcome(POST, transport), Reply)


def test_certificates_that_cannot_be_read_are_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none.pem"))
    with pytest.raises(NoAnswer, match="SSL_CERT_FILE"):
        Transport(CANARY, "https://api.stripe.com", fast=True)


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_where_a_proxy_is_set_up_the_network_is_httpxs_own(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "http://proxy.example:3128")
    transport = Transport(CANARY, "https://api.stripe.com", fast=True)
    assert type(transport._client._transport) is httpx.AsyncHTTPTransport
    await transport.aclose()


async def test_a_simulator_on_this_machine_is_reached_without_the_proxy(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:3128")
    async with stripe(says(answer())) as served, road(served.base) as transport:
        assert isinstance(await outcome(READ, transport), Reply)


async def test_a_road_that_nobody_took_is_closed_as_well() -> None:
    async with road("https://api.stripe.com"):
        pass


async def test_without_aiohttp_the_network_is_httpxs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "stripe_mcp.aiohttp_transport")
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    transport = Transport(CANARY, "https://api.stripe.com", fast=True)
    assert type(transport._client._transport) is httpx.AsyncHTTPTransport
    await transport.aclose()
