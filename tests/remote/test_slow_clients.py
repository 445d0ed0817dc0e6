"""
What clients can do to a connection, over real sockets: S5.
"""

import json
import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

import anyio.to_thread
import pytest
import uvicorn
from starlette.types import ASGIApp, Receive, Scope, Send

from stripe_mcp.remote.wire import PatientProtocol, WholeBody

SECRET = "Bearer a-token-that-no-log-may-hold"
GET = f"GET / HTTP/1.1\r\nHost: x\r\nAuthorization: {SECRET}\r\n".encode()
POST = GET.replace(b"GET", b"POST")
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"


class Impatient(PatientProtocol):
    """
    The same with a time that a test can wait for.
    """

    head_seconds = 0.5


@contextmanager
def listening(app: ASGIApp, **named: Any) -> Iterator[tuple[str, int]]:
    """
    Serve *app* to impatient ends on a port that the system picks.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    common: dict[str, Any] = {"ws": "none", "lifespan": "off", "log_config": None, "access_log": False}
    ours = {"http": Impatient, "timeout_keep_alive": 600, "h11_max_incomplete_event_size": 16_384}
    server = uvicorn.Server(uvicorn.Config(app, **common | ours | named))
    thread = threading.Thread(target=server.run, args=([listener],))
    thread.start()
    try:
        yield listener.getsockname()
    finally:
        server.should_exit = True
        thread.join(timeout=10)
        assert not thread.is_alive()


class Line:
    """
    A client's end of a connection.
    """

    def __init__(self, address: tuple[str, int]) -> None:
        self.socket = socket.create_connection(address, timeout=10)

    def __enter__(self) -> "Line":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """
        The status, headers and body of the next answer.
        """
        with self.socket.makefile("rb", buffering=0) as file:  # so that nothing of the next answer is taken
            status = int(file.readline().split()[1])
            headers = {}
            while line := file.readline().strip():
                name, _, value = line.decode().partition(": ")
                headers[name.lower()] = value
        return status, headers, self.socket.recv(int(headers.get("content-length", 0)), socket.MSG_WAITALL)

    def rest(self) -> bytes:
        """
        All that comes until the server hangs up.
        """
        found = b""
        with suppress(ConnectionResetError):
            while data := self.socket.recv(65_536):
                found += data
        return found

    def drip(self, what: bytes) -> bytes:
        """
        Send *what* again and again, and give what comes when the server has lost its patience.
        """
        self.socket.settimeout(0.01)
        found, data = b"", b"."
        with suppress(ConnectionError):
            while data:
                try:
                    data = self.socket.recv(65_536)
                    found += data
                except TimeoutError:
                    self.send(what)
        return found


async def hello(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"hi"})


@pytest.fixture(autouse=True)
def no_traceback_and_no_secret_in_a_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    caplog.set_level(logging.DEBUG)
    yield
    assert "Traceback" not in caplog.text
    assert SECRET not in caplog.text
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]


HALF_HEADS = [b"", b"G", GET, GET + b"X-Half: "]


@pytest.mark.parametrize("half", HALF_HEADS)
def test_a_head_that_does_not_come_is_answered_408(half: bytes) -> None:
    with listening(hello) as address, Line(address) as line:
        line.send(half)
        assert line.answer()[0] == 408
        assert line.rest() == b""


def test_a_head_that_drips_gets_no_more_time() -> None:
    with listening(hello) as address, Line(address) as line:
        line.send(GET)
        assert line.drip(b"X-More: 1\r\n").startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("half", HALF_HEADS[1:])
def test_the_time_of_a_later_head_counts_from_its_first_byte(half: bytes) -> None:
    with listening(hello) as address, Line(address) as line:
        for _ in range(3):
            line.send(GET + b"\r\n")
            assert line.answer()[0] == 200
        line.send(half)
        assert line.answer()[0] == 408
        assert line.rest() == b""


def test_a_quiet_connection_is_closed_by_its_own_time_without_a_word() -> None:
    with listening(hello, timeout_keep_alive=1) as address, Line(address) as line:
        line.send(GET + b"\r\n")
        assert line.answer()[0] == 200
        assert line.rest() == b""


def test_nothing_waits_for_a_connection_that_has_gone() -> None:
    given_up = []

    class Counting(Impatient):
        def _give_up(self) -> None:
            given_up.append(self)
            super()._give_up()

    with listening(hello, http=Counting) as address:
        for _ in range(3):
            with Line(address) as gone:
                gone.send(GET)
        with Line(address) as silent:
            assert silent.answer()[0] == 408
    assert len(given_up) == 1


def test_an_answer_may_take_longer_than_a_head() -> None:
    """
    The one that says nothing came later, and its time is over first.
    """
    asked, over = threading.Event(), threading.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        asked.set()
        await anyio.to_thread.run_sync(over.wait)
        await hello(scope, receive, send)

    with listening(slow) as address, Line(address) as patient:
        patient.send(GET + b"\r\n")
        assert asked.wait(10)
        with Line(address) as silent:
            assert silent.answer()[0] == 408
        over.set()
        assert patient.answer()[0] == 200


@pytest.mark.parametrize("more", [b"X: " + b"a" * 100_000, b"X: a\r\n" * 20_000, b"a" * 100_000 + b": X"])
def test_a_head_that_is_too_long_is_answered_400(more: bytes) -> None:
    with listening(hello) as address, Line(address) as line:
        with suppress(ConnectionError):
            line.send(GET + more)
        assert line.answer()[0] == 400
        assert line.rest() == b""


def test_what_is_left_of_a_body_has_no_longer_than_a_head() -> None:
    with listening(hello) as address, Line(address) as line:
        line.send(POST + b"Content-Length: 1000000\r\n\r\n")
        assert line.answer()[0] == 200
        assert line.drip(b"a") == b""


def test_a_connection_goes_on_behind_a_body_that_nobody_read() -> None:
    with listening(hello) as address, Line(address) as line:
        for _ in range(3):
            line.send(POST + b"Content-Length: 5\r\n\r\n")
            assert line.answer()[0] == 200
            line.send(b"12345")


def test_a_body_that_breaks_while_it_is_answered_ends_the_connection() -> None:
    """
    A second answer cannot be written into the first one.
    """
    gone = threading.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"first", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()

    with listening(endless) as address, Line(address) as line:
        line.send(POST + CHUNKED)
        assert line.answer()[0] == 200
        line.send(b"no length\r\n")
        assert b"400" not in line.rest()
        assert gone.wait(10)


def test_a_body_that_breaks_before_it_is_answered_gets_400() -> None:
    with listening(WholeBody(hello)) as address, Line(address) as line:
        line.send(POST + CHUNKED + b"no length\r\n")
        assert line.answer()[0] == 400
        assert line.rest() == b""


def error(answer: tuple[int, dict[str, str], bytes]) -> tuple[int, str, str | None]:
    status, headers, body = answer
    assert headers["content-type"] == "application/json"
    told = json.loads(body)
    assert told["error_description"]
    return status, told["error"], headers.get("connection")


def test_five_megabytes_are_refused_by_their_length_and_the_client_is_let_finish() -> None:
    """
    Were the connection closed at once, the rest of the body would push the answer out of the client's hands.
    """
    with listening(WholeBody(hello)) as address, Line(address) as line:
        for _ in range(3):
            line.send(POST + b"Content-Length: 5000000\r\n\r\n")
            assert error(line.answer()) == (413, "content_too_large", None)
            line.send(b"a" * 5_000_000)


def test_a_body_of_five_megabytes_in_chunks_is_refused_when_it_is_too_much() -> None:
    with listening(WholeBody(hello)) as address, Line(address) as line:
        line.send(POST + CHUNKED)
        with suppress(ConnectionError):
            for _ in range(500):
                line.send(b"%x\r\n%b\r\n" % (10_000, b"a" * 10_000))
        assert error(line.answer()) == (413, "content_too_large", "close")
        assert line.rest() == b""


@pytest.mark.parametrize(
    "framing", [b"Content-Length: 262144\r\n\r\n%b", CHUNKED + b"40000\r\n%b\r\n0\r\n\r\n"]
)
def test_a_body_as_large_as_may_be_passes(framing: bytes) -> None:
    with listening(WholeBody(hello)) as address, Line(address) as line:
        line.send(POST + framing % (b"a" * 262_144))
        assert line.answer()[0] == 200


@pytest.mark.parametrize(
    ("start", "more"),
    [(b"Content-Length: 1000\r\n\r\n", b"a"), (CHUNKED, b"1\r\na\r\n")],
    ids=["length", "chunks"],
)
@pytest.mark.parametrize("drips", [True, False])
def test_a_body_that_is_not_whole_in_time_is_answered_408(start: bytes, more: bytes, drips: bool) -> None:
    with listening(WholeBody(hello, seconds=0.2)) as address, Line(address) as line:
        line.send(POST + start + more)
        if drips:
            assert line.drip(more).startswith(b"HTTP/1.1 408 ")
        else:
            assert error(line.answer()) == (408, "request_timeout", "close")
            assert line.rest() == b""


def test_a_body_shorter_than_it_said_is_no_request() -> None:
    with listening(WholeBody(hello)) as address, Line(address) as line:
        line.send(POST + b"Content-Length: 10\r\n\r\n12345")
        line.socket.shutdown(socket.SHUT_WR)
        assert line.rest() == b""


def test_what_is_longer_than_it_said_is_no_second_request() -> None:
    with listening(WholeBody(hello)) as address, Line(address) as line:
        line.send(POST + b"Content-Length: 5\r\n\r\n12345 and more\r\n\r\n")
        assert line.answer()[0] == 200
        assert line.answer()[0] == 400
        assert line.rest() == b""


@pytest.mark.parametrize("length", ["-1", "1e3", "five", "9" * 5_000, "5\r\nContent-Length: 6"])
def test_a_length_that_is_none_is_answered_400(length: str) -> None:
    with listening(WholeBody(hello)) as address, Line(address) as line:
        line.send(POST + f"Content-Length: {length}\r\n\r\n12345".encode())
        assert line.answer()[0] == 400


def test_the_cap_of_connections_counts_open_streams_and_leaves_them_be() -> None:
    """
    uvicorn's own cap: beyond it, it answers 503 to the next request of any connection.
    """
    over = threading.Event()

    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await anyio.to_thread.run_sync(over.wait)
        await send({"type": "http.response.body", "body": b"hi"})

    with listening(stream, limit_concurrency=3) as address, Line(address) as one, Line(address) as two:
        one.send(GET + b"\r\n")
        two.send(GET + b"\r\n")
        assert one.socket.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL) == b"HTTP/1.1 200"
        assert two.socket.recv(12, socket.MSG_PEEK | socket.MSG_WAITALL) == b"HTTP/1.1 200"
        with Line(address) as three:
            three.send(GET + b"\r\n")
            status, headers, _ = three.answer()
            assert (status, headers["connection"]) == (503, "close")
            assert three.rest() == b""
        over.set()
        assert (one.answer()[2], two.answer()[2]) == (b"hi", b"hi")
