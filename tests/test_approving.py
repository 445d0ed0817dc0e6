"""
`stripe-mcp approve`: only a person at a terminal answers, and only for what they were shown.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from stripe_mcp.approving import approve
from stripe_mcp.errors import ConfigurationError, LedgerUnavailable
from stripe_mcp.safety import approvals, audit
from stripe_mcp.safety.store import Store
from stripe_mcp.terminal import open_terminal
from tests.ledgers import Clock, a_write, url
from tests.seats import Process, Seat

QUESTION = "LIVE: real money moves\nRefund $25.00 to “Zoë” (z***@example.com)"


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> Iterator[Store]:
    made = Store("sqlite://")
    yield made
    made.close()


def filed(
    store: Store, clock: Clock, question: str = QUESTION, amount: str | None = None, **more: Any
) -> str:
    with store.transaction() as connection:
        return approvals.file(connection, a_write(**more), "facts", question, amount, clock())


def state(store: Store, clock: Clock, **more: Any) -> str:
    with store.reading() as connection:
        found = approvals.find(connection, a_write(**more), clock())
    assert found
    return found.state


def record(store: Store) -> list[dict[str, Any]]:
    with store.reading() as connection:
        return [json.loads(line.entry) for line in audit.lines(connection)]


def test_where_nothing_waits_nobody_is_asked(
    store: Store, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    assert approve(store, clock) == 0
    assert capsys.readouterr().out == "Nothing waits for approval.\n"


@pytest.mark.parametrize(
    ("amount", "typed", "answer"),
    [
        (None, ["yes"], "approved"),
        (None, [" YES "], "approved"),
        (None, ["no"], "declined"),
        (None, ["y", "yes"], "approved"),
        (None, ["", "no"], "declined"),
        ("25.00", ["25.00"], "approved"),
        ("25.00", ["$25"], "approved"),
        ("25.00", ["yes", "25"], "approved"),
        ("25.00", ["2500", "no"], "declined"),
        ("25.00", ["NO"], "declined"),
    ],
)
def test_an_answer_is_kept_and_audited(
    amount: str | None,
    typed: list[str],
    answer: str,
    store: Store,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    name = filed(store, clock, amount=amount)
    seat = Seat(*typed).taken_in("approving", monkeypatch)
    assert approve(store, clock) == 0
    assert state(store, clock) == answer
    [line] = record(store)
    del line["when"]
    assert line == {
        "event": answer,
        "approval": name,
        "principal": "local",
        "account": "acct_1",
        "mode": "TEST",
        "tool": "create_refund",
    }
    assert QUESTION in seat.shown
    assert f"{name} is {answer}." in seat.shown


@pytest.mark.parametrize(
    ("amount", "typed"),
    [
        (None, ["y", "ok", "yes"]),
        (None, ["25.00", "yes please"]),
        (None, ["yes\x00", "nope"]),
        ("25.00", ["yes", "yes"]),
        ("25.00", ["2500", "25.01", "25.00"]),
        ("25.00", ["", "2"]),
        (None, []),
        ("25.00", ["24.99"]),
    ],
)
def test_what_is_neither_yes_nor_no_leaves_it_waiting(
    amount: str | None, typed: list[str], store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = filed(store, clock, amount=amount)
    seat = Seat(*typed).taken_in("approving", monkeypatch)
    assert approve(store, clock) == 1
    assert state(store, clock) == "waiting"
    assert record(store) == []
    assert seat.shown.count("to approve,") == 2
    assert f"{name} still waits." in seat.shown


def test_each_question_is_put_in_turn_the_oldest_first(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    tools = ["create_refund", "capture_charge", "delete_customer"]
    names = []
    for tool in tools:
        names.append(filed(store, clock, f"About {tool}?", tool=tool))
        clock.now += 1
    seat = Seat("yes", "no", "?", "?").taken_in("approving", monkeypatch)
    assert approve(store, clock) == 1
    assert [state(store, clock, tool=tool) for tool in tools] == ["approved", "declined", "waiting"]
    assert [line["approval"] for line in record(store)] == names[:2]
    places = [seat.shown.index(f"About {tool}?") for tool in tools]
    assert places == sorted(places)
    assert seat.shown.startswith("3 to approve:\n")


def test_an_answer_that_comes_too_late_counts_for_nothing(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    filed(store, clock)

    seat = Seat("yes").taken_in("approving", monkeypatch)
    times = iter([clock(), clock() + approvals.LASTS])
    assert approve(store, lambda: next(times)) == 1
    assert "counts for nothing" in seat.shown
    assert record(store) == []


def test_an_answer_that_the_audit_does_not_take_is_no_answer(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*arguments: Any, **said: Any) -> None:
        raise OSError("disk full")

    filed(store, clock)
    Seat("yes").taken_in("approving", monkeypatch)
    monkeypatch.setattr(audit, "append", break_off)
    with pytest.raises(LedgerUnavailable):
        approve(store, clock)
    assert state(store, clock) == "waiting"


def test_what_strangers_wrote_cannot_steer_the_terminal(
    store: Store, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = "Refund\x1b[2J\x1b]0;x\x07 \x9b1A\rapproved\u202e\u200b “Zoë”"
    filed(store, clock, hostile, principal="a\x1b[1Ab", tool="refund\nap_1 is approved.")
    seat = Seat("no").taken_in("approving", monkeypatch)
    assert approve(store, clock) == 0
    assert all(char.isprintable() or char == "\n" for char in seat.shown)
    assert "“Zoë”" in seat.shown
    assert "\nap_1 is approved." not in seat.shown


APPROVE = """
from stripe_mcp.approving import approve
from stripe_mcp.safety.store import Store
def main(url):
    return approve(Store(url))
"""


def waiting_now(folder: Path) -> str:
    """
    The address of a database in which something waits, by the clock of this machine.
    """
    store = Store(url(folder))
    filed(store, Clock(time()), amount="25.00")
    store.close()
    return url(folder)


def states(address: str) -> set[str]:
    store = Store(address)
    with store.reading() as connection:
        found = set(connection.exec_driver_sql("SELECT state FROM approvals").scalars())
    store.close()
    return found


def test_without_a_terminal_nobody_can_answer(tmp_path: Path) -> None:
    address = waiting_now(tmp_path)
    status, out, err = Process(APPROVE, address, stdin="25.00\nyes\n" * 9, seated=False).end()
    assert (status, out) == (1, "")
    assert err == "refused: This needs a terminal with a person at it; there is none.\n"
    assert states(address) == {"waiting"}


def test_what_is_piped_into_standard_input_does_not_answer_and_the_person_does(tmp_path: Path) -> None:
    address = waiting_now(tmp_path)
    process = Process(APPROVE, address, stdin="25.00\nyes\n" * 9, seated=True)
    assert "“Zoë”" in process.shows("to decline:")
    process.type("yes")
    process.shows("to decline:")
    process.type("25.00")
    process.shows("is approved.")
    status, out, err = process.end()
    assert (status, out, err) == (0, "", "")
    assert states(address) == {"approved"}


def test_an_agent_with_a_shell_as_the_same_user_can_do_what_that_user_can(tmp_path: Path) -> None:
    """
    The limit of this: a program that makes a terminal of its own, as here, is the user to this server.
    """
    address = waiting_now(tmp_path)
    process = Process(APPROVE, address, stdin="", seated=True)
    process.shows("to decline:")
    process.type("25.00")
    process.shows("is approved.")
    assert process.end()[0] == 0
    assert states(address) == {"approved"}


def test_a_terminal_that_cannot_be_opened_is_no_terminal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stripe_mcp.terminal._INPUT", str(tmp_path / "none"))
    with pytest.raises(ConfigurationError, match="needs a terminal"), open_terminal():
        raise AssertionError
