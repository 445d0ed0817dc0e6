"""
The script of faults: what the client sees, what was done all the same, and what is still to come.

In process a cut connection is a `ConnectionResetError`; over HTTP, against the command itself, it is one.
"""

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import anyio
import httpx
import pytest

from stripe_mcp.simulator.wire import Exchange, Message, Request
from tests.simulator.rehearsal import CHARGE, Rehearsal

pytestmark = pytest.mark.anyio

KEY = {"Idempotency-Key": "once"}
REFUND = ("POST", "refunds", CHARGE, KEY)
COMMON = {"method": None, "path": None, "times": 1}


async def test_cut_before_reading_nothing_is_done() -> None:
    shop = Rehearsal()
    await shop.fault("before_reading")
    with pytest.raises(ConnectionResetError):
        await shop.send(*REFUND)
    assert await shop.ids("refunds", CHARGE) == []
    assert "idempotent-replayed" not in (await shop.send(*REFUND)).headers


@pytest.mark.parametrize("fault", ["after_commit", "cut"])
async def test_cut_after_the_commit_the_answer_waits_under_its_key(fault: str) -> None:
    shop = Rehearsal()
    await shop.fault(fault)
    with pytest.raises(ConnectionResetError):
        await shop.send(*REFUND)
    (refund,) = await shop.ids("refunds", CHARGE)
    replay = await shop.send(*REFUND)
    assert (replay.json()["id"], replay.headers["idempotent-replayed"]) == (refund, "true")


async def test_garbage_comes_with_a_good_status() -> None:
    shop = Rehearsal()
    await shop.fault("garbage")
    reply = await shop.send(*REFUND)
    assert reply.status_code == 200
    with pytest.raises(json.JSONDecodeError):
        reply.json()
    assert len(await shop.ids("refunds", CHARGE)) == 1


@pytest.mark.parametrize("size", [0, 1, 65_536, 200_001])
async def test_a_huge_answer_has_the_bytes_that_were_ordered(size: int) -> None:
    shop = Rehearsal()
    await shop.fault("huge", bytes=size)
    reply = await shop.send("GET", "balance")
    assert (len(reply.content), reply.headers["content-length"]) == (size, str(size))


@pytest.mark.parametrize("fault", ["slow", "stall"])
@pytest.mark.parametrize("seconds", [0, 0.00001])
async def test_a_late_answer_is_the_same_answer(fault: str, seconds: float) -> None:
    shop = Rehearsal()
    await shop.fault(fault, seconds=seconds)
    assert (await shop.send("GET", "balance")).content == (await shop.send("GET", "balance")).content


async def test_a_stall_without_seconds_never_ends() -> None:
    shop = Rehearsal()
    await shop.fault("stall")
    with anyio.move_on_after(0.05) as waited:
        await shop.send(*REFUND)
    assert waited.cancelled_caught
    assert len(await shop.ids("refunds", CHARGE)) == 1


@pytest.mark.parametrize(
    ("executed", "stored", "done", "again"),
    [
        (False, False, 0, (200, False)),
        (True, False, 1, (200, True)),
        (False, True, 0, (503, True)),
        (True, True, 1, (503, True)),
    ],
)
async def test_an_error_is_executed_or_stored_as_ordered(
    executed: bool, stored: bool, done: int, again: tuple[int, bool]
) -> None:
    shop = Rehearsal()
    await shop.fault(
        "error", status=503, executed=executed, stored=stored, headers={"Stripe-Should-Retry": "true"}
    )
    reply = await shop.send(*REFUND)
    assert (reply.status_code, reply.json()["error"]["type"]) == (503, "api_error")
    assert reply.headers["stripe-should-retry"] == "true"
    assert len(await shop.ids("refunds", CHARGE)) == done
    retry = await shop.send(*REFUND)
    assert (retry.status_code, "idempotent-replayed" in retry.headers) == again


async def test_an_error_comes_instead_of_a_refusal_or_a_replay_too() -> None:
    shop = Rehearsal()
    await shop.send(*REFUND)
    await shop.fault("error", status=429, code="lock_timeout", times=2)
    for reply in (await shop.send(*REFUND), await shop.send("GET", "nowhere")):
        error = reply.json()["error"]
        assert (reply.status_code, error["type"], error["code"]) == (
            429,
            "invalid_request_error",
            "lock_timeout",
        )
        assert reply.headers["request-id"].startswith("req_")
    assert (await shop.send(*REFUND)).headers["idempotent-replayed"] == "true"


async def test_a_fault_meets_the_requests_it_is_meant_for_as_often_as_ordered() -> None:
    shop = Rehearsal()
    told = await shop.order(
        "POST",
        "faults",
        faults=[
            {"fault": "error", "method": "POST", "path": "/v1/charges/{charge}/capture", "times": 2},
            {"fault": "error", "status": 502, "path": "/v1/charges"},
            {"fault": "garbage", "method": "DELETE"},
        ],
    )
    assert [each["fault"] for each in told["faults"]] == ["error", "error", "garbage"]
    for method, path, status in (
        ("GET", "balance", 200),
        ("POST", "charges/ch_1/capture", 500),
        ("GET", "charge", 404),
        ("GET", "charges/ch_1/refunds", 502),
        ("POST", "charges/ch_2/capture", 500),
        ("POST", "charges/ch_2/capture", 404),
        ("GET", "charges", 200),
    ):
        assert (await shop.send(method, path)).status_code == status, path
    assert await shop.order("GET", "faults") == {
        "faults": [{"fault": "garbage"} | COMMON | {"method": "DELETE"}]
    }
    assert await shop.order("DELETE", "faults") == {"faults": []}
    assert (await shop.send("DELETE", "customers/cus_ABC123")).json()["deleted"]


async def test_who_asks_without_a_connection_meets_neither_faults_nor_latency() -> None:
    shop = Rehearsal()
    await shop.fault("error")
    await shop.order("POST", "limits", latency=60)
    headers = {"authorization": "Bearer sk_test_1"}
    assert shop.simulator.answer(Request("GET", "/v1/balance", "", headers, "")).status == 200
    assert len((await shop.order("GET", "faults"))["faults"]) == 1


async def test_faults_are_appended_and_told_with_what_they_still_have() -> None:
    shop = Rehearsal()
    await shop.fault("slow", seconds=0, times=3)
    await shop.fault("stall", path="/v1/refunds")
    await shop.send("GET", "balance")
    assert await shop.order("GET", "faults") == {
        "faults": [
            {"fault": "slow"} | COMMON | {"times": 2, "seconds": 0},
            {"fault": "stall"} | COMMON | {"path": "/v1/refunds", "seconds": None},
        ]
    }


@pytest.mark.parametrize(
    ("fault", "param", "says"),
    [
        ({}, "faults[0][fault]", "Fields: fault, method, path, times"),
        ({"fault": "meteor"}, "faults[0][fault]", "'before_reading', 'after_commit', 'stall', 'cut', 'slow'"),
        ({"fault": "cut", "time": 1}, "faults[0][time]", "Fields: fault, method, path, times"),
        ({"fault": "cut", "times": "1"}, "faults[0][times]", "valid integer"),
        ({"fault": "cut", "times": 0}, "faults[0]", "times must be at least 1"),
        ({"fault": "cut", "method": "GOT"}, "faults[0][method]", "'GET', 'POST' or 'DELETE'"),
        ({"fault": "cut", "seconds": 1}, "faults[0]", "seconds is no field of cut"),
        ({"fault": "stall", "seconds": -1}, "faults[0]", "seconds must be from 0"),
        ({"fault": "slow", "seconds": 1e9}, "faults[0]", "seconds must be from 0"),
        ({"fault": "huge", "bytes": -1}, "faults[0]", "bytes at least 0"),
        ({"fault": "huge", "status": 501}, "faults[0]", "status is no field of huge"),
        ({"fault": "error", "status": 200}, "faults[0]", "status from 400 to 599"),
        ({"fault": "error", "headers": {"X": "a\r\nb"}}, "faults[0]", "headers must be"),
        ({"fault": "error", "headers": {"X": "ä"}}, "faults[0]", "headers must be"),
        ({"fault": "error", "headers": {"X Y": "a"}}, "faults[0]", "headers must be"),
        ({"fault": "error", "headers": {"Content-Length": "3"}}, "faults[0]", "headers must be"),
        ({"fault": "error", "headers": {"X": 1}}, "faults[0][headers][X]", "valid string"),
        ("cut", "faults[0]", "object"),
    ],
)
async def test_a_fault_that_cannot_be_is_refused_and_none_of_the_order_stands(
    fault: Any, param: str, says: str
) -> None:
    shop = Rehearsal()
    error = await shop.misorder("POST", "faults", faults=[fault, {"fault": "cut"}])
    assert error["param"] == param
    assert says in error["message"]
    assert await shop.order("GET", "faults") == {"faults": []}


async def test_a_client_that_still_sends_has_not_left() -> None:
    messages: list[Message] = [
        {"type": "http.request", "body": b"", "more_body": True},
        {"type": "http.disconnect"},
    ]

    async def receive() -> Message:
        return messages.pop(0)

    async def send(message: Message) -> None:
        raise AssertionError

    assert await Exchange({}, receive, send).is_left(None)
    assert messages == []


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """
    The simulator as the command serves it. That it writes nothing is a part of each test here.
    """
    command = [sys.executable, "-m", "stripe_mcp", "simulator", "--port", "0", "--admin"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        yield process.stdout.readline().split()[2].rstrip(";")
        process.terminate()
        assert process.wait(20) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


@pytest.fixture
def web(address: str) -> Iterator[httpx.Client]:
    authorization = {"Authorization": "Bearer sk_test_1"}
    with httpx.Client(base_url=address, headers=authorization, timeout=10, trust_env=False) as client:
        client.post("/_simulator/reset")
        yield client


def is_cut(connection: socket.socket) -> bool:
    with suppress(ConnectionResetError):
        return connection.recv(100) == b""
    return True


def refund(web: httpx.Client, **more: Any) -> httpx.Response:
    return web.post("/v1/refunds", data=CHARGE, headers=KEY, **more)


def refunds(web: httpx.Client) -> list[Any]:
    return list(web.get("/v1/refunds", params=CHARGE).json()["data"])


def spoil(web: httpx.Client, fault: str, **fields: Any) -> None:
    order = {"faults": [{"fault": fault, "path": "/v1/refunds"} | fields]}
    assert web.post("/_simulator/faults", json=order).status_code == 200


@pytest.mark.parametrize(("fault", "done"), [("before_reading", 0), ("after_commit", 1)])
def test_over_http_a_cut_connection_has_no_status_line(fault: str, done: int, web: httpx.Client) -> None:
    spoil(web, fault)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)) as cut:
        refund(web)
    assert "peer closed" not in str(cut.value)
    assert len(refunds(web)) == done
    assert refund(web).json()["status"] == "succeeded"
    assert len(refunds(web)) == 1


def test_over_http_a_cut_answer_ends_in_the_middle_of_its_body(web: httpx.Client) -> None:
    spoil(web, "cut")
    got = b""
    with web.stream("POST", "/v1/refunds", data=CHARGE, headers=KEY) as reply:
        assert reply.status_code == 200
        pieces = reply.iter_bytes()
        with suppress(httpx.RemoteProtocolError, httpx.ReadError):
            while len(got) < int(reply.headers["content-length"]):
                got += next(pieces)
        assert len(got) == int(reply.headers["content-length"]) // 2
    assert len(refunds(web)) == 1


def test_over_http_a_client_that_is_tired_of_waiting_gets_the_replay(web: httpx.Client) -> None:
    spoil(web, "stall")
    with pytest.raises(httpx.ReadTimeout):
        refund(web, timeout=0.2)
    while (again := refund(web)).status_code == 409:  # the server has yet to see that the client is gone
        pass
    assert (again.status_code, again.headers["idempotent-replayed"]) == (200, "true")


def test_over_http_a_slow_answer_comes_byte_by_byte_until_the_client_leaves(web: httpx.Client) -> None:
    spoil(web, "slow", seconds=0.001, times=2)
    with web.stream("POST", "/v1/refunds", data=CHARGE, headers=KEY) as reply:
        assert len(next(reply.iter_raw())) < int(reply.headers["content-length"])
    assert refund(web).json()["object"] == "refund"


def test_over_http_a_huge_answer_can_be_left(web: httpx.Client) -> None:
    spoil(web, "huge")
    with web.stream("GET", "/v1/refunds") as reply:
        assert reply.headers["content-length"] == "200000000"
        assert len(next(reply.iter_raw())) > 0
    assert refunds(web) == []


def test_over_http_an_uploading_client_is_cut_off(web: httpx.Client) -> None:
    """
    Only a part of the body comes; that nobody reads it is the fault.
    """
    spoil(web, "before_reading")
    host, port = web.base_url.host, web.base_url.port
    with socket.create_connection((host, port or 0), timeout=10) as upload:
        upload.sendall(b"POST /v1/refunds HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nchar")
        assert is_cut(upload)


def test_the_end_does_not_wait_for_an_answer_that_a_fault_holds_back() -> None:
    command = [sys.executable, "-m", "stripe_mcp", "simulator", "--port", "0", "--admin"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stderr
        address = process.stdout.readline().split()[2].rstrip(";")
        httpx.post(f"{address}/_simulator/faults", json={"faults": [{"fault": "stall"}]}, trust_env=False)
        host, port = address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), timeout=20) as waiting:
            waiting.sendall(b"GET /v1/balance HTTP/1.1\r\nHost: x\r\n\r\n")
            while httpx.get(f"{address}/_simulator/faults", trust_env=False).json()["faults"]:
                pass
            process.terminate()
            assert process.wait(20) == 0
            assert is_cut(waiting)
        assert process.stderr.read() == ""
