"""
An index must never lose or invent an object, whatever happened to the table before or after it was made.
"""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from stripe_mcp.simulator.store import by_path, has
from stripe_mcp.simulator.table import Table, values_at

VALUES = st.sampled_from([None, True, "cus_1", "CUS_1", "cus_2", 5, ["cus_1", "cus_2"], []])
STEPS = st.lists(
    st.tuples(st.sampled_from(["add", "change", "remove", "ask"]), st.integers(0, 9), VALUES), max_size=40
)


def found(table: Table, wanted: dict[str, Any]) -> list[str]:
    paths = by_path(wanted)
    return [record["id"] for record in table.newest_first(paths) if has(record, paths)]


def scanned(table: Table, wanted: dict[str, Any]) -> list[str]:
    return [record["id"] for record in table.newest_first() if has(record, by_path(wanted))]


@given(STEPS)
def test_an_index_finds_what_a_walk_through_the_whole_table_finds(steps: list[tuple[str, int, Any]]) -> None:
    table = Table()
    for number, (step, which, value) in enumerate(steps):
        ids = list(table.records)
        if step == "add":
            table.add({"id": f"ch_{number}", "created": which, "details": {"customer": value}})
        elif step == "ask":
            wanted = {"details.customer": value}
            assert found(table, wanted) == scanned(table, wanted)
        elif ids and step == "remove":
            table.remove(ids[which % len(ids)])
        elif ids:
            record = table.records[ids[which % len(ids)]]
            record["details"]["customer"] = value
            table.changed(record)
    assert found(table, {"details.customer": "cus_1"}) == scanned(table, {"details.customer": "cus_1"})


@given(st.lists(st.integers(0, 5), max_size=12), st.integers(0, 5), st.integers(0, 5))
def test_a_span_holds_what_was_created_in_it_in_order(created: list[int], low: int, high: int) -> None:
    table = Table()
    for number, moment in enumerate(created):
        table.add({"id": f"ch_{number}", "created": moment})
    inside = sorted((moment, number) for number, moment in enumerate(created) if low <= moment < high)
    walked = [record["id"] for record in table.oldest_first(low=(low,), high=(high,))]
    assert walked == [f"ch_{number}" for _, number in inside]
    assert [record["id"] for record in table.newest_first(low=(low,), high=(high,))] == walked[::-1]


def test_a_path_reaches_through_lists() -> None:
    record = {"items": {"data": [{"price": {"id": "price_1"}}, {"price": {"id": "price_2"}}, {}]}}
    assert list(values_at(record, ("items", "data", "price", "id"))) == ["price_1", "price_2", None]
    assert list(values_at(record, ("customer", "id"))) == [None]
