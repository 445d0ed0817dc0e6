"""
Approvals: for one write, once, for ten minutes, in whichever process the person answers.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import Connection

from stripe_mcp.safety import approvals
from stripe_mcp.safety.approvals import LASTS, Approval
from stripe_mcp.safety.store import Store
from tests.ledgers import NOW, a_write

WRITE = a_write()


@pytest.fixture
def connection() -> Iterator[Connection]:
    store = Store("sqlite://")
    with store.transaction() as open_one:
        yield open_one
    store.close()


def filed(connection: Connection, now: float = NOW, amount: str | None = None, **more: Any) -> str:
    return approvals.file(connection, a_write(**more), "facts", "Refund?", amount, now)


def found(connection: Connection, now: float = NOW) -> Approval:
    approval = approvals.find(connection, WRITE, now)
    assert approval
    return approval


def test_what_is_filed_waits_with_all_that_the_person_needs(connection: Connection) -> None:
    name = filed(connection, amount="25.00")
    [waits] = approvals.waiting(connection, NOW)
    assert waits == found(connection)
    assert (waits.id, waits.facts, waits.question, waits.amount, waits.state) == (
        (name, "facts", "Refund?", "25.00", "waiting")
    )
    assert (waits.principal, waits.account, waits.mode, waits.tool) == (
        ("local", "acct_1", "TEST", "create_refund")
    )


def test_the_oldest_is_asked_first(connection: Connection) -> None:
    later, sooner = filed(connection, NOW + 1), filed(connection, NOW, fingerprint="other")
    assert [each.id for each in approvals.waiting(connection, NOW)] == [sooner, later]


@pytest.mark.parametrize(
    "change",
    [
        {"principal": "other"},
        {"account": "acct_2"},
        {"mode": "LIVE"},
        {"tool": "refund_all"},
        {"fingerprint": "other"},
    ],
    ids=str,
)
def test_an_approval_is_for_one_write(connection: Connection, change: dict[str, Any]) -> None:
    approvals.settle(connection, filed(connection), "approved", NOW)
    assert approvals.find(connection, a_write(**change), NOW) is None


@pytest.mark.parametrize("state", ["approved", "declined"])
def test_an_answer_holds_for_ten_minutes_from_when_it_was_given(connection: Connection, state: str) -> None:
    name = filed(connection)
    assert approvals.settle(connection, name, state, NOW + LASTS - 1)
    assert approvals.waiting(connection, NOW) == []
    assert found(connection, NOW + 2 * LASTS - 2).state == state
    assert (approvals.find(connection, WRITE, NOW + 2 * LASTS - 1) is None) == (state == "approved")


def test_a_no_is_remembered_for_a_day(connection: Connection) -> None:
    approvals.settle(connection, filed(connection), "declined", NOW)
    assert found(connection, NOW + LASTS + 86_399).state == "declined"
    assert approvals.find(connection, WRITE, NOW + LASTS + 86_400) is None


def test_what_waits_already_is_not_filed_twice(connection: Connection) -> None:
    assert len({filed(connection) for _ in range(50)}) == 1
    assert len(approvals.waiting(connection, NOW)) == 1


def test_what_nobody_answers_in_ten_minutes_can_be_answered_no_more(connection: Connection) -> None:
    name = filed(connection)
    assert found(connection, NOW + LASTS - 1)
    assert approvals.find(connection, WRITE, NOW + LASTS) is None
    assert approvals.waiting(connection, NOW + LASTS) == []
    assert not approvals.settle(connection, name, "approved", NOW + LASTS)


@pytest.mark.parametrize("final", ["declined", "used", "outdated"])
def test_what_was_declined_or_used_or_is_outdated_cannot_be_approved(
    connection: Connection, final: str
) -> None:
    name = filed(connection)
    assert approvals.settle(connection, name, final, NOW)
    assert not approvals.settle(connection, name, "approved", NOW)
    assert approvals.waiting(connection, NOW) == []


def test_a_yes_can_be_taken_back_until_it_is_used(connection: Connection) -> None:
    name = filed(connection)
    assert approvals.settle(connection, name, "approved", NOW)
    assert approvals.settle(connection, name, "declined", NOW)
    assert found(connection).state == "declined"


@pytest.mark.parametrize("final", ["used", "outdated"])
def test_what_is_used_or_outdated_is_found_no_more(connection: Connection, final: str) -> None:
    approvals.settle(connection, filed(connection), final, NOW)
    assert approvals.find(connection, WRITE, NOW) is None


def test_the_latest_word_on_a_write_counts(connection: Connection) -> None:
    approvals.settle(connection, filed(connection), "declined", NOW)
    approvals.settle(connection, filed(connection), "approved", NOW + 1)
    assert found(connection).state == "approved"


def test_nobody_answers_what_was_never_asked(connection: Connection) -> None:
    assert not approvals.settle(connection, "ap_none", "approved", NOW)
