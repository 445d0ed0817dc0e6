"""
Nobody guesses for long: tries are counted by customer and by principal, whoever counts.
"""

from itertools import count

import pytest

from stripe_mcp.safety import tries
from stripe_mcp.safety.store import Store
from stripe_mcp.safety.store import tries as table
from stripe_mcp.safety.tries import Try

MINUTE = 60.0
numbers = count()


def attempt(
    store: Store, at: float, customer: str = "cus_1", principal: str = "local", account: str = "acct_1"
) -> bool:
    with store.transaction() as connection:
        return tries.begin(connection, Try(f"try_{next(numbers)}", principal, account, customer, at * MINUTE))


@pytest.fixture
def store() -> Store:
    return Store("sqlite://")


def test_three_wrong_tries_lock_a_customer_for_an_hour_after_the_third(store: Store) -> None:
    assert [attempt(store, at) for at in (0, 30, 59)] == [True] * 3
    assert [attempt(store, at) for at in (59, 60, 118.9)] == [False] * 3
    assert attempt(store, 119)


def test_three_wrong_tries_in_more_than_an_hour_lock_nobody(store: Store) -> None:
    assert all(attempt(store, at) for at in range(0, 1000, 30))


def test_what_is_tried_during_a_lock_does_not_prolong_it(store: Store) -> None:
    assert [attempt(store, at, principal=f"p{at}") for at in range(10)] == [True] * 3 + [False] * 7
    assert attempt(store, 62)


def test_a_customer_is_locked_for_every_principal_and_in_one_account_only(store: Store) -> None:
    assert all(attempt(store, 0, principal=f"p{n}") for n in range(3))
    assert not attempt(store, 1, principal="another")
    assert attempt(store, 1, account="acct_2")
    assert attempt(store, 1, customer="cus_2")


def test_ten_wrong_tries_lock_a_principal_whoever_they_are_about(store: Store) -> None:
    assert all(attempt(store, n, customer=f"cus_{n}") for n in range(10))
    assert not attempt(store, 10, customer="cus_new")
    assert attempt(store, 10, customer="cus_new", principal="another")
    assert attempt(store, 69, customer="cus_new")


def test_tries_at_a_locked_customer_count_for_the_principal(store: Store) -> None:
    assert [attempt(store, n) for n in range(10)].count(True) == 3
    assert not attempt(store, 10, customer="cus_2")


def test_a_locked_principal_locks_no_customer(store: Store) -> None:
    for n in range(10):
        attempt(store, n, customer=f"cus_{n}")
    assert not any(attempt(store, 10, customer="cus_new") for _ in range(5))
    assert attempt(store, 10, customer="cus_new", principal="another")


def test_a_right_try_is_forgotten(store: Store) -> None:
    for n in range(20):
        right = Try(f"right_{n}", "local", "acct_1", "cus_1", n)
        with store.transaction() as connection:
            assert tries.begin(connection, right)
            tries.drop(connection, right)


def test_tries_are_kept_no_longer_than_they_count(store: Store) -> None:
    for day in range(5):
        attempt(store, day * 1440)
    with store.reading() as connection:
        assert len(connection.execute(table.select()).all()) == 1
