"""
Every answer carries the fields that the `stripe` package's classes declare for its object, and no others.

That is part of `faults`; here every kind of object is looked for in every place where it can come from.
"""

import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from stripe._object_classes import get_object_class

from stripe_mcp.simulator.parameters import load_table
from tests.simulator.books import LISTS
from tests.simulator.direct import Desk
from tests.simulator.shapes import ONLY_EXPANDED, ONLY_IN_SOME_STATES, declared, expected, faults_in


@cache
def shown() -> dict[str, list[dict[str, Any]]]:
    """
    All objects that the seeded shop shows: in lists, inside of others, in events, and in place of their ids.
    """
    desk, found = Desk(), defaultdict(list)
    answers = [desk.get("balance"), *desk.walk("events"), *desk.walk("balance_transactions")]
    for path, fields in LISTS.items():
        answers += desk.walk(path, **fields)
        for field in load_table()["expandable"][path.removesuffix("s")]:
            answer = desk.ask("GET", path, {"limit": 100, "expand": [f"data.{field}"]} | fields)
            answers += answer.body.get("data", [])  # a refusal, where the simulator does not model the field
    for each in objects_in(answers):
        found[each["object"]].append(each)
    return found


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, list):
        for each in value:
            yield from objects_in(each)
    elif isinstance(value, dict):
        if "object" in value and isinstance(value["object"], str):
            yield value
        for each in value.values():
            yield from objects_in(each)


def class_of(kind: str) -> Any:
    return get_object_class("V1", kind)


KINDS = sorted(shown().keys() - {"list"})


def test_every_kind_of_object_is_shown_somewhere() -> None:
    assert {*load_table()["expandable"], "balance", "plan"} - {*KINDS} == set()


@pytest.mark.parametrize("kind", KINDS)
def test_an_object_has_all_the_fields_that_are_declared_for_it_and_no_others(kind: str) -> None:
    fields = {frozenset(each) for each in shown()[kind]}
    assert fields
    for each in fields:
        assert expected(class_of(kind)) - each == set()
        assert each - declared(class_of(kind)).keys() == set()


@pytest.mark.parametrize("kind", KINDS)
def test_what_may_be_left_out_is_declared_and_is_left_out(kind: str) -> None:
    may = {*ONLY_EXPANDED.get(kind, ()), *ONLY_IN_SOME_STATES.get(kind, ())}
    assert may - declared(class_of(kind)).keys() == set()
    for field in may:
        assert not all(field in each for each in shown()[kind]), field


@pytest.mark.parametrize("kind", KINDS)
def test_a_field_too_few_or_too_many_is_a_fault(kind: str) -> None:
    whole = shown()[kind][0]
    assert faults_in(json.dumps(whole)) == set()
    assert faults_in(json.dumps(whole | {"made_up": None}))
    for field in expected(class_of(kind)) - {"object"}:  # which says what class to look at
        assert faults_in(json.dumps({name: whole[name] for name in whole.keys() - {field}})), field
