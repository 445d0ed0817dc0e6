"""
The state of the simulated account: every object, the clock, and the source of ids.

Rule: objects are plain JSON (`Record`), one table a kind, ordered by `created`
and then by insertion. Whoever changes an object changes the record in its table.
Times are Unix seconds.
"""

from __future__ import annotations

import heapq
import random
import string
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from stripe_mcp.simulator.errors import no_such

Record = dict[str, Any]
Position = tuple[int, int, str]  # created, insertion, id

ALPHABET = (string.ascii_letters + string.digits).encode()
LETTERS = bytes(ALPHABET[byte % len(ALPHABET)] for byte in range(256))


class Table:
    """
    The objects of one kind, found by id and walked in order.
    """

    def __init__(self) -> None:
        self.records: dict[str, Record] = {}
        self._positions: dict[str, Position] = {}
        self._order: list[Position] = []

    def add(self, record: Record) -> None:
        created = record["created"] if "created" in record else record["date"]
        position = (created, len(self._positions), record["id"])
        self.records[record["id"]] = record
        self._positions[record["id"]] = position
        insort(self._order, position)

    def remove(self, object_id: str) -> None:
        """
        Take *object_id* out of lists and look-ups; its position stays, for cursors.
        """
        del self.records[object_id]
        self._order.remove(self._positions[object_id])

    def position(self, object_id: str) -> Position | None:
        return self._positions.get(object_id)

    def newest_first(self, after: Position | None = None) -> Iterator[Record]:
        """
        From the newest to the oldest; with *after*, only what stands behind it.
        """
        start = len(self._order) if after is None else bisect_left(self._order, after)
        for index in range(start - 1, -1, -1):
            yield self.records[self._order[index][2]]

    def newer_than(self, before: Position) -> Iterator[Record]:
        """
        What stands in front of *before*, the nearest first.
        """
        for index in range(bisect_right(self._order, before), len(self._order)):
            yield self.records[self._order[index][2]]


class Store:
    """
    All tables of one account, and what must be the same for all who change them.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.tables: dict[str, Table] = {}
        self.deleted: dict[str, Record] = {}
        self.unsettled: list[tuple[int, str]] = []  # heap of available_on, balance transaction
        self.request: Record = {"id": None, "idempotency_key": None}
        self._clock = clock
        self._moment: int | None = None
        self._chosen: dict[str, str] = {}
        self._random = random.Random("Pine Street Coffee")  # noqa: S311 - ids to be repeated, not secrets

    def now(self) -> int:
        return self.present() if self._moment is None else self._moment

    def present(self) -> int:
        """
        The clock's time, also where the seed makes a past.
        """
        return int(self._clock())

    @contextmanager
    def at(self, moment: int) -> Iterator[None]:
        """
        Let it be *moment*: how the seed makes a past by the same code as the present.
        """
        self._moment = moment
        try:
            yield
        finally:
            self._moment = None

    def choose_ids(self, *ids: str) -> None:
        """
        Let the next object of each id's prefix have that id: how the seed names what people look for.
        """
        self._chosen |= {object_id.partition("_")[0]: object_id for object_id in ids}

    def new_id(self, prefix: str, length: int = 24) -> str:
        return self._chosen.pop(prefix, None) or f"{prefix}_{self.new_token(length)}"

    def new_token(self, length: int) -> str:
        return make_token(self._random, length)

    def table(self, kind: str) -> Table:
        return self.tables.setdefault(kind, Table())

    def add(self, record: Record) -> Record:
        """
        Keep *record* in the table that its `object` names, and give it back.
        """
        self.table(record["object"]).add(record)
        return record

    def find(self, kind: str, object_id: str) -> Record | None:
        return self.table(kind).records.get(object_id)

    def get(self, kind: str, object_id: str, param: str = "id", status: int = 404) -> Record:
        """
        The object of that id.

        Raises:
            StripeError: There is none.
        """
        record = self.find(kind, object_id)
        if record is None:
            raise no_such(kind, object_id, param, status)
        return record

    def all(self, kind: str) -> Iterator[Record]:
        """
        The objects of *kind*, newest first.
        """
        return self.table(kind).newest_first()

    def settle(self) -> None:
        """
        Make available the money whose day has come.
        """
        while self.unsettled and self.unsettled[0][0] <= self.now():
            _, transaction = heapq.heappop(self.unsettled)
            self.table("balance_transaction").records[transaction]["status"] = "available"


def make_token(source: random.Random, length: int) -> str:
    """
    Letters and digits from *source*: the part of an id after its prefix.
    """
    return source.randbytes(length).translate(LETTERS).decode()


def snapshot(record: Any) -> Any:
    """
    A copy that later changes do not reach. JSON values only, hence quicker than `copy.deepcopy`.
    """
    if isinstance(record, dict):
        return {key: snapshot(value) for key, value in record.items()}
    return [snapshot(value) for value in record] if isinstance(record, list) else record
