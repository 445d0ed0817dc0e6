"""
`stripe-mcp operations list|show|close`: what is open is told, and closed by a person only.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from stripe_mcp.operating import close, list_open, show
from stripe_mcp.request import StripeRequest, encode_form
from stripe_mcp.safety import audit
from stripe_mcp.safety.ledger import LEASE, Ledger
from stripe_mcp.safety.operations import Money, Operation, Standing, Write
from stripe_mcp.safety.store import Store
from tests.ledgers import DELETION, DOLLARS, Clock, a_ledger, a_write, begun, url
from tests.seats import Process, Seat

PERSON = {
    "email": "john.smith@example.com",
    "phone": "+1 555 0100",
    "shipping": {"address": {"line1": "1 Main Street", "country": "US"}, "name": "John"},
    "metadata": {"wife@example.com": "x"},
    "description": "a\x1b[2Jb",
}


@pytest.fixture(autouse=True)
def _wide_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "200")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def ledger(clock: Clock) -> Iterator[Ledger]:
    made = a_ledger(clock)
    yield made
    made.store.close()


def opened(ledger: Ledger, write: Write | None = None, money: Money = DOLLARS) -> Operation:
    return anyio.run(begun, ledger, write or a_write(), money)


def lost(ledger: Ledger, write: Write | None = None, money: Money = DOLLARS) -> Operation:
    operation = opened(ledger, write, money)
    anyio.run(ledger.finish, operation, "unknown")
    return operation


def kept(ledger: Ledger, operation: Operation) -> Operation:
    found = anyio.run(ledger.get, operation.id)
    assert found
    return found


def rows(printed: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in printed.splitlines() if "│" in line]


# Listing


def test_nothing_is_open_at_first(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert list_open(ledger) == 0
    assert capsys.readouterr().out == "No operation is open.\n"


def test_what_is_open_is_listed_with_its_age_and_amount_and_key(
    ledger: Ledger, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    amounts = {
        "$5.00": DOLLARS,
        "¥500": Money(kind="refund", currency="jpy", amount=500),
        "500 xyz (smallest unit)": Money(currency="xyz", amount=500),
        "": Money(kind="refund", currency="usd"),
    }
    made = []
    for age, money in zip((86_400, 3_600, 1_000, 60), amounts.values(), strict=True):
        made.append(lost(ledger, a_write(fingerprint=str(age)), money))
        clock.now += age
    deletion = opened(ledger, a_write(DELETION), Money())
    assert list_open(ledger, clock) == 1
    ages = ["1 d 1 h", "1 h 17 min", "17 min", "1 min"]
    expected = [
        [each.id, "unknown", age, "TEST", "create_refund", amount, each.idempotency_key]
        for each, age, amount in zip(made, ages, amounts, strict=True)
    ]
    running = [deletion.id, "running", "0 min", "TEST", "delete_customer", "", "none"]
    assert rows(capsys.readouterr().out) == [*expected, running]


def test_a_process_that_says_nothing_more_is_not_running(
    ledger: Ledger, clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    opened(ledger)
    clock.now += LEASE
    list_open(ledger, clock)
    assert rows(capsys.readouterr().out)[0][1] == "unknown"


# Showing


def test_all_of_an_operation_is_shown_and_nobody_can_be_reached_by_it(
    ledger: Ledger, capsys: pytest.CaptureFixture[str]
) -> None:
    request = StripeRequest("POST", "/v1/customers", "/v1/customers", form=encode_form(PERSON))
    operation = lost(ledger, a_write(request, principal="jane.doe@example.com", tool="create_customer"))
    assert show(ledger, operation.id) == 0
    printed = capsys.readouterr().out
    for line in (
        f"operation: {operation.id}",
        "state: unknown",
        "account: acct_1",
        f"idempotency_key: {operation.idempotency_key}",
        "principal: j***@example.com",
        "amount: $5.00",
        "created: 2026-09-21T14:13:20Z",
        "retry_until: 2026-09-22T13:13:20Z",
        "finished: None",
        "request: POST /v1/customers",
        "  email: j***@example.com",
        "  phone: ***00",
        "  shipping[address][line1]: ***",
        "  shipping[address][country]: US",
        "  shipping[name]: John",
        "  metadata[w***@example.com]: x",
        "  description: a[2Jb",
        "outcome: null",
    ):
        assert f"{line}\n" in printed
    for secret in ("john.smith", "jane.doe", "wife", "555", "Main Street", "\x1b"):
        assert secret not in printed


def test_an_outcome_is_shown_masked(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    operation = opened(ledger, a_write(DELETION), Money())
    outcome = json.dumps({"content": {"id": "cus_1", "email": "john@example.com"}})
    anyio.run(ledger.finish, operation, "done", outcome)
    show(ledger, operation.id)
    printed = capsys.readouterr().out
    assert 'outcome: {"content": {"id": "cus_1", "email": "j***@example.com"}}\n' in printed
    assert "amount: None\n" in printed
    assert "finished: 2026-09-21T14:13:20Z\n" in printed


def test_what_is_not_there_cannot_be_shown(ledger: Ledger, capsys: pytest.CaptureFixture[str]) -> None:
    assert show(ledger, "op_\x1bnone") == 1
    assert capsys.readouterr().out == "There is no operation op_none.\n"


# Closing


@pytest.mark.parametrize(("state", "standing"), [("done", Standing.SETTLED), ("failed", Standing.NEW)])
def test_a_person_closes_an_operation_by_typing_its_id(
    state: Any,
    standing: Standing,
    ledger: Ledger,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    operation = lost(ledger)
    seat = Seat(operation.id).taken_in("operating", monkeypatch)
    assert close(ledger, operation.id, state) == 0
    assert "payment_intent: pi_1" in seat.shown
    assert f"close it as {state}" in seat.shown
    assert capsys.readouterr().out == f"{operation.id} is closed as {state}.\n"
    assert kept(ledger, operation).state == state
    assert f"A person closed it as {state}." in str(kept(ledger, operation).outcome)
    assert anyio.run(ledger.find, a_write()).standing is standing
    with ledger.store.reading() as connection:
        line = json.loads([*audit.lines(connection)][-1].entry)
    assert (line["event"], line["why"], line["operation"]) == (state, "closed by a person", operation.id)


@pytest.mark.parametrize("typed", ["", "yes", "done", "op_1"])
def test_whoever_types_anything_else_changes_nothing(
    typed: str, ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    operation = lost(ledger)
    seat = Seat(typed).taken_in("operating", monkeypatch)
    assert close(ledger, operation.id, "failed") == 1
    assert "Nothing was changed." in seat.shown
    assert kept(ledger, operation).state == "unknown"


def test_what_is_not_open_cannot_be_closed(
    ledger: Ledger, clock: Clock, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Seat().taken_in("operating", monkeypatch)
    operation = opened(ledger)
    assert close(ledger, "op_none", "failed") == 1
    assert close(ledger, operation.id, "failed") == 1
    anyio.run(ledger.finish, operation, "done", "{}")
    assert close(ledger, operation.id, "failed") == 1
    assert capsys.readouterr().out.splitlines() == [
        "There is no operation op_none.",
        f"{operation.id} is being carried out right now.",
        f"{operation.id} is done already.",
    ]


def test_what_is_settled_while_the_person_types_stays_as_it_is(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    operation = lost(ledger)
    seat = Seat(operation.id).taken_in("operating", monkeypatch)

    def meanwhile(prompt: str) -> str:
        anyio.run(ledger.finish, operation, "done", "{}")
        return operation.id

    monkeypatch.setattr("stripe_mcp.terminal.Terminal.ask", lambda self, prompt: meanwhile(prompt))
    assert close(ledger, operation.id, "failed") == 1
    assert kept(ledger, operation).outcome == "{}"
    assert "is done already" in capsys.readouterr().out
    assert "close it as failed" in seat.shown


CLOSE = """
from stripe_mcp.operating import close
from stripe_mcp.safety.ledger import Ledger
from stripe_mcp.safety.store import Store
def main(url, id):
    return close(Ledger(Store(url), 600), id, "failed")
"""


@pytest.mark.parametrize("seated", [True, False])
def test_what_is_piped_into_standard_input_closes_nothing(seated: bool, tmp_path: Path, clock: Clock) -> None:
    ledger = a_ledger(clock, Store(url(tmp_path)))
    operation = lost(ledger)
    process = Process(CLOSE, url(tmp_path), operation.id, stdin=f"{operation.id}\n" * 9, seated=seated)
    if seated:
        process.shows("to do so:")
        process.type("no")
        process.shows("Nothing was changed.")
    status, _, err = process.end()
    assert status == 1
    assert err == ("" if seated else "refused: This needs a terminal with a person at it; there is none.\n")
    assert kept(ledger, operation).state == "unknown"
    ledger.store.close()
