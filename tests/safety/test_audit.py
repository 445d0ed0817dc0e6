"""
The audit: whatever is done to its lines afterwards shows, and which line it was done to.
"""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.safety import audit
from stripe_mcp.safety.audit import Line
from stripe_mcp.safety.store import Store
from tests.ledgers import NOW

COUNT = 6


def made(*entries: str) -> tuple[list[Line], tuple[int, str]]:
    """
    The lines of a record of *entries*, and its end.
    """
    store = Store("sqlite://")
    with store.transaction() as connection:
        for entry in entries:
            audit.append(connection, NOW, event=entry)
        written = list(audit.lines(connection)), audit.end(connection)
    store.close()
    return written


LINES, END = made(*(f"event {number}: ¥ é" for number in range(1, COUNT + 1)))
of_every_line = pytest.mark.parametrize("place", range(COUNT))
of_all_but_the_last = pytest.mark.parametrize("place", range(COUNT - 1))


def tampering(record: list[Line]) -> str:
    found = audit.find_tampering(record, END)
    assert found
    return found


def test_what_was_written_is_as_it_was_written() -> None:
    assert audit.find_tampering(LINES, END) is None
    assert [line.number for line in LINES] == [*range(1, COUNT + 1)]


def test_a_record_without_a_line_is_whole() -> None:
    lines, end = made()
    assert audit.find_tampering(lines, end) is None


def test_an_entry_says_when_and_leaves_out_what_is_none() -> None:
    store = Store("sqlite://")
    with store.transaction() as connection:
        audit.append(connection, NOW, event="done", tool="create_refund", mismatch=None)
        [line] = audit.lines(connection)
    assert json.loads(line.entry) == {
        "when": "2026-09-21T14:13:20.000+00:00",
        "event": "done",
        "tool": "create_refund",
    }
    store.close()


@of_every_line
@given(data=st.data())
def test_a_changed_character_is_named_by_its_line(place: int, data: st.DataObject) -> None:
    line = LINES[place]
    for name in ("entry", "hash"):
        text = getattr(line, name)
        at = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(st.characters(codec="utf-8", exclude_characters=text[at]))
        changed = replace(line, **{name: text[:at] + other + text[at + 1 :]})
        assert tampering([*LINES[:place], changed, *LINES[place + 1 :]]).startswith(f"line {place + 1} ")


@of_all_but_the_last
def test_a_removed_line_is_named(place: int) -> None:
    assert tampering(LINES[:place] + LINES[place + 1 :]).startswith(f"line {place + 1} is missing")


@of_every_line
def test_a_record_that_was_cut_short_says_what_was_its_last_line(place: int) -> None:
    assert tampering(LINES[:place]) == (
        f"line {COUNT} was the last one written, and the record ends with line {place}"
    )


@of_all_but_the_last
@pytest.mark.parametrize("renumbered", [True, False])
def test_lines_that_changed_places_are_named(place: int, renumbered: bool) -> None:
    first, second = LINES[place], LINES[place + 1]
    numbers = (first.number, second.number) if renumbered else (second.number, first.number)
    swapped = [replace(second, number=numbers[0]), replace(first, number=numbers[1])]
    assert tampering([*LINES[:place], *swapped, *LINES[place + 2 :]]).startswith(f"line {place + 1} ")


@of_every_line
def test_a_line_that_is_exchanged_with_its_hash_shows_at_the_next_or_at_the_end(place: int) -> None:
    forged, _ = made(*(json.loads(line.entry)["event"] for line in LINES[:place]), "forged")
    record = [*forged, *LINES[place + 1 :]]
    assert tampering(record).startswith(f"line {min(place + 2, COUNT)}")


def test_a_line_that_was_added_shows() -> None:
    forged, _ = made(*(json.loads(line.entry)["event"] for line in LINES), "forged")
    assert (
        tampering(forged)
        == f"line {COUNT} was the last one written, and the record ends with line {COUNT + 1}"
    )


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("UPDATE audit SET entry = replace(entry, '2', '3') WHERE line = 2", "line 2 is not"),
        ("DELETE FROM audit WHERE line = 2", "line 2 is missing"),
        ("DELETE FROM audit WHERE line = 3", "line 3 was the last"),
        ("UPDATE audit SET line = 4 - line WHERE line != 2", "line 1 is not"),
        ("UPDATE audit_end SET hash = ''", "line 3, the last one, is not"),
        ("DELETE FROM audit", "line 3 was the last"),
        ("DELETE FROM audit_end", "line 0 was the last"),
    ],
)
def test_whoever_writes_to_the_database_is_found_out(statement: str, named: str) -> None:
    store = Store("sqlite://")
    with store.transaction() as connection:
        for number in (1, 2, 3):
            audit.append(connection, NOW, event=str(number))
        for one in _without_collisions(statement):
            connection.exec_driver_sql(one)
        found = audit.find_tampering(audit.lines(connection), audit.end(connection))
    assert found
    assert found.startswith(named)
    store.close()


def _without_collisions(statement: str) -> list[str]:
    """
    Numbers that change places have to be out of each other's way first.
    """
    if "4 - line" not in statement:
        return [statement]
    return [
        "UPDATE audit SET line = -line WHERE line != 2",
        "UPDATE audit SET line = 4 + line WHERE line < 0",
    ]
