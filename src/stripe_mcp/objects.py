"""
How Stripe's objects are shown: one TOML file of `catalog/objects/` is one object. No registry.

A file lists the fields that its object shows by default, in order, and says of the object's fields
what they hold: money, dates, ids, text of third parties. Paths are written as in Stripe's `expand`,
with `[]` where they go through a list, `lines.data[].amount`, and `*` for every currency.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, model_validator

from stripe_mcp.reading import Strict, find_files, naming

Kind = Literal["money", "decimal", "date", "id", "text", "map", "flag", "number", "word", "any"]

_Path = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]+(\[\])?(\.(\*|[a-z0-9_]+(\[\])?))*$")]


@dataclass(slots=True)
class Node:
    """
    A field, or with *children* the object or the *many* objects that it holds.

    It is left out where it equals *unless* or the field *same_as* beside it; where *keeps_row* is set and
    it is 0, so is the row that it stands in.
    """

    kind: Kind = "any"
    many: bool = False
    unless: str | int | bool | None = None
    same_as: str | None = None
    keeps_row: bool = False
    children: dict[str, "Node"] = field(default_factory=dict)

    @property
    def by_currency(self) -> bool:
        """
        Whether its fields are called like the currencies that their amounts are in, as in `currency_options`.
        """
        return "*" in self.children

    def child(self, name: str) -> "Node":
        """
        The field *name* of this object, whose file may not list it.
        """
        return self.children.get(name) or self.children.get("*") or UNLISTED

    def says_nothing(self, value: Any, around: Mapping[str, Any]) -> bool:
        """
        Whether *value*, the field's in the object *around* it, is as everybody would expect.
        """
        if self.same_as is not None and str(value) == str(around.get(self.same_as)):
            return True
        return self.unless is not None and bool(value == self.unless)

    def keeps(self, row: Any) -> bool:
        """
        Whether *row* of this list says something.
        """
        return not isinstance(row, dict) or not any(
            child.keeps_row and row.get(name) == 0 for name, child in self.children.items()
        )


UNLISTED = Node()


class StripeObject(Strict):
    """
    One file. *shown* are the fields of an object by itself, *row* those of one in a list.

    A field that is in none of the lists below is a word of Stripe's, such as a status. *decimals* are
    amounts finer than the smallest unit, in strings. *maps* are keys and values of others' choice, such
    as metadata.
    """

    name: str
    shown: Annotated[list[_Path], Field(min_length=1)]
    row: list[_Path] = []
    money: list[_Path] = []
    decimals: list[_Path] = []
    dates: list[_Path] = []
    ids: list[_Path] = []
    text: list[_Path] = []
    maps: list[_Path] = []
    flags: list[_Path] = []
    numbers: list[_Path] = []
    unless: dict[_Path, str | int | bool] = {}
    same_as: dict[_Path, str] = {}
    keeps_row: list[_Path] = []

    @model_validator(mode="after")
    def _says_each_thing_once(self) -> "StripeObject":
        kinds = [path for paths in self._kinds.values() for path in paths]
        for paths in (self.shown, self.row, kinds):
            if twice := {path for path in paths if paths.count(path) > 1}:
                raise ValueError(f"named twice: {sorted(twice)}")
        if unknown := {*self.unless, *self.same_as, *self.keeps_row} - {*self.shown, *self.row}:
            raise ValueError(f"left out on a condition, and shown nowhere: {sorted(unknown)}")
        return self

    @property
    def _kinds(self) -> dict[Kind, list[str]]:
        return {
            "money": self.money,
            "decimal": self.decimals,
            "date": self.dates,
            "id": self.ids,
            "text": self.text,
            "map": self.maps,
            "flag": self.flags,
            "number": self.numbers,
        }

    @cached_property
    def alone(self) -> Node:
        """
        What an object by itself shows.
        """
        return self._tree(self.shown)

    @cached_property
    def in_list(self) -> Node:
        """
        What an object in a list shows.
        """
        return self._tree(self.row or self.shown)

    @cached_property
    def whole(self) -> Node:
        """
        All that the file knows of the object.
        """
        return self._tree(dict.fromkeys([*self.shown, *self.row, *self._kind_of]))

    @cached_property
    def _kind_of(self) -> dict[str, Kind]:
        return {path: kind for kind, paths in self._kinds.items() for path in paths}

    def _tree(self, paths: Iterable[str]) -> Node:
        root = Node()
        for path in paths:
            node = root
            for part in path.split("."):
                node = node.children.setdefault(part.removesuffix("[]"), Node())
                node.many = node.many or part.endswith("[]")
            node.kind = self._kind_of.get(path, "any" if node.many else "word")
            node.unless, node.same_as = self.unless.get(path), self.same_as.get(path)
            node.keeps_row = path in self.keeps_row
        return root


def load_objects(folder: Path) -> dict[str, StripeObject]:
    """
    Read the objects below *folder* by name.

    Raises:
        ConfigurationError: A file breaks the format.
    """
    files = find_files(folder, "an object", "objects/<object>.toml")
    return {file.stem: _read_object(file) for file in files}


def _read_object(file: Path) -> StripeObject:
    with naming(file):
        content = tomllib.loads(file.read_text(encoding="utf-8"))
        return StripeObject.model_validate({**content, "name": file.stem})
