"""
What is written to the log, where it goes, and what never gets into it.
"""

import json
import logging
import os
import re
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, get_args

import pytest
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, use_span

from stripe_mcp.errors import ConfigurationError, LedgerUnavailable
from stripe_mcp.logs import Level, logging_to

KEY, EMAIL, CARD = "sk_live_canary1234", "jenny.canary@example.com", "4242424242424242"
OURS, FOREIGN = logging.getLogger("stripe_mcp.some.module"), logging.getLogger("mcp.server.sse")
LEVELS: tuple[Level, ...] = get_args(Level)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "server.log"


@pytest.fixture(autouse=True)
def _levels_stay() -> Iterator[None]:
    before = [logging.getLogger(name).level for name in ("", "stripe_mcp", FOREIGN.name)]
    yield
    FOREIGN.setLevel(before[2])
    assert [logging.getLogger(name).level for name in ("", "stripe_mcp", FOREIGN.name)] == before


def caught(error: BaseException) -> BaseException:
    """
    *error* after it was raised, with the traceback of that.
    """
    with suppress(type(error)):
        raise error
    return error


def test_lines_go_to_standard_error_by_default(capfd: pytest.CaptureFixture[str]) -> None:
    with logging_to():
        OURS.warning("the deadline of %g s has passed", 50)
    line = capfd.readouterr().err
    assert re.fullmatch(
        r"[-0-9]+ [:,0-9]+ WARNING stripe_mcp\.some\.module: the deadline of 50 s has passed\n", line
    )


@pytest.mark.parametrize("level", LEVELS)
def test_a_level_lets_pass_our_own_lines_from_it_up(level: Level, file: Path) -> None:
    with logging_to(file, level=level):
        for each in LEVELS:
            OURS.log(logging.getLevelNamesMapping()[each.upper()], each)
    assert [line.rpartition(" ")[2] for line in file.read_text().splitlines()] == list(
        LEVELS[LEVELS.index(level) :]
    )


@pytest.mark.parametrize("level", LEVELS)
def test_what_other_packages_say_below_a_warning_is_never_written(level: Level, file: Path) -> None:
    """
    They write whole messages and addresses there, also those that set a level of their own.
    """
    FOREIGN.setLevel(logging.DEBUG)
    with logging_to(file, level=level):
        FOREIGN.debug("Received JSON: %s", EMAIL)
        FOREIGN.info("HTTP Request: %s", EMAIL)
    assert file.read_text() == ""


@pytest.mark.parametrize(
    ("message", "written"),
    [
        (f"Could not find session for ID: {CARD}", "Could not find session for ID"),
        (f"Exception in callback f({EMAIL!r})", "Exception in callback f"),
        (f"Task exception was never retrieved\nfuture: {EMAIL}", "Task exception was never retrieved"),
        ("requestState rejected on %s: %s", "requestState rejected on ..."),
        ("handler for %r raised", "handler for ... raised"),
        (ValueError(EMAIL), "ValueError"),
        (f"{CARD} is no session", "str"),
    ],
)
@pytest.mark.parametrize("as_json", [False, True])
def test_of_what_other_packages_say_only_the_fixed_words_are_written(
    message: Any, written: str, as_json: bool, file: Path
) -> None:
    arguments = [CARD] * message.count("%") if isinstance(message, str) else []
    with logging_to(file, level="debug", as_json=as_json):
        FOREIGN.error(message, *arguments)
    line = file.read_text().rstrip()
    assert (json.loads(line)["message"] if as_json else line.partition(f"{FOREIGN.name}: ")[2]) == written
    assert CARD not in line
    assert "canary" not in line


def chain() -> BaseException:
    error = caught(ValueError(EMAIL))
    error.__cause__, error.__context__ = KeyError(CARD), OSError(CARD)
    return error


def hidden() -> BaseException:
    error = caught(ValueError(EMAIL))
    error.__context__, error.__suppress_context__ = OSError(CARD), True
    return error


def endless() -> BaseException:
    error = caught(ValueError(EMAIL))
    error.__cause__ = error
    return error


@pytest.mark.parametrize(
    ("make", "classes"),
    [
        (chain, ["ValueError", "KeyError"]),
        (hidden, ["ValueError"]),
        (endless, ["ValueError"] * 10),
        (
            lambda: ExceptionGroup(CARD, [ValueError(EMAIL), OSError(CARD)]),
            ["ExceptionGroup", "ValueError", "OSError"],
        ),
    ],
)
@pytest.mark.parametrize("logger", [OURS, FOREIGN])
def test_an_exception_is_told_by_where_it_came_from_without_its_text(
    make: Callable[[], BaseException], classes: list[str], logger: logging.Logger, file: Path
) -> None:
    error = make()
    with logging_to(file):
        logger.error("it failed", exc_info=error)
    written = file.read_text()
    assert [line for line in written.splitlines() if re.fullmatch(r"\w+", line)] == classes
    assert (f'File "{__file__}"' in written) == (error.__traceback__ is not None)
    assert CARD not in written
    assert "canary" not in written


@pytest.mark.parametrize("error", [LedgerUnavailable("disk full"), ConfigurationError("disk full")])
def test_errors_for_who_runs_the_server_keep_their_text(error: Exception, file: Path) -> None:
    with logging_to(file):
        OURS.error("it failed", exc_info=error)
    assert "disk full" in file.read_text()


def test_a_json_line_is_an_object_with_the_time_in_utc(file: Path) -> None:
    with logging_to(file, as_json=True):
        OURS.warning("two\nlines")
        OURS.error("it failed", exc_info=ValueError(EMAIL))
    first, second = map(json.loads, file.read_text().splitlines())
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00", first.pop("time"))
    assert first == {"level": "warning", "logger": OURS.name, "message": "two\nlines"}
    assert second["exception"] == "ValueError"


def test_a_json_line_names_the_span_in_which_it_was_written(file: Path) -> None:
    context = SpanContext(0xABC, 0xDEF, is_remote=False, trace_flags=TraceFlags.get_default())
    with logging_to(file, as_json=True):
        with use_span(NonRecordingSpan(context)):
            OURS.warning("inside")
        OURS.warning("outside")
    inside, outside = map(json.loads, file.read_text().splitlines())
    assert (inside["trace_id"], inside["span_id"]) == (f"{0xABC:032x}", f"{0xDEF:016x}")
    assert not outside.keys() & {"trace_id", "span_id"}


@pytest.mark.parametrize("before", ["", " ", "\n", "\t", '"', "é", "\x00", "\\"])
@pytest.mark.parametrize("as_json", [False, True])
def test_no_line_holds_a_key_whatever_stands_before_it(before: str, as_json: bool, file: Path) -> None:
    with logging_to(file, as_json=as_json):
        OURS.warning("the key %s", before + KEY)
        OURS.error("it failed", exc_info=LedgerUnavailable(before + KEY))
    assert KEY not in file.read_text()
    assert file.read_text().count("sk_...1234") == 2


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077])
def test_a_log_file_is_private_and_grows(mask: int, file: Path) -> None:
    before = os.umask(mask)
    try:
        for text in ("first", "second"):
            with logging_to(file):
                OURS.warning(text)
    finally:
        os.umask(before)
    assert file.stat().st_mode & 0o777 == 0o600
    assert [line.rpartition(" ")[2] for line in file.read_text().splitlines()] == ["first", "second"]


def a_link(file: Path) -> None:
    file.with_name("other").touch(0o600)
    file.symlink_to("other")


def a_second_name(file: Path) -> None:
    file.with_name("other").touch(0o600)
    file.hardlink_to(file.with_name("other"))


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (a_link, "cannot write"),
        (a_second_name, "not a plain file"),
        (Path.mkdir, "cannot write"),
        (os.mkfifo, "cannot write"),
        (lambda file: file.touch(0o644), "chmod 600"),
    ],
    ids=["link", "second name", "folder", "pipe", "open to others"],
)
def test_a_log_file_that_others_may_have_a_hand_in_is_refused(
    make: Callable[[Path], None], said: str, file: Path
) -> None:
    make(file)
    with pytest.raises(ConfigurationError, match=f"--log-file: .*{said}"), logging_to(file):
        raise AssertionError


def test_a_log_file_of_somebody_else_is_refused(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.touch(0o600)
    monkeypatch.setattr("os.geteuid", lambda: file.stat().st_uid + 1)
    with pytest.raises(ConfigurationError, match="belongs to somebody else"), logging_to(file):
        raise AssertionError


def test_a_line_that_cannot_be_written_is_lost_and_the_next_is_not(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write, full = os.write, iter([True, False])

    def write_if_there_is_room(descriptor: int, line: bytes) -> int:
        if next(full):
            raise OSError(28, "No space left on device")
        return write(descriptor, line)

    monkeypatch.setattr("os.write", write_if_there_is_room)
    with logging_to(file):
        OURS.warning("first")
        OURS.warning("second")
    assert file.read_text().endswith("second\n")
    assert "first" not in file.read_text()


def test_lines_are_dropped_rather_than_waited_for(monkeypatch: pytest.MonkeyPatch, file: Path) -> None:
    write, room = os.write, threading.Event()

    def write_when_somebody_reads(descriptor: int, line: bytes) -> int:
        assert room.wait(timeout=10)
        return write(descriptor, line)

    monkeypatch.setattr("os.write", write_when_somebody_reads)
    with logging_to(file):
        for number in range(300):
            OURS.warning("%d", number)
        room.set()
    assert 100 <= len(file.read_text().splitlines()) <= 101


SERVER = """
from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.logs import logging_to
from stripe_mcp.opening import opener
from stripe_mcp.server import create_server
from stripe_mcp.settings import read_settings
from stripe_mcp.stdio import serve_stdio

with logging_to(level="debug"):
    settings = read_settings(simulator=True)
    serve_stdio(create_server(load_catalog(builtin_folder()), settings, opener(settings)))
"""

HELLO = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": EMAIL, "version": "1"},
}
SAID = [
    ("initialize", HELLO),
    ("tools/call", {"name": "search_customers", "arguments": {"query": f'email:"{EMAIL}"'}}),
    ("tools/call", {"name": "create_customer", "arguments": {"email": EMAIL, "name": f"{KEY} {CARD}"}}),
    ("tools/call", {"name": "get_charge", "arguments": {"charge_id": f"ch_{CARD}"}}),
    ("tools/call", {"name": EMAIL, "arguments": {}}),
    ("tools/call", {"name": 5, "arguments": EMAIL}),
    ("resources/read", {"uri": f"stripe://customers/cus_{CARD}"}),
    ("prompts/get", {"name": EMAIL, "arguments": {EMAIL: KEY}}),
    (EMAIL, {"name": KEY}),
]


@pytest.mark.parametrize("notified", [False, True])
def test_a_server_at_debug_level_writes_nothing_that_a_caller_said(notified: bool) -> None:
    """
    S3, S4.
    """
    lines = [
        json.dumps(
            {"jsonrpc": "2.0", "method": method, "params": params} | ({"id": number} if wanted else {})
        )
        for number, (method, params) in enumerate(SAID)
        for wanted in [number == 0 or not notified]
    ]
    broken = [f'{{"email": "{EMAIL}", "key": "{KEY}"', f'["{CARD}"]']
    with subprocess.Popen(
        [sys.executable, "-c", SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"STRIPE_MCP_DATABASE_URL": "sqlite://"},
    ) as server:
        assert server.stdin
        assert server.stdout
        server.stdin.write("\n".join([*broken, *lines, ""]))
        server.stdin.flush()
        wanted = {json.loads(line).get("id") for line in lines} - {None}
        while wanted:
            wanted -= {json.loads(server.stdout.readline()).get("id")}
        written = server.communicate(timeout=60)[1]
    assert server.returncode == 0
    assert notified or "POST /v1/customers, attempt 1: 200" in written
    for private in (KEY, "canary", CARD, "example.com"):
        assert private not in written
