"""
The objects of one kind: found by id, by what they hold, and walked in order.

Rule: the order is that of `created`, then of insertion. An index is made when a
field is first asked for, and kept from then on, so a look-up by a field costs the
same in a large table as in a small one. Dotted paths reach into an object, and
through its lists.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any, Self

Record = dict[str, Any]
Position = tuple[int, int, str]  # created, insertion, id
Bound = tuple[Any, ...]  # a position, or only the beginning of one
Path = tuple[str, ...]

MOST_INDEXES = 50  # of a table: a metadata key can have any name, and each index costs every change
NOTHING: Mapping[Path, Any] = {}


class Index:
    """
    Which objects have which value at *path*; text is found without regard to case.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._values: dict[str, set[str | None]] = {}  # by object id
        self._positions: dict[str | None, list[Position]] = defaultdict(list)

    def put(self, record: Record, position: Position) -> None:
        """
        Let *record* be found by what it holds now.
        """
        values = {_fold(value) for value in values_at(record, self._path)}
        before = self._values.get(record["id"], set())
        for value in before - values:
            _take_out(self._positions[value], position)
        for value in values - before:
            insort(self._positions[value], position)
        self._values[record["id"]] = values

    def remove(self, position: Position) -> None:
        for value in self._values.pop(position[-1]):
            _take_out(self._positions[value], position)

    def find(self, value: Any) -> list[Position]:
        return self._positions.get(_fold(value), [])


class Table:
    """
    The objects of one kind.
    """

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self._positions: dict[str, Position] = {}
        self._order: list[Position] = []
        self._indexes: dict[Path, Index] = {}

    def add(self, record: Record) -> None:
        created = record["created"] if "created" in record else record["date"]
        position = (created, len(self._positions), record["id"])
        self.records[record["id"]] = record
        self._positions[record["id"]] = position
        insort(self._order, position)
        self.changed(record)

    def changed(self, record: Record) -> None:
        """
        Bring the indexes up to date with a record of this table.
        """
        for index in self._indexes.values():
            index.put(record, self._positions[record["id"]])

    def remove(self, object_id: str) -> None:
        """
        Take *object_id* out of lists and look-ups; its position stays, for cursors.
        """
        position = self._positions[object_id]
        del self.records[object_id]
        _take_out(self._order, position)
        for index in self._indexes.values():
            index.remove(position)

    def position(self, object_id: str) -> Position | None:
        return self._positions.get(object_id)

    def newest_first(
        self, wanted: Mapping[Path, Any] = NOTHING, low: Bound = (), high: Bound | None = None
    ) -> Iterator[Record]:
        """
        From the newest to the oldest, what stands from *low* on and before *high*.

        With *wanted* values only candidates come: all that have them at their paths, and perhaps others.
        """
        positions, start, end = self._span(wanted, low, high)
        for index in range(end - 1, start - 1, -1):
            yield self.records[positions[index][-1]]

    def oldest_first(
        self, wanted: Mapping[Path, Any] = NOTHING, low: Bound = (), high: Bound | None = None
    ) -> Iterator[Record]:
        """
        The same the other way round.
        """
        positions, start, end = self._span(wanted, low, high)
        for index in range(start, end):
            yield self.records[positions[index][-1]]

    def _span(
        self, wanted: Mapping[Path, Any], low: Bound, high: Bound | None
    ) -> tuple[list[Position], int, int]:
        lists = [self._index(path).find(value) for path, value in wanted.items()]
        positions = min(lists, key=len, default=self._order)
        end = len(positions) if high is None else bisect_left(positions, high)
        return positions, bisect_left(positions, low), end

    def _index(self, path: Path) -> Index:
        if path not in self._indexes:
            if len(self._indexes) == MOST_INDEXES:
                del self._indexes[next(iter(self._indexes))]
            self._indexes[path] = Index(path)
            for position in self._order:
                self._indexes[path].put(self.records[position[-1]], position)
        return self._indexes[path]

    def dump(self) -> Record:
        """
        The table as JSON, for `load`.
        """
        return {"records": self.records, "positions": list(self._positions.values())}

    @classmethod
    def load(cls, dumped: Record) -> Self:
        """
        The table that `dump` described.
        """
        table = cls()
        table.records = dumped["records"]
        table._positions = {object_id: (made, n, object_id) for made, n, object_id in dumped["positions"]}
        table._order = sorted(p for p in table._positions.values() if p[-1] in table.records)
        return table


def values_at(value: Any, path: Path) -> Iterator[Any]:
    """
    What stands at *path*, in each of the lists on the way; None where there is nothing.
    """
    if isinstance(value, list):
        for item in value:
            yield from values_at(item, path)
    elif not path:
        yield value
    else:
        yield from values_at(value.get(path[0]) if isinstance(value, dict) else None, path[1:])


def _fold(value: Any) -> str | None:
    return None if value is None else str(value).lower()


def _take_out(positions: list[Position], position: Position) -> None:
    del positions[bisect_left(positions, position)]
