"""
The real process over its real pipes: what a client can do to it, and how it ends.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from stripe_mcp.catalog import builtin_folder
from stripe_mcp.endings import cut_off

CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "get_balance", "arguments": {}}}
HELLO = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "test", "version": "1"},
    },
}
READY = {"jsonrpc": "2.0", "method": "notifications/initialized"}


class Process:
    """
    A server process that is spoken to line by line.
    """

    def __init__(self, *arguments: str, **environment: str) -> None:
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("STRIPE_")}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "stripe_mcp", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=inherited | {"STRIPE_MCP_DATABASE_URL": "sqlite://"} | environment,
        )

    def write(self, line: bytes) -> None:
        assert self.popen.stdin
        self.popen.stdin.write(line + b"\n")
        self.popen.stdin.flush()

    def ask(self, message: dict[str, Any]) -> dict[str, Any]:
        """
        Send a request and return its answer, passing over answers to other requests.
        """
        return self.ask_line(json.dumps(message), message["id"])

    def ask_line(self, line: str, number: object) -> dict[str, Any]:
        """
        Send a request as it is written and return the answer to that *number*.
        """
        self.write(line.encode())
        assert self.popen.stdout
        for answered in self.popen.stdout:
            answer: dict[str, Any] = json.loads(answered)
            assert answer["jsonrpc"] == "2.0"
            if answer.get("id") == number:
                return answer
        raise AssertionError("the server closed its output")

    def end(self, within: float = 10) -> tuple[int, str]:
        """
        Wait for the end, *within* seconds, and return the exit status and standard error.
        """
        _, errors = self.popen.communicate(timeout=within)
        return self.popen.returncode, errors.decode()


@contextmanager
def serving(*arguments: str, **environment: str) -> Iterator[Process]:
    process = Process(*arguments, **environment)
    try:
        assert "result" in process.ask(HELLO)
        process.write(json.dumps(READY).encode())
        yield process
    finally:
        if process.popen.stdin:
            process.popen.stdin.close()
            process.popen.stdin = None
        try:
            process.popen.communicate(timeout=10)
        finally:
            process.popen.kill()


JUNK = {
    "not JSON": b"hello?",
    "cut JSON": b'{"jsonrpc": "2.0", "id": 7, "meth',
    "JSON that is cut within an emoji": rb'{"jsonrpc": "2.0", "id": 6, "method": "\ud83d',
    "an empty line": b"",
    "a batch": b"[" + json.dumps(CALL).encode() + b"]",
    "invalid UTF-8": b'{"jsonrpc": "2.0", "id": 8, "method": "\xff\xfe"}',
    "a null id": b'{"jsonrpc": "2.0", "id": null, "method": "tools/list"}',
    "an unknown method": b'{"jsonrpc": "2.0", "id": 9, "method": "tools/burn"}',
    "two megabytes": b'{"jsonrpc": "2.0", "id": 10, "method": "' + b"x" * 2_000_000 + b'"}',
    "arguments that are no object": json.dumps(
        {**CALL, "id": 11, "params": {"name": "get_balance", "arguments": [1]}}
    ).encode(),
    "deep nesting": b"[" * 100_000,
}


def test_r30_whatever_stands_on_stdin_the_next_call_is_answered() -> None:
    with serving() as process:
        for number, junk in enumerate(JUNK.values(), start=100):
            process.write(junk)
            answer = process.ask({**CALL, "id": number})
            assert "STRIPE_SECRET_KEY" in answer["result"]["content"][0]["text"]


def test_a_prompt_and_an_object_are_read_over_the_wire(tmp_path: Path) -> None:
    prompts = tmp_path / "prompts"
    shutil.copytree(builtin_folder() / "tools/balance", tmp_path / "tools/balance")
    shutil.copytree(builtin_folder() / "prompts", prompts)
    (prompts / "customer_lookup.md").rename(prompts / "my_lookup.md")
    get = {**CALL, "method": "prompts/get"}
    with serving("--simulator", "--catalog", str(tmp_path)) as process:
        filled = process.ask(
            {**get, "params": {"name": "my_lookup", "arguments": {"customer_email": "a@b.c"}}}
        )
        refused = process.ask({**get, "params": {"name": "my_lookup"}})
        read = process.ask({**CALL, "method": "resources/read", "params": {"uri": "stripe://balance"}})
    assert '"a@b.c"' in filled["result"]["messages"][0]["content"]["text"]
    assert refused["error"]["code"] == -32602
    assert json.loads(read["result"]["contents"][0]["text"])["object"] == "balance"


def test_stderr_says_the_mode_in_one_line() -> None:
    with serving("--simulator", STRIPE_SECRET_KEY="sk_test_canary1234") as process:
        assert process.popen.stdin
        process.popen.stdin.close()
        process.popen.stdin = None
        status, errors = process.end()
    assert status == 0
    assert len(errors.splitlines()) == 1
    assert "SIMULATOR" in errors
    assert "ignored" in errors
    assert "canary" not in errors


def test_r14_the_end_of_input_ends_the_server() -> None:
    with serving() as process:
        assert process.popen.stdin
        process.popen.stdin.write(b'{"jsonrpc": "2.0", "id": 1, "method"')  # mid-line
        process.popen.stdin.close()
        process.popen.stdin = None
        status, _ = process.end(within=3)  # the SDK's own way takes eight
    assert status == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_r12_r13_a_signal_ends_an_idle_server(number: signal.Signals) -> None:
    with serving() as process:
        process.popen.send_signal(number)
        status, errors = process.end(within=3)
    assert status == 0
    assert "Traceback" not in errors


EMOJI = {
    "half": (r"\ud83d", True),
    "the other half": (r"\udca9", True),
    "the wrong way round": (r"\udca9\ud83d", True),
    "whole": (r"\ud83d\udca9", False),
    "only spelled out": (r"\\ud83d", False),
}


@pytest.mark.parametrize(("text", "damaged"), EMOJI.values(), ids=EMOJI)
def test_half_an_emoji_is_answered_with_words(text: str, damaged: bool) -> None:
    """
    As JavaScript sends a text that was cut within one; the SDK drops such a line without an answer.
    """
    call = {**CALL, "params": {"name": "search_customers", "arguments": {"email": "HERE"}}}
    with serving("--simulator") as process:
        answer = process.ask_line(json.dumps(call).replace("HERE", text), CALL["id"])
    assert ("damaged character" in str(answer)) == damaged


def test_nobody_has_to_read_standard_error() -> None:
    """
    A pipe that is full holds 64 kB; one line a request fills it after some hundred calls.
    """
    with serving("--simulator") as process:
        for number in range(1000):
            assert "result" in process.ask({**CALL, "id": number})
        process.popen.send_signal(signal.SIGTERM)
        assert process.popen.wait(5) == 0


def test_a_write_that_is_cut_off_is_told(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """
    R12: after the time to drain, with status 0.
    """
    exits: list[int] = []
    monkeypatch.setattr(os, "_exit", exits.append)
    cut_off()
    assert exits == [0]
    assert "outcome is unknown" in capfd.readouterr().err


@pytest.mark.skipif(sys.platform == "win32", reason="closes streams as a POSIX shell does")
@pytest.mark.parametrize(("closed", "status"), [("0<&-", 2), ("1>&-", 2), ("2>&-", 0)])
def test_a_closed_standard_stream_never_puts_words_into_the_protocol(closed: str, status: int) -> None:
    command = f"echo | {sys.executable} -m stripe_mcp --simulator {closed}"
    ended = subprocess.run(["sh", "-c", command], capture_output=True, text=True)
    assert ended.returncode == status
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr


def test_a_client_that_is_gone_leaves_no_traceback() -> None:
    with serving() as process:
        assert process.popen.stdin
        assert process.popen.stdout
        process.popen.stdout.close()
        process.popen.stdout = None
        with suppress(BrokenPipeError):
            for number in range(5):
                process.write(json.dumps({**CALL, "id": number}).encode())
        with suppress(BrokenPipeError):
            process.popen.stdin.close()
        process.popen.stdin = None
        status, errors = process.end()
    assert status == 0
    assert "Traceback" not in errors


class SlowStripe:
    """
    An upstream on loopback that holds back its answer until it is told to give it.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.answer = threading.Event()
        self.answered = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.set()
                outer.answer.wait(10)
                self._answer(b'{"object": "refund", "id": "re_1"}')
                outer.answered.set()

            def do_GET(self) -> None:
                self._answer(b'{"object": "account", "id": "acct_1"}')

            def _answer(self, body: bytes) -> None:
                self.send_response(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_request(self, *_: Any) -> None:
                pass  # keeps the tests' output clean

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@contextmanager
def refunding() -> Iterator[tuple[Process, SlowStripe]]:
    """
    A server process whose refund has reached Stripe and is not answered yet.
    """
    stripe = SlowStripe()
    thread = threading.Thread(target=stripe.server.serve_forever)
    thread.start()
    refund = {**CALL, "params": {"name": "create_refund", "arguments": {"payment_intent": "pi_1"}}}
    try:
        with serving(STRIPE_SECRET_KEY="sk_test_1", STRIPE_MCP_API_BASE=stripe.url) as process:
            process.write(json.dumps(refund).encode())
            assert stripe.asked.wait(10)
            yield process, stripe
    finally:
        stripe.answer.set()
        stripe.server.shutdown()
        thread.join()
        stripe.server.server_close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals")
def test_r12_a_write_in_flight_ends_before_sigterm_ends_the_server() -> None:
    with refunding() as (process, stripe):
        process.popen.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.popen.wait(0.5)
        stripe.answer.set()
        status, errors = process.end()
        assert stripe.answered.is_set()
    assert status == 0
    assert "POST /v1/refunds, attempt 1: 200" in errors


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no POSIX signals")
def test_r12_a_second_signal_exits_at_once() -> None:
    with refunding() as (process, stripe):
        process.popen.send_signal(signal.SIGTERM)
        with pytest.raises(subprocess.TimeoutExpired):
            process.popen.wait(0.5)
        process.popen.send_signal(signal.SIGTERM)
        status, _ = process.end()
        assert not stripe.answered.is_set()
    assert status == 128 + signal.SIGTERM


def test_r14_a_write_in_flight_ends_after_the_end_of_input() -> None:
    with refunding() as (process, stripe):
        assert process.popen.stdin
        process.popen.stdin.close()
        process.popen.stdin = None
        with pytest.raises(subprocess.TimeoutExpired):
            process.popen.wait(0.5)
        stripe.answer.set()
        status, errors = process.end()
    assert status == 0
    assert "POST /v1/refunds, attempt 1: 200" in errors
