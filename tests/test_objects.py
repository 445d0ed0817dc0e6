"""
How objects are shown: the format of the files, and the official `stripe` package as the oracle of fields.

A misspelt path would be a field that is never shown, and an amount that is not known as one would be cents
without a display.
"""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any, ForwardRef, Literal, Union, get_args, get_origin

import pytest
import stripe
from stripe._object_classes import get_object_class
from stripe._stripe_object import UntypedStripeObject

from stripe_mcp.catalog import builtin_folder, load_catalog
from stripe_mcp.errors import ConfigurationError
from stripe_mcp.objects import StripeObject, load_objects
from tests.simulator.shapes import declared

CATALOG = load_catalog(builtin_folder())
OBJECTS = CATALOG.objects
TYPES: dict[str, set[Any]] = {
    "money": {int},
    "decimals": {str, Decimal},
    "dates": {int},
    "ids": {str, stripe.Price},  # in an item the price is always whole
    "text": {str},
    "flags": {bool},
    "numbers": {int, float},
    "maps": {UntypedStripeObject},
    "words": {str},
}


def described(known: StripeObject) -> Iterator[tuple[str, str]]:
    """
    Every path of *known*, with the list that it stands in.
    """
    kinds = {path: kind for kind in TYPES for path in getattr(known, kind, [])}
    for path in dict.fromkeys([*known.shown, *known.row, *kinds]):
        yield path, kinds.get(path, "words")


def class_of(name: str) -> Any:
    special = {
        "line_item": stripe.InvoiceLineItem,
        "deleted_customer": stripe.Customer,
        "list": stripe.ListObject,
    }
    special["search_result"] = stripe.SearchResultObject
    return special.get(name) or get_object_class("V1", name)


def alternatives(hint: Any) -> Iterator[Any]:
    """
    The plain types that *hint* admits.
    """
    hint = hint.__forward_arg__ if isinstance(hint, ForwardRef) else hint
    if isinstance(hint, str):
        yield getattr(stripe, hint, Any)
    elif get_origin(hint) is Union:
        for each in get_args(hint):
            yield from alternatives(each)
    elif get_origin(hint) is Literal:
        yield type(get_args(hint)[0])
    else:
        yield hint


def types_at(cls: Any, path: str) -> set[Any]:
    """
    The types that the `stripe` package declares for *path* of *cls*; none where it declares no such field.
    """
    level = {cls}
    for part in path.split("."):
        name = part.removesuffix("[]")
        inside = name in ("data", "*")  # of a ListObject[...] or a dict by currency
        fields = [item_type(each) if inside else fields_of(each).get(name) for each in level]
        level = {each for hint in fields if hint is not None for each in alternatives(hint)}
        if part.endswith("[]") and name != "data":
            level = {each for hint in level for item in get_args(hint) for each in alternatives(item)}
    return {get_origin(hint) or hint for hint in level}


def fields_of(cls: Any) -> dict[str, Any]:
    cls = get_origin(cls) or cls
    known: bool = isinstance(cls, type) and issubclass(cls, stripe.StripeObject)
    return declared(cls) if known else {}


def item_type(hint: Any) -> Any:
    """
    What a `ListObject[...]` or a `dict[str, ...]` holds.
    """
    return next(reversed(get_args(hint)), None)


PATHS = [
    (name, path, kind)
    for name, known in OBJECTS.items()
    for path, kind in described(known)
    if not path.startswith("data") and path != "total_count"  # these the package declares for no kind
]


@pytest.mark.parametrize(("name", "path", "kind"), PATHS)
def test_every_path_is_a_field_of_the_type_that_its_list_says(name: str, path: str, kind: str) -> None:
    assert types_at(class_of(name), path) & TYPES[kind]


@pytest.mark.parametrize("name", [name for name in OBJECTS if name not in ("list", "search_result")])
def test_every_number_of_stripes_is_known_as_money_a_time_or_a_number(name: str) -> None:
    known = OBJECTS[name]
    numbers = {
        field for field, hint in fields_of(class_of(name)).items() if {int, float} & {*alternatives(hint)}
    }
    assert numbers <= {*known.money, *known.dates, *known.numbers} or name == "deleted_customer"


def test_every_tool_returns_an_object_whose_fields_are_described() -> None:
    assert {template.returned_object for template in CATALOG.templates.values()} <= OBJECTS.keys()


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_says_first_what_it_is(name: str) -> None:
    if name not in ("list", "search_result"):
        for paths in (OBJECTS[name].shown, OBJECTS[name].row or OBJECTS[name].shown):
            assert paths[: 1 if name == "balance" else 2] == ["object", "id"][: 1 if name == "balance" else 2]


GOOD = """
shown = ["object", "id", "amount"]
money = ["amount"]
"""


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("shown = []", "shown: List should have at least 1 item"),
        (GOOD + 'colour = "red"', "colour: Extra inputs are not permitted"),
        (GOOD + 'dates = ["amount"]', "named twice: ['amount']"),
        ('shown = ["id", "id"]', "named twice: ['id']"),
        (GOOD + 'row = ["Id"]', "row.0: String should match pattern"),
        (GOOD + "unless = { amuont = 0 }", "shown nowhere: ['amuont']"),
        (GOOD + 'same_as = { total = "amount" }', "shown nowhere: ['total']"),
        (GOOD + 'keeps_row = ["total"]', "shown nowhere: ['total']"),
        ("shown = [", "Invalid value"),
    ],
)
def test_a_file_that_breaks_the_format_is_named_with_the_rule(
    tmp_path: Path, content: str, reason: str
) -> None:
    file = tmp_path / "objects" / "gift.toml"
    file.parent.mkdir()
    file.write_text(content, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_objects(tmp_path)
    assert str(caught.value).startswith(f"{file}: ")
    assert reason in str(caught.value)


def test_a_file_in_the_wrong_place_is_named(tmp_path: Path) -> None:
    file = tmp_path / "objects" / "deeper" / "charge.toml"
    file.parent.mkdir(parents=True)
    file.write_text(GOOD, encoding="utf-8")
    with pytest.raises(ConfigurationError, match="an object is a file"):
        load_objects(tmp_path)


def test_an_object_in_a_later_folder_replaces_the_earlier_one(tmp_path: Path) -> None:
    file = tmp_path / "objects" / "charge.toml"
    file.parent.mkdir()
    file.write_text(GOOD, encoding="utf-8")
    both = load_catalog(builtin_folder(), tmp_path).objects
    assert both.keys() == OBJECTS.keys()
    assert both["charge"].shown == ["object", "id", "amount"]
    assert both["refund"] == OBJECTS["refund"]
